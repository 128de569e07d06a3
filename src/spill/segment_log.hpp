#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <landfall/spill/spill_settings.hpp>
#include <landfall/spill/spill_storage.hpp>

#include "spill/random_numbers.hpp"
#include "spill/spill_format.hpp"

namespace landfall {

/// Appends frames to the newest segment of a folder, and makes new ones. Knows nothing of what the frames mean.
///
/// Threads:   one at a time; every function may block.
/// Lifetime:  the storage outlives it.
/// Invariant: spill_format.hpp, 1 and 2. After an error nothing of what was to be appended counts.
class SegmentLog {
 public:
  enum class Durability {
    none,         ///< nothing is synced
    frames,       ///< frames are synced
    recoverable,  ///< so are segments, in such an order that a restart finds a whole one
  };

  SegmentLog(SpillStorage& storage, std::string folder, Durability durability, std::uint64_t first_number)
      : storage_(storage), folder_(std::move(folder)), durability_(durability), next_number_(first_number) {}

  /// There is a segment to append to. Not before the first turn_over(), nor after an error that makes the last unsafe.
  bool is_open() const noexcept { return file_ != nullptr; }
  SegmentHeader const& segment() const noexcept { return segment_; }  ///< to which frames are appended
  std::uint64_t end() const noexcept { return end_; }                 ///< of its whole frames
  bool has_frames() const noexcept { return end_ > first_frame_; }    ///< besides the snapshot
  std::uint64_t last_frame() const noexcept { return last_frame_; }   ///< where the last whole one begins
  std::uint64_t last_frame_checksum() const noexcept { return last_frame_checksum_; }  ///< of its header

  /// Begins a new segment, with these frames. Errors: the last one is still open if that is safe.
  void blocking_turn_over(std::vector<Frame*> const& first_frames);

  /// Durable when it returns, where durability says so.
  void blocking_append(std::vector<Frame*> const& frames);

  /// Nothing is appended to this segment any more.
  void close_segment() noexcept { file_.reset(); }

 private:
  void note_last(std::vector<Frame*> const& frames) noexcept;
  void blocking_begin(SpillFile& file, SegmentHeader const& header, std::vector<Frame*> const& frames);
  void blocking_take_back(std::uint64_t number) noexcept;
  void blocking_cut_off() noexcept;

  SpillStorage& storage_;
  std::string folder_;
  Durability durability_;
  std::uint64_t next_number_;
  RandomNumbers random_;
  std::unique_ptr<SpillFile> file_;
  SegmentHeader segment_;
  std::uint64_t first_frame_ = 0;  // where the first frame behind the snapshot begins
  std::uint64_t end_ = 0;
  std::uint64_t synced_end_ = 0;
  std::uint64_t last_frame_ = 0;
  std::uint64_t last_frame_checksum_ = 0;
  bool name_is_synced_ = false;
};

}  // namespace landfall
