#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

#include <landfall/connector/run_sync.hpp>
#include <landfall/testing/recording_destination.hpp>
#include <landfall/testing/scripted_source.hpp>
#include <landfall/testing/simulation.hpp>

namespace landfall {

using testing::CollectingSink;
using testing::RecordingDestination;
using testing::ScriptedSource;
using testing::Simulation;

constexpr std::uint64_t seed_count = 50;

inline std::string record(std::string const& stream, int number) {
  return fmt::format(R"({{"type":"RECORD","record":{{"stream":"{}","data":{{"n":{}}},"emitted_at":1}}}})", stream,
                     number);
}
inline std::string record_of(std::string const& stream, std::string const& data) {
  return R"({"type":"RECORD","record":{"stream":")" + stream + R"(","data":)" + data + R"(,"emitted_at":1}})";
}
/// A line that is known to be a record of this stream, and cannot be read.
inline std::string broken(std::string const& stream) { return record_of(stream, R"({"n":nul})"); }
inline std::string stream_state(std::string const& stream, int number) {
  return fmt::format(
      R"({{"type":"STATE","state":{{"type":"STREAM","stream":{{"stream_descriptor":{{"name":"{}"}},"stream_state":{{"at":{}}}}},"id":{}}}}})",
      stream, number, number);
}
inline std::string status(std::string const& stream, std::string const& word) {
  return fmt::format(
      R"({{"type":"TRACE","trace":{{"type":"STREAM_STATUS","emitted_at":1,"stream_status":{{"stream_descriptor":{{"name":"{}"}},"status":"{}"}}}}}})",
      stream, word);
}

/// One whole sync in virtual time; the seed orders what is ready.
class WholeSync {
 public:
  explicit WholeSync(std::uint64_t seed, std::vector<std::string> streams = {"users", "orders"})
      : simulation(seed), source(simulation), names(std::move(streams)) {
    options.batch.records = 3;
    options.block_bytes = 4096;
    options.longest_line_bytes = 1 << 16;
    options.memory_budget_bytes = 1 << 20;
    options.spill.policy = SpillPolicy::never;
  }

  DestinationCatalog catalog() const {
    std::vector<DestinationStream> streams;
    for (auto const& name : names) {
      DestinationStream stream;
      stream.descriptor = StreamDescriptor(name);
      stream.destination_sync_mode = mode;
      if (with_generations) stream.generation_id = stream.minimum_generation_id = 1;
      streams.push_back(std::move(stream));
    }
    return DestinationCatalog(std::move(streams));
  }

  SyncReport run() {
    return simulation.run_coroutine(run_sync(destination, source, sink, simulation, catalog(), options, stop));
  }

  /// The STATEs answered, by their id, in order.
  std::vector<std::int64_t> answered() const {
    std::vector<std::int64_t> ids;
    for (auto const& line : sink.lines())
      ids.push_back(boost::json::parse(line).at("state").at("id").to_number<std::int64_t>());
    return ids;
  }

  Simulation simulation;
  ScriptedSource source;
  CollectingSink sink;
  RecordingDestination::Hook hook;
  RecordingDestination destination{[this](std::string call) -> awaitable<void> {
    if (hook) co_await hook(std::move(call));
  }};
  SyncOptions options;
  StopHandle stop;
  bool with_generations = false;
  DestinationSyncMode mode = DestinationSyncMode::append;
  std::vector<std::string> names;
};

/// What would be written: "2: reason: line". A write takes a while, and may fail.
struct CollectingRejects final : RejectSink {
  explicit CollectingRejects(Simulation& clock) : simulation(clock) {}
  awaitable<void> write(RecordBatch const& batch, std::vector<RejectedRecord> const& rejected) override {
    co_await simulation.sleep_for(std::chrono::seconds(20));
    if (failure) throw Error(*failure);
    for (Record const record : batch) {
      for (RejectedRecord const& one : rejected) {
        if (one.number != record.number()) continue;
        EXPECT_TRUE(record.is_unreadable());
        written.push_back(fmt::format("{}: {}: {}", one.number, one.reason, record.line().substr(0, 60)));
      }
    }
  }
  Simulation& simulation;
  std::optional<Error> failure;
  std::vector<std::string> written;
};

template <class Test>
void for_each_seed(Test test) {
  for (std::uint64_t seed = 1; seed <= seed_count; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    test(seed);
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace landfall
