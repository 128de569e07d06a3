#include "pipeline/rejector.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <landfall/launcher/task_launcher.hpp>
#include <landfall/runtime/assert.hpp>

namespace landfall {

namespace {

/// Sorted, each once.
std::vector<RecordNumber> numbers_of(std::vector<RejectedRecord> const& rejected) {
  std::vector<RecordNumber> numbers;
  numbers.reserve(rejected.size());
  for (RejectedRecord const& record : rejected) numbers.push_back(record.number);
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers;
}

void insist_on_members(RecordBatch const& batch, std::vector<RecordNumber> const& numbers) {
  if (batch.without(numbers).size() + numbers.size() == batch.size()) return;
  throw system_error("the loader rejected records, from {} to {}, that are not all in the batch", numbers.front(),
                     numbers.back());
}

/// The numbers of the batch but for these.
std::vector<Interval> between(RecordBatch const& batch, std::vector<RecordNumber> const& numbers) {
  std::vector<Interval> intervals;
  RecordNumber begin = batch.first_number();
  for (RecordNumber const number : numbers) {
    if (begin < number) intervals.push_back(Interval{begin, number});
    begin = number + 1;
  }
  if (begin < batch.end_number()) intervals.push_back(Interval{begin, batch.end_number()});
  return intervals;
}

struct ToWrite {
  ToWrite(RecordBatch of_batch, std::vector<RejectedRecord> records)
      : batch(std::move(of_batch)), rejected(std::move(records)) {}
  RecordBatch batch;
  std::vector<RejectedRecord> rejected;
};

/// Owns what it writes: it may outlive the one who waits for it.
awaitable<void> write(RejectSink& sink, std::shared_ptr<ToWrite const> what) {
  co_await sink.write(what->batch, what->rejected);
}

}  // namespace

Error cannot_be_loaded(RecordNumber record, StreamDescriptor const& stream, std::string_view reason) {
  return config_error(
      "record {} of stream {} cannot be loaded: {}. Fix it at the source, or name a reject file (--reject-file) to "
      "load "
      "the rest without such records",
      record, to_string(stream), reason);
}

awaitable<void> Rejector::reject(TaskLauncher& launcher, RecordBatch batch, std::vector<RejectedRecord> rejected,
                                 BatchState others_are) {
  LANDFALL_ASSERT(!rejected.empty());
  std::vector<RecordNumber> numbers = numbers_of(rejected);
  insist_on_members(batch, numbers);
  StreamDescriptor const stream = batch.stream().descriptor;
  // Whatever becomes of the rejected ones: if they fail the stream, this remains true.
  if (others_are >= BatchState::persisted) co_await launcher.handle_persisted(stream, between(batch, numbers));
  if (sink_ == nullptr) throw cannot_be_loaded(rejected.front().number, stream, rejected.front().reason);
  auto const what = std::make_shared<ToWrite const>(std::move(batch), std::move(rejected));
  PhaseRunner::Attempt<void> attempt = [this, what] { return write(*sink_, what); };
  std::optional<Error> failure;
  try {
    co_await phases_.run(Phase::process, "write rejected records of stream " + to_string(stream), std::move(attempt));
  } catch (Error const& error) {
    failure = error;
  }
  // One that still runs is no call into the loader: that can be closed all the same.
  if (failure) throw Error(failure->error_class(), failure->what());
  co_await launcher.handle_records_rejected(stream, std::move(numbers));
}

awaitable<std::vector<RecordBatch>> Rejector::refused(TaskLauncher& launcher, RecordBatch batch,
                                                      RejectedRecords refusal) {
  std::vector<RecordBatch> rest;
  if (refusal.records.empty() && batch.size() > 1) {
    auto halves = batch.halves();
    rest.push_back(std::move(halves.first));
    rest.push_back(std::move(halves.second));
    co_return rest;
  }
  if (refusal.records.empty()) refusal.records.emplace_back(batch.first_number(), refusal.message());
  RecordBatch others = batch.without(numbers_of(refusal.records));
  co_await reject(launcher, std::move(batch), std::move(refusal.records), BatchState::processed);
  if (!others.empty()) rest.push_back(std::move(others));
  co_return rest;
}

}  // namespace landfall
