#include <landfall/testing/simulated_disk.hpp>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <landfall/runtime/assert.hpp>
#include "testing/random.hpp"

namespace landfall::testing {

namespace {

constexpr std::uint64_t sector_bytes = 512;

/// A write, or a truncation, that was not synced.
struct Change {
  explicit Change(std::uint64_t new_size) : offset(new_size), is_truncation(true) {}
  Change(std::uint64_t at, std::string written) : offset(at), bytes(std::move(written)) {}
  std::uint64_t offset = 0;  // of a truncation: the new size
  std::string bytes;
  bool is_truncation = false;
};

void grow_to(std::string& content, std::uint64_t size) {
  if (content.size() < size) content.resize(static_cast<std::size_t>(size), '\0');
}

void put(std::string& content, std::uint64_t offset, std::string_view bytes) {
  grow_to(content, offset + bytes.size());
  bytes.copy(content.data() + offset, bytes.size());
}

void apply_whole(std::string& content, Change const& change) {
  if (change.is_truncation) {
    content.resize(static_cast<std::size_t>(change.offset), '\0');
  } else {
    put(content, change.offset, change.bytes);
  }
}

// Each sector by itself.
void apply_some_sectors(std::string& content, Change const& change, Random& random) {
  std::string_view rest = change.bytes;
  std::uint64_t offset = change.offset;
  while (!rest.empty()) {
    auto const to_border = sector_bytes - offset % sector_bytes;
    auto const sector = rest.substr(0, static_cast<std::size_t>(to_border));
    if (random.percent(50)) put(content, offset, sector);
    offset += sector.size();
    rest.remove_prefix(sector.size());
  }
}

void apply_in_part(std::string& content, Change const& change, Random& random) {
  enum class Fate : std::uint64_t { whole, missing, only_its_size, beginning, sectors, count };
  auto const fate = static_cast<Fate>(random.below(static_cast<std::uint64_t>(Fate::count)));
  if (change.is_truncation) {
    if (fate == Fate::whole || fate == Fate::sectors) apply_whole(content, change);
    return;
  }
  switch (fate) {
    case Fate::whole:
      return apply_whole(content, change);
    case Fate::missing:
    case Fate::count:
      return;
    case Fate::only_its_size:
      return grow_to(content, change.offset + change.bytes.size());
    case Fate::beginning: {
      auto const size = static_cast<std::size_t>(random.below(change.bytes.size() + 1));
      return put(content, change.offset, std::string_view(change.bytes).substr(0, size));
    }
    case Fate::sectors:
      return apply_some_sectors(content, change, random);
  }
}

struct Inode {
  std::string content;
  std::string synced;
  std::vector<Change> unsynced;
  bool sync_has_failed = false;
  bool is_locked = false;
  int name_count = 0;
};
using InodePtr = std::shared_ptr<Inode>;

/// Names of one folder: of files, or of folders in the directory.
template <class Target>
struct Names {
  std::map<std::string, Target> now;
  std::map<std::string, Target> synced;
  struct NameChange {
    NameChange(std::string n, Target t) : name(std::move(n)), target(std::move(t)) {}
    std::string name;
    Target target;  // null: removed
  };
  std::vector<std::vector<NameChange>> unsynced;  // those of one step happen together

  static void apply(std::map<std::string, Target>& names, std::vector<NameChange> const& step) {
    for (auto const& change : step) {
      if (change.target) {
        names[change.name] = change.target;
      } else {
        names.erase(change.name);
      }
    }
  }
  void change(std::vector<NameChange> step) {
    apply(now, step);
    unsynced.push_back(std::move(step));
  }
  void sync() {
    synced = now;
    unsynced.clear();
  }
};

struct FolderNode {
  Names<InodePtr> files;
  bool is_private = true;
};
using FolderPtr = std::shared_ptr<FolderNode>;

/// What became of things that were not synced, in one crash.
class Crash {
 public:
  explicit Crash(std::uint64_t variant) : variant_(variant), random_(variant) {}

  template <class Target>
  std::map<std::string, Target> names(Names<Target> const& names) {
    if (variant_ == 1 || variant_ == 2) return names.now;
    auto found = names.synced;
    if (variant_ == 0 || variant_ == 3) return found;
    for (auto const& step : names.unsynced) {
      if (random_.percent(50)) Names<Target>::apply(found, step);
    }
    return found;
  }

  std::string content(Inode const& inode) {
    if (variant_ == 1 || variant_ == 3) return inode.content;
    auto found = inode.synced;
    if (variant_ == 0 || variant_ == 2) return found;
    for (auto const& change : inode.unsynced) apply_in_part(found, change, random_);
    return found;
  }

 private:
  std::uint64_t variant_;
  Random random_;
};

}  // namespace

struct SimulatedDisk::State {
  explicit State(std::uint64_t bytes) : capacity_bytes(bytes) { root = std::make_shared<FolderNode>(); }

  void check_power() {
    if (!cut_after || steps < *cut_after) return;
    power_is_cut = true;
    throw PowerCut();
  }

  /// Returns what goes wrong with this step.
  std::optional<DiskFault> step(std::string what) {
    check_power();
    ++steps;
    journal.push_back(fmt::format("{}: {}", steps, what));
    auto const fault = faults.find(steps);
    if (fault == faults.end()) return std::nullopt;
    journal.back() += " (fails)";
    return fault->second;
  }

  void step_that_fails_whole(std::string what) {
    auto const fault = step(what);
    if (fault) fail(*fault, what);
  }

  [[noreturn]] static void fail(DiskFault fault, std::string_view what) {
    auto text = fmt::format("spill: cannot {}: simulated", what);
    if (fault == DiskFault::disk_full) throw DiskFullError(std::move(text));
    throw Error(ErrorClass::transient, std::move(text));
  }

  FolderPtr find_folder(std::string const& name) const {
    if (name.empty()) return root;
    auto const found = folders.now.find(name);
    return found == folders.now.end() ? nullptr : found->second;
  }

  std::uint64_t used_bytes() const {
    std::uint64_t bytes = 0;
    for (auto const& [name, folder] : folders.now) {
      for (auto const& [file, inode] : folder->files.now) bytes += inode->content.size();
    }
    return bytes;
  }

  std::mutex mutex;
  std::uint64_t capacity_bytes;
  std::uint64_t steps = 0;
  std::uint64_t syncs = 0;
  std::optional<std::uint64_t> cut_after;
  bool power_is_cut = false;
  std::map<std::uint64_t, DiskFault> faults;
  std::vector<std::string> journal;
  FolderPtr root;  // files of the directory itself
  Names<FolderPtr> folders;
};

class SimulatedDisk::File final : public SpillFile {
 public:
  File(std::shared_ptr<State> state, InodePtr inode, std::string path)
      : state_(std::move(state)), inode_(std::move(inode)), path_(std::move(path)) {}

  ~File() override {
    std::lock_guard const lock(state_->mutex);
    if (has_lock_) inode_->is_locked = false;
  }

  void blocking_write(std::uint64_t offset, std::span<std::string_view const> pieces) override {
    std::string bytes;
    for (auto const piece : pieces) bytes += piece;
    std::lock_guard const lock(state_->mutex);
    auto const what = fmt::format("write {} bytes at {} of {}", bytes.size(), offset, path_);
    auto fault = state_->step(what);
    if (fault) bytes.resize(bytes.size() / 2);
    auto const end = std::max<std::uint64_t>(inode_->content.size(), offset + bytes.size());
    auto const needed = end - inode_->content.size();
    auto const used = state_->used_bytes();
    auto const room = state_->capacity_bytes - std::min(used, state_->capacity_bytes);
    if (needed > room) {
      bytes.resize(bytes.size() - static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), needed - room)));
      fault = DiskFault::disk_full;
    }
    if (!bytes.empty()) {
      put(inode_->content, offset, bytes);
      inode_->unsynced.emplace_back(offset, std::move(bytes));
    }
    if (fault) State::fail(*fault, what);
  }

  std::size_t blocking_read(std::uint64_t offset, std::span<char> into) override {
    std::lock_guard const lock(state_->mutex);
    state_->check_power();
    auto const size = inode_->content.size();
    if (offset >= size) return 0;
    auto const count = std::min(into.size(), size - static_cast<std::size_t>(offset));
    inode_->content.copy(into.data(), count, static_cast<std::size_t>(offset));
    return count;
  }

  void blocking_truncate(std::uint64_t size) override {
    std::lock_guard const lock(state_->mutex);
    state_->step_that_fails_whole(fmt::format("shorten {} to {}", path_, size));
    inode_->unsynced.emplace_back(size);
    apply_whole(inode_->content, inode_->unsynced.back());
  }

  void blocking_sync() override {
    std::lock_guard const lock(state_->mutex);
    ++state_->syncs;
    auto const what = fmt::format("sync {}", path_);
    if (auto const fault = state_->step(what)) {
      inode_->sync_has_failed = true;
      State::fail(*fault, what);
    }
    if (inode_->sync_has_failed) return;  // the system has told it once
    inode_->synced = inode_->content;
    inode_->unsynced.clear();
  }

  std::uint64_t blocking_size() override {
    std::lock_guard const lock(state_->mutex);
    state_->check_power();
    return inode_->content.size();
  }

  bool blocking_try_lock() override {
    std::lock_guard const lock(state_->mutex);
    state_->check_power();
    if (inode_->is_locked) return has_lock_;
    inode_->is_locked = true;
    has_lock_ = true;
    return true;
  }

  bool blocking_has_name() override {
    std::lock_guard const lock(state_->mutex);
    state_->check_power();
    return inode_->name_count > 0;
  }

 private:
  std::shared_ptr<State> state_;
  InodePtr inode_;
  std::string path_;
  bool has_lock_ = false;
};

SimulatedDisk::SimulatedDisk(std::uint64_t capacity_bytes) : state_(std::make_shared<State>(capacity_bytes)) {}
SimulatedDisk::~SimulatedDisk() = default;

void SimulatedDisk::set_capacity(std::uint64_t bytes) {
  std::lock_guard const lock(state_->mutex);
  state_->capacity_bytes = bytes;
}

std::uint64_t SimulatedDisk::used_bytes() const {
  std::lock_guard const lock(state_->mutex);
  return state_->used_bytes();
}

std::uint64_t SimulatedDisk::steps() const {
  std::lock_guard const lock(state_->mutex);
  return state_->steps;
}

std::uint64_t SimulatedDisk::syncs() const {
  std::lock_guard const lock(state_->mutex);
  return state_->syncs;
}

void SimulatedDisk::cut_power_after(std::uint64_t step) {
  std::lock_guard const lock(state_->mutex);
  state_->cut_after = step;
}

bool SimulatedDisk::power_is_cut() const {
  std::lock_guard const lock(state_->mutex);
  return state_->power_is_cut;
}

void SimulatedDisk::restore_power() {
  std::lock_guard const lock(state_->mutex);
  state_->cut_after.reset();
  state_->power_is_cut = false;
}

void SimulatedDisk::fail_step(std::uint64_t step, DiskFault fault) {
  std::lock_guard const lock(state_->mutex);
  state_->faults[step] = fault;
}

void SimulatedDisk::give_away(std::string const& folder) {
  std::lock_guard const lock(state_->mutex);
  auto const node = state_->find_folder(folder);
  LANDFALL_ASSERT(node != nullptr);
  node->is_private = false;
}

std::shared_ptr<SimulatedDisk> SimulatedDisk::after_crash(std::uint64_t variant) const {
  std::lock_guard const lock(state_->mutex);
  Crash crash(variant);
  auto disk = std::make_shared<SimulatedDisk>(state_->capacity_bytes);
  std::map<Inode const*, InodePtr> copies;
  for (auto const& [name, folder] : crash.names(state_->folders)) {
    auto copy = std::make_shared<FolderNode>();
    copy->is_private = folder->is_private;
    for (auto const& [file_name, inode] : crash.names(folder->files)) {
      auto& file = copies[inode.get()];
      if (!file) {
        file = std::make_shared<Inode>();
        file->content = crash.content(*inode);
        file->synced = file->content;
      }
      ++file->name_count;
      copy->files.now[file_name] = file;
    }
    copy->files.sync();
    disk->state_->folders.now[name] = std::move(copy);
  }
  disk->state_->folders.sync();
  return disk;
}

std::vector<std::string> SimulatedDisk::file_names() const {
  std::lock_guard const lock(state_->mutex);
  std::vector<std::string> names;
  for (auto const& [name, folder] : state_->folders.now) {
    for (auto const& [file, inode] : folder->files.now) names.push_back(fmt::format("{}/{}", name, file));
  }
  return names;
}

std::vector<std::string> SimulatedDisk::journal() const {
  std::lock_guard const lock(state_->mutex);
  return state_->journal;
}

std::string SimulatedDisk::path_of(std::string_view folder, std::string_view name) const {
  std::string path = "disk";
  for (auto const part : {folder, name}) {
    if (part.empty()) continue;
    path += '/';
    path += part;
  }
  return path;
}

void SimulatedDisk::blocking_check_writable() {
  std::lock_guard const lock(state_->mutex);
  state_->check_power();
}

std::vector<std::string> SimulatedDisk::blocking_list(std::string const& folder) {
  std::lock_guard const lock(state_->mutex);
  state_->check_power();
  std::vector<std::string> names;
  if (folder.empty()) {
    for (auto const& [name, node] : state_->folders.now) names.push_back(name);
  }
  if (auto const node = state_->find_folder(folder)) {
    for (auto const& [name, inode] : node->files.now) names.push_back(name);
  }
  return names;
}

bool SimulatedDisk::blocking_is_private(std::string const& folder) {
  std::lock_guard const lock(state_->mutex);
  state_->check_power();
  auto const node = state_->find_folder(folder);
  return node && node->is_private;
}

bool SimulatedDisk::blocking_make_folder(std::string const& folder) {
  std::lock_guard const lock(state_->mutex);
  if (state_->find_folder(folder)) return false;
  state_->step_that_fails_whole(fmt::format("make the folder {}", folder));
  Names<FolderPtr>::NameChange made(folder, std::make_shared<FolderNode>());
  state_->folders.change({std::move(made)});
  return true;
}

bool SimulatedDisk::blocking_remove_folder(std::string const& folder) {
  std::lock_guard const lock(state_->mutex);
  auto const node = state_->find_folder(folder);
  if (!node) return true;
  if (!node->files.now.empty()) return false;
  state_->step_that_fails_whole(fmt::format("remove the folder {}", folder));
  Names<FolderPtr>::NameChange removed(folder, nullptr);
  state_->folders.change({std::move(removed)});
  return true;
}

std::unique_ptr<SpillFile> SimulatedDisk::blocking_create(std::string const& folder, std::string const& name) {
  std::lock_guard const lock(state_->mutex);
  auto const path = path_of(folder, name);
  auto const node = state_->find_folder(folder);
  if (!node || node->files.now.contains(name)) return nullptr;
  state_->step_that_fails_whole(fmt::format("make {}", path));
  auto inode = std::make_shared<Inode>();
  ++inode->name_count;
  Names<InodePtr>::NameChange made(name, inode);
  node->files.change({std::move(made)});
  return std::make_unique<File>(state_, std::move(inode), path);
}

std::unique_ptr<SpillFile> SimulatedDisk::blocking_open(std::string const& folder, std::string const& name) {
  std::lock_guard const lock(state_->mutex);
  state_->check_power();
  auto const node = state_->find_folder(folder);
  if (!node) return nullptr;
  auto const found = node->files.now.find(name);
  if (found == node->files.now.end()) return nullptr;
  return std::make_unique<File>(state_, found->second, path_of(folder, name));
}

void SimulatedDisk::blocking_rename(std::string const& folder, std::string const& from, std::string const& to) {
  std::lock_guard const lock(state_->mutex);
  state_->step_that_fails_whole(fmt::format("rename {} to {}", path_of(folder, from), to));
  auto const node = state_->find_folder(folder);
  if (!node || !node->files.now.contains(from)) throw config_error("spill: cannot rename {}: it is missing", from);
  auto const replaced = node->files.now.find(to);
  if (replaced != node->files.now.end()) --replaced->second->name_count;
  Names<InodePtr>::NameChange here(to, node->files.now.at(from));
  Names<InodePtr>::NameChange gone(from, nullptr);
  node->files.change({std::move(here), std::move(gone)});
}

void SimulatedDisk::blocking_remove(std::string const& folder, std::string const& name) {
  std::lock_guard const lock(state_->mutex);
  auto const node = state_->find_folder(folder);
  if (!node || !node->files.now.contains(name)) return state_->check_power();
  state_->step_that_fails_whole(fmt::format("remove {}", path_of(folder, name)));
  --node->files.now.at(name)->name_count;
  Names<InodePtr>::NameChange removed(name, nullptr);
  node->files.change({std::move(removed)});
}

void SimulatedDisk::blocking_sync_folder(std::string const& folder) {
  std::lock_guard const lock(state_->mutex);
  state_->step_that_fails_whole(fmt::format("sync the folder {}", path_of(folder)));
  if (folder.empty()) {
    state_->folders.sync();
  } else if (auto const node = state_->find_folder(folder)) {
    node->files.sync();
  }
}

}  // namespace landfall::testing
