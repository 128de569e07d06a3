#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include <landfall/destination/outcome.hpp>
#include <landfall/destination/stream_loader.hpp>
#include <landfall/protocol/catalog.hpp>
#include <landfall/runtime/error.hpp>
#include <landfall/state/changed_streams.hpp>
#include <landfall/state/stream_manager.hpp>

namespace landfall {

/// What is known about a whole sync: its streams and loaders, what has happened, its errors.
///
/// Threads:  none of its own; lives on the control strand. No I/O, no waiting: the TaskLauncher starts a task when what
///           it needs has happened, so nobody has to wait for it (base design: latches; W5).
/// Errors:   Error(system) for calls in a wrong order, as noted; the state is unchanged then.
/// Source:   base design 1.3, 2.1; behaviours 44-56.
class SyncManager {
 public:
  explicit SyncManager(DestinationCatalog catalog);
  SyncManager(SyncManager&&) = default;
  SyncManager& operator=(SyncManager&&) = default;

  DestinationCatalog const& catalog() const noexcept { return catalog_; }

  /// Errors: Error(system) "stream ... is not in the catalog".
  StreamManager& stream_manager(StreamDescriptor const& stream);
  StreamManager const& stream_manager(StreamDescriptor const& stream) const;
  /// Of the stream at this place of the catalog.
  StreamManager const& stream_at(std::size_t place) const noexcept { return *in_catalog_order_[place]; }

  /// Places of the streams that changed since the last call, see ChangedStreams. For the CheckpointManager alone.
  std::vector<std::size_t> take_changed_streams() { return changed_streams_->take(); }

  /// The loader of a stream whose open() and start() returned. The first registration stays; false for a later one.
  bool register_started_loader(StreamDescriptor const& stream, std::shared_ptr<StreamLoader> loader);
  /// Null when none was registered.
  std::shared_ptr<StreamLoader> loader(StreamDescriptor const& stream) const;

  /// Each is set once and stays; setting it again changes nothing.
  void mark_setup_complete() noexcept { setup_complete_ = true; }
  void mark_input_consumed() noexcept { input_consumed_ = true; }
  void mark_checkpoints_processed() noexcept { checkpoints_processed_ = true; }
  bool setup_complete() const noexcept { return setup_complete_; }
  bool input_consumed() const noexcept { return input_consumed_; }
  bool checkpoints_processed() const noexcept { return checkpoints_processed_; }

  /// Every stream of the catalog has a result.
  bool all_streams_ended();
  /// Every stream of the catalog ended complete.
  bool all_streams_complete() const;
  /// In catalog order.
  std::vector<StreamDescriptor> active_streams() const;

  /// Keeps `error`: the first one is the cause, later ones are attached to it.
  void add_error(Error error);
  std::optional<Error> const& error() const noexcept { return error_; }

  /// The sync is over. Once.
  /// Errors: Error(system) when a stream is still active, or the second time.
  void mark_destination_ended();
  bool is_active() const noexcept { return active_; }

  /// As teardown() sees it: streams that are still active count as failed.
  SyncOutcome outcome() const;

 private:
  DestinationCatalog catalog_;
  std::unique_ptr<ChangedStreams> changed_streams_;
  std::map<StreamDescriptor, StreamManager> streams_;
  std::vector<StreamManager const*> in_catalog_order_;
  std::size_t first_active_ = 0;  // in catalog order; all before it have ended, for good
  std::map<StreamDescriptor, std::shared_ptr<StreamLoader>> loaders_;
  bool setup_complete_ = false;
  bool input_consumed_ = false;
  bool checkpoints_processed_ = false;
  bool active_ = true;
  std::optional<Error> error_;
};

}  // namespace landfall
