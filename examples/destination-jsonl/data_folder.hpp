#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <landfall/runtime/error.hpp>

namespace jsonl {

/// An error of a system call: what was tried, on what, and what the system said. Error(config) where only the user can
/// help (permissions, something else in the place), else Error(transient).
landfall::Error io_error(int error_number, std::string_view what, std::string_view path);

/// Owns a file descriptor.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int descriptor) noexcept : descriptor_(descriptor) {}
  FileDescriptor(FileDescriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~FileDescriptor();

  int get() const noexcept { return descriptor_; }
  int release() noexcept { return std::exchange(descriptor_, -1); }
  explicit operator bool() const noexcept { return descriptor_ >= 0; }

 private:
  int descriptor_ = -1;
};

/// Called with the name of each step right before it changes the disk. A test throws from it to stop there.
using StepHook = std::function<void(std::string_view step)>;

/// A file that is open for reading, by position, and for writing at its end, wherever others have moved that. Not
/// locked, not buffered. Errors: see io_error().
class File {
 public:
  File() = default;
  File(FileDescriptor descriptor, std::string path, StepHook const* hook)
      : descriptor_(std::move(descriptor)), path_(std::move(path)), hook_(hook) {}

  std::uint64_t size() const;
  void append(std::string_view bytes) const;
  std::string read(std::uint64_t position, std::size_t size) const;  ///< shorter at the end of the file
  void truncate(std::uint64_t size) const;
  void sync_data() const;
  void sync() const;

  /// Whether who opens `path` gets this file: nobody else finds what is written to it.
  bool is_found_at(std::string const& path) const;

  /// For this object alone, until it goes. False when somebody else has the lock.
  bool try_lock() const;

  std::string const& path() const noexcept { return path_; }
  explicit operator bool() const noexcept { return static_cast<bool>(descriptor_); }

 private:
  void step(std::string_view name) const;

  FileDescriptor descriptor_;
  std::string path_;
  StepHook const* hook_ = nullptr;
};

/// A folder, by its descriptor: nothing below it is reached through a symbolic link. Errors: see io_error().
class Folder {
 public:
  /// Makes it, with the folders above it, when it is missing. Follows symbolic links: this one the user has named.
  static Folder open_or_create(std::string const& path, StepHook const* hook = nullptr);

  /// Makes it when it is missing, durably.
  Folder subfolder(std::string const& name) const;
  Folder subfolder(std::vector<std::string> const& names) const;

  /// Makes it when it is missing; sync() must follow before that counts.
  File open_file(std::string const& name) const;
  std::optional<File> find_file(std::string const& name) const;

  /// `from` must be there. Takes the place of `to`.
  void rename(std::string const& from, std::string const& to) const;
  void remove(std::string const& name) const;  ///< nothing happens when it is missing
  void sync() const;
  std::vector<std::string> names() const;

  std::string const& path() const noexcept { return path_; }
  std::string path_of(std::string_view name) const;

 private:
  Folder(FileDescriptor descriptor, std::string path, StepHook const* hook)
      : descriptor_(std::move(descriptor)), path_(std::move(path)), hook_(hook) {}
  File open(std::string const& name, int flags) const;
  void step(std::string_view name) const;

  FileDescriptor descriptor_;
  std::string path_;
  StepHook const* hook_;
};

/// The folder of a destination, held by one process at a time: DIR, and DIR/.landfall for what is ours.
///
/// Lifetime: outlives the files below it. The lock goes with the object, and with the process.
class DataFolder {
 public:
  /// Errors: Error(transient) when another process is loading into this folder.
  explicit DataFolder(std::string const& path, StepHook hook = {});
  DataFolder(DataFolder const&) = delete;
  DataFolder& operator=(DataFolder const&) = delete;

  Folder const& data() const noexcept { return data_; }
  Folder const& notes() const noexcept { return notes_; }

 private:
  StepHook hook_;
  Folder data_;
  Folder own_;
  Folder notes_;
  File lock_;
};

/// Makes the folder, writes a file in it and removes that again. Errors: Error(config) which says what to change.
void probe_folder(std::string const& path);

}  // namespace jsonl
