#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include <landfall/destination/record_batch.hpp>
#include <landfall/protocol/catalog.hpp>
#include <landfall/runtime/clock.hpp>
#include <landfall/runtime/memory_budget.hpp>
#include <landfall/runtime/message_queue.hpp>
#include <landfall/runtime/wait_list.hpp>
#include <landfall/state/stream_manager.hpp>

namespace landfall {

/// Records of one stream and one read of the input.
struct ReadRun {
  ReadRun(RecordRun run_of_records, TimePoint time) : records(std::move(run_of_records)), read_at(time) {}
  RecordRun records;
  TimePoint read_at;
};

/// What the router hands to the SpillToDiskTask of a stream.
using StreamElement = std::variant<ReadRun, EndOfStream>;

/// Of a sync: the batches that were closed and are still in memory.
struct ClosedBatches {
  std::atomic<std::uint64_t> bytes = 0;
  std::function<void()> when_one_is_gone;  ///< on any thread; set before the first
};

/// Of a stream: its closed batches that are not done.
struct UnfinishedBatches {
  std::mutex mutex;
  std::uint64_t count = 0;
  std::uint64_t finished = 0;  ///< so many have gone
  WaitList waiters;            ///< for one to go, or for the end of their patience
};

/// What of one stream was read and is not part of a closed batch yet.
///
/// Meaning: the router queues, the stream's spill task closes batches. The task sleeps until a batch is due: the router
///          knows how much there is and wakes it then, so a run costs no coroutine.
/// Threads: those of the router any, one at a time; those of the spill task its own (there is one at a time); the rest
///          any.
class StreamQueue {
 public:
  /// `first`: the number of the first record that will be queued.
  StreamQueue(std::shared_ptr<DestinationStream const> of_stream, std::shared_ptr<ClosedBatches> closed,
              RecordNumber first = 0)
      : stream(std::move(of_stream)),
        first_number(first),
        queue_(UINT64_MAX),  // bounded by the memory budget that its blocks hold
        closed_(std::move(closed)),
        queued_until_(first),
        flush_until_(first),
        batched_until_(first) {}

  std::shared_ptr<DestinationStream const> const stream;
  RecordNumber const first_number;

  // ---- the router ----

  void push(ReadRun run);
  /// Nothing comes behind it.
  void push_end(EndOfStream const& end);

  // ---- the spill task ----

  /// A batch is due when it has so many bytes or records. Said before anything is taken for it.
  void begin_batch(std::uint64_t due_bytes, std::uint64_t due_records) noexcept;
  /// Leaves to begin_batch() what was taken and does not belong to the batch: the first thing that take() gives.
  void put_back(std::vector<StreamElement> rest) { put_back_ = std::move(rest); }
  void end_batch(RecordBatch& batch);
  /// Closed batches whose records are still somewhere on the way.
  std::uint64_t unfinished_batches() const;
  /// Counts as one of them while it lives.
  std::shared_ptr<void const> one_unfinished() const;
  /// How many of them are done.
  std::uint64_t finished_batches() const;
  /// No batch has been done since the last time that patience ended.
  bool stands_still() const { return stood_still_at_ == finished_batches(); }
  /// A batch that went to disk is not done: nothing has moved by that.
  void note_spilled() noexcept;
  /// While memory presses one batch is let through, beside those that run, for each that is done.
  bool may_be_let_through() const { return let_through_ <= finished_batches(); }
  void note_let_through();
  /// Waits until more than `seen` are done, but no longer than `patience`: false then.
  awaitable<bool> wait_for_progress(std::uint64_t seen, Clock& clock, Duration patience);

  struct Taken {
    Taken() = default;
    std::vector<StreamElement> elements;
    bool ended = false;  ///< nothing will follow these
  };
  /// What there is, without waiting.
  Taken take();
  /// What there is once a batch may be due, something was asked for, or the stream has ended.
  awaitable<Taken> wait();
  /// Nobody will take anything any more: what comes is dropped.
  void discard();

  bool is_flush_requested(RecordNumber first_of_batch) const noexcept { return first_of_batch < flush_until_.load(); }

  // ---- anybody ----

  /// Asks to close the batch that holds what has been queued by now.
  void request_flush();
  /// Lets the spill task look at the age of its batch.
  void wake() { queue_.wake(); }
  /// Of records queued, taken, or in the open batch.
  std::uint64_t accumulated_bytes() const noexcept { return discarded_.load() ? 0 : accumulated_bytes_.load(); }

 private:
  MessageQueue<StreamElement> queue_;
  std::shared_ptr<ClosedBatches> closed_;
  std::shared_ptr<UnfinishedBatches> unfinished_ = std::make_shared<UnfinishedBatches>();
  std::uint64_t let_through_ = 0;                     // of the spill task; see note_let_through()
  std::optional<std::uint64_t> stood_still_at_;       // of the spill task: what was finished when patience ended
  std::atomic<RecordNumber> queued_until_;            // number of the next record that will be queued
  std::atomic<RecordNumber> flush_until_;             // a batch that holds an earlier record is closed at once
  std::atomic<std::uint64_t> accumulated_bytes_ = 0;  // see accumulated_bytes()
  std::atomic<bool> discarded_ = false;
  std::atomic<std::uint64_t> due_bytes_ = UINT64_MAX;
  std::atomic<RecordNumber> due_until_ = UINT64_MAX;  // a batch that reaches this record is due
  RecordNumber batched_until_;                        // of the spill task: the next batch begins there
  std::vector<StreamElement> put_back_;               // of the spill task
};

/// How many bytes of open batches are to be closed when the reader waits for memory, of which `reserved_bytes` are
/// held, `closed_bytes` of them by closed batches: as many as it takes until a quarter is on its way out, and all that
/// is held beyond the capacity. 0 while three quarters of that are on their way: it is asked for each batch that goes,
/// and choosing among many streams takes time. What is on its way comes back by itself; closing more would only make
/// batches small, where there are many streams.
std::uint64_t bytes_to_flush(std::uint64_t capacity_bytes, std::uint64_t reserved_bytes,
                             std::uint64_t closed_bytes) noexcept;

/// The queues of all catalog streams. Made before the sync, shared by router, spill tasks and heartbeat.
class StreamQueues {
 public:
  /// `first_numbers`: of each stream of the catalog, the number of its first record; empty: 0 of all.
  explicit StreamQueues(DestinationCatalog const& catalog, std::vector<RecordNumber> const& first_numbers = {});

  /// While somebody waits for memory of `budget`, batches are closed as others go. Before the first batch; the budget
  /// outlives them.
  void serve(MemoryBudget const& budget);

  /// Null when the catalog has no such stream.
  StreamQueue* find(StreamDescriptor const& stream);
  std::vector<std::unique_ptr<StreamQueue>> const& all() const noexcept { return queues_; }

  /// Asks every stream that holds records to close its open batch, the largest first: a STATE waits, or memory. Records
  /// that are queued later are not meant by it.
  void request_flush_of_all();
  /// Asks the largest ones, until they hold `bytes` together.
  void request_flush(std::uint64_t bytes);
  /// Somebody begins to wait for memory of `budget`.
  void free_memory(MemoryBudget const& budget);
  /// Of batches that were closed and whose records are still in memory.
  std::uint64_t closed_bytes() const noexcept { return closed_->bytes.load(); }
  /// Wakes every spill task so that it looks at the age of its open batch.
  void check_age_of_all();

 private:
  std::shared_ptr<ClosedBatches> closed_ = std::make_shared<ClosedBatches>();
  std::vector<std::unique_ptr<StreamQueue>> queues_;
  std::unordered_map<StreamDescriptor, StreamQueue*> by_descriptor_;
};

}  // namespace landfall
