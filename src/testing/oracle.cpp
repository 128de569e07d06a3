#include <landfall/testing/oracle.hpp>

#include <algorithm>
#include <charconv>
#include <map>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace landfall::testing {

namespace {

/// Words for a message: they are found only when it is written, since most checks have nothing to say.
struct StreamName {
  StreamName(Scenario const& of_scenario, std::size_t place) : scenario(&of_scenario), index(place) {}
  std::string str() const {
    return fmt::format("stream {} ({})", index, landfall::to_string(scenario->streams[index].descriptor));
  }
  Scenario const* scenario;
  std::size_t index;
};
struct PlanName {
  explicit PlanName(StreamPlan const& of_plan) : plan(&of_plan) {}
  std::string str() const { return "stream " + landfall::to_string(plan->descriptor); }
  StreamPlan const* plan;
};
struct CallName {
  CallName(Scenario const& of_scenario, TraceEvent const& of_event) : scenario(&of_scenario), event(&of_event) {}
  std::string str() const {
    std::string words(to_string(event->call));
    if (event->stream) words += " of " + StreamName(*scenario, *event->stream).str();
    return words;
  }
  Scenario const* scenario;
  TraceEvent const* event;
};

}  // namespace

}  // namespace landfall::testing

template <>
struct fmt::formatter<landfall::testing::StreamName> : fmt::formatter<std::string> {
  template <class Context>
  auto format(landfall::testing::StreamName const& name, Context& context) const {
    return fmt::formatter<std::string>::format(name.str(), context);
  }
};
template <>
struct fmt::formatter<landfall::testing::PlanName> : fmt::formatter<std::string> {
  template <class Context>
  auto format(landfall::testing::PlanName const& name, Context& context) const {
    return fmt::formatter<std::string>::format(name.str(), context);
  }
};
template <>
struct fmt::formatter<landfall::testing::CallName> : fmt::formatter<std::string> {
  template <class Context>
  auto format(landfall::testing::CallName const& name, Context& context) const {
    return fmt::formatter<std::string>::format(name.str(), context);
  }
};

namespace landfall::testing {

namespace {

/// Ends the checking of a run.
struct Broken {
  Violation violation;
};

template <class... Args>
[[noreturn]] void broken(int promise, fmt::format_string<Args...> text, Args&&... args) {
  throw Broken{Violation(promise, fmt::format(text, std::forward<Args>(args)...))};
}

template <class... Args>
void require(bool holds, int promise, fmt::format_string<Args...> text, Args&&... args) {
  if (!holds) broken(promise, text, std::forward<Args>(args)...);
}

/// A STATE of the input, and the records of each stream before it.
struct ExpectedState {
  ExpectedState(InputStep const& state, std::vector<std::uint64_t> before)
      : step(&state), positions(std::move(before)) {}
  InputStep const* step;
  std::vector<std::uint64_t> positions;
  bool written = false;
};

/// What the source said of a stream, as far as it was read.
struct SourceView {
  SourceView() = default;
  std::uint64_t records = 0;
  bool complete = false;
  bool incomplete = false;
  std::optional<std::uint64_t> state_behind;  // this many records
};

/// The part of the input that was read, by the rules of the protocol.
struct InputView {
  std::vector<SourceView> streams;
  std::vector<ExpectedState> states;  // to be answered, in order
  bool broken = false;                // reading ended with a failure of the input
  bool kinds_mixed = false;           // a STATE of another kind came: nothing behind it is answered

  InputView(Scenario const& scenario, std::vector<InputStep> const& input, bool cut_last_line, ObservedRun const& run)
      : streams(scenario.streams.size()) {
    std::size_t const cut_step = cut_last_line ? last_line(input) : input.size();
    for (std::size_t i = 0; i < run.steps_read && !broken; ++i) {
      if (i == cut_step) {
        broken = true;
      } else if (input[i].damage != Damage::none && !may_be_rejected(scenario, input[i])) {
        broken = true;
      } else {
        take(input[i]);
      }
    }
  }

 private:
  // The one that is cut; a noise line stays whole.
  static std::size_t last_line(std::vector<InputStep> const& input) {
    for (std::size_t i = input.size(); i-- > 0;) {
      if (input[i].kind == StepKind::pause || input[i].kind == StepKind::read_error) continue;
      return input[i].kind == StepKind::noise ? input.size() : i;
    }
    return input.size();
  }

  void take(InputStep const& step) {
    switch (step.kind) {
      case StepKind::record:
        if (streams[step.stream].complete) {
          broken = true;
        } else {
          ++streams[step.stream].records;
        }
        return;
      case StepKind::state:
        take_state(step);
        return;
      case StepKind::complete:
        if (!streams[step.stream].incomplete) streams[step.stream].complete = true;
        return;
      case StepKind::incomplete:
        if (streams[step.stream].complete) {
          broken = true;
        } else {
          streams[step.stream].incomplete = true;
        }
        return;
      case StepKind::bad_line:
      case StepKind::read_error:
        broken = true;
        return;
      case StepKind::noise:
      case StepKind::pause:
        return;
    }
  }

  void take_state(InputStep const& step) {
    if (kind_ && *kind_ != step.state) kinds_mixed = true;
    if (!kind_) kind_ = step.state;
    std::vector<std::uint64_t> positions;
    for (std::size_t i = 0; i < streams.size(); ++i) {
      bool const in_scope = step.state != StateKind::stream || i == step.stream;
      if (in_scope) streams[i].state_behind = streams[i].records;
      positions.push_back(in_scope ? streams[i].records : 0);
    }
    if (!kinds_mixed) states.emplace_back(step, std::move(positions));
  }

  std::optional<StateKind> kind_;
};

enum class RecordStatus : std::uint8_t {
  waiting,    // not offered yet, or may be offered again
  running,    // in a call
  asked,      // nobody knows: the loader is asked
  done,       // taken by the loader
  to_reject,  // on its way to the reject sink
  rejected,   // it is there
  lost,       // in a call that failed for good
};

struct RecordView {
  RecordStatus status = RecordStatus::waiting;
  std::size_t step = 0;   // of a load pipeline: the one that takes it next
  bool durable = false;   // the store says so
  bool claimed = false;   // the loader says so
  bool complete = false;  // the loader says that there is nothing more to do
  bool in_time = false;   // it was said before anybody can have stopped waiting for the answer
  bool earlier = false;   // an earlier process has read it: it may come once more
  bool damaged = false;   // its line is no JSON: no loader may see it
};

/// A batch, or a part of one.
struct BatchView {
  std::vector<RecordNumber> records;
  std::size_t failures = 0;  // in a row
  TimePoint began{};         // the call that runs, or ran last
  bool running = false;
  bool asked = false;
  bool answered_incomplete = false;  // waits for process_batch
};

struct StreamView {
  bool opening = false;
  bool opened = false;
  bool started = false;
  bool closing = false;  // a close was begun
  bool close_runs = false;
  bool closed = false;  // a close returned
  bool may_close_again = false;
  std::size_t open_failures = 0;
  std::size_t close_failures = 0;
  TimePoint call_began{};  // open, start, close
  std::size_t running = 0;
  bool records_run = false;
  bool fatal = false;     // a failure that nothing heals
  bool may_fail = false;  // a failure that need not be healed
  bool replaced = false;  // old rows are gone
  std::optional<StreamEnd> told;
  std::vector<RecordView> records;
  std::map<BatchId, BatchView> batches;
};

enum class Verdict { healed, fatal, either };

class RunChecker {
 public:
  RunChecker(Scenario const& scenario, std::vector<InputStep> const& input, bool cut_last_line, ObservedRun const& run,
             OracleOptions const& options)
      : scenario_(scenario),
        run_(run),
        options_(options),
        input_(scenario, input, cut_last_line, run),
        streams_(scenario.streams.size()),
        last_written_(scenario.streams.size() + 1) {
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      auto& records = streams_[i].records;
      records.assign(base(i), earlier_record());
      records.resize(base(i) + input_.streams[i].records);
      note_damaged(i);
    }
  }

  void check() {
    require(run_.stuck.empty(), 3, "{}", run_.stuck);
    for (TraceEvent const& event : run_.trace.events()) {
      if (event.kind == EventKind::crash) return;
      take(event);
    }
    if (!run_.crashed) check_end();
  }

 private:
  /// The number of the first record of this run.
  RecordNumber base(std::size_t stream) const { return run_.first_numbers.empty() ? 0 : run_.first_numbers[stream]; }

  // Those of an earlier process count as done, as all of them do: what became of them then, nobody asks.
  void note_damaged(std::size_t index) {
    auto& records = streams_[index].records;
    for (RecordNumber const number : run_.damaged[index]) {
      if (number >= records.size()) return;
      records[number].damaged = true;
      if (!records[number].earlier) records[number].status = RecordStatus::to_reject;
    }
  }

  static RecordView earlier_record() {
    RecordView record;
    record.status = RecordStatus::done;
    record.durable = record.claimed = record.complete = record.in_time = record.earlier = true;
    return record;
  }

  // ---- one event after the other ----

  void take(TraceEvent const& event) {
    switch (event.kind) {
      case EventKind::call_begins:
        begins(event);
        return;
      case EventKind::call_ends:
        ends(event);
        return;
      case EventKind::durable:
        for (RecordNumber const number : event.records) record(event, number).durable = true;
        return;
      case EventKind::replaced:
        streams_[*event.stream].replaced = true;
        require(streams_[*event.stream].told == StreamEnd::complete, 3,
                "the old rows of {} are gone although the stream did not end well", name(*event.stream));
        return;
      case EventKind::state:
        written(event);
        return;
      case EventKind::stop:
        stopped_ = true;
        return;
      case EventKind::crash:
        return;
    }
  }

  void begins(TraceEvent const& event) {
    require(!teardown_begun_ || event.call == CallKind::teardown, 3, "{} was called after teardown", text(event));
    require(setup_begun_ || event.call == CallKind::setup || event.call == CallKind::write, 3,
            "{} was called before setup", text(event));
    switch (event.call) {
      case CallKind::setup:
        setup_begins(event);
        return;
      case CallKind::teardown:
        teardown_begins(event);
        return;
      case CallKind::write:
        require(!write_runs_, 1, "two writes of STATEs at once");
        write_runs_ = true;
        return;
      case CallKind::open:
      case CallKind::start:
        open_begins(event);
        return;
      case CallKind::close:
        close_begins(event);
        return;
      case CallKind::process_records:
      case CallKind::step:
        records_begin(event);
        return;
      case CallKind::process_batch:
        batch_begins(event);
        return;
      case CallKind::probe:
        probe_begins(event);
        return;
      case CallKind::reject:
        reject_begins(event);
        return;
    }
  }

  void ends(TraceEvent const& event) {
    switch (event.call) {
      case CallKind::setup:
        setup_ends(event);
        return;
      case CallKind::teardown:
        teardown_ends(event);
        return;
      case CallKind::write:
        write_runs_ = false;
        if (event.end != CallEnd::ok) sync_fatal_ = true;
        return;
      case CallKind::open:
      case CallKind::start:
        open_ends(event);
        return;
      case CallKind::close:
        close_ends(event);
        return;
      case CallKind::process_records:
      case CallKind::step:
      case CallKind::process_batch:
        process_ends(event);
        return;
      case CallKind::probe:
        probe_ends(event);
        return;
      case CallKind::reject:
        reject_ends(event);
        return;
    }
  }

  // ---- setup and teardown ----

  void setup_begins(TraceEvent const& event) {
    require(!setup_begun_ || may_set_up_again_, 3, "setup was called a second time");
    setup_begun_ = true;
    may_set_up_again_ = false;
    setup_began_ = event.at;
  }

  void setup_ends(TraceEvent const& event) {
    if (event.end == CallEnd::ok) {
      set_up_ = true;
      return;
    }
    Verdict const verdict = plain_verdict(event, ++setup_failures_, setup_began_);
    may_set_up_again_ = verdict != Verdict::fatal;
    note(verdict, sync_fatal_, sync_may_fail_);
  }

  void teardown_begins(TraceEvent const& event) {
    require(!teardown_begun_ || may_tear_down_again_, 3, "teardown was called a second time");
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      StreamView const& stream = streams_[i];
      require(stream.running == 0 && !stream.opening && !stream.close_runs, 3,
              "teardown was called while {} is at work", name(i));
      require(!stream.started || stream.closing, 3, "teardown was called before {} was closed", name(i));
    }
    teardown_begun_ = true;
    may_tear_down_again_ = false;
    teardown_told_good_ = event.succeeded;
    teardown_began_ = event.at;
  }

  void teardown_ends(TraceEvent const& event) {
    if (event.end == CallEnd::ok) {
      torn_down_ = true;
      return;
    }
    Verdict const verdict = plain_verdict(event, ++teardown_failures_, teardown_began_);
    may_tear_down_again_ = verdict != Verdict::fatal;
    note(verdict, teardown_fatal_, sync_may_fail_);
  }

  // ---- open and close ----

  void open_begins(TraceEvent const& event) {
    StreamView& stream = streams_[*event.stream];
    require(set_up_, 3, "{} was called before setup had returned", text(event));
    require(!stream.opening, 3, "{} was called while it was being opened", text(event));
    require(!stream.started, 3, "{} was called although the stream is open", text(event));
    require(!stream.fatal, 3, "{} was called although the stream has failed for good", text(event));
    if (event.call == CallKind::start) require(stream.opened, 3, "{} was called without a loader", text(event));
    if (event.call == CallKind::open) require(!stream.opened, 3, "{} was called twice", text(event));
    stream.opening = true;
    if (event.call == CallKind::open) stream.call_began = event.at;  // both are one attempt
  }

  void open_ends(TraceEvent const& event) {
    StreamView& stream = streams_[*event.stream];
    stream.opening = false;
    if (event.end == CallEnd::ok) {
      (event.call == CallKind::open ? stream.opened : stream.started) = true;
      if (event.call == CallKind::open && !event.succeeded) stream.fatal = true;  // no loader
      bool const is_late = event.at - stream.call_began >= scenario_.retry.attempt_deadline;
      if (event.call == CallKind::open && is_late) stream.may_fail = true;  // no time is left for start()
      return;
    }
    stream.opened = false;
    note(plain_verdict(event, ++stream.open_failures, stream.call_began), stream);
  }

  void close_begins(TraceEvent const& event) {
    std::size_t const index = *event.stream;
    StreamView& stream = streams_[index];
    require(stream.started, 3, "{} was closed although its start() had not returned", name(index));
    require(!stream.closing || stream.may_close_again, 3, "{} was closed a second time", name(index));
    require(stream.running == 0, 3, "{} was closed while {} of its calls ran", name(index), stream.running);
    require(event.stream_end.has_value(), 3, "{} was closed without an outcome", name(index));
    StreamEnd const end = *event.stream_end;
    if (stream.told) require(*stream.told == end, 3, "{} was closed again with another outcome", name(index));
    if (end == StreamEnd::failed) {
      require(stream.fatal || stream.may_fail || has_trouble(index), 5, "{} was closed as failed for no reason",
              name(index));
    } else {
      require(may_end(index, end), 5, "{} was closed as {}, which is not what its source said", name(index),
              landfall::to_string(end));
      check_all_loaded(index);
    }
    stream.told = end;
    stream.closing = true;
    stream.close_runs = true;
    stream.may_close_again = false;
    stream.call_began = event.at;
  }

  void close_ends(TraceEvent const& event) {
    StreamView& stream = streams_[*event.stream];
    stream.close_runs = false;
    if (event.end == CallEnd::ok) {
      stream.closed = true;
      return;
    }
    Verdict const verdict = plain_verdict(event, ++stream.close_failures, stream.call_began);
    stream.may_close_again = verdict != Verdict::fatal;
    note(verdict, stream);
  }

  // Promise 2: nothing is missing when a stream ends other than failed.
  void check_all_loaded(std::size_t index) const {
    StreamView const& stream = streams_[index];
    for (RecordNumber number = 0; number < stream.records.size(); ++number) {
      RecordView const& one = stream.records[number];
      if (one.status == RecordStatus::rejected) continue;
      require(one.status == RecordStatus::done && one.complete, 2, "{} was closed, but its record {} is {}",
              name(index), number, text(one));
    }
  }

  // ---- records ----

  void records_begin(TraceEvent const& event) {
    StreamView& stream = streams_[*event.stream];
    check_is_open(event);
    require(!event.data_is_wrong, 2, "{} was given data that the source did not send", text(event));
    bool const in_steps = event.call == CallKind::step;
    if (!in_steps) {
      require(!stream.records_run || !needs_order(*event.stream), 3, "{} was called while another one ran",
              text(event));
      stream.records_run = true;
      ++records_calls_;
      // What ignores its cancellation is left alone, beside others.
      bool const may_run = !scenario_.calls_at_once || records_calls_ <= *scenario_.calls_at_once;
      require(may_run || !scenario_.faults.empty(), 3, "{} was called, although {} calls ran", text(event),
              records_calls_ - 1);
    }
    BatchView& batch = stream.batches[event.batch];
    require(!batch.running, 3, "{} was called twice at once", text(event));
    if (!in_steps || event.step == 0) batch.records = event.records;
    if (!in_steps || event.step == 0) require(!event.records.empty(), 2, "{} was given no records", text(event));
    for (RecordNumber const number : batch.records) {
      RecordView& one = record(event, number);
      require(!one.damaged, 2, "{} was given record {}, whose line is damaged", text(event), number);
      if (one.earlier) one = RecordView();
      bool const left_out = one.status == RecordStatus::to_reject || one.status == RecordStatus::rejected;
      if (event.step > 0 && left_out) continue;
      require(one.status == RecordStatus::waiting || (in_steps && one.status == RecordStatus::done), 2,
              "{} was given record {}, which is {}", text(event), number, text(one));
      if (in_steps) {
        require(one.step == event.step, 2, "{} was given record {}, whose next step is {}", text(event), number,
                one.step);
      }
      one.status = RecordStatus::running;
    }
    if (!in_steps && needs_order(*event.stream)) check_order(event, batch);
    begin_call(stream, batch, event);
  }

  bool needs_order(std::size_t stream) const { return !run_.unordered_streams.contains(stream); }

  // In order, without a gap but for what is rejected.
  void check_order(TraceEvent const& event, BatchView const& batch) const {
    auto const& records = streams_[*event.stream].records;
    auto expected = batch.records.begin();
    for (RecordNumber number = 0; number < batch.records.back(); ++number) {
      if (number == *expected) {
        ++expected;
        continue;
      }
      RecordStatus const status = records[number].status;
      require(status == RecordStatus::done || status == RecordStatus::to_reject || status == RecordStatus::rejected, 2,
              "{} was given record {} before record {}, which is {}", text(event), batch.records.back(), number,
              text(records[number]));
    }
  }

  void batch_begins(TraceEvent const& event) {
    StreamView& stream = streams_[*event.stream];
    check_is_open(event);
    auto const found = stream.batches.find(event.batch);
    require(found != stream.batches.end() && found->second.answered_incomplete, 3,
            "{} was called for a batch that does not wait for it", text(event));
    require(!found->second.running, 3, "{} was called twice at once", text(event));
    begin_call(stream, found->second, event);
  }

  void check_is_open(TraceEvent const& event) const {
    StreamView const& stream = streams_[*event.stream];
    require(stream.started, 3, "{} was called before start() had returned", text(event));
    require(!stream.closing, 3, "{} was called after close", text(event));
  }

  static void begin_call(StreamView& stream, BatchView& batch, TraceEvent const& event) {
    ++stream.running;
    batch.running = true;
    batch.began = event.at;
  }

  void process_ends(TraceEvent const& event) {
    StreamView& stream = streams_[*event.stream];
    BatchView& batch = stream.batches[event.batch];
    --stream.running;
    batch.running = false;
    if (event.call == CallKind::process_records) {
      stream.records_run = false;
      --records_calls_;
    }
    if (event.end == CallEnd::ok) {
      answered(event, stream, batch);
    } else if (event.end == CallEnd::rejected) {
      refused(event, stream, batch);
    } else {
      failed(event, stream, batch);
    }
  }

  void answered(TraceEvent const& event, StreamView& stream, BatchView& batch) {
    batch.failures = 0;
    bool const in_time = is_in_time(event, batch.began);
    batch.answered_incomplete = event.state != BatchState::complete && event.call != CallKind::step;
    for (RecordNumber const number : batch.records) {
      RecordView& one = stream.records[number];
      if (one.status == RecordStatus::rejected || one.status == RecordStatus::to_reject) continue;
      one.status = RecordStatus::done;
      one.step = event.step + 1;
      if (event.state >= BatchState::persisted) {
        one.claimed = true;
        one.in_time = one.in_time || in_time;
      }
      if (event.state == BatchState::complete) one.complete = true;
    }
    for (RecordNumber const number : event.records) stream.records[number].status = RecordStatus::to_reject;
    if (!event.records.empty()) check_may_reject(stream);
  }

  void refused(TraceEvent const& event, StreamView& stream, BatchView& batch) {
    batch.failures = 0;  // it was an answer: what is left is offered anew
    for (RecordNumber const number : batch.records) stream.records[number].status = RecordStatus::waiting;
    for (RecordNumber const number : event.records) stream.records[number].status = RecordStatus::to_reject;
    bool const stands_alone = event.records.empty() && batch.records.size() == 1;
    if (stands_alone) stream.records[batch.records.front()].status = RecordStatus::to_reject;
    check_may_reject(stream);
  }

  void check_may_reject(StreamView& stream) const {
    if (!options_.with_retries) stream.may_fail = true;
    if (!scenario_.has_reject_sink) stream.fatal = true;
  }

  void failed(TraceEvent const& event, StreamView& stream, BatchView& batch) {
    ++batch.failures;
    bool const unknown = outcome_is_unknown(event, batch.began);
    if (event.end == CallEnd::cancelled && !unknown) {
      check_cancellation(event, stream);
      set(batch, stream, event, RecordStatus::lost);
      return;
    }
    if (unknown) {
      batch.asked = true;
      set(batch, stream, event, RecordStatus::asked);
      if (!options_.with_retries) stream.may_fail = true;
      return;
    }
    Verdict const verdict = class_verdict(event, batch.failures);
    note(verdict, stream);
    set(batch, stream, event, verdict == Verdict::fatal ? RecordStatus::lost : RecordStatus::waiting);
  }

  static void set(BatchView const& batch, StreamView& stream, TraceEvent const& event, RecordStatus status) {
    if (event.call == CallKind::process_batch) return;  // the loader has them
    for (RecordNumber const number : batch.records) {
      RecordView& one = stream.records[number];
      if (one.status == RecordStatus::running || one.status == RecordStatus::asked) one.status = status;
    }
  }

  // Of what is thrown in a process call. Deadlines cancel, and then it is unknown what was applied.
  bool outcome_is_unknown(TraceEvent const& event, TimePoint began) const {
    if (event.end == CallEnd::unknown || event.end == CallEnd::system) return true;
    if (event.end != CallEnd::cancelled) return false;
    return event.fault == FaultKind::aborted || event.at - began >= scenario_.retry.attempt_deadline;
  }

  void check_cancellation(TraceEvent const& event, StreamView const& stream) const {
    require(stream.fatal || stream.may_fail || has_trouble(*event.stream), 5, "{} was cancelled for no reason",
            text(event));
  }

  void probe_begins(TraceEvent const& event) {
    StreamView& stream = streams_[*event.stream];
    check_is_open(event);
    auto const found = stream.batches.find(event.batch);
    bool const is_earlier = scenario_.resume && found == stream.batches.end();
    require(is_earlier || (found != stream.batches.end() && found->second.asked), 3,
            "{} was called for a batch whose outcome is known", text(event));
    ++stream.running;
  }

  void probe_ends(TraceEvent const& event) {
    StreamView& stream = streams_[*event.stream];
    --stream.running;
    BatchView& batch = stream.batches[event.batch];
    if (event.end != CallEnd::ok) {
      stream.may_fail = true;
      return;
    }
    switch (event.probe) {
      case ProbeResult::applied:
        applied(event, stream, batch);
        return;
      case ProbeResult::not_applied:
        batch.asked = false;
        for (RecordNumber const number : batch.records) {
          RecordView& one = stream.records[number];
          if (one.status == RecordStatus::asked) one.status = RecordStatus::waiting;
        }
        if (batch.failures >= scenario_.retry.attempts) stream.fatal = true;
        return;
      case ProbeResult::unknown:
        if (batch.asked) stream.fatal = true;
        return;
    }
  }

  void applied(TraceEvent const& event, StreamView& stream, BatchView& batch) const {
    bool const in_time = is_in_time(event, begin_of(event).at);
    batch.asked = false;
    batch.failures = 0;
    batch.answered_incomplete = false;
    for (RecordNumber const number : batch.records) {
      RecordView& one = stream.records[number];
      if (one.status == RecordStatus::rejected || one.status == RecordStatus::to_reject) continue;
      one.status = RecordStatus::done;
      one.claimed = true;
      one.complete = true;
      one.in_time = one.in_time || in_time;
    }
  }

  /// Who is cancelled is waited for so long: a call that was shorter was certainly waited for.
  bool is_in_time(TraceEvent const& end, TimePoint began) const { return end.at - began < scenario_.patience; }

  void reject_begins(TraceEvent const& event) {
    StreamView& stream = streams_[*event.stream];
    check_is_open(event);
    require(!event.data_is_wrong, 2, "{} was given what the source did not send", text(event));
    for (RecordNumber const number : event.records) {
      RecordView& one = record(event, number);
      if (one.earlier && one.damaged) {
        one = RecordView();
        one.damaged = true;
        one.status = RecordStatus::to_reject;
      }
      require(one.status == RecordStatus::to_reject, 2, "{} was given record {}, which is {}", text(event), number,
              text(one));
    }
    ++stream.running;
  }

  void reject_ends(TraceEvent const& event) {
    StreamView& stream = streams_[*event.stream];
    --stream.running;
    if (event.end != CallEnd::ok) stream.may_fail = true;
    auto const begun = begin_of(event);
    for (RecordNumber const number : begun.records) {
      if (event.end != CallEnd::ok) continue;
      stream.records[number].status = RecordStatus::rejected;
      stream.records[number].in_time = is_in_time(event, begun.at);
    }
  }

  TraceEvent const& begin_of(TraceEvent const& end) const {
    auto const& events = run_.trace.events();
    auto const found = std::find_if(events.begin(), events.end(), [&end](TraceEvent const& event) {
      return event.kind == EventKind::call_begins && event.call_number == end.call_number;
    });
    return *found;
  }

  // ---- STATEs ----

  void written(TraceEvent const& event) {
    ExpectedState& state = find_state(event);
    InputStep const& step = *state.step;
    std::string head;
    append_state_head(head, scenario_, step);
    require(event.text.starts_with(head), 1, "STATE {} was changed: {}", step.number, event.text);
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      RecordNumber const position = base(i) + state.positions[i];
      RecordNumber const missing = first_unsafe(i, position);
      bool const may_wait_on_disk = scenario_.resume && !scenario_.streams[i].starts_anew();
      require(may_wait_on_disk || missing >= position, 1,
              "STATE {} was written, but record {} of {} before it is neither durable nor rejected", step.number,
              missing, name(i));
      bool const waits_for_end = scenario_.streams[i].starts_anew() && in_scope(step, i);
      require(!waits_for_end || closed_well(i), 1,
              "STATE {} was written before {} had replaced its old rows: they may still be thrown away", step.number,
              name(i));
    }
    check_stats(state, event.text);
    state.written = true;
    last_written_[scope_of(step)] = &state;
  }

  static bool in_scope(InputStep const& state, std::size_t stream) {
    return state.state != StateKind::stream || state.stream == stream;
  }
  std::size_t scope_of(InputStep const& state) const {
    return state.state == StateKind::stream ? state.stream : streams_.size();
  }
  bool closed_well(std::size_t index) const {
    return streams_[index].closed && streams_[index].told == StreamEnd::complete;
  }

  ExpectedState& find_state(TraceEvent const& event) {
    constexpr std::string_view id_name = R"("id":)";
    auto const found = event.text.find(id_name);
    require(found != std::string::npos, 1, "a line was written that is none of the STATEs read: {}", event.text);
    auto const id = number_after(event.text, found + id_name.size());
    for (ExpectedState& state : input_.states) {
      if (state.step->number != id) continue;
      require(!state.written, 1, "STATE {} was written twice", id);
      check_turn(state);
      return state;
    }
    broken(1, "STATE {} was written, but was not read, or must not be answered", id);
  }

  void check_turn(ExpectedState const& state) const {
    for (ExpectedState const& earlier : input_.states) {
      if (&earlier == &state) return;
      bool const same_scope = scope_of(*earlier.step) == scope_of(*state.step);
      require(!same_scope || earlier.written, 1, "STATE {} was written before STATE {}", state.step->number,
              earlier.step->number);
    }
  }

  bool is_safe(RecordView const& one) const {
    if (one.status == RecordStatus::rejected) return true;
    return options_.store_is_watched ? one.durable : one.claimed;
  }

  RecordNumber first_unsafe(std::size_t index, RecordNumber position) const {
    auto const& records = streams_[index].records;
    RecordNumber number = 0;
    while (number < position && is_safe(records[number])) ++number;
    return number;
  }

  static std::uint64_t number_after(std::string_view text, std::size_t place) {
    std::uint64_t number = 0;
    std::from_chars(text.data() + place, text.data() + text.size(), number);
    return number;
  }

  static std::uint64_t stat(std::string_view line, std::string_view member, bool required) {
    constexpr std::string_view stats = R"("destinationStats":{)";
    auto const begin = line.find(stats);
    require(begin != std::string_view::npos, 2, "a STATE was written without destinationStats: {}", line);
    std::string_view const object = line.substr(begin, line.find('}', begin) - begin);
    auto const found = object.find(member);
    if (found == std::string_view::npos) {
      require(!required, 2, "a STATE was written without {}: {}", member, line);
      return 0;
    }
    return number_after(object, found + member.size());
  }

  void check_stats(ExpectedState const& state, std::string_view line) const {
    ExpectedState const* const previous = last_written_[scope_of(*state.step)];
    std::uint64_t between = 0;
    std::uint64_t rejected = 0;
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      std::uint64_t const from = previous != nullptr ? previous->positions[i] : 0;
      for (std::uint64_t number = from; number < state.positions[i]; ++number) {
        ++between;
        if (streams_[i].records[base(i) + number].status == RecordStatus::rejected) ++rejected;
      }
    }
    std::uint64_t const told_loaded = stat(line, R"("recordCount":)", true);
    std::uint64_t const told_rejected = stat(line, R"("rejectedRecordCount":)", false);
    // What waits on disk may be rejected when the STATE is on its way.
    bool const as_told = scenario_.resume ? told_rejected <= rejected : told_rejected == rejected;
    require(told_loaded + told_rejected == between && as_told, 2,
            "STATE {} says {} loaded and {} rejected, but {} records lie before it, {} of them rejected",
            state.step->number, told_loaded, told_rejected, between, rejected);
  }

  // ---- what a failure means ----

  /// Of setup, open, start, close and teardown.
  Verdict plain_verdict(TraceEvent const& event, std::size_t failures, TimePoint began) const {
    if (event.end == CallEnd::cancelled) {
      if (event.fault == FaultKind::aborted) return class_verdict(event, failures);
      bool const deadline = event.at - began >= scenario_.retry.attempt_deadline;
      return deadline ? Verdict::fatal : Verdict::either;
    }
    return class_verdict(event, failures);
  }

  Verdict class_verdict(TraceEvent const& event, std::size_t failures) const {
    if (event.end == CallEnd::transient) {
      if (failures >= scenario_.retry.attempts) return Verdict::fatal;
      return options_.with_retries && !stopped_ ? Verdict::healed : Verdict::either;
    }
    return Verdict::fatal;  // config; and unknown or system where nobody can be asked
  }

  static void note(Verdict verdict, bool& fatal, bool& may_fail) {
    if (verdict == Verdict::fatal) fatal = true;
    if (verdict == Verdict::either) may_fail = true;
  }
  static void note(Verdict verdict, StreamView& stream) { note(verdict, stream.fatal, stream.may_fail); }

  /// Something beyond a stream's own failures that may fail it.
  bool has_trouble(std::size_t index) const {
    if (sync_fatal_ || sync_may_fail_) return true;
    if (stopped_ && (scenario_.on_stop == OnStop::cancel || takes_time())) return true;
    if (scenario_.on_stream_failure == OnStreamFailure::isolate) return false;
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      if (i != index && (streams_[i].fatal || streams_[i].may_fail)) return true;
    }
    return false;
  }

  /// Something of this scenario may not be over when the time after a stop is.
  bool takes_time() const { return !scenario_.faults.empty() || scenario_.latency > Duration::zero(); }

  /// What a stream may end as when nothing on our side fails.
  bool may_end(std::size_t index, StreamEnd end) const {
    bool const loose = stopped_ || input_.kinds_mixed;  // the end of the input may have been faster
    bool const input_complete = run_.end_read && !input_.broken;
    if (end == end_of(index, input_complete)) return true;
    return loose && end == end_of(index, false);
  }

  StreamEnd end_of(std::size_t index, bool input_complete) const {
    SourceView const& source = input_.streams[index];
    StreamPlan const& plan = scenario_.streams[index];
    if (source.complete) return StreamEnd::complete;
    if (source.incomplete || plan.generation || !input_complete) return StreamEnd::incomplete;
    if (!plan.replaces()) return StreamEnd::complete;
    return source.state_behind == source.records ? StreamEnd::complete : StreamEnd::incomplete;
  }

  // ---- the end ----

  void check_end() {
    SyncReport const& report = *run_.report;
    require(report.unjoined_tasks.empty(), 3, "left over: {}", fmt::join(report.unjoined_tasks, ", "));
    require(run_.parked == 0, 3, "{} pieces of work still wait for something when the sync has ended", run_.parked);
    require(!setup_begun_ || teardown_begun_, 3, "there was a setup, but no teardown");
    require(!write_runs_, 3, "a write of STATEs never ended");
    check_memory(report);
    bool all_complete = true;
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      check_stream_end(i, report);
      check_counts(i, report);
      if (outcome(report, i).end != StreamEnd::complete) all_complete = false;
    }
    std::size_t const unanswered = check_answers(report);
    check_result(report, all_complete, unanswered);
  }

  void check_memory(SyncReport const& report) const {
    require(report.totals.memory_bytes == 0, 4, "{} bytes of the memory budget are left over",
            report.totals.memory_bytes);
    // One block at the least is let through, tables of records come on top of it, and a line may be longer than both.
    // A damaged line is held once more, with a reason that may be as long.
    bool const has_damage = std::ranges::any_of(run_.damaged, [](auto const& numbers) { return !numbers.empty(); });
    std::uint64_t const copies = has_damage ? 4 : 2;
    std::uint64_t const largest_block = copies * std::max(run_.longest_line, scenario_.block_bytes) + 256;
    std::uint64_t const most = std::max(scenario_.memory_budget_bytes, largest_block) + largest_block;
    require(report.peak_memory_bytes <= most, 4, "{} bytes were held at once, with a budget of {}",
            report.peak_memory_bytes, scenario_.memory_budget_bytes);
  }

  StreamOutcome const& outcome(SyncReport const& report, std::size_t index) const {
    auto const found = report.outcome.streams.find(scenario_.streams[index].descriptor);
    require(found != report.outcome.streams.end(), 5, "the report says nothing about {}", name(index));
    return found->second;
  }

  void check_stream_end(std::size_t index, SyncReport const& report) const {
    StreamView const& stream = streams_[index];
    StreamEnd const end = outcome(report, index).end;
    require(!stream.started || stream.closing, 3, "{} was opened but never closed", name(index));
    bool const asked_in_vain =
        std::any_of(stream.batches.begin(), stream.batches.end(), [](auto const& entry) { return entry.second.asked; });
    if (end == StreamEnd::failed) {
      require(stream.fatal || stream.may_fail || has_trouble(index), 5, "{} failed for no reason{}: {}", name(index),
              asked_in_vain ? ", its loader was not asked" : "", cause(outcome(report, index).error));
      return;
    }
    require(!stream.fatal, 5, "{} ended {} although it has failed", name(index), landfall::to_string(end));
    require(stream.closed && stream.told == end, 3, "{} ended {}, but its loader was not closed so", name(index),
            landfall::to_string(end));
    require(may_end(index, end), 5, "{} ended {}, which is not what its source said", name(index),
            landfall::to_string(end));
    require(scenario_.streams[index].poison.empty() || !stream.fatal, 5, "{} has lost records", name(index));
  }

  static std::string cause(std::optional<Error> const& error) { return error ? error->what() : "without a cause"; }

  void check_counts(std::size_t index, SyncReport const& report) const {
    StreamView const& stream = streams_[index];
    auto const& streams = report.totals.streams;
    auto const found = std::find_if(streams.begin(), streams.end(), [&](SyncProgress::Stream const& one) {
      return one.stream == scenario_.streams[index].descriptor;
    });
    require(found != streams.end(), 2, "the report does not count {}", name(index));
    std::uint64_t const read = input_.streams[index].records;
    require(found->records_read == read, 2, "{} has {} records, the report says {}", name(index), read,
            found->records_read);
    if (outcome(report, index).end == StreamEnd::failed) return;
    std::uint64_t rejected = 0;
    for (RecordView const& one : stream.records) rejected += one.status == RecordStatus::rejected ? 1 : 0;
    std::uint64_t const loaded = read + found->records_resumed - rejected;
    require(found->records_committed == loaded && found->records_rejected == rejected, 2,
            "{} has {} records loaded and {} rejected, the report says {} and {}", name(index), loaded, rejected,
            found->records_committed, found->records_rejected);
  }

  /// How many STATEs were not answered. What is safe for everybody to see must be.
  std::size_t check_answers(SyncReport const& report) const {
    std::size_t unanswered = 0;
    std::vector<bool> stuck(streams_.size() + 1, false);  // by scope
    for (ExpectedState const& state : input_.states) {
      if (state.written) continue;
      ++unanswered;
      std::size_t const scope = scope_of(*state.step);
      if (!must_be_answered(state, report)) stuck[scope] = true;
      require(stuck[scope] || sync_fatal_ || sync_may_fail_, 5,
              "STATE {} was never answered although all before it is safe", state.step->number);
    }
    return unanswered;
  }

  bool must_be_answered(ExpectedState const& state, SyncReport const& report) const {
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      if (!in_scope(*state.step, i)) continue;
      StreamEnd const end = outcome(report, i).end;
      if (end != StreamEnd::complete && scenario_.streams[i].starts_anew()) return false;
      if (end == StreamEnd::failed && !all_earned(i, base(i) + state.positions[i])) return false;
    }
    return true;
  }

  /// A stream that fails keeps its word for what its loader had answered.
  bool all_earned(std::size_t index, RecordNumber position) const {
    auto const& records = streams_[index].records;
    auto const end = records.begin() + static_cast<std::ptrdiff_t>(position);
    return std::all_of(records.begin(), end, [](RecordView const& one) {
      bool const is_loaded = one.claimed && one.status != RecordStatus::to_reject;
      return one.in_time && (is_loaded || one.status == RecordStatus::rejected);
    });
  }

  void check_result(SyncReport const& report, bool all_complete, std::size_t unanswered) const {
    bool const good = all_complete && unanswered == 0 && !input_.broken && !input_.kinds_mixed && !sync_fatal_;
    if (report.succeeded()) {
      require(good && torn_down_ && !teardown_fatal_, 5, "the sync reports success, but {}",
              why_bad(all_complete, unanswered));
      require(teardown_told_good_, 5, "the sync reports success, but teardown() was told of a failure");
      return;
    }
    require(!good || teardown_fatal_ || sync_may_fail_ || stopped_, 5, "the sync reports a failure for no reason: {}",
            cause(report.outcome.error));
    require(!teardown_told_good_ || good, 5, "teardown() was told that all went well, but {}",
            why_bad(all_complete, unanswered));
  }

  std::string why_bad(bool all_complete, std::size_t unanswered) const {
    if (input_.broken) return "its input was broken";
    if (input_.kinds_mixed) return "its input has STATEs of two kinds";
    if (!all_complete) return "not every stream is complete";
    if (unanswered > 0) return fmt::format("{} STATEs were not answered", unanswered);
    if (sync_fatal_) return "a call of the whole sync has failed";
    return "teardown has failed";
  }

  // ---- words ----

  RecordView& record(TraceEvent const& event, RecordNumber number) {
    auto& records = streams_[*event.stream].records;
    require(number < records.size(), 2, "{} was given record {}, but only {} were sent", text(event), number,
            records.size());
    return records[number];
  }

  StreamName name(std::size_t index) const { return StreamName(scenario_, index); }
  CallName text(TraceEvent const& event) const { return CallName(scenario_, event); }

  static std::string_view text(RecordView const& one) {
    switch (one.status) {
      case RecordStatus::waiting:
        return "not loaded";
      case RecordStatus::running:
        return "still in a call";
      case RecordStatus::asked:
        return "of unknown outcome";
      case RecordStatus::done:
        return one.complete ? "loaded" : "taken by the loader, but not complete";
      case RecordStatus::to_reject:
        return "rejected, but not written to the reject sink";
      case RecordStatus::rejected:
        return "rejected";
      case RecordStatus::lost:
        return "lost in a failed call";
    }
    return "";
  }

  Scenario const& scenario_;
  ObservedRun const& run_;
  OracleOptions const& options_;
  InputView input_;
  std::vector<StreamView> streams_;
  std::vector<ExpectedState const*> last_written_;  // by scope
  bool setup_begun_ = false;
  bool set_up_ = false;
  bool may_set_up_again_ = false;
  bool teardown_begun_ = false;
  bool torn_down_ = false;
  bool may_tear_down_again_ = false;
  bool teardown_told_good_ = false;
  bool teardown_fatal_ = false;
  bool write_runs_ = false;
  std::size_t records_calls_ = 0;  // process_records, of all streams
  bool stopped_ = false;
  bool sync_fatal_ = false;  // the whole sync has failed
  bool sync_may_fail_ = false;
  std::size_t setup_failures_ = 0;
  std::size_t teardown_failures_ = 0;
  TimePoint setup_began_{};
  TimePoint teardown_began_{};
};

/// A close() of this stream that was told "complete" has begun, or has returned.
struct GoodClose {
  bool begun = false;
  bool returned = false;
};
GoodClose good_close(Trace const& trace, std::size_t stream) {
  GoodClose close;
  bool told_complete = false;
  for (TraceEvent const& event : trace.events()) {
    if (event.call != CallKind::close || event.stream != stream) continue;
    if (event.kind == EventKind::call_begins) told_complete = event.stream_end == StreamEnd::complete;
    if (!told_complete) continue;
    close.begun = true;
    if (event.kind == EventKind::call_ends && event.end == CallEnd::ok) close.returned = true;
  }
  return close;
}

std::map<std::uint64_t, std::size_t> count_rows(std::vector<FoundRow> const& rows) {
  std::map<std::uint64_t, std::size_t> counts;
  for (FoundRow const& row : rows) ++counts[row.number];
  return counts;
}

PlanName text_of(StreamPlan const& plan) { return PlanName(plan); }

/// The row that stays of each key: the one with the highest number.
std::map<std::uint64_t, std::uint64_t> newest_of(std::vector<FoundRow> const& rows) {
  std::map<std::uint64_t, std::uint64_t> newest;
  for (FoundRow const& row : rows) {
    auto const [place, is_new] = newest.emplace(row.key, row.number);
    if (!is_new) place->second = std::max(place->second, row.number);
  }
  return newest;
}

void check_old_rows(StreamPlan const& plan, std::map<std::uint64_t, std::size_t> const& counts, std::size_t expected) {
  for (std::uint64_t row = 0; row < plan.old_rows; ++row) {
    auto const found = counts.find(row);
    std::size_t const count = found == counts.end() ? 0 : found->second;
    require(count == expected, 3, "{}: old row {} is there {} times instead of {}", text_of(plan), row, count,
            expected);
  }
}

void check_deduplicated(StreamPlan const& plan, std::vector<FoundRow> expected_rows,
                        std::vector<FoundRow> const& found) {
  auto const expected = newest_of(expected_rows);
  std::map<std::uint64_t, std::uint64_t> keys;
  for (FoundRow const& row : found) {
    require(keys.emplace(row.key, row.number).second, 2, "{}: two rows with key {}", text_of(plan), row.key);
  }
  for (auto const& [key, number] : expected) {
    auto const place = keys.find(key);
    require(place != keys.end(), 1, "{}: no row with key {}, row {} is lost", text_of(plan), key, number);
    require(place->second == number, 1, "{}: row {} stands under key {} instead of row {}", text_of(plan),
            place->second, key, number);
  }
  require(keys.size() == expected.size(), 3, "{}: {} rows instead of {}: old ones were not replaced", text_of(plan),
          keys.size(), expected.size());
}

std::vector<FoundRow> old_rows_of(StreamPlan const& plan) {
  std::vector<FoundRow> rows;
  for (std::uint64_t row = 0; row < plan.old_rows; ++row) rows.emplace_back(row, row);
  return rows;
}

std::uint64_t covered_before_last(Scenario const& scenario, std::vector<ObservedRun const*> const& runs,
                                  std::size_t stream) {
  std::vector<std::uint64_t> states;
  for (std::size_t i = 0; i + 1 < runs.size(); ++i) {
    auto const of_run = acknowledged(runs[i]->trace);
    states.insert(states.end(), of_run.begin(), of_run.end());
  }
  return covered_rows(scenario, states)[stream];
}

/// The rows that must not be found. Only what was acknowledged is not sent again; with resume, what rejects a row goes
/// on rejecting it.
std::vector<std::uint64_t> rejected_in_all(Scenario const& scenario, std::vector<ObservedRun const*> const& runs,
                                           std::size_t stream, std::uint64_t covered) {
  std::vector<std::uint64_t> rejected = rejected_rows(*runs.front(), stream);
  if (!scenario.resume) {
    std::erase_if(rejected, [covered](std::uint64_t row) { return row >= covered; });
    return rejected;
  }
  for (ObservedRun const* const run : runs) {
    auto const more = rejected_rows(*run, stream);
    rejected.insert(rejected.end(), more.begin(), more.end());
  }
  std::sort(rejected.begin(), rejected.end());
  return rejected;
}

}  // namespace

std::string to_string(Violation const& violation) {
  static constexpr std::string_view names[] = {
      "",
      "a STATE never outruns its records",
      "every record is accounted for once",
      "every ending is an ending",
      "bounded memory",
      "one stream's failure is its own, and shows",
  };
  return fmt::format("promise {}, {}: {}", violation.promise, names[violation.promise], violation.what);
}

std::optional<Violation> check_run(Scenario const& scenario, std::vector<InputStep> const& input, bool cut_last_line,
                                   ObservedRun const& run, OracleOptions const& options) {
  try {
    RunChecker(scenario, input, cut_last_line, run, options).check();
  } catch (Broken& found) {
    return std::move(found.violation);
  }
  return std::nullopt;
}

std::vector<std::uint64_t> rejected_rows(ObservedRun const& run, std::size_t stream) {
  std::vector<std::uint64_t> rows;
  std::map<std::uint64_t, TraceEvent const*> calls;
  for (TraceEvent const& event : run.trace.events()) {
    if (event.call != CallKind::reject || event.stream != stream) continue;
    if (event.kind == EventKind::call_begins) calls[event.call_number] = &event;
    if (event.kind != EventKind::call_ends || event.end != CallEnd::ok) continue;
    for (RecordNumber const number : calls.at(event.call_number)->records) rows.push_back(run.rows[stream].at(number));
  }
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  return rows;
}

std::optional<Violation> check_rows_after_first(Scenario const& scenario, ObservedRun const& first, std::size_t stream,
                                                std::vector<FoundRow> const& found) {
  StreamPlan const& plan = scenario.streams[stream];
  if (!plan.replaces()) return std::nullopt;
  GoodClose const close = good_close(first.trace, stream);
  try {
    auto const counts = count_rows(found);
    if (!close.begun) {
      check_old_rows(plan, counts, 1);
      require(found.size() == plan.old_rows, 3, "{}: new rows are seen before the stream has ended well",
              text_of(plan));
    }
    if (close.returned) check_old_rows(plan, counts, 0);
  } catch (Broken& violated) {
    return std::move(violated.violation);
  }
  return std::nullopt;
}

std::optional<Violation> check_rows_at_end(Scenario const& scenario, std::vector<ObservedRun const*> const& runs,
                                           std::size_t stream, std::vector<FoundRow> const& found) {
  StreamPlan const& plan = scenario.streams[stream];
  std::vector<std::uint64_t> const states = acknowledged(runs.front()->trace);
  std::uint64_t const covered = plan.starts_anew() ? 0 : covered_rows(scenario, states)[stream];
  std::uint64_t const covered_later = plan.starts_anew() ? 0 : covered_before_last(scenario, runs, stream);
  std::vector<std::uint64_t> const rejected = rejected_in_all(scenario, runs, stream, covered);
  bool const deduplicates = plan.mode == DestinationSyncMode::append_dedup;
  std::vector<FoundRow> expected;
  if (!plan.replaces()) expected = old_rows_of(plan);
  try {
    auto const counts = count_rows(found);
    std::size_t sent = 0;
    for (InputStep const& step : scenario.input) {
      if (step.kind != StepKind::record || step.stream != stream) continue;
      ++sent;
      bool const is_rejected = std::binary_search(rejected.begin(), rejected.end(), step.number);
      if (!is_rejected) expected.emplace_back(step.number, step.key);
      if (deduplicates) continue;
      auto const place = counts.find(step.number);
      std::size_t const count = place == counts.end() ? 0 : place->second;
      if (is_rejected) {
        require(count == 0, 2, "{}: row {} was rejected, and is loaded as well", text_of(plan), step.number);
        continue;
      }
      require(count > 0, 1, "{}: row {} is lost{}", text_of(plan), step.number,
              step.number < covered_later ? ", but a STATE behind it was answered" : "");
      bool const once = step.number < covered || plan.starts_anew();
      require(!once || count == 1, 2, "{}: row {} is there {} times although it was acknowledged", text_of(plan),
              step.number, count);
      bool const not_again = step.number < covered_later;
      require(!not_again || count < runs.size(), 2, "{}: row {} is there {} times although it was acknowledged at last",
              text_of(plan), step.number, count);
      require(count <= runs.size(), 2, "{}: row {} is there {} times after {} attempts", text_of(plan), step.number,
              count, runs.size());
    }
    if (deduplicates) {
      check_deduplicated(plan, std::move(expected), found);
    } else {
      check_old_rows(plan, counts, plan.replaces() ? 0 : 1);
      require(counts.size() <= sent + plan.old_rows, 2, "{}: there are rows that nobody has sent", text_of(plan));
    }
  } catch (Broken& violated) {
    return std::move(violated.violation);
  }
  return std::nullopt;
}

}  // namespace landfall::testing
