#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <landfall/destination/record_batch.hpp>
#include <landfall/launcher/task_launcher.hpp>
#include <landfall/protocol/state_message.hpp>
#include <landfall/runtime/clock.hpp>
#include <landfall/state/stream_manager.hpp>

#include "pipeline/line_reader.hpp"
#include "pipeline/stream_queue.hpp"
#include "protocol/beginning_of_record.hpp"
#include "protocol/line_scanner.hpp"
#include "protocol/message_parser.hpp"

namespace landfall {

/// How far the input was read, for the progress line. Written by the router once for each block, read by any thread.
struct InputProgress {
  struct Stream {
    std::atomic<std::uint64_t> records = 0;
    std::atomic<std::uint64_t> bytes = 0;     ///< of whole lines, as read
    std::atomic<std::uint64_t> replaced = 0;  ///< records in which lone surrogates were replaced
    std::atomic<bool> ended = false;
  };
  explicit InputProgress(std::size_t stream_count) : streams(stream_count) {}

  std::atomic<std::uint64_t> lines = 0;
  std::atomic<std::uint64_t> bytes = 0;
  std::atomic<std::uint64_t> states = 0;
  std::atomic<std::uint64_t> ignored_messages = 0;
  std::vector<Stream> streams;  ///< in catalog order
};

/// Whether the records of a stream are copied out of the block they were read in, which they would keep in memory:
/// `record_bytes` in `text_bytes` that were read, into a block of `block_bytes`.
bool pays_to_copy(std::uint64_t record_bytes, std::uint64_t text_bytes, std::uint64_t block_bytes);

/// Sends what the input says to those it is for: records to their stream's queue, STATEs with their place in the input
/// to the checkpoint queue, the end of a stream to its queue.
///
/// Meaning: positions are counts of records read, so the records of a block may be queued together, once for each
///          stream, before the STATEs and ends that stand between them.
/// Memory:  records stay slices of the input block, but for those of a stream that has little in it: they are copied
///          out, so that a block is not kept for the sake of a few of its records. STATEs are copied, too: their bytes
///          are taken from the budget of the block, without waiting, until they are printed.
/// Changes: lone surrogates in the lines of records are overwritten in their block: nobody else reads it yet.
/// Cost:    per record a slice and two counters; memory, queue and atomics once per block and stream.
/// Threads: one caller at a time; no waiting.
/// Errors:  "line N: ...", never with content of a record. What stood before that line has been forwarded by then; what
///          stands behind it must not be routed any more.
/// Source:  base design 1.5, 1.6, 2.5; behaviours 124-128, 132-136, 139-152 where they apply to one channel.
class Router {
 public:
  /// All outlive the router. `progress` has one entry for each catalog stream. `room_bytes`: how much memory it may
  /// keep for records that it will copy out, of all streams together; it is reserved like that of the records.
  /// `rejects`: records that cannot be loaded may go to a reject file.
  Router(StreamQueues& queues, CheckpointQueue& checkpoints, Clock const& clock, Validation validation,
         InputProgress& progress, std::uint64_t room_bytes = 4 << 20, bool rejects = false);

  /// A record that cannot be loaded (nested too deep, names that collide) is rejected, or breaks off its stream: that
  /// ends with a failure, and its later records are drained. So is a line that is no JSON, where it is rejected and is
  /// sure to be one record of one stream and nothing else.
  /// Errors: Error(system) for a line that cannot be parsed, a STATE or status of a stream outside the catalog, a
  ///         record or an INCOMPLETE behind the COMPLETE of its stream; Error(config) for a record of a stream outside
  ///         the catalog, or with a file.
  void route(InputLines const& lines);

  /// Gives back the room that it keeps for records which it will copy out, as soon as those in it are gone.
  void give_back_room() noexcept;

  /// Lines that were looked at, blank and ignored ones too.
  std::uint64_t lines_routed() const noexcept { return line_number_; }

  /// Ends every stream that has not ended. `input_complete`: see EndOfStream. The second time it changes nothing.
  void end_of_input(bool input_complete);

 private:
  /// Records that were copied out, with room for more. What was added does not change or move any more. The room is
  /// kept whatever becomes of the records: as long as this lives, nobody waits for its memory.
  struct CopiedRecords {
    CopiedRecords() = default;
    CopiedRecords(CopiedRecords&& other) noexcept = default;
    CopiedRecords& operator=(CopiedRecords&& other) noexcept;
    ~CopiedRecords();
    CopiedRecords(Block const& like, std::uint64_t usual_bytes, std::uint32_t least_records, std::uint64_t least_bytes);

    bool has_room(std::uint32_t more_records, std::uint64_t more_bytes) const noexcept;
    bool is_full() const noexcept { return slices_used == records->slices.size(); }
    void add(RecordSlice const& original);
    void end_run() noexcept;
    char const* copy(char const* bytes, std::size_t size);
    void let_go() noexcept;

    std::shared_ptr<RecordBlock> records;  // null at first
    std::uint32_t slices_used = 0;
    std::uint64_t bytes_used = 0;
  };

  struct Stream {
    explicit Stream(StreamQueue& stream_queue) : queue(&stream_queue) {}
    RecordNumber next_number() const noexcept { return queue->first_number + read.records; }

    StreamQueue* queue;
    RecordCounts read;                         // in this sync
    std::optional<RecordNumber> state_behind;  // records before the last STATE of its scope
    RecordCounts drained;                      // read behind the place where it was broken off
    bool incomplete = false;
    bool ended = false;
    bool broken_off = false;
    bool has_moved = false;  // stands in moved_
    CopiedRecords copied;
    // of the block at hand
    std::uint32_t block_records = 0;
    std::uint32_t next_index = 0;
    std::uint64_t block_bytes = 0;
  };
  struct NameHash {
    std::size_t operator()(StreamName const& name) const noexcept;
  };

  void route_lines(std::string_view text);
  ParsedMessage const* parse(std::string_view line);
  bool reject_broken_line(NotJson const& error, std::string_view line);
  Stream* find(BeginningOfRecord const& beginning);
  void route_message(ParsedMessage const& message, std::string_view line);
  void handle(ParsedMessage const& message, std::string_view line);
  void handle_record(ParsedMessage const& message, std::string_view line);
  void refuse_record(Stream& stream, std::string_view reason, std::string_view line);
  void break_off(Stream& stream, std::string_view reason);
  void drain(Stream& stream, std::string_view line);
  void add_unreadable(Stream& stream, std::string_view reason, std::string_view line);
  void add(Stream& stream, RecordSlice const& slice, std::string_view line);
  void note_moved(Stream& stream);
  static RecordCounts counts_of(Stream const& stream) noexcept;
  RecordSlice slice_of(ParsedMessage const& message, std::string_view line);
  void replace_lone_surrogates_in(RecordSlice& slice, ParsedMessage const& message, std::string_view line);
  std::string_view keep_text(std::string const& text);
  void handle_state();
  void handle_status(ParsedMessage const& message, StreamStatus status);
  std::optional<std::size_t> place_of(StreamName const& name) const;
  Stream* find(StreamName const& name);
  Error unknown_stream(ErrorClass error_class, std::string_view what, StreamName const& name) const;
  Error broken_line(Error error, std::string_view line) const;
  std::vector<StreamPosition> positions_of(StateMessage const& state);
  EndOfStream end_of(Stream const& stream, StreamStatus status, bool input_complete) const;
  void forward(InputLines const& lines, std::uint64_t line_count);
  void forward_all(InputLines const& lines, std::uint64_t line_count);
  void end_all(bool input_complete);
  void forward_checkpoints(Block const& block);
  void forward_records(InputLines const& lines);
  void group_by_stream();
  std::shared_ptr<RecordBlock> share(std::shared_ptr<Block> const& block);
  static RecordRun run_of(Stream const& stream, std::shared_ptr<RecordBlock const> records);
  RecordRun copy_out(Stream& stream, Block const& block);
  void queue_run(std::size_t stream, RecordRun run);
  void forward_end(std::size_t stream, EndOfStream const& end);

  CheckpointQueue& checkpoint_queue_;
  Clock const& clock_;
  InputProgress& progress_;
  std::uint64_t room_bytes_;
  bool rejects_;
  LineScanner scanner_;
  MessageParser parser_;
  std::vector<Stream> streams_;                                    // in catalog order
  std::unordered_map<StreamName, std::size_t, NameHash> by_name_;  // views of the catalog's names
  std::size_t last_found_ = 0;
  std::vector<std::size_t> moved_;        // streams with records since the last STATE of the whole sync
  bool every_position_is_known_ = false;  // by such a STATE
  std::uint64_t line_number_ = 0;
  std::uint64_t ignored_in_block_ = 0;
  TimePoint read_at_;  // of the block at hand

  Block* block_ = nullptr;                      // at hand
  std::vector<std::unique_ptr<char[]>> texts_;  // see RecordBlock

  // The block at hand; kept for the next one, so that nothing is allocated for a record.
  std::vector<RecordSlice> slices_;        // in the order read
  std::vector<std::uint32_t> stream_of_;   // parallel to slices_
  std::vector<RecordSlice> grouped_;       // the same, grouped by stream
  std::vector<std::size_t> with_records_;  // streams, in order of their first record
  std::vector<Checkpoint> checkpoints_;
  std::vector<std::pair<std::size_t, EndOfStream>> ends_;
};

}  // namespace landfall
