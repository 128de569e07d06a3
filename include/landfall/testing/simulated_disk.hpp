#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <landfall/spill/spill_storage.hpp>

namespace landfall::testing {

/// The power went: thrown by every call from then on. Neither an Error nor a std::exception: nobody handles it.
struct PowerCut {};

/// What goes wrong with one step of a SimulatedDisk.
enum class DiskFault {
  io_error,  ///< half of a write is done; what a sync should have brought to disk may be lost, whatever later syncs say
  disk_full,  ///< half of a write is done
};

/// A SpillStorage in memory, which forgets in a crash what a disk may forget.
///
/// Steps:   every call that changes the disk, or brings it to rest, is one step; the first is step 1.
/// Crash:   content that was synced stays, and so do names whose folder was synced. Of the rest each write may be
///          missing, whole or torn (at sectors of 512 bytes and within one) whatever became of the others; each name
///          that was made, changed or removed may be as before or as after; locks are gone.
/// Threads: any.
class SimulatedDisk final : public SpillStorage {
 public:
  static constexpr std::uint64_t unlimited = UINT64_MAX;

  explicit SimulatedDisk(std::uint64_t capacity_bytes = unlimited);
  SimulatedDisk(SimulatedDisk const&) = delete;
  SimulatedDisk& operator=(SimulatedDisk const&) = delete;
  ~SimulatedDisk() override;

  /// A write for which there is no room is done as far as there is, and then throws DiskFullError.
  void set_capacity(std::uint64_t bytes);
  std::uint64_t used_bytes() const;

  std::uint64_t steps() const;
  std::uint64_t syncs() const;  ///< steps that synced a file

  /// The steps up to this one are done, nothing after them.
  void cut_power_after(std::uint64_t step);
  bool power_is_cut() const;  ///< somebody has met it

  /// As after the end of the process alone: what was not synced is there, and may still be forgotten.
  void restore_power();

  void fail_step(std::uint64_t step, DiskFault fault);

  /// The folder is another user's from now on, who lets everybody use it.
  void give_away(std::string const& folder);

  /// One of the disks that may be found after a crash now. `variant` 0: nothing that was not synced is there; 1: all of
  /// it; 2: all names, but no byte that was not synced; 3: all bytes, but only the names that were synced; greater:
  /// drawn from that number, the same one each time.
  std::shared_ptr<SimulatedDisk> after_crash(std::uint64_t variant) const;

  /// "folder/file" of all files, in order.
  std::vector<std::string> file_names() const;

  /// One line for each step: what it did, to tell how a failing test came about.
  std::vector<std::string> journal() const;

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
  struct State;
  class File;
  std::shared_ptr<State> state_;
};

}  // namespace landfall::testing
