#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <landfall/destination/batch.hpp>
#include <landfall/destination/reject_sink.hpp>
#include <landfall/destination/stream_loader.hpp>
#include <landfall/protocol/message_sink.hpp>
#include <landfall/runtime/awaitable.hpp>
#include <landfall/runtime/clock.hpp>
#include <landfall/testing/fault_plan.hpp>
#include <landfall/testing/scenario.hpp>
#include <landfall/testing/trace.hpp>

namespace landfall::testing {

/// Holds every call until somebody lets it go on: so a test decides which of them ends next.
class CallGate {
 public:
  virtual ~CallGate() = default;
  virtual awaitable<void> wait(CallKind call, std::optional<std::size_t> stream) = 0;
};

/// Stands between the library and what it calls: carries out a fault plan and writes every call into a trace.
///
/// Crash:    after crash() no call reaches anybody any more, and nothing is written down.
/// Threads:  that of the simulation.
/// Lifetime: outlives the decorators that use it; clock and scenario outlive it.
class FaultInjector {
 public:
  /// A call on its way.
  struct Call {
    Call() = default;
    CallKind kind = CallKind::setup;
    std::optional<std::size_t> stream;
    std::uint64_t number = 0;
    BatchId batch;
    std::size_t step = 0;
    std::optional<Fault> fault;
    bool reached_target = false;                                 ///< the real call was made...
    std::optional<std::vector<RejectedRecord>> throws_rejected;  ///< it is answered by RejectedRecords with these
  };

  /// `input`: what this sync reads, to compare records with. `with_faults`: else only latency and gate are at work.
  FaultInjector(Clock& clock, Scenario const& scenario, std::vector<InputStep> const& input, bool with_faults);

  Trace& trace() noexcept { return trace_; }
  Trace const& trace() const noexcept { return trace_; }
  Clock& clock() noexcept { return clock_; }
  Scenario const& scenario() const noexcept { return scenario_; }

  void crash();
  bool crashed() const noexcept { return crashed_; }

  /// Not owned; outlives the sync. Null: calls do not wait.
  void set_gate(CallGate* gate) noexcept { gate_ = gate; }

  /// The sync goes on where earlier ones have ended: `first_numbers` of each stream, `before` the records that those
  /// have read, by stream and number.
  void go_on_behind(std::vector<RecordNumber> first_numbers, std::vector<std::vector<InputStep>> const& before);

  /// The rows of each stream, by record number.
  std::vector<std::vector<std::uint64_t>> rows() const;

  /// The place of a stream in the catalog.
  std::size_t index_of(StreamDescriptor const& stream) const;

  /// The loader of this stream needs no order.
  void note_unordered(std::size_t stream) { unordered_streams_.insert(stream); }
  std::set<std::size_t> const& unordered_streams() const noexcept { return unordered_streams_; }

  /// Notes that a call begins; the event may be filled in until the next one is added.
  /// Errors: Error(config) after a crash.
  TraceEvent& begin(Call& call);

  /// Whether each record is what the source sent; fills in their numbers.
  void note_records(TraceEvent& event, RecordBatch const& records, std::size_t stream);

  /// Whether each of these is what the source sent, and in the way a reject file gets it; fills in their numbers.
  void note_rejected(TraceEvent& event, RecordBatch const& records, std::vector<RejectedRecord> const& rejected,
                     std::size_t stream);

  /// The numbers of the records of each stream whose lines are damaged.
  std::vector<std::set<RecordNumber>> damaged() const;

  /// Which of these records the scenario wants to be rejected.
  std::vector<RejectedRecord> poison_in(RecordBatch const& records, std::size_t stream) const;

  /// Makes the real call, or does to it what the plan says, and notes how it ended. begin() came before.
  template <class T>
  awaitable<T> run(Call& call, awaitable<T> real) {
    std::optional<std::conditional_t<std::is_void_v<T>, bool, T>> answer;
    std::exception_ptr failure;
    try {
      if (waits_before(call)) co_await before(call);
      throw_before(call);
      call.reached_target = true;
      if constexpr (std::is_void_v<T>) {
        co_await std::move(real);
      } else {
        answer.emplace(co_await std::move(real));
      }
      if (call.fault) co_await after(call);
    } catch (...) {
      failure = std::current_exception();
    }
    if (failure) {
      note_failure(call, failure);
      std::rethrow_exception(failure);
    }
    if constexpr (std::is_void_v<T>) {
      note_end(call);
    } else {
      note_answer(note_end(call), *answer);
      co_return std::move(*answer);
    }
  }

 private:
  bool waits_before(Call const& call) const noexcept;
  awaitable<void> before(Call& call);
  void throw_before(Call const& call) const;
  awaitable<void> after(Call& call);
  awaitable<void> sleep_deaf(Duration time);
  TraceEvent& note_end(Call const& call);
  bool is_as_sent(Record record, std::size_t stream);
  void note_failure(Call const& call, std::exception_ptr const& failure);
  static void note_answer(TraceEvent& event, Batch const& answer);
  static void note_answer(TraceEvent& event, ProbeResult answer);
  template <class T>
  static void note_answer(TraceEvent& event, std::unique_ptr<T> const& answer) {
    event.succeeded = answer != nullptr;
  }

  Clock& clock_;
  Scenario const& scenario_;
  std::vector<std::vector<InputStep const*>> records_;           // of each stream, by number; null: nobody sent it
  std::vector<std::array<std::size_t, call_kind_count>> calls_;  // made so far: for each stream, the last for no stream
  std::set<std::size_t> unordered_streams_;
  bool with_faults_;
  bool crashed_ = false;
  std::uint64_t latency_random_;
  CallGate* gate_ = nullptr;
  Trace trace_;
  TraceEvent dropped_;  // what happens after a crash
  std::string expected_;
};

/// A MessageSink that notes what is written, and fails as the plan says.
class TracingSink final : public MessageSink {
 public:
  explicit TracingSink(FaultInjector& injector) : injector_(injector) {}
  awaitable<void> write(std::string lines) override;

 private:
  awaitable<void> note(std::string lines);
  FaultInjector& injector_;
};

/// A RejectSink that notes what is rejected, and fails as the plan says.
class TracingRejectSink final : public RejectSink {
 public:
  explicit TracingRejectSink(FaultInjector& injector) : injector_(injector) {}
  awaitable<void> write(RecordBatch const& batch, std::vector<RejectedRecord> const& rejected) override;

 private:
  FaultInjector& injector_;
};

}  // namespace landfall::testing
