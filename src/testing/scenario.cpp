#include <landfall/testing/scenario.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "testing/random.hpp"

namespace landfall::testing {

namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::array<std::string_view, 7> noise_lines = {
    "",
    "   \r",
    R"({"type":"LOG","log":{"level":"INFO","message":"{\"type\":\"RECORD\"}"}})",
    R"({"type":"CONTROL","control":{"type":"CONNECTOR_CONFIG","emitted_at":1,"connectorConfig":{"config":{}}}})",
    R"({"type":"SOMETHING_NEW","data":[1,2,{"a":null}]})",
    R"({"type":"TRACE","trace":{"type":"ESTIMATE","emitted_at":1,"estimate":{"name":"s","type":"STREAM"}}})",
    R"({"type":"TRACE","trace":{"type":"ANALYTICS","emitted_at":1,"analytics":{"type":"a","value":"b"}}})",
};

/// Each of them ends the reading, whatever the scenario.
constexpr std::array<std::string_view, 6> bad_lines = {
    "this is no JSON",
    // Cut, and the next message behind it: no reject file may have it.
    R"({"type":"RECORD","record":{"stream":"users","data":{"n":12{"type":"STATE","state":{"type":"STREAM"}})",
    R"({"type":"RECORD","record":{"stream":"nobody knows it","data":{"n":1},"emitted_at":1}})",
    R"({"type":"RECORD","record":{"stream":"users","data":[1,2],"emitted_at":1}})",
    R"({"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"nobody knows it"}}}})",
    R"({"type":"STATE","state":{"type":"STREAM"}})",
};

/// Makes one scenario; each member function decides about one side of it.
class Generator {
 public:
  Generator(std::uint64_t seed, ScenarioLimits const& limits) : limits_(limits), random_(seed * 2 + 1) {
    scenario_.seed = seed;
  }

  Scenario make() {
    streams();
    options();
    loader();
    input();
    if (limits_.with_bad_input) spoil_input();
    if (limits_.with_rejects && random_.percent(12)) poison();
    if (limits_.with_faults && random_.percent(60)) faults();
    if (limits_.with_stop && random_.percent(8)) scenario_.stop_at = some_event();
    if (limits_.with_crash && random_.percent(25)) scenario_.crash_at = some_event();
    hurry();
    load();
    if (limits_.with_resume && random_.percent(25)) resume();
    if (limits_.with_rejects && limits_.with_bad_input && random_.percent(15)) damage();
    return std::move(scenario_);
  }

 private:
  void streams() {
    static std::vector<StreamDescriptor> const names{StreamDescriptor("users"), StreamDescriptor("users", "public"),
                                                     StreamDescriptor("orders"), StreamDescriptor("Straße & co"),
                                                     StreamDescriptor("a.b", "")};
    has_generations_ = limits_.with_generations && random_.percent(50);
    std::size_t const count = random_.between(1, limits_.most_streams);
    std::size_t const first_name = random_.below(names.size());
    for (std::size_t i = 0; i < count; ++i) {
      StreamPlan stream;
      stream.descriptor = names[(first_name + i) % names.size()];
      if (i >= names.size()) stream.descriptor.name += fmt::format("_{}", i);
      stream.mode = random_.one_of(limits_.modes);
      if (has_generations_) {
        stream.generation = static_cast<std::int64_t>(random_.between(1, 9));
        stream.minimum = random_.percent(45) ? *stream.generation : 0;
      }
      stream.old_rows = random_.percent(50) ? random_.between(1, 4) : 0;
      scenario_.streams.push_back(std::move(stream));
    }
  }

  void options() {
    scenario_.batch_records = random_.between(1, 6);
    if (random_.percent(10)) scenario_.batch_records = 1000;
    if (random_.percent(20)) scenario_.batch_bytes = random_.between(30, 300);
    if (random_.percent(30)) scenario_.batch_age = seconds(random_.between(1, 20));
    if (random_.percent(30)) scenario_.memory_budget_bytes = 4 * scenario_.block_bytes + random_.below(8192);
    scenario_.heartbeat = seconds(random_.between(1, 10));
    scenario_.open_workers = random_.between(1, 3);
    scenario_.read_bytes = random_.percent(50) ? 4096 : random_.between(20, 1000);
    if (random_.percent(15)) scenario_.on_stream_failure = OnStreamFailure::fail_fast;
    if (random_.percent(25)) scenario_.on_stop = OnStop::cancel;
    if (random_.percent(20)) scenario_.latency = milliseconds(random_.between(1, 3000));
    if (limits_.with_retries && random_.percent(30)) scenario_.retry.attempts = random_.between(1, 5);
    if (limits_.with_retries && random_.percent(30)) scenario_.retry.attempt_deadline = seconds(10);
    scenario_.has_reject_sink = random_.percent(85);
  }

  void loader() {
    if (!limits_.own_loader) return;
    using enum BatchState;
    switch (random_.below(5)) {
      case 0:
        scenario_.answers = {staged, complete};
        break;
      case 1:
        scenario_.answers = {processed, staged, loaded, persisted, complete};
        break;
      case 2:
        scenario_.answers = {persisted, complete};
        break;
      default:
        break;
    }
    scenario_.load_steps = random_.percent(15);
  }

  /// The last to be drawn: what it decides makes no other difference.
  void load() {
    if (random_.percent(25)) scenario_.calls_at_once = random_.between(1, 3);
    if (random_.percent(40)) scenario_.spill = random_.percent(50) ? SpillPolicy::always : SpillPolicy::over_budget;
    if (limits_.own_loader && random_.percent(30)) scenario_.needs_order = false;
  }

  void resume() {
    scenario_.spill = SpillPolicy::always;
    scenario_.resume = true;
    scenario_.disk_fate = random_.below(8);
    if (!limits_.with_crash) return;
    if (random_.percent(30)) scenario_.power_cut_at = random_.between(1, 60);
    if (random_.percent(30)) scenario_.crash_again_at = some_event();
  }

  void input() {
    std::size_t const count = random_.below(limits_.most_steps + 1);
    std::size_t stream = 0;
    kind_ = random_.percent(65) ? StateKind::stream : random_.percent(70) ? StateKind::global : StateKind::legacy;
    rows_.assign(scenario_.streams.size(), first_row);
    ended_.assign(scenario_.streams.size(), false);
    std::uint64_t const state_chance = random_.between(2, 25);
    std::uint64_t const sticky = random_.between(0, 95);
    std::uint64_t const pause_chance = random_.percent(40) ? random_.between(1, 12) : 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (!random_.percent(sticky)) stream = random_.below(scenario_.streams.size());
      if (random_.percent(4)) {
        add_noise();
      } else if (random_.percent(pause_chance)) {
        add_pause();
      } else if (random_.percent(state_chance)) {
        add_state(stream);
      } else if (!ended_[stream]) {
        add_record(stream);
      }
      if (has_generations_ && random_.percent(1)) add_status(stream);
    }
    for (std::size_t i = 0; i < scenario_.streams.size(); ++i) {
      if (!random_.percent(88)) continue;
      add_state(i);
      if (kind_ != StateKind::stream) break;
    }
    for (std::size_t i = 0; has_generations_ && i < scenario_.streams.size(); ++i) {
      if (!ended_[i] && random_.percent(92)) add_status(i);
      if (random_.percent(6)) add_status(i);  // a second time, or against the first one
    }
  }

  void add_record(std::size_t stream) {
    InputStep& step = scenario_.input.emplace_back();
    step.stream = stream;
    step.number = rows_[stream]++;
    step.key = random_.below(6);
    if (random_.percent(30)) step.padding = random_.below(40);
    if (random_.percent(3)) step.padding = random_.between(500, 3000);
    if (random_.percent(1) && random_.percent(20)) step.padding = random_.between(5000, 30000);
  }

  void add_state(std::size_t stream) {
    InputStep& step = scenario_.input.emplace_back();
    step.kind = StepKind::state;
    step.state = kind_;
    step.stream = stream;
    step.number = ++last_state_;
  }

  void add_status(std::size_t stream) {
    InputStep& step = scenario_.input.emplace_back();
    step.kind = random_.percent(93) ? StepKind::complete : StepKind::incomplete;
    step.stream = stream;
    ended_[stream] = true;
  }

  void add_noise() {
    InputStep& step = scenario_.input.emplace_back();
    step.kind = StepKind::noise;
    step.key = random_.below(noise_lines.size());
  }

  void add_pause() {
    InputStep& step = scenario_.input.emplace_back();
    step.kind = StepKind::pause;
    step.pause = random_.percent(20) ? Duration(seconds(random_.between(5, 40))) : milliseconds(random_.below(2000));
  }

  /// Rare each, and mostly not together.
  void spoil_input() {
    auto& input = scenario_.input;
    if (random_.percent(6)) input.resize(random_.below(input.size() + 1));  // the source died
    if (random_.percent(3)) {
      InputStep step;
      step.kind = StepKind::bad_line;
      step.key = random_.below(bad_lines.size());
      insert(step);
    }
    if (random_.percent(3)) {
      InputStep step;
      step.kind = StepKind::read_error;
      insert(step);
    }
    if (random_.percent(2)) {  // STATEs must not mix
      InputStep step;
      step.kind = StepKind::state;
      step.state = kind_ == StateKind::stream ? StateKind::global : StateKind::stream;
      step.number = ++last_state_;
      insert(step);
    }
    if (random_.percent(3) && !input.empty() && input.back().kind != StepKind::noise) scenario_.cut_last_line = true;
    if (has_generations_ && random_.percent(2)) {  // behind its COMPLETE
      auto const stream = static_cast<std::size_t>(random_.below(scenario_.streams.size()));
      if (random_.percent(50))
        add_record(stream);
      else
        add_status(stream);
    }
  }

  void insert(InputStep const& step) {
    auto const place = static_cast<std::ptrdiff_t>(random_.below(scenario_.input.size() + 1));
    scenario_.input.insert(scenario_.input.begin() + place, step);
  }

  void poison() {
    for (std::size_t i = 0; i < scenario_.streams.size(); ++i) {
      StreamPlan& stream = scenario_.streams[i];
      stream.reject_style = static_cast<RejectStyle>(random_.below(3));
      for (std::uint64_t row = first_row; row < rows_[i]; ++row) {
        if (random_.percent(12)) stream.poison.push_back(row);
      }
    }
  }

  void damage() {
    std::uint64_t const chance = random_.between(1, 30);
    for (InputStep& step : scenario_.input) {
      if (step.kind != StepKind::record || !random_.percent(chance)) continue;
      step.damage = static_cast<Damage>(random_.between(1, 3));
    }
  }

  void faults() {
    std::size_t const count = random_.between(1, random_.percent(25) ? 4 : 1);
    for (std::size_t i = 0; i < count; ++i) scenario_.faults.push_back(fault());
  }

  Fault fault() {
    using enum CallKind;
    static std::vector<CallKind> const calls{setup,         open,          start, process_records, process_records,
                                             process_batch, process_batch, close, close,           teardown,
                                             write,         reject,        probe};
    Fault fault;
    fault.call = random_.one_of(calls);
    if (scenario_.load_steps && (fault.call == process_records || fault.call == process_batch)) fault.call = step;
    bool const of_a_stream = fault.call != setup && fault.call != teardown && fault.call != write;
    if (of_a_stream) fault.stream = random_.below(scenario_.streams.size());
    bool const many = fault.call == process_records || fault.call == process_batch || fault.call == step ||
                      fault.call == write || fault.call == reject;
    fault.nth = many ? random_.below(random_.percent(70) ? 3 : 10) : 0;
    fault.what = kind_of_fault(fault.call);
    bool const is_late = fault.what == FaultKind::late_answer || fault.what == FaultKind::late_throw;
    if (fault.call == probe && is_late && !limits_.with_late_probes) fault.what = FaultKind::unknown;
    fault.delay = milliseconds(random_.between(1, 20'000));
    if (fault.what == FaultKind::late_answer || fault.what == FaultKind::late_throw) {
      fault.delay = seconds(random_.between(1, 80));
    }
    if (random_.percent(25)) fault.times = random_.between(2, 4);
    if (fault.call == probe) scenario_.faults.push_back(cause_of_probe(*fault.stream));
    return fault;
  }

  /// Nobody asks a loader unless a call had an unknown outcome.
  Fault cause_of_probe(std::size_t stream) {
    auto const call = scenario_.load_steps ? CallKind::step : CallKind::process_records;
    return Fault(call, stream, random_.below(3), FaultKind::unknown);
  }

  /// Whatever runs may be cancelled when something else fails: nobody is deaf for longer than the library is patient.
  /// With some seconds to spare: an attempt may be two calls, open and start, which take their own time besides.
  void hurry() {
    constexpr Duration to_spare = seconds(8);
    bool const alone = scenario_.faults.size() <= 1 && !scenario_.stop_at && scenario_.has_reject_sink;
    bool const cancels = scenario_.stop_at && scenario_.on_stop == OnStop::cancel;
    for (Fault& fault : scenario_.faults) {
      Duration const begin = alone ? scenario_.retry.attempt_deadline : Duration::zero();  // of the patience
      fault.delay = std::min(fault.delay, begin + scenario_.patience - to_spare);
      if (cancels && fault.what == FaultKind::hang && !limits_.with_hang_at_stop) fault.what = FaultKind::slow;
    }
  }

  FaultKind kind_of_fault(CallKind call) {
    using enum FaultKind;
    static std::vector<FaultKind> const of_calls{config,  transient, transient, throttled,       system,
                                                 foreign, aborted,   unknown,   unknown_applied, slow};
    static std::vector<FaultKind> const of_calls_with_retries{
        config,  transient, transient,       transient,       throttled, system, foreign,     aborted,
        unknown, unknown,   unknown_applied, unknown_applied, hang,      slow,   late_answer, late_throw};
    static std::vector<FaultKind> const of_sinks{config, transient, system, slow};
    static std::vector<FaultKind> const of_write_with_retries{config, transient, system, slow, hang};
    if (call == CallKind::reject) return random_.one_of(of_sinks);
    if (call == CallKind::write) return random_.one_of(limits_.with_retries ? of_write_with_retries : of_sinks);
    return random_.one_of(limits_.with_retries ? of_calls_with_retries : of_calls);
  }

  std::uint64_t some_event() { return random_.below(50 + 8 * scenario_.input.size() + 30 * scenario_.streams.size()); }

  ScenarioLimits const& limits_;
  Random random_;
  Scenario scenario_;
  bool has_generations_ = false;
  StateKind kind_ = StateKind::stream;
  std::uint64_t last_state_ = 0;
  std::vector<std::uint64_t> rows_;
  std::vector<bool> ended_;
};

void append_number(std::string& out, std::uint64_t number) {
  char text[20];
  auto const end = std::to_chars(text, text + sizeof text, number).ptr;
  out.append(text, end);
}

void append_descriptor(std::string& out, StreamDescriptor const& stream) {
  out += R"({"name":")";
  out += stream.name;
  if (stream.name_space) {
    out += R"(","namespace":")";
    out += *stream.name_space;
  }
  out += R"("})";
}

void append_record(std::string& out, StreamDescriptor const& stream, InputStep const& step) {
  constexpr std::string_view end_of_data = "}";
  out += R"({"type":"RECORD","record":{"stream":")";
  out += stream.name;
  if (stream.name_space) {
    out += R"(","namespace":")";
    out += *stream.name_space;
  }
  out += R"(","data":)";
  append_data(out, step);
  if (step.damage == Damage::in_data) out.insert(out.size() - end_of_data.size(), R"(,"x":nul)");
  out += R"(,"emitted_at":1700000000000)";
  if (step.damage == Damage::cut) return;
  out += step.damage == Damage::behind ? "},}" : "}}";
}

void append_status(std::string& out, StreamDescriptor const& stream, std::string_view status) {
  out += R"({"type":"TRACE","trace":{"type":"STREAM_STATUS","emitted_at":1,"stream_status":{"stream_descriptor":)";
  append_descriptor(out, stream);
  out += R"(,"status":")";
  out += status;
  out += R"("}}})";
}

void append_line(std::string& out, Scenario const& scenario, InputStep const& step) {
  switch (step.kind) {
    case StepKind::record:
      append_record(out, scenario.streams[step.stream].descriptor, step);
      break;
    case StepKind::state:
      append_state_head(out, scenario, step);
      out += "}}";
      break;
    case StepKind::complete:
      append_status(out, scenario.streams[step.stream].descriptor, "COMPLETE");
      break;
    case StepKind::incomplete:
      append_status(out, scenario.streams[step.stream].descriptor, "INCOMPLETE");
      break;
    case StepKind::noise:
      out += noise_lines[step.key];
      break;
    case StepKind::bad_line:
      out += bad_lines[step.key];
      break;
    case StepKind::pause:
    case StepKind::read_error:
      return;
  }
  out += '\n';
}

std::string_view text_of(RejectStyle style) {
  switch (style) {
    case RejectStyle::by_name:
      return "by name";
    case RejectStyle::nameless:
      return "without saying which";
    case RejectStyle::in_answer:
      return "in its answer";
  }
  return "";
}

std::string_view text_of(Damage damage) {
  switch (damage) {
    case Damage::none:
      return "";
    case Damage::in_data:
      return ", damaged in its data";
    case Damage::cut:
      return ", damaged at its end";
    case Damage::behind:
      return ", damaged behind the record";
  }
  return "";
}

std::int64_t ms(Duration time) { return duration_cast<milliseconds>(time).count(); }

std::string text_of(std::size_t index, StreamPlan const& stream) {
  std::string text =
      fmt::format("stream {}: {}, {}", index, landfall::to_string(stream.descriptor), landfall::to_string(stream.mode));
  if (stream.generation) text += fmt::format(", generation {}, minimum {}", *stream.generation, *stream.minimum);
  if (stream.old_rows > 0) text += fmt::format(", {} old rows", stream.old_rows);
  if (!stream.poison.empty()) {
    text += fmt::format(", rejects {} rows {}", fmt::join(stream.poison, " "), text_of(stream.reject_style));
  }
  return text + '\n';
}

std::string text_of(Scenario const& scenario, InputStep const& step) {
  switch (step.kind) {
    case StepKind::record: {
      auto text = fmt::format("record of stream {}, row {}, key {}", step.stream, step.number, step.key);
      if (step.padding > 0) text += fmt::format(", {} bytes more", step.padding);
      text += text_of(step.damage);
      return text;
    }
    case StepKind::state:
      if (step.state == StateKind::stream) return fmt::format("STATE {} of stream {}", step.number, step.stream);
      return fmt::format("{} STATE {}", landfall::to_string(step.state), step.number);
    case StepKind::complete:
      return fmt::format("COMPLETE of stream {}", step.stream);
    case StepKind::incomplete:
      return fmt::format("INCOMPLETE of stream {}", step.stream);
    case StepKind::pause:
      return fmt::format("pause of {} ms", ms(step.pause));
    case StepKind::read_error:
      return "the read fails";
    case StepKind::noise:
    case StepKind::bad_line: {
      std::string line;
      append_line(line, scenario, step);
      line.pop_back();
      return fmt::format("the line '{}'", line);
    }
  }
  return "";
}

std::string text_of_options(Scenario const& scenario) {
  Scenario const usual;
  std::string text;
  auto const out = std::back_inserter(text);
  fmt::format_to(out, "batches of {} records", scenario.batch_records);
  if (scenario.batch_bytes != usual.batch_bytes) fmt::format_to(out, " or {} bytes", scenario.batch_bytes);
  if (scenario.batch_age != usual.batch_age) fmt::format_to(out, ", {} ms old at most", ms(scenario.batch_age));
  fmt::format_to(out, "; heartbeat {} ms; reads of {} bytes", ms(scenario.heartbeat), scenario.read_bytes);
  if (scenario.memory_budget_bytes != usual.memory_budget_bytes) {
    fmt::format_to(out, "; memory budget {} bytes", scenario.memory_budget_bytes);
  }
  if (scenario.open_workers != usual.open_workers) fmt::format_to(out, "; {} open workers", scenario.open_workers);
  if (scenario.on_stream_failure == OnStreamFailure::fail_fast) text += "; fail fast";
  if (scenario.on_stop == OnStop::cancel) text += "; a stop cancels";
  fmt::format_to(out, "; {} attempts", scenario.retry.attempts);
  if (scenario.retry.attempt_deadline != usual.retry.attempt_deadline) {
    fmt::format_to(out, " of {} ms", ms(scenario.retry.attempt_deadline));
  }
  if (!scenario.has_reject_sink) text += "; no reject sink";
  if (scenario.latency > Duration::zero()) fmt::format_to(out, "; calls take up to {} ms", ms(scenario.latency));
  if (scenario.calls_at_once) fmt::format_to(out, "; {} calls at once", *scenario.calls_at_once);
  if (scenario.spill != SpillPolicy::never) fmt::format_to(out, "; spill {}", to_string(scenario.spill));
  if (scenario.resume) fmt::format_to(out, " and resume, fate {} of the disk", scenario.disk_fate);
  if (!scenario.needs_order) text += "; in any order";
  if (scenario.load_steps) text += "; by load steps";
  text += "; the loader answers";
  for (BatchState const state : scenario.answers) fmt::format_to(out, " {}", landfall::to_string(state));
  return text + '\n';
}

}  // namespace

Scenario make_scenario(std::uint64_t seed, ScenarioLimits const& limits) { return Generator(seed, limits).make(); }

std::string to_string(Scenario const& scenario) {
  std::string text = fmt::format("schedule seed {}\n", scenario.seed);
  text += text_of_options(scenario);
  for (std::size_t i = 0; i < scenario.streams.size(); ++i) text += text_of(i, scenario.streams[i]);
  for (InputStep const& step : scenario.input) text += fmt::format("input: {}\n", text_of(scenario, step));
  if (scenario.cut_last_line) text += "the last line is cut in its middle\n";
  for (Fault const& fault : scenario.faults) text += fmt::format("fault: {}\n", to_string(fault));
  if (scenario.stop_at) text += fmt::format("a request to stop before event {}\n", *scenario.stop_at);
  if (scenario.crash_at) text += fmt::format("a crash before event {}\n", *scenario.crash_at);
  if (scenario.power_cut_at) text += fmt::format("a power cut at step {} of the disk\n", *scenario.power_cut_at);
  if (scenario.crash_again_at) text += fmt::format("a second crash before event {}\n", *scenario.crash_again_at);
  return text;
}

DestinationCatalog make_catalog(Scenario const& scenario) {
  static boost::json::object const schema{
      {"type", "object"},
      {"properties", {{"n", {{"type", "integer"}}}, {"k", {{"type", "integer"}}}, {"p", {{"type", "string"}}}}}};
  std::vector<DestinationStream> streams;
  streams.reserve(scenario.streams.size());
  for (StreamPlan const& plan : scenario.streams) {
    DestinationStream& stream = streams.emplace_back();
    stream.descriptor = plan.descriptor;
    stream.json_schema = schema;
    stream.sync_mode = plan.mode == DestinationSyncMode::overwrite ? SyncMode::full_refresh : SyncMode::incremental;
    stream.destination_sync_mode = plan.mode;
    if (plan.mode == DestinationSyncMode::append_dedup) {
      stream.cursor_field = {"n"};
      stream.primary_key = {{"k"}};
    }
    stream.generation_id = plan.generation;
    stream.minimum_generation_id = plan.minimum;
    if (plan.generation) stream.sync_id = 7;
  }
  return DestinationCatalog(std::move(streams));
}

InputText make_input(Scenario const& scenario, std::vector<InputStep> const& steps, bool cut_last_line) {
  InputText text;
  text.ends.reserve(steps.size());
  text.bytes.reserve(steps.size() * 110);
  std::size_t last_begin = 0;
  bool may_cut = false;
  for (InputStep const& step : steps) {
    std::size_t const begin = text.bytes.size();
    append_line(text.bytes, scenario, step);
    text.ends.push_back(text.bytes.size());
    if (text.bytes.size() == begin) continue;
    last_begin = begin;
    may_cut = step.kind != StepKind::noise;  // half of one may be noise as well
  }
  if (cut_last_line && may_cut) {
    text.bytes.resize(last_begin + (text.bytes.size() - last_begin) / 2);
    for (std::size_t& end : text.ends) end = std::min(end, text.bytes.size());
  }
  return text;
}

void append_data(std::string& out, InputStep const& record) {
  out += R"({"n":)";
  append_number(out, record.number);
  out += R"(,"k":)";
  append_number(out, record.key);
  if (record.padding > 0) {
    out += R"(,"p":")";
    out.append(record.padding, 'p');
    out += '"';
  }
  out += '}';
}

void append_record_line(std::string& out, Scenario const& scenario, InputStep const& record) {
  append_record(out, scenario.streams[record.stream].descriptor, record);
}

bool may_be_rejected(Scenario const& scenario, InputStep const& damaged) {
  if (!scenario.has_reject_sink) return false;
  StreamDescriptor const& stream = scenario.streams[damaged.stream].descriptor;
  bool const names_it = stream.name_space.has_value() || damaged.damage == Damage::behind;
  auto const has_its_name = [&stream](StreamPlan const& plan) { return plan.descriptor.name == stream.name; };
  return names_it || std::ranges::count_if(scenario.streams, has_its_name) == 1;
}

void append_state_head(std::string& out, Scenario const& scenario, InputStep const& state) {
  switch (state.state) {
    case StateKind::stream:
      out += R"({"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":)";
      append_descriptor(out, scenario.streams[state.stream].descriptor);
      out += R"(,"stream_state":{"at": )";
      append_number(out, state.number);
      out += R"(}},"id":)";
      break;
    case StateKind::global:
      out += R"({"type":"STATE","state":{"type":"GLOBAL","global":{"shared_state":{"lsn":1e2}},"id":)";
      break;
    case StateKind::legacy:
      out += R"({"type":"STATE","state":{"type":"LEGACY","data":{"cursor":"0\u0041"},"id":)";
      break;
  }
  append_number(out, state.number);
}

std::optional<std::uint64_t> row_of(std::string_view data) {
  constexpr std::string_view name = R"("n":)";
  auto const found = data.find(name);
  if (found == std::string_view::npos) return std::nullopt;
  auto const* begin = data.data() + found + name.size();
  auto const* const end = data.data() + data.size();
  while (begin != end && *begin == ' ') ++begin;
  std::uint64_t row = 0;
  if (std::from_chars(begin, end, row).ec != std::errc()) return std::nullopt;
  return row;
}

std::vector<std::uint64_t> covered_rows(Scenario const& scenario, std::vector<std::uint64_t> const& acknowledged) {
  std::vector<std::uint64_t> rows(scenario.streams.size(), 0);
  std::vector<std::uint64_t> covered(scenario.streams.size(), 0);
  for (InputStep const& step : scenario.input) {
    if (step.kind == StepKind::record) rows[step.stream] = step.number + 1;
    if (step.kind != StepKind::state) continue;
    if (std::find(acknowledged.begin(), acknowledged.end(), step.number) == acknowledged.end()) continue;
    if (step.state == StateKind::stream) {
      covered[step.stream] = rows[step.stream];
    } else {
      covered = rows;
    }
  }
  return covered;
}

std::vector<InputStep> repeated_input(Scenario const& scenario, std::vector<std::uint64_t> const& acknowledged) {
  auto const covered = covered_rows(scenario, acknowledged);
  std::vector<InputStep> input;
  input.reserve(scenario.input.size() + 2 * scenario.streams.size());
  std::optional<StateKind> kind;
  std::uint64_t last_state = 0;
  for (InputStep const& step : scenario.input) {
    if (step.kind == StepKind::state) last_state = std::max(last_state, step.number);
    if (step.kind == StepKind::state && !kind) kind = step.state;
  }
  for (InputStep const& step : scenario.input) {
    if (step.kind == StepKind::record) {
      bool const again = scenario.streams[step.stream].starts_anew() || step.number >= covered[step.stream];
      if (again) input.push_back(step);
      if (again && !(scenario.resume && may_be_rejected(scenario, step))) input.back().damage = Damage::none;
    }
    if (step.kind == StepKind::state && step.state == *kind) {
      bool const is_acknowledged =
          std::find(acknowledged.begin(), acknowledged.end(), step.number) != acknowledged.end();
      bool const again =
          !is_acknowledged || (*kind == StateKind::stream && scenario.streams[step.stream].starts_anew());
      if (again) input.push_back(step);
    }
  }
  // Its end is a good one.
  for (std::size_t i = 0; i < scenario.streams.size(); ++i) {
    InputStep state;
    state.kind = StepKind::state;
    state.state = kind.value_or(StateKind::stream);
    state.stream = i;
    state.number = ++last_state;
    input.push_back(state);
    if (state.state != StateKind::stream) break;
  }
  for (std::size_t i = 0; i < scenario.streams.size(); ++i) {
    if (!scenario.streams[i].generation) continue;
    InputStep status;
    status.kind = StepKind::complete;
    status.stream = i;
    input.push_back(status);
  }
  return input;
}

}  // namespace landfall::testing
