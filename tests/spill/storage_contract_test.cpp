// The same for the disk in memory and the real one.
#include <unistd.h>

#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <landfall/spill/folder_storage.hpp>
#include <landfall/testing/simulated_disk.hpp>

namespace landfall {
namespace {

namespace fs = std::filesystem;

/// A storage with whatever it needs around it.
struct StorageMaker {
  char const* name;
  std::function<std::unique_ptr<SpillStorage>(fs::path const&)> make;
};

void PrintTo(StorageMaker const& maker, std::ostream* out) { *out << maker.name; }

class StorageContract : public ::testing::TestWithParam<StorageMaker> {
 protected:
  StorageContract() {
    static int number = 0;
    path_ = fs::path(::testing::TempDir()) / ("spill_" + std::to_string(::getpid()) + "_" + std::to_string(++number));
    fs::create_directories(path_);
    storage = GetParam().make(path_);
  }
  ~StorageContract() override { fs::remove_all(path_); }

  std::unique_ptr<SpillFile> create(std::string const& name) { return storage->blocking_create("sub", name); }
  static void write(SpillFile& file, std::uint64_t offset, std::vector<std::string_view> const& pieces) {
    file.blocking_write(offset, pieces);
  }
  static std::string read(SpillFile& file, std::uint64_t offset, std::size_t size) {
    std::string bytes(size, '?');
    bytes.resize(file.blocking_read(offset, bytes));
    return bytes;
  }

  std::unique_ptr<SpillStorage> storage;

 private:
  fs::path path_;
};

TEST_P(StorageContract, AFolderIsMadeOnceAndRemovedWhenItIsEmpty) {
  EXPECT_TRUE(storage->blocking_make_folder("sub"));
  EXPECT_FALSE(storage->blocking_make_folder("sub"));
  EXPECT_EQ(storage->blocking_list(""), std::vector<std::string>{"sub"});
  create("file");
  EXPECT_FALSE(storage->blocking_remove_folder("sub"));
  storage->blocking_remove("sub", "file");
  EXPECT_TRUE(storage->blocking_remove_folder("sub"));
  EXPECT_TRUE(storage->blocking_remove_folder("sub"));
  EXPECT_TRUE(storage->blocking_list("").empty());
}

TEST_P(StorageContract, WhatDoesNotExistIsNotFoundAndCountsAsRemoved) {
  EXPECT_EQ(create("file"), nullptr);
  EXPECT_EQ(storage->blocking_open("sub", "file"), nullptr);
  EXPECT_TRUE(storage->blocking_list("sub").empty());
  storage->blocking_remove("sub", "file");
  storage->blocking_make_folder("sub");
  EXPECT_EQ(storage->blocking_open("sub", "file"), nullptr);
  storage->blocking_remove("sub", "file");
}

TEST_P(StorageContract, AFileIsMadeOnlyWhereNoneIs) {
  storage->blocking_make_folder("sub");
  EXPECT_NE(create("file"), nullptr);
  EXPECT_EQ(create("file"), nullptr);
  EXPECT_NE(storage->blocking_open("sub", "file"), nullptr);
  EXPECT_EQ(storage->blocking_list("sub"), std::vector<std::string>{"file"});
}

TEST_P(StorageContract, PiecesAreWrittenOneBehindTheOther) {
  storage->blocking_make_folder("sub");
  auto const file = create("file");
  write(*file, 0, {"abc", "", "de", "f"});
  EXPECT_EQ(file->blocking_size(), 6u);
  EXPECT_EQ(read(*file, 0, 6), "abcdef");
  write(*file, 2, {"XY"});
  write(*file, 8, {"end"});
  EXPECT_EQ(read(*file, 0, 20), std::string("abXYef\0\0end", 11));
  EXPECT_EQ(read(*file, 10, 20), "d");
  EXPECT_EQ(read(*file, 11, 20), "");
  EXPECT_EQ(read(*storage->blocking_open("sub", "file"), 0, 4), "abXY");
}

TEST_P(StorageContract, ManyPiecesOfManySizesComeBackWhole) {
  storage->blocking_make_folder("sub");
  auto const file = create("file");
  std::string all;
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < 5000; ++i) texts.emplace_back(i % 37, static_cast<char>('a' + i % 26));
  std::vector<std::string_view> pieces;
  for (auto const& text : texts) {
    pieces.push_back(text);
    all += text;
  }
  file->blocking_write(3, pieces);
  EXPECT_EQ(read(*file, 3, all.size() + 1), all);
}

TEST_P(StorageContract, AShortenedFileEndsThere) {
  storage->blocking_make_folder("sub");
  auto const file = create("file");
  write(*file, 0, {"abcdef"});
  file->blocking_truncate(2);
  EXPECT_EQ(file->blocking_size(), 2u);
  write(*file, 3, {"z"});
  EXPECT_EQ(read(*file, 0, 9), std::string("ab\0z", 4));
}

TEST_P(StorageContract, ARenamedFileTakesThePlaceOfAnother) {
  storage->blocking_make_folder("sub");
  auto const file = create("new");
  write(*file, 0, {"new"});
  auto const old = create("old");
  write(*old, 0, {"old"});
  storage->blocking_rename("sub", "new", "old");
  EXPECT_EQ(storage->blocking_list("sub"), std::vector<std::string>{"old"});
  EXPECT_EQ(read(*storage->blocking_open("sub", "old"), 0, 9), "new");
  EXPECT_TRUE(file->blocking_has_name());
  EXPECT_FALSE(old->blocking_has_name());
}

TEST_P(StorageContract, ARemovedFileIsStillReadByWhoHasIt) {
  storage->blocking_make_folder("sub");
  auto const file = create("file");
  write(*file, 0, {"abc"});
  EXPECT_TRUE(file->blocking_has_name());
  storage->blocking_remove("sub", "file");
  EXPECT_FALSE(file->blocking_has_name());
  EXPECT_EQ(read(*file, 0, 9), "abc");
}

TEST_P(StorageContract, ALockIsHeldByOneAndGoesWithIt) {
  storage->blocking_make_folder("sub");
  auto file = create("lock");
  auto const other = storage->blocking_open("sub", "lock");
  EXPECT_TRUE(file->blocking_try_lock());
  EXPECT_TRUE(file->blocking_try_lock());
  EXPECT_FALSE(other->blocking_try_lock());
  file.reset();
  EXPECT_TRUE(other->blocking_try_lock());
}

TEST_P(StorageContract, SyncsAreTaken) {
  storage->blocking_check_writable();
  storage->blocking_make_folder("sub");
  auto const file = create("file");
  write(*file, 0, {"abc"});
  file->blocking_sync();
  storage->blocking_sync_folder("sub");
  storage->blocking_sync_folder("");
}

TEST_P(StorageContract, PathsNameFolderAndFile) {
  EXPECT_TRUE(storage->path_of("sub", "file").ends_with("/sub/file"));
  EXPECT_TRUE(storage->path_of("sub").ends_with("/sub"));
}

INSTANTIATE_TEST_SUITE_P(
    Both, StorageContract,
    ::testing::Values(StorageMaker{"FolderStorage",
                                   [](fs::path const& path) { return std::make_unique<FolderStorage>(path.string()); }},
                      StorageMaker{"SimulatedDisk",
                                   [](fs::path const&) { return std::make_unique<testing::SimulatedDisk>(); }}),
    [](auto const& maker) { return std::string(maker.param.name); });

}  // namespace
}  // namespace landfall
