#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <landfall/spill/spill_storage.hpp>

#include "spill/random_numbers.hpp"

namespace landfall {

/// What lies in the folder of a store. Everything else in it is foreign.
struct FolderContent {
  FolderContent() = default;
  std::vector<std::uint64_t> segments;  ///< ascending
  std::vector<std::string> unnamed;     ///< files that were being made
  bool has_mark = false;                ///< see acknowledged_mark.hpp
};

/// Folders without resume of processes that have ended.
enum class Leftovers {
  all,     ///< of a directory that was named for the spill
  marked,  ///< of one that others use, too: only private folders of this user whose lock says that it is ours
};

/// The folder of one store, for as long as this object lives: nobody else touches it then.
///
/// Lifetime: the storage outlives it. The destructor gives up the lock and leaves the files.
class SpillFolder {
 public:
  /// A new one, with a name that nobody has. `found_among`: how the next process tells that it is a leftover.
  static SpillFolder blocking_make(SpillStorage& storage, RandomNumbers& random, Leftovers found_among);

  /// The one folder with resume, made when it is missing.
  /// Errors: Error(transient) when another process holds it.
  static SpillFolder blocking_take_for_resume(SpillStorage& storage);

  /// The one folder with resume when it is there and nobody holds it. Errors: when it cannot be looked into.
  static std::optional<SpillFolder> blocking_find_for_resume(SpillStorage& storage);

  std::string const& name() const noexcept { return name_; }

  /// Errors: Error(config) which names a file that is not ours.
  FolderContent blocking_content() const;

  /// Removes our files and, unless somebody else has put something there, the folder. In such an order that a crash in
  /// between leaves either what was there or nothing to be resumed.
  void blocking_remove();

 private:
  SpillFolder(SpillStorage& storage, std::string name, std::unique_ptr<SpillFile> lock)
      : storage_(&storage), name_(std::move(name)), lock_(std::move(lock)) {}
  friend void blocking_remove_leftovers(SpillStorage& storage, Leftovers which);
  void blocking_mark_nothing();

  SpillStorage* storage_;
  std::string name_;
  std::unique_ptr<SpillFile> lock_;
};

/// Removes them. One with a file that is not ours is left alone, as is what belongs to other users.
void blocking_remove_leftovers(SpillStorage& storage, Leftovers which);

}  // namespace landfall
