#include "spill/spill_folder.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "spill/acknowledged_mark.hpp"
#include "spill/spill_format.hpp"

namespace landfall {

namespace {

constexpr std::string_view resume_name = "landfall-resume";
constexpr std::string_view temporary_prefix = "landfall-spill-";
constexpr std::size_t hex_digits = 16;
constexpr std::string_view lock_name = "lock";
constexpr std::string_view lock_mark = "landfall spill\n";  // content of the lock without resume
constexpr std::string_view unnamed_suffix = ".new";

bool is_temporary_name(std::string_view name) {
  if (!name.starts_with(temporary_prefix)) return false;
  name.remove_prefix(temporary_prefix.size());
  return name.size() == hex_digits && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// Null when somebody else holds it, or when the folder went away meanwhile.
std::unique_ptr<SpillFile> take_lock(SpillStorage& storage, std::string const& folder) {
  std::string const name(lock_name);
  auto lock = storage.blocking_open(folder, name);
  if (!lock) lock = storage.blocking_create(folder, name);
  // Whoever held it before us may have removed it: then it locks nothing.
  if (!lock || !lock->blocking_try_lock() || !lock->blocking_has_name()) return nullptr;
  return lock;
}

/// The lock of a folder in which we never make one; null as above, and when the lock does not say that it is ours.
std::unique_ptr<SpillFile> take_marked_lock(SpillStorage& storage, std::string const& folder) {
  if (!storage.blocking_is_private(folder)) return nullptr;
  auto lock = storage.blocking_open(folder, std::string(lock_name));
  std::string content(lock_mark.size() + 1, '\0');
  if (lock) content.resize(lock->blocking_read(0, content));
  if (!lock || content != lock_mark || !lock->blocking_try_lock() || !lock->blocking_has_name()) return nullptr;
  return lock;
}

/// Null also for a folder of another user, and for one that is being made or removed at this moment.
std::unique_ptr<SpillFile> take_lock_if_allowed(SpillStorage& storage, std::string const& folder, Leftovers which) {
  try {
    return which == Leftovers::marked ? take_marked_lock(storage, folder) : take_lock(storage, folder);
  } catch (Error const&) {
    return nullptr;
  }
}

}  // namespace

SpillFolder SpillFolder::blocking_make(SpillStorage& storage, RandomNumbers& random, Leftovers found_among) {
  constexpr int most_attempts = 10;
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    auto name = fmt::format("{}{:016x}", temporary_prefix, random.next());
    if (!storage.blocking_make_folder(name)) continue;
    // Before it is locked it looks like what a dead process left, and may be removed.
    auto lock = take_lock(storage, name);
    if (!lock) continue;
    std::array<std::string_view, 1> const pieces{lock_mark};
    if (found_among == Leftovers::marked) lock->blocking_write(0, pieces);
    return SpillFolder(storage, std::move(name), std::move(lock));
  }
  throw transient_error("spill: somebody removes each new folder in {} at once", storage.path_of({}));
}

SpillFolder SpillFolder::blocking_take_for_resume(SpillStorage& storage) {
  std::string name(resume_name);
  storage.blocking_make_folder(name);
  storage.blocking_sync_folder({});  // also of one whose maker died before it could
  auto lock = take_lock(storage, name);
  if (!lock) {
    throw transient_error(
        "spill: another process is using the folder {}: wait until it has ended, or give each connector a directory of "
        "its own",
        storage.path_of(name));
  }
  return SpillFolder(storage, std::move(name), std::move(lock));
}

std::optional<SpillFolder> SpillFolder::blocking_find_for_resume(SpillStorage& storage) {
  auto const names = storage.blocking_list({});
  if (std::find(names.begin(), names.end(), resume_name) == names.end()) return std::nullopt;
  std::string name(resume_name);
  auto lock = take_lock(storage, name);
  if (!lock) return std::nullopt;
  return SpillFolder(storage, std::move(name), std::move(lock));
}

FolderContent SpillFolder::blocking_content() const {
  FolderContent content;
  for (auto const& name : storage_->blocking_list(name_)) {
    if (name == lock_name) continue;
    if (auto const number = number_of_segment(name)) {
      content.segments.push_back(*number);
    } else if (name == AcknowledgedFile::name) {
      content.has_mark = true;
    } else if (name == AcknowledgedFile::new_name) {
      content.unnamed.push_back(name);
    } else if (name.ends_with(unnamed_suffix) &&
               number_of_segment(std::string_view(name).substr(0, name.size() - unnamed_suffix.size()))) {
      content.unnamed.push_back(name);
    } else {
      throw config_error("spill: {} is not a file of landfall: move it away, this folder is used for spilled records",
                         storage_->path_of(name_, name));
    }
  }
  std::sort(content.segments.begin(), content.segments.end());
  return content;
}

void SpillFolder::blocking_remove() {
  FolderContent content;
  try {
    content = blocking_content();
  } catch (Error const& error) {
    if (error.error_class() != ErrorClass::config) throw;
    return;  // somebody else's file: the next start complains about it, this one has done its work
  }
  for (auto const& name : content.unnamed) storage_->blocking_remove(name_, name);
  std::optional<std::uint64_t> last;
  if (!content.segments.empty()) {
    last = content.segments.back();
    content.segments.pop_back();
  }
  for (auto const number : content.segments) storage_->blocking_remove(name_, segment_name(number));
  // The last one tells that nothing of the others is needed. Some may have been removed long before, and come back.
  if (name_ == resume_name) storage_->blocking_sync_folder(name_);
  if (content.has_mark && last) blocking_mark_nothing();  // or the last one would be missed
  if (last) storage_->blocking_remove(name_, segment_name(*last));
  if (content.has_mark) {
    storage_->blocking_sync_folder(name_);  // or that one would come back without the mark
    storage_->blocking_remove(name_, std::string(AcknowledgedFile::name));
  }
  storage_->blocking_remove(name_, std::string(lock_name));
  storage_->blocking_remove_folder(name_);
}

void SpillFolder::blocking_mark_nothing() {
  auto const found = AcknowledgedFile::blocking_read(*storage_, name_);
  if (found.mark && found.mark->segment == 0) {
    auto const file = storage_->blocking_open(name_, std::string(AcknowledgedFile::name));
    if (file) return file->blocking_sync();  // whoever wrote it may have died before it could
  }
  AcknowledgedFile(*storage_, name_).blocking_write(AcknowledgedMark());
}

void blocking_remove_leftovers(SpillStorage& storage, Leftovers which) {
  for (auto const& name : storage.blocking_list({})) {
    if (!is_temporary_name(name)) continue;
    auto lock = take_lock_if_allowed(storage, name, which);
    if (!lock) continue;
    SpillFolder leftover(storage, name, std::move(lock));
    leftover.blocking_remove();
  }
}

}  // namespace landfall
