#pragma once

#include <string>

#include <landfall/spill/spill_storage.hpp>

namespace landfall {

/// A SpillStorage in a directory of the file system.
///
/// Rights: files and folders are made for the connector's user alone.
/// Locks:  flock(2): between processes, and between objects of one process.
class FolderStorage final : public SpillStorage {
 public:
  /// Opens the directory. Errors: Error(config) when it does not exist or is none.
  explicit FolderStorage(std::string directory);
  FolderStorage(FolderStorage const&) = delete;
  FolderStorage& operator=(FolderStorage const&) = delete;
  ~FolderStorage() override;

  std::string path_of(std::string_view folder, std::string_view name = {}) const override;
  void blocking_check_writable() override;
  std::vector<std::string> blocking_list(std::string const& folder) override;
  bool blocking_make_folder(std::string const& folder) override;
  bool blocking_remove_folder(std::string const& folder) override;
  std::unique_ptr<SpillFile> blocking_create(std::string const& folder, std::string const& name) override;
  std::unique_ptr<SpillFile> blocking_open(std::string const& folder, std::string const& name) override;
  void blocking_rename(std::string const& folder, std::string const& from, std::string const& to) override;
  void blocking_remove(std::string const& folder, std::string const& name) override;
  void blocking_sync_folder(std::string const& folder) override;

 private:
  std::string directory_;
  int descriptor_ = -1;
};

}  // namespace landfall
