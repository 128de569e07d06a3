#pragma once

#include <vector>

#include <landfall/destination/record_batch.hpp>
#include <landfall/destination/rejected_records.hpp>
#include <landfall/runtime/awaitable.hpp>

namespace landfall {

/// Where records go that cannot be loaded.
///
/// Threads:  any; several streams may write at once.
/// Lifetime: outlives the sync.
class RejectSink {
 public:
  virtual ~RejectSink() = default;

  /// Keeps `rejected`, which are records of `batch`. They are durable when it returns: after that a STATE behind them
  /// may be printed. A record may come again when a sync is repeated. Where Record::is_unreadable(), there is a line()
  /// instead of data and meta.
  /// Errors: thrown; the stream fails, and nothing of it is acknowledged.
  virtual awaitable<void> write(RecordBatch const& batch, std::vector<RejectedRecord> const& rejected) = 0;
};

}  // namespace landfall
