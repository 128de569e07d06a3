#include <landfall/testing/trace.hpp>

#include <chrono>
#include <iterator>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <landfall/runtime/assert.hpp>

namespace landfall::testing {

namespace {

std::string_view text_of(ProbeResult result) {
  switch (result) {
    case ProbeResult::applied:
      return "applied";
    case ProbeResult::not_applied:
      return "not applied";
    case ProbeResult::unknown:
      return "unknown";
  }
  return "";
}

/// "0 to 4" for neighbours, else each.
std::string text_of(std::vector<RecordNumber> const& records) {
  if (records.empty()) return "none";
  bool const are_neighbours = records.back() - records.front() + 1 == records.size();
  if (are_neighbours && records.size() > 2) return fmt::format("{} to {}", records.front(), records.back());
  return fmt::format("{}", fmt::join(records, " "));
}

void append_call(std::string& text, TraceEvent const& event) {
  fmt::format_to(std::back_inserter(text), "{}", to_string(event.call));
  if (event.stream) fmt::format_to(std::back_inserter(text), " of stream {}", *event.stream);
  if (event.call == CallKind::step) fmt::format_to(std::back_inserter(text), ", step {}", event.step);
  bool const has_batch = event.call == CallKind::process_records || event.call == CallKind::process_batch ||
                         event.call == CallKind::step || event.call == CallKind::probe;
  if (has_batch) fmt::format_to(std::back_inserter(text), ", batch {}", landfall::to_string(event.batch));
  if (event.stream_end) fmt::format_to(std::back_inserter(text), ", {}", landfall::to_string(*event.stream_end));
}

void append_answer(std::string& text, TraceEvent const& event) {
  auto const out = std::back_inserter(text);
  if (event.end != CallEnd::ok) {
    fmt::format_to(out, " throws, {}", to_string(event.end));
    if (!event.records.empty()) fmt::format_to(out, " records {}", text_of(event.records));
    if (!event.text.empty()) fmt::format_to(out, ": {}", event.text);
    return;
  }
  fmt::format_to(out, " returns");
  switch (event.call) {
    case CallKind::process_records:
    case CallKind::process_batch:
    case CallKind::step:
      fmt::format_to(out, " {}", landfall::to_string(event.state));
      if (!event.records.empty()) fmt::format_to(out, ", rejects records {}", text_of(event.records));
      break;
    case CallKind::probe:
      fmt::format_to(out, " {}", text_of(event.probe));
      break;
    case CallKind::setup:
    case CallKind::open:
    case CallKind::start:
    case CallKind::close:
    case CallKind::teardown:
    case CallKind::write:
    case CallKind::reject:
      break;
  }
}

void append(std::string& text, TraceEvent const& event) {
  auto const out = std::back_inserter(text);
  auto const at = std::chrono::duration_cast<std::chrono::microseconds>(event.at.time_since_epoch()).count();
  fmt::format_to(out, "{:>10}.{:06} s  ", at / 1'000'000, at % 1'000'000);
  switch (event.kind) {
    case EventKind::call_begins:
      append_call(text, event);
      if (!event.records.empty()) fmt::format_to(out, ", records {}", text_of(event.records));
      if (event.call == CallKind::teardown) text += event.succeeded ? ", complete" : ", failed";
      if (event.data_is_wrong) text += ", with data that the source did not send";
      text += " begins";
      break;
    case EventKind::call_ends:
      append_call(text, event);
      append_answer(text, event);
      if (event.fault) fmt::format_to(out, " (fault: {})", to_string(*event.fault));
      break;
    case EventKind::durable:
      fmt::format_to(out, "stored for good: records {} of stream {}", text_of(event.records), *event.stream);
      break;
    case EventKind::replaced:
      fmt::format_to(out, "the old rows of stream {} are gone", *event.stream);
      break;
    case EventKind::state:
      fmt::format_to(out, "written: {}", event.text);
      break;
    case EventKind::stop:
      text += "a request to stop";
      break;
    case EventKind::crash:
      text += "CRASH";
      break;
  }
  text += '\n';
}

}  // namespace

std::string_view to_string(CallEnd end) noexcept {
  switch (end) {
    case CallEnd::ok:
      return "ok";
    case CallEnd::config:
      return "config";
    case CallEnd::transient:
      return "transient";
    case CallEnd::rejected:
      return "rejected_records";
    case CallEnd::unknown:
      return "unknown_outcome";
    case CallEnd::system:
      return "system";
    case CallEnd::cancelled:
      return "cancelled";
  }
  assertion_failed("a known end", __FILE__, __LINE__);
  return "";
}

std::string to_string(Trace const& trace) {
  std::string text;
  for (TraceEvent const& event : trace.events()) append(text, event);
  return text;
}

}  // namespace landfall::testing
