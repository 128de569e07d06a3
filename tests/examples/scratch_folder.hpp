#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

namespace landfall {

/// An empty folder of a test's own, removed at the end.
class ScratchFolder {
 public:
  ScratchFolder() : path_(next_path()) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ScratchFolder(ScratchFolder const&) = delete;
  ScratchFolder& operator=(ScratchFolder const&) = delete;
  ~ScratchFolder() { std::filesystem::remove_all(path_); }

  std::filesystem::path const& path() const noexcept { return path_; }

 private:
  static std::filesystem::path next_path() {
    static int number = 0;
    auto const name = "scratch_" + std::to_string(::getpid()) + "_" + std::to_string(++number);
    return std::filesystem::path(::testing::TempDir()) / name;
  }

  std::filesystem::path path_;
};

}  // namespace landfall
