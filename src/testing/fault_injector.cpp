#include <landfall/testing/fault_injector.hpp>

#include <algorithm>
#include <stdexcept>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/error.hpp>

#include "testing/random.hpp"

namespace landfall::testing {

namespace {

constexpr Duration hang_slice = std::chrono::seconds(5);  // then it looks whether its process is still there

CallEnd end_of(std::exception_ptr const& failure) {
  if (is_cancellation(failure)) return CallEnd::cancelled;
  switch (Error::from(failure).error_class()) {
    case ErrorClass::config:
      return CallEnd::config;
    case ErrorClass::transient:
      return CallEnd::transient;
    case ErrorClass::rejected_records:
      return CallEnd::rejected;
    case ErrorClass::unknown_outcome:
      return CallEnd::unknown;
    case ErrorClass::system:
      return CallEnd::system;
  }
  return CallEnd::system;
}

std::vector<std::vector<InputStep const*>> records_of(Scenario const& scenario, std::vector<InputStep> const& input) {
  std::vector<std::vector<InputStep const*>> records(scenario.streams.size());
  for (InputStep const& step : input) {
    if (step.kind == StepKind::record) records[step.stream].push_back(&step);
  }
  return records;
}

}  // namespace

FaultInjector::FaultInjector(Clock& clock, Scenario const& scenario, std::vector<InputStep> const& input,
                             bool with_faults)
    : clock_(clock),
      scenario_(scenario),
      records_(records_of(scenario, input)),
      calls_(scenario.streams.size() + 1),
      with_faults_(with_faults),
      latency_random_(scenario.seed),
      dropped_(EventKind::crash, TimePoint{}) {
  for (auto& of_stream : calls_) of_stream.fill(0);
}

void FaultInjector::go_on_behind(std::vector<RecordNumber> first_numbers,
                                 std::vector<std::vector<InputStep>> const& before) {
  for (std::size_t stream = 0; stream < records_.size(); ++stream) {
    std::vector<InputStep const*> all(first_numbers[stream], nullptr);
    for (std::size_t number = 0; number < all.size() && number < before[stream].size(); ++number) {
      all[number] = &before[stream][number];
    }
    all.insert(all.end(), records_[stream].begin(), records_[stream].end());
    records_[stream] = std::move(all);
  }
}

std::vector<std::vector<std::uint64_t>> FaultInjector::rows() const {
  std::vector<std::vector<std::uint64_t>> rows(records_.size());
  for (std::size_t stream = 0; stream < records_.size(); ++stream) {
    for (InputStep const* const record : records_[stream]) rows[stream].push_back(record ? record->number : 0);
  }
  return rows;
}

void FaultInjector::crash() {
  if (crashed_) return;
  trace_.add(EventKind::crash, clock_.now());
  crashed_ = true;
}

std::size_t FaultInjector::index_of(StreamDescriptor const& stream) const {
  auto const& streams = scenario_.streams;
  auto const found = std::find_if(streams.begin(), streams.end(),
                                  [&stream](StreamPlan const& plan) { return plan.descriptor == stream; });
  LANDFALL_ASSERT(found != streams.end());
  return static_cast<std::size_t>(found - streams.begin());
}

TraceEvent& FaultInjector::begin(Call& call) {
  if (crashed_) throw config_error("the process is gone");
  std::size_t& made = calls_[call.stream.value_or(scenario_.streams.size())][static_cast<std::size_t>(call.kind)];
  if (with_faults_) {
    for (Fault const& fault : scenario_.faults) {
      if (fault.hits(call.kind, call.stream, made)) call.fault = fault;
    }
  }
  ++made;
  call.number = trace_.next_call();
  TraceEvent& event = trace_.add(EventKind::call_begins, clock_.now());
  event.call = call.kind;
  event.call_number = call.number;
  event.stream = call.stream;
  event.batch = call.batch;
  event.step = call.step;
  return event;
}

void FaultInjector::note_records(TraceEvent& event, RecordBatch const& records, std::size_t stream) {
  event.records.reserve(records.size());
  for (Record const record : records) {
    event.records.push_back(record.number());
    if (!is_as_sent(record, stream)) event.data_is_wrong = true;
  }
}

bool FaultInjector::is_as_sent(Record record, std::size_t stream) {
  auto const& sent = records_[stream];
  InputStep const* const step = record.number() < sent.size() ? sent[record.number()] : nullptr;
  if (step == nullptr || record.is_unreadable() != (step->damage != Damage::none)) return false;
  expected_.clear();
  if (record.is_unreadable()) {
    append_record_line(expected_, scenario_, *step);
    return record.line() == expected_;
  }
  append_data(expected_, *step);
  return record.data() == expected_;
}

void FaultInjector::note_rejected(TraceEvent& event, RecordBatch const& records,
                                  std::vector<RejectedRecord> const& rejected, std::size_t stream) {
  for (RejectedRecord const& one : rejected) event.records.push_back(one.number);
  std::size_t found = 0;
  for (Record const record : records) {
    if (std::ranges::count(event.records, record.number()) == 0) continue;
    ++found;
    if (!is_as_sent(record, stream)) event.data_is_wrong = true;
  }
  if (found != rejected.size()) event.data_is_wrong = true;
}

std::vector<std::set<RecordNumber>> FaultInjector::damaged() const {
  std::vector<std::set<RecordNumber>> numbers(records_.size());
  for (std::size_t stream = 0; stream < records_.size(); ++stream) {
    for (RecordNumber number = 0; number < records_[stream].size(); ++number) {
      InputStep const* const step = records_[stream][number];
      if (step != nullptr && step->damage != Damage::none) numbers[stream].insert(number);
    }
  }
  return numbers;
}

std::vector<RejectedRecord> FaultInjector::poison_in(RecordBatch const& records, std::size_t stream) const {
  std::vector<RejectedRecord> rejected;
  auto const& poison = scenario_.streams[stream].poison;
  bool const goes_on_rejecting = scenario_.resume && scenario_.has_reject_sink;
  if (poison.empty() || !(with_faults_ || goes_on_rejecting)) return rejected;
  for (Record const record : records) {
    auto const row = records_[stream].at(record.number())->number;
    if (!std::binary_search(poison.begin(), poison.end(), row)) continue;
    RejectedRecord one(record.number(), "it cannot be loaded");
    rejected.push_back(std::move(one));
  }
  return rejected;
}

bool FaultInjector::waits_before(Call const& call) const noexcept {
  if (gate_ != nullptr || scenario_.latency > Duration::zero()) return true;
  if (!call.fault) return false;
  FaultKind const what = call.fault->what;
  return what == FaultKind::hang || what == FaultKind::slow || what == FaultKind::late_throw;
}

awaitable<void> FaultInjector::before(Call& call) {
  if (gate_ != nullptr) co_await gate_->wait(call.kind, call.stream);
  if (scenario_.latency > Duration::zero() && !crashed_) {
    Random random(latency_random_++);
    Duration const latency(
        static_cast<Duration::rep>(random.below(static_cast<std::uint64_t>(scenario_.latency.count()) + 1)));
    co_await clock_.sleep_for(latency);
  }
  if (!call.fault) co_return;
  switch (call.fault->what) {
    case FaultKind::hang:
      while (!crashed_) co_await clock_.sleep_for(hang_slice);
      break;
    case FaultKind::slow:
      co_await clock_.sleep_for(call.fault->delay);
      break;
    case FaultKind::late_throw:
      co_await sleep_deaf(call.fault->delay);
      break;
    case FaultKind::config:
    case FaultKind::transient:
    case FaultKind::throttled:
    case FaultKind::system:
    case FaultKind::foreign:
    case FaultKind::aborted:
    case FaultKind::unknown:
    case FaultKind::unknown_applied:
    case FaultKind::late_answer:
      break;
  }
}

void FaultInjector::throw_before(Call const& call) const {
  if (crashed_) throw config_error("the process is gone");
  if (call.fault) {
    switch (call.fault->what) {
      case FaultKind::config:
        throw config_error("broken on purpose");
      case FaultKind::transient:
        throw transient_error("broken on purpose");
      case FaultKind::throttled: {
        Error error = transient_error("broken on purpose");
        error.set_retry_after(std::chrono::duration_cast<std::chrono::milliseconds>(call.fault->delay));
        throw error;
      }
      case FaultKind::system:
        throw system_error("broken on purpose");
      case FaultKind::foreign:
        throw std::runtime_error("broken on purpose");
      case FaultKind::aborted:
        throw boost::system::system_error(asio::error::operation_aborted);
      case FaultKind::unknown:
      case FaultKind::late_throw:
        throw unknown_outcome_error("broken on purpose");
      case FaultKind::unknown_applied:
      case FaultKind::hang:
      case FaultKind::slow:
      case FaultKind::late_answer:
        break;
    }
  }
  if (call.throws_rejected) throw RejectedRecords("rejected on purpose", *call.throws_rejected);
}

awaitable<void> FaultInjector::after(Call& call) {
  if (call.fault->what == FaultKind::late_answer) co_await sleep_deaf(call.fault->delay);
  if (call.fault->what == FaultKind::unknown_applied)
    throw unknown_outcome_error("applied, and then broken on purpose");
}

// As a blocking call does: a cancellation does not reach it.
awaitable<void> FaultInjector::sleep_deaf(Duration time) {
  auto executor = co_await asio::this_coro::executor;
  auto token = asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable);
  co_await asio::co_spawn(executor, clock_.sleep_for(time), token);
}

TraceEvent& FaultInjector::note_end(Call const& call) {
  if (crashed_) return dropped_;
  TraceEvent& event = trace_.add(EventKind::call_ends, clock_.now());
  event.call = call.kind;
  event.call_number = call.number;
  event.stream = call.stream;
  event.batch = call.batch;
  event.step = call.step;
  if (call.fault) event.fault = call.fault->what;
  return event;
}

void FaultInjector::note_failure(Call const& call, std::exception_ptr const& failure) {
  if (crashed_) return;
  TraceEvent& event = note_end(call);
  event.end = end_of(failure);
  try {
    std::rethrow_exception(failure);
  } catch (RejectedRecords const& rejected) {
    for (RejectedRecord const& record : rejected.records) event.records.push_back(record.number);
  } catch (std::exception const& error) {
    event.text = error.what();
  } catch (...) {
    event.text = "not a std::exception";
  }
}

void FaultInjector::note_answer(TraceEvent& event, Batch const& answer) {
  event.state = answer.state();
  event.records.clear();
  for (RejectedRecord const& record : answer.rejected()) event.records.push_back(record.number);
}

void FaultInjector::note_answer(TraceEvent& event, ProbeResult answer) { event.probe = answer; }

awaitable<void> TracingSink::write(std::string lines) {
  FaultInjector::Call call;
  call.kind = CallKind::write;
  injector_.begin(call);
  co_await injector_.run(call, note(std::move(lines)));
}

awaitable<void> TracingSink::note(std::string lines) {
  for (std::size_t begin = 0; begin < lines.size();) {
    auto const end = std::min(lines.find('\n', begin), lines.size());
    TraceEvent& event = injector_.trace().add(EventKind::state, injector_.clock().now());
    event.text.assign(lines, begin, end - begin);
    begin = end + 1;
  }
  co_return;
}

namespace {

awaitable<void> nothing() { co_return; }

}  // namespace

awaitable<void> TracingRejectSink::write(RecordBatch const& batch, std::vector<RejectedRecord> const& rejected) {
  FaultInjector::Call call;
  call.kind = CallKind::reject;
  call.stream = injector_.index_of(batch.stream().descriptor);
  call.batch = batch.id();
  injector_.note_rejected(injector_.begin(call), batch, rejected, *call.stream);
  co_await injector_.run(call, nothing());
}

}  // namespace landfall::testing
