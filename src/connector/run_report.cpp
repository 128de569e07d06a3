#include "connector/run_report.hpp"

#include <cstdint>
#include <string_view>

#include <fmt/format.h>

#include "connector/human_units.hpp"

namespace landfall {

namespace {

// "complete", or "failed: the reason".
std::string format_end(SyncOutcome const& outcome, StreamDescriptor const& stream) {
  auto const found = outcome.streams.find(stream);
  if (found == outcome.streams.end()) return "not ended";
  auto const& [end, records, error] = found->second;
  if (!error) return std::string(to_string(end));
  return fmt::format("{}: {}", to_string(end), error->what());
}

std::string format_unless_zero(std::uint64_t count, std::string_view what) {
  return count == 0 ? std::string() : fmt::format(", {} {}", exact_count(count), what);
}

std::string format_stream(SyncOutcome const& outcome, SyncProgress::Stream const& stream) {
  return fmt::format("stream {}: {} records read ({}){}, {} committed{}{}, {}", to_string(stream.stream),
                     exact_count(stream.records_read), byte_size(stream.bytes_read),
                     format_unless_zero(stream.records_resumed, "from disk"), exact_count(stream.records_committed),
                     format_unless_zero(stream.records_rejected, "rejected"),
                     format_unless_zero(stream.records_failed, "failed"), format_end(outcome, stream.stream));
}

std::uint64_t rejected_count(SyncReport const& report) {
  std::uint64_t records = 0;
  for (auto const& stream : report.totals.streams) records += stream.records_rejected;
  return records;
}

std::string format_totals(SyncReport const& report) {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  for (auto const& stream : report.totals.streams) {
    records += stream.records_read;
    bytes += stream.bytes_read;
  }
  auto const elapsed = report.totals.elapsed;
  return fmt::format("{} after {:.1f} s: {} records, {}, {:.1f} MB/s, at most {} of memory for records",
                     report.succeeded() ? "sync succeeded" : "sync failed", seconds(elapsed), exact_count(records),
                     byte_size(bytes), megabytes_per_second(bytes, elapsed), byte_size(report.peak_memory_bytes));
}

void append_load(std::vector<std::string>& lines, LoadHistory const& load) {
  if (load.count > load.last.size()) {
    lines.push_back(fmt::format("changes of concurrency and batch size: {}, the last {} were", exact_count(load.count),
                                load.last.size()));
  }
  for (LoadChange const& change : load.last) {
    lines.push_back(fmt::format("after {:.1f} s: {}", seconds(change.at), to_string(change)));
  }
}

}  // namespace

std::vector<std::string> format_run_report(SyncReport const& report, std::string_view reject_path) {
  std::vector<std::string> lines;
  for (auto const& stream : report.totals.streams) lines.push_back(format_stream(report.outcome, stream));
  if (auto const rejected = rejected_count(report); rejected != 0 && !reject_path.empty()) {
    lines.push_back(fmt::format("{} rejected records are in {}", exact_count(rejected), reject_path));
  }
  for (auto const& stream : report.totals.streams) {
    if (stream.records_replaced == 0) continue;
    lines.push_back(fmt::format(
        "stream {}: in {} records half of a surrogate pair (such as \\ud83d alone) was replaced by U+FFFD; their meta "
        "says in which fields",
        to_string(stream.stream), exact_count(stream.records_replaced)));
  }
  if (report.records_kept != 0) {
    lines.push_back(fmt::format(
        "{} acknowledged records are not loaded and are kept on disk: start again with the same catalog, and they are "
        "loaded first",
        exact_count(report.records_kept)));
  }
  append_load(lines, report.load);
  lines.push_back(fmt::format("STATE messages: {} received, {} emitted", exact_count(report.totals.states_received),
                              exact_count(report.totals.states_emitted)));
  lines.push_back(format_totals(report));
  return lines;
}

}  // namespace landfall
