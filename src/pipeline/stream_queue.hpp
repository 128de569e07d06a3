#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <variant>
#include <vector>

#include <landfall/destination/record_batch.hpp>
#include <landfall/protocol/catalog.hpp>
#include <landfall/runtime/message_queue.hpp>
#include <landfall/state/stream_manager.hpp>

namespace landfall {

/// What the router hands to the SpillToDiskTask of a stream.
using StreamElement = std::variant<RecordRun, EndOfStream>;

/// The open batch of one stream between two spill tasks: what was taken from the queue and is not closed yet, and
/// what arrived behind the place where the last batch was closed.
///
/// Threads: `queue` and the atomics any; the rest belongs to the stream's spill task (there is one at a time).
struct StreamQueue {
  explicit StreamQueue(std::shared_ptr<DestinationStream const> of_stream)
      : stream(std::move(of_stream)), queue(UINT64_MAX) {}  // bounded by the memory budget that its blocks hold

  std::shared_ptr<DestinationStream const> stream;
  MessageQueue<StreamElement> queue;
  std::atomic<RecordNumber> queued_until = 0;        ///< number of the next record that will be queued
  std::atomic<RecordNumber> flush_until = 0;         ///< a batch that holds an earlier record is closed at once
  std::atomic<std::uint64_t> accumulated_bytes = 0;  ///< of records queued or in the open batch
  std::vector<StreamElement> taken;                  ///< drained from the queue, not yet part of a batch
};

/// The queues of all catalog streams. Made before the sync, shared by router, spill tasks and heartbeat.
class StreamQueues {
 public:
  explicit StreamQueues(DestinationCatalog const& catalog);

  /// Null when the catalog has no such stream.
  StreamQueue* find(StreamDescriptor const& stream);
  std::vector<std::unique_ptr<StreamQueue>> const& all() const noexcept { return queues_; }

  /// Asks every stream that holds records to close its open batch, the largest first: memory presses, or a STATE waits.
  /// Records that are queued later are not meant by it.
  void request_flush_of_all();
  /// Wakes every spill task so that it looks at the age of its open batch.
  void check_age_of_all();

 private:
  std::vector<std::unique_ptr<StreamQueue>> queues_;
  std::unordered_map<StreamDescriptor, StreamQueue*> by_descriptor_;
};

}  // namespace landfall
