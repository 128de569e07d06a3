#pragma once

#include <mutex>
#include <string>

#include <landfall/spill/spill_storage.hpp>

namespace landfall {

/// A SpillStorage in a directory of the file system.
///
/// Rights: files and folders are made for the connector's user alone.
/// Locks:  flock(2): between processes, and between objects of one process.
class FolderStorage final : public SpillStorage {
 public:
  /// When the directory is opened. Errors of that: Error(config) when it does not exist or is none.
  enum class Open { now, at_first_use };

  explicit FolderStorage(std::string directory, Open when = Open::now);
  FolderStorage(FolderStorage const&) = delete;
  FolderStorage& operator=(FolderStorage const&) = delete;
  ~FolderStorage() override;

  std::string path_of(std::string_view folder, std::string_view name = {}) const override;
  void blocking_check_writable() override;
  std::vector<std::string> blocking_list(std::string const& folder) override;
  bool blocking_is_private(std::string const& folder) override;
  bool blocking_make_folder(std::string const& folder) override;
  bool blocking_remove_folder(std::string const& folder) override;
  std::unique_ptr<SpillFile> blocking_create(std::string const& folder, std::string const& name) override;
  std::unique_ptr<SpillFile> blocking_open(std::string const& folder, std::string const& name) override;
  void blocking_rename(std::string const& folder, std::string const& from, std::string const& to) override;
  void blocking_remove(std::string const& folder, std::string const& name) override;
  void blocking_sync_folder(std::string const& folder) override;

 private:
  int descriptor();

  std::string const directory_;
  std::mutex mutex_;
  int descriptor_ = -1;  // guarded by the mutex
};

}  // namespace landfall
