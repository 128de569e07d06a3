#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <landfall/destination/destination.hpp>
#include <landfall/protocol/message_sink.hpp>
#include <landfall/runtime/awaitable.hpp>

namespace landfall::testing {

/// A MessageSink that keeps what was written.
///
/// Threads: any. Lines are whole and in the order written.
class CollectingSink final : public MessageSink {
 public:
  awaitable<void> write(std::string lines) override;

  /// Called before each write; may throw (a closed stdout) or wait (a slow reader).
  std::function<awaitable<void>()> before_write;

  std::vector<std::string> lines() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

/// A Destination that notes every call and keeps what was made durable: for tests of what surrounds it.
///
/// Threads:  any; calls are noted under a lock.
/// Lifetime: outlives its loaders, as every destination.
class RecordingDestination final : public Destination {
 public:
  /// Called before each call takes effect, with its name: "setup", "open users", "start users",
  /// "process_records users", "process_batch users", "close users", "teardown". May throw, wait, or look around.
  using Hook = std::function<awaitable<void>(std::string call)>;

  RecordingDestination() = default;
  explicit RecordingDestination(Hook before_call) : before_call_(std::move(before_call)) {}

  /// The states a loader goes through for each batch; the last must be complete. Records are durable from persisted on.
  std::vector<BatchState> answers{BatchState::complete};
  /// What its loaders say of themselves.
  bool needs_order = true;

  awaitable<void> setup(DestinationCatalog const& catalog) override;
  awaitable<std::unique_ptr<StreamLoader>> open(DestinationStream const& stream) override;
  awaitable<void> teardown(SyncOutcome outcome) override;

  /// In order: as for Hook, with the outcome of close and teardown: "close users complete", "teardown failed".
  std::vector<std::string> calls() const;
  /// How often `call` was noted.
  std::size_t count(std::string const& call) const;
  /// The `data` of the durable records of a stream, in record order.
  std::vector<std::string> durable(StreamDescriptor const& stream) const;

 private:
  class Loader;
  awaitable<void> enter(std::string call);
  void note(std::string call);
  void make_durable(StreamDescriptor const& stream, RecordNumber first, std::vector<std::string> records);

  Hook before_call_;
  mutable std::mutex mutex_;
  std::vector<std::string> calls_;
  std::map<StreamDescriptor, std::map<RecordNumber, std::string>> durable_;
};

}  // namespace landfall::testing
