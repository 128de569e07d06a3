#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <landfall/runtime/error.hpp>

namespace landfall {

/// The disk, or a quota on it, has no room for a write.
class DiskFullError : public Error {
 public:
  explicit DiskFullError(std::string message) : Error(ErrorClass::transient, std::move(message)) {}
};

/// One open file of a SpillStorage.
///
/// Threads: one at a time, except blocking_read(), which any number may call beside each other and beside a write
///          elsewhere in the file. Every function may block.
/// Errors:  DiskFullError where there is no room; Error(config) where only the user can help (permissions, something
///          else in its place); otherwise Error(transient). Each names the file.
class SpillFile {
 public:
  virtual ~SpillFile() = default;

  /// Writes the pieces one behind the other from `offset` on. After an error any part of them may be there.
  virtual void blocking_write(std::uint64_t offset, std::span<std::string_view const> pieces) = 0;

  /// Returns how many bytes were there: fewer than asked for only at the end of the file.
  virtual std::size_t blocking_read(std::uint64_t offset, std::span<char> into) = 0;

  virtual void blocking_truncate(std::uint64_t size) = 0;

  /// What was written survives a crash from now on; the file's name does only after blocking_sync_folder().
  virtual void blocking_sync() = 0;

  virtual std::uint64_t blocking_size() = 0;

  /// Takes the file for this object, until it goes or the process ends. False when somebody else has it.
  virtual bool blocking_try_lock() = 0;

  /// It is still in its folder. Where only the holder of a lock removes the file, that says that the lock counts.
  virtual bool blocking_has_name() = 0;
};

/// The directory of a spill: folders in it, and files in those. Nothing in it is reached through a symbolic link.
///
/// Names:   of folders and files, without a slash. The empty folder name means the directory itself.
/// Threads: any, at the same time. Every function may block.
/// Errors:  as SpillFile.
class SpillStorage {
 public:
  virtual ~SpillStorage() = default;

  /// For messages: where `name` of `folder` lies. Both may be empty.
  virtual std::string path_of(std::string_view folder, std::string_view name = {}) const = 0;

  /// Errors: Error(config) when files cannot be made in the directory.
  virtual void blocking_check_writable() = 0;

  /// Names of all that is in the folder, in any order; none when the folder does not exist.
  virtual std::vector<std::string> blocking_list(std::string const& folder) = 0;

  /// The folder is there, belongs to the user of this process, and nobody else may use it.
  virtual bool blocking_is_private(std::string const& folder) = 0;

  /// False when something of that name is there already.
  virtual bool blocking_make_folder(std::string const& folder) = 0;

  /// False when the folder is not empty. One that does not exist counts as removed.
  virtual bool blocking_remove_folder(std::string const& folder) = 0;

  /// Makes an empty file; null when the folder does not exist, or something of that name is there already.
  virtual std::unique_ptr<SpillFile> blocking_create(std::string const& folder, std::string const& name) = 0;

  /// Null when there is no such file.
  virtual std::unique_ptr<SpillFile> blocking_open(std::string const& folder, std::string const& name) = 0;

  /// `from` must be there. Takes the place of `to`.
  virtual void blocking_rename(std::string const& folder, std::string const& from, std::string const& to) = 0;

  /// A file that does not exist counts as removed.
  virtual void blocking_remove(std::string const& folder, std::string const& name) = 0;

  /// Names that were made, changed or removed in the folder survive a crash from now on.
  virtual void blocking_sync_folder(std::string const& folder) = 0;
};

}  // namespace landfall
