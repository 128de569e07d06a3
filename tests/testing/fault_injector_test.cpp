#include <landfall/testing/fault_injector.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <landfall/testing/scenario.hpp>
#include <landfall/testing/simulation.hpp>

namespace landfall::testing {
namespace {

Scenario scenario_of(std::vector<Damage> const& damages) {
  Scenario scenario;
  scenario.streams.emplace_back().descriptor = StreamDescriptor("users");
  for (Damage const damage : damages) {
    InputStep& step = scenario.input.emplace_back();
    step.number = step.key = first_row + scenario.input.size() - 1;
    step.damage = damage;
  }
  return scenario;
}

/// A record of the batch that a reject file gets: its data, or its line.
struct Given {
  Given(bool unreadable, std::string what) : is_unreadable(unreadable), text(std::move(what)) {
    if (is_unreadable) text.insert(0, "no JSON\n");
  }
  bool is_unreadable;
  std::string text;
};

RecordBatch batch_of(std::vector<Given> const& given) {
  auto block = std::make_shared<RecordBlock>();
  for (Given const& one : given) {
    RecordSlice& slice = block->slices.emplace_back();
    slice.data = one.text.data();
    if (one.is_unreadable) slice.meta = slice.data;
    (one.is_unreadable ? slice.meta_size : slice.data_size) = static_cast<std::uint32_t>(one.text.size());
  }
  RecordRun run;
  run.end = static_cast<std::uint32_t>(given.size());
  run.block = std::move(block);
  DestinationStream stream;
  stream.descriptor = StreamDescriptor("users");
  RecordBatch batch(std::make_shared<DestinationStream const>(std::move(stream)), BatchId(1));
  batch.append(std::move(run));
  return batch;
}

TEST(TracingRejectSink, NotesWhetherItGetsWhatTheSourceSent) {
  Scenario const scenario = scenario_of({Damage::none, Damage::cut});
  std::string data, good_line, line;
  append_data(data, scenario.input[0]);
  append_record_line(good_line, scenario, scenario.input[0]);
  append_record_line(line, scenario, scenario.input[1]);
  struct Row {
    char const* name;
    std::vector<Given> given;
    std::vector<RecordNumber> rejected;
    bool is_wrong;
  };
  Row const rows[] = {
      {"as they were sent", {{false, data}, {true, line}}, {0, 1}, false},
      {"others are not asked for", {{false, "{}"}, {true, line}}, {1}, false},
      {"other data", {{false, "{}"}, {true, line}}, {0, 1}, true},
      {"another line", {{false, data}, {true, line + "}"}}, {0, 1}, true},
      {"a line that can be read", {{true, good_line}, {true, line}}, {0}, true},
      {"a line as a record", {{false, data}, {false, line}}, {1}, true},
      {"one that is not in the batch", {{false, data}}, {0, 1}, true},
      {"one twice", {{false, data}, {true, line}}, {1, 1}, true},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    Simulation simulation(1);
    FaultInjector injector(simulation, scenario, scenario.input, false);
    TracingRejectSink sink(injector);
    std::vector<RejectedRecord> rejected;
    for (RecordNumber const number : row.rejected) rejected.emplace_back(number, "no JSON");
    RecordBatch const batch = batch_of(row.given);
    simulation.run_coroutine(sink.write(batch, rejected));
    TraceEvent const& event = injector.trace().events().front();
    EXPECT_EQ(event.records, row.rejected);
    EXPECT_EQ(event.data_is_wrong, row.is_wrong);
  }
}

}  // namespace
}  // namespace landfall::testing
