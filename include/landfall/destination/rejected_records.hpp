#pragma once

#include <string>
#include <utility>
#include <vector>

#include <landfall/destination/record_batch.hpp>
#include <landfall/runtime/error.hpp>

namespace landfall {

/// A record that cannot be loaded, and why. The reason is told to people: no need to repeat the record in it.
struct RejectedRecord {
  RejectedRecord(RecordNumber record_number, std::string why) : number(record_number), reason(std::move(why)) {}

  RecordNumber number;
  std::string reason;
};

/// Thrown by process_records() (or by a LoadStep that has the records): these records cannot be loaded, and nothing of
/// the batch was.
///
/// Meaning: the batch is offered again without them. When the loader cannot say which ones they are, `records` is
///          empty: then the batch is offered in halves, until the bad ones stand alone. Each half has an id of its own
///          (BatchId::part).
/// What becomes of them: they go to the reject file (SyncOptions::reject_sink) and count as accounted for. Without one
///          their stream fails.
/// See also: Batch::rejecting(), for a loader which has loaded all but some.
class RejectedRecords : public Error {
 public:
  explicit RejectedRecords(std::string message, std::vector<RejectedRecord> rejected = {})
      : Error(ErrorClass::rejected_records, std::move(message)), records(std::move(rejected)) {}

  std::vector<RejectedRecord> records;
};

}  // namespace landfall
