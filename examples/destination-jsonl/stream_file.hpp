#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <landfall/destination/notices.hpp>
#include <landfall/destination/record_batch.hpp>
#include <landfall/protocol/catalog.hpp>
#include <landfall/runtime/error.hpp>

#include "data_folder.hpp"
#include "file_names.hpp"
#include "record_format.hpp"
#include "stream_note.hpp"

namespace jsonl {

/// What becomes of the rows that a stream's file has already.
struct Replacement {
  enum class Kind {
    none,        ///< they stay, new rows go behind them
    fresh,       ///< new rows take their place at a good end; nothing is carried over from an attempt that failed
    generation,  ///< the same, but attempts of one generation continue each other
  };

  Replacement() = default;
  explicit Replacement(Kind replacement, std::int64_t of_generation = 0)
      : kind(replacement), generation(of_generation) {}

  Kind kind = Kind::none;
  std::int64_t generation = 0;

  friend bool operator==(Replacement const&, Replacement const&) = default;
};

/// Errors: Error(config) where only a part of the old generations would have to go (0 < minimum < generation).
Replacement replacement_of(landfall::DestinationStream const& stream);

/// The file of one stream, in a folder that a DataFolder has locked.
///
/// Files:    NAME.jsonl             the rows that count
///           .NAME.jsonl.new-5      rows of generation 5 that are to take their place; .NAME.jsonl.new without one
///           .landfall/streams/...  the note: which generation has taken the place of the rows, whether rows are being
///                                  moved, and from where on rows are being appended
/// Crashes:  at any point; open() finishes or undoes what was begun, and no row that was synced is lost or doubled:
///           * a swap is decided when the note with its generation is on disk. Work file there: the rename is still to
///             be done. Work file gone: it was done, and a later attempt of this generation continues NAME.jsonl.
///           * a failed replacement followed by an append: its rows are put behind NAME.jsonl. The note holds the place
///             from which; the work file goes last. Work file there: cut back to that place and copy again.
///           * a last line that was not written whole is cut off where the note says that it is ours. Any other last
///             line without a line feed is somebody else's: it is kept, gets its line feed, and a warning says so.
/// Others:   who does not ask for the lock may change, remove or replace the file. Before rows are written, and before
///           they count as synced, it must be the file in that place and have its size. Where not, everything fails,
///           and what stands there stays.
/// Threads:  open, write, commit, abandon: one at a time; sync from any, also meanwhile.
/// Errors:   see io_error(). After a failed sync, or a write that could not be undone, every call throws that error as
///           Error(system): what the system dropped from its cache cannot be synced by asking again.
class StreamFile {
 public:
  /// `folder` outlives the file. `seed`: see RecordFormatter.
  StreamFile(DataFolder const& folder, landfall::DestinationStream const& stream, RecordFormat format,
             std::uint64_t seed, landfall::Notices notices = landfall::Notices());

  /// Makes the file ready for rows. May be called again when it has failed.
  void blocking_open();

  /// Writes all records or, on an error, none. Returns the mark for blocking_sync().
  std::uint64_t blocking_write(landfall::RecordBatch const& records, Milliseconds now);

  /// Returns when everything up to `mark` is on disk. Calls that meet share one fdatasync.
  void blocking_sync(std::uint64_t mark);

  /// The good end: new rows take the place of the old ones, if they are to. May be called again when it has failed.
  void blocking_commit();

  /// Any other end: the rows that count stay as they are.
  void blocking_abandon();

 private:
  void finish_interrupted(Folder const& folder) const;
  void finish_append(Folder const& folder, StreamNote& note) const;
  void note_appending(std::uint64_t place, std::string_view first);
  void forget_appending();
  std::uint64_t end_last_line(File const& file) const;
  void finish_merge(Folder const& folder, StreamNote& note) const;
  void merge(Folder const& folder, std::int64_t generation) const;
  void put_behind(Folder const& folder, File const& work, StreamNote& note) const;
  void remove_works_except(Folder const& folder, std::optional<std::int64_t> generation) const;
  std::string choose_name(Folder const& folder) const;
  std::vector<std::int64_t> work_generations(Folder const& folder) const;
  std::string work_name(std::int64_t generation) const;
  std::string work_name_without_generation() const;
  void swap(Folder const& folder) const;
  bool is_work_file() const { return name_ != path_.file; }

  void take_back(std::uint64_t begin, std::uint64_t end, std::string const& cause);
  void sync_or_break();
  void require_size(std::uint64_t expected);
  void require_in_place();
  void mark_changed_by_others(std::uint64_t size, std::uint64_t expected);

  StreamNote read_note() const;
  void write_note(StreamNote const& note) const;

  void throw_if_broken() const;
  void mark_broken(std::string cause);
  bool is_broken() const;

  DataFolder const* data_folder_;
  StreamPath path_;
  Replacement replacement_;
  RecordFormatter formatter_;
  landfall::Notices notices_;
  File file_;
  std::string name_;                             // of file_: the stream's own, or a work file
  std::string final_path_;                       // of the stream's own
  std::atomic<std::uint64_t> size_ = 0;          // whole batches, written
  std::optional<std::uint64_t> appending_from_;  // as the note says; none: nothing was appended yet, or to a work file
  std::mutex sync_mutex_;                        // held by the one that syncs
  std::optional<std::uint64_t> synced_size_;     // under sync_mutex_; none: nothing was synced yet
  mutable std::mutex broken_mutex_;
  std::optional<landfall::Error> broken_;  // under broken_mutex_
  std::atomic<bool> is_changed_by_others_ = false;
};

}  // namespace jsonl
