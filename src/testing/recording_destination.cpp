#include <landfall/testing/recording_destination.hpp>

#include <algorithm>
#include <utility>

namespace landfall::testing {

awaitable<void> CollectingSink::write(std::string lines) {
  if (before_write) co_await before_write();
  std::lock_guard const lock(mutex_);
  for (std::size_t begin = 0; begin < lines.size();) {
    auto const end = lines.find('\n', begin);
    lines_.push_back(lines.substr(begin, end - begin));
    begin = end == std::string::npos ? lines.size() : end + 1;
  }
}

std::vector<std::string> CollectingSink::lines() const {
  std::lock_guard const lock(mutex_);
  return lines_;
}

/// What is carried from answer to answer.
struct RecordedBatch {
  RecordNumber first = 0;
  std::vector<std::string> records;
  std::size_t next_answer = 0;
};

class RecordingDestination::Loader final : public StreamLoader {
 public:
  Loader(RecordingDestination& destination, StreamDescriptor stream)
      : destination_(destination), stream_(std::move(stream)), name_(to_string(stream_)) {}

  bool needs_order() const override { return destination_.needs_order; }

  awaitable<void> start() override { co_await destination_.enter("start " + name_); }

  awaitable<Batch> process_records(RecordBatch records) override {
    co_await destination_.enter("process_records " + name_);
    RecordedBatch recorded;
    recorded.first = records.first_number();
    for (Record const record : records) recorded.records.emplace_back(record.data());
    co_return answer(std::move(recorded));
  }

  awaitable<Batch> process_batch(Batch batch) override {
    co_await destination_.enter("process_batch " + name_);
    co_return answer(std::any_cast<RecordedBatch>(std::move(batch.payload())));
  }

  awaitable<void> close(StreamOutcome outcome) override {
    co_await destination_.enter("close " + name_);
    destination_.note(fmt::format("close {} {}", name_, to_string(outcome.end)));
  }

 private:
  Batch answer(RecordedBatch recorded) {
    BatchState const state = destination_.answers.at(recorded.next_answer++);
    if (state >= BatchState::persisted) destination_.make_durable(stream_, recorded.first, recorded.records);
    return Batch(state, std::move(recorded));
  }

  RecordingDestination& destination_;
  StreamDescriptor stream_;
  std::string name_;
};

awaitable<void> RecordingDestination::setup(DestinationCatalog const&) { co_await enter("setup"); }

awaitable<std::unique_ptr<StreamLoader>> RecordingDestination::open(DestinationStream const& stream) {
  co_await enter("open " + to_string(stream.descriptor));
  co_return std::make_unique<Loader>(*this, stream.descriptor);
}

awaitable<void> RecordingDestination::teardown(SyncOutcome outcome) {
  co_await enter("teardown");
  note(outcome.succeeded() ? "teardown complete" : "teardown failed");
}

std::vector<std::string> RecordingDestination::calls() const {
  std::lock_guard const lock(mutex_);
  return calls_;
}

std::size_t RecordingDestination::count(std::string const& call) const {
  std::lock_guard const lock(mutex_);
  return static_cast<std::size_t>(std::count(calls_.begin(), calls_.end(), call));
}

std::vector<std::string> RecordingDestination::durable(StreamDescriptor const& stream) const {
  std::lock_guard const lock(mutex_);
  std::vector<std::string> records;
  if (auto const found = durable_.find(stream); found != durable_.end()) {
    for (auto const& [number, record] : found->second) records.push_back(record);
  }
  return records;
}

awaitable<void> RecordingDestination::enter(std::string call) {
  note(call);
  if (before_call_) co_await before_call_(std::move(call));
}

void RecordingDestination::note(std::string call) {
  std::lock_guard const lock(mutex_);
  calls_.push_back(std::move(call));
}

void RecordingDestination::make_durable(StreamDescriptor const& stream, RecordNumber first,
                                        std::vector<std::string> records) {
  std::lock_guard const lock(mutex_);
  for (std::string& record : records) durable_[stream].insert_or_assign(first++, std::move(record));
}

}  // namespace landfall::testing
