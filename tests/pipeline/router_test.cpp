#include "pipeline/router.hpp"

#include <cstring>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include <landfall/testing/simulation.hpp>

namespace landfall {
namespace {

DestinationStream stream_named(std::string name, std::optional<std::string> name_space = std::nullopt) {
  DestinationStream stream;
  stream.descriptor = StreamDescriptor(std::move(name), std::move(name_space));
  return stream;
}

DestinationCatalog three_streams() {
  std::vector<DestinationStream> streams;
  streams.push_back(stream_named("users"));
  streams.push_back(stream_named("orders"));
  streams.push_back(stream_named("users", "shop"));
  return DestinationCatalog(std::move(streams));
}

std::string record(std::string const& stream, std::string const& data = "{}") {
  return R"({"type":"RECORD","record":{"stream":")" + stream + R"(","data":)" + data + R"(,"emitted_at":7}})";
}
std::string record_in(std::string const& name_space, std::string const& stream, std::string const& data = "{}") {
  return R"({"type":"RECORD","record":{"namespace":")" + name_space + R"(","stream":")" + stream + R"(","data":)" +
         data + R"(,"emitted_at":7}})";
}
std::string stream_state(std::string const& stream) {
  return R"({"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":")" + stream +
         R"("},"stream_state":{}}}})";
}
std::string global_state() {
  return R"({"type":"STATE","state":{"type":"GLOBAL","global":{"shared_state":{},"stream_states":[]}}})";
}
std::string status(std::string const& stream, std::string const& value) {
  return R"({"type":"TRACE","trace":{"type":"STREAM_STATUS","emitted_at":1,"stream_status":{"stream_descriptor":{"name":")" +
         stream + R"("},"status":")" + value + R"("}}})";
}

struct RouterTest : ::testing::Test {
  struct Drained {
    std::vector<RecordRun> runs;
    std::optional<EndOfStream> end;
    bool closed = false;
  };

  /// Routes the lines, each with a line end, as one block.
  void route(std::vector<std::string> const& lines) {
    std::string text;
    for (std::string const& line : lines) text += line + "\n";
    route_text(text);
  }

  void route_text(std::string const& text, Reservation memory = Reservation()) {
    InputLines lines;
    lines.block = std::make_shared<Block>(text.size(), std::move(memory));
    std::memcpy(lines.block->data(), text.data(), text.size());
    lines.text = std::string_view(lines.block->data(), text.size());
    router->route(lines);
  }

  std::unique_ptr<Router> make_router() {
    return std::make_unique<Router>(queues, checkpoints, simulation, Validation::full, progress);
  }

  /// From the first line of an input.
  void start_again() { router = make_router(); }

  Error error_of(std::vector<std::string> const& lines) {
    try {
      route(lines);
    } catch (Error const& error) {
      return error;
    }
    return Error(ErrorClass::rejected_records, "nothing was thrown");
  }

  Drained drain(std::string const& name, std::optional<std::string> name_space = std::nullopt) {
    auto drained = queues.find(StreamDescriptor(name, std::move(name_space)))->take();
    Drained sorted;
    sorted.closed = drained.ended;
    for (StreamElement& element : drained.elements) {
      EXPECT_FALSE(sorted.end.has_value());  // nothing comes behind the end
      if (auto* run = std::get_if<ReadRun>(&element)) {
        sorted.runs.push_back(std::move(run->records));
      } else {
        sorted.end = std::get<EndOfStream>(element);
      }
    }
    return sorted;
  }

  static std::vector<std::string> data_of(std::vector<RecordRun> const& runs) {
    std::vector<std::string> data;
    for (RecordRun const& run : runs) {
      for (std::uint32_t i = run.begin; i < run.end; ++i) {
        data.emplace_back(run.block->slices[i].data, run.block->slices[i].data_size);
      }
    }
    return data;
  }

  std::vector<Checkpoint> drain_checkpoints() {
    checkpoints.wake();
    return simulation.run_coroutine(checkpoints.pop_all()).elements;
  }

  testing::Simulation simulation;
  StreamQueues queues{three_streams()};
  CheckpointQueue checkpoints{1 << 20};
  InputProgress progress{3};
  std::unique_ptr<Router> router = make_router();
};

// ---- records ----

TEST_F(RouterTest, TheRecordsOfABlockComeAsOneRunForEachStream) {
  std::string const long_one = R"({"b":")" + std::string(200, 'b') + R"("})";
  route({record("users", R"({"a":1})"), record("orders", long_one), record("users", long_one)});
  Drained const users = drain("users");
  Drained const orders = drain("orders");
  ASSERT_EQ(users.runs.size(), 1U);
  ASSERT_EQ(orders.runs.size(), 1U);
  EXPECT_EQ(data_of(users.runs), (std::vector<std::string>{R"({"a":1})", long_one}));
  EXPECT_EQ(data_of(orders.runs), (std::vector<std::string>{long_one}));
  EXPECT_EQ(users.runs[0].block, orders.runs[0].block);
  EXPECT_EQ(users.runs[0].bytes, 7 + long_one.size());
  EXPECT_EQ(queues.find(StreamDescriptor("users"))->accumulated_bytes(), 7 + long_one.size());
  EXPECT_TRUE(drain("users", "shop").runs.empty());
}

TEST_F(RouterTest, RecordNumbersGoOnInTheNextBlock) {
  route({record("users"), record("users")});
  Drained const first = drain("users");
  route({record("orders"), record("users")});
  Drained const second = drain("users");
  ASSERT_EQ(first.runs.size(), 1U);
  ASSERT_EQ(second.runs.size(), 1U);
  EXPECT_EQ(first.runs[0].first_number, 0U);
  EXPECT_EQ(first.runs[0].size(), 2U);
  EXPECT_EQ(second.runs[0].first_number, 2U);
}

TEST_F(RouterTest, ARecordKeepsDataMetaAndTime) {
  route({R"({"type":"RECORD","record":{"stream":"users","data":{"a":"x"},"emitted_at":1234,"meta":{"changes":[]}}})",
         R"({"type":"RECORD","record":{"stream":"users","data":{},"emitted_at":5}})"});
  Drained const users = drain("users");
  ASSERT_EQ(users.runs.size(), 1U);
  RecordRun const& run = users.runs[0];
  Record const first(run.block->slices[run.begin], 0);
  EXPECT_EQ(first.data(), R"({"a":"x"})");
  EXPECT_EQ(first.meta(), R"({"changes":[]})");
  EXPECT_EQ(first.emitted_at().time_since_epoch().count(), 1234);
  EXPECT_TRUE(Record(run.block->slices[run.begin + 1], 1).meta().empty());
  EXPECT_EQ(run.bytes, 9U + 14U + 2U);
}

TEST_F(RouterTest, ANamespaceTellsStreamsOfOneNameApart) {
  route({record("users", R"({"a":1})"), record_in("shop", "users", R"({"b":1})"), record("users", R"({"a":2})")});
  EXPECT_EQ(data_of(drain("users", "shop").runs), (std::vector<std::string>{R"({"b":1})"}));
  EXPECT_EQ(drain("users").runs.at(0).size(), 2U);
  EXPECT_EQ(error_of({record_in("", "users")}).error_class(), ErrorClass::config);  // "" is not null
}

TEST_F(RouterTest, BlankLinesAreSkippedAndCounted) {
  route({"", "  \t", "\r", record("users") + "\r", ""});
  EXPECT_EQ(drain("users").runs.at(0).size(), 1U);
  EXPECT_EQ(progress.lines.load(), 5U);
  Error const error = error_of({"", "{"});
  EXPECT_TRUE(std::string(error.what()).starts_with("line 7: ")) << error.what();
}

TEST_F(RouterTest, OtherMessagesAreIgnoredAndCounted) {
  route({R"({"type":"LOG","log":{"level":"INFO","message":"hello"}})", R"({"type":"WHATEVER"})",
         status("users", "STARTED")});
  EXPECT_EQ(progress.ignored_messages.load(), 3U);
}

TEST_F(RouterTest, TheSlicesArePaidForByTheirBlock) {
  MemoryBudget budget(1 << 20);
  {
    std::string const text = record("users") + "\n";
    InputLines lines;
    lines.block = std::make_shared<Block>(text.size(), simulation.run_coroutine(budget.reserve(text.size())));
    std::memcpy(lines.block->data(), text.data(), text.size());
    lines.text = std::string_view(lines.block->data(), text.size());
    router->route(lines);
  }
  EXPECT_GE(budget.reserved_bytes(), record("users").size() + sizeof(RecordSlice));
  drain("users");
  router->give_back_room();
  EXPECT_EQ(budget.reserved_bytes(), 0U);
}

// ---- lone surrogates ----

std::string entry_for(std::string const& field) {
  return R"({"field":")" + field + R"(","change":"TRUNCATED","reason":"DESTINATION_SERIALIZATION_ERROR"})";
}

TEST_F(RouterTest, LoneSurrogatesOfARecordAreReplacedAndItsMetaSaysWhere) {
  struct Row {
    char const* name;
    std::string data;
    std::string more;  // members of the record
    std::string expected_data;
    std::string expected_meta;
    std::uint64_t counted;
  };
  Row const rows[] = {
      {"none", R"({"a":"\\ud83d\ud83d\ude00"})", "", R"({"a":"\\ud83d\ud83d\ude00"})", "", 0},
      {"in values", R"({"a":"\ud83d","b":1,"c":[{"d":"\uDE00x"}]})", "",
       R"({"a":"\ufffd","b":1,"c":[{"d":"\ufffdx"}]})",
       R"({"changes":[)" + entry_for("a") + "," + entry_for("c") + "]}", 1},
      {"in a name", R"({"a\ud83d":"\ud83d"})", "", R"({"a\ufffd":"\ufffd"})",
       R"({"changes":[)" + entry_for(R"(a\ufffd)") + "]}", 1},
      {"beside changes of the source", R"({"a":"\ud83d"})", R"(,"meta":{"changes":[{"field":"b"}],"x":"\ude00"})",
       R"({"a":"\ufffd"})", R"({"changes":[{"field":"b"},)" + entry_for("a") + R"(],"x":"\ufffd"})", 1},
      {"in the meta alone", R"({"a":1})", R"(,"meta":{"changes":[],"\ude00":1})", R"({"a":1})",
       R"({"changes":[],"\ufffd":1})", 0},
      {"where nobody looks", R"({"a":1})", R"(,"other":"\ud83d")", R"({"a":1})", "", 0},
  };
  std::string const long_one = R"({"b":")" + std::string(2000, 'b') + R"("})";
  for (Row const& row : rows) {
    for (bool const copied : {false, true}) {
      for (Validation const validation : {Validation::full, Validation::skipped}) {
        SCOPED_TRACE(fmt::format("{}, {}", row.name, copied ? "copied out" : "in the block"));
        std::uint64_t const counted_before = progress.streams[0].replaced;
        router = std::make_unique<Router>(queues, checkpoints, simulation, validation, progress);
        std::string line = record("users", row.data);
        line.insert(line.size() - 2, row.more);
        route({line, copied ? record("orders", long_one) : record("orders")});
        auto const runs = drain("users").runs;
        ASSERT_EQ(runs.size(), 1U);
        Record const read(runs[0].block->slices.at(runs[0].begin), 0);
        EXPECT_EQ(read.data(), row.expected_data);
        EXPECT_EQ(read.meta(), row.expected_meta);
        EXPECT_EQ(runs[0].bytes, row.expected_data.size() + row.expected_meta.size());
        EXPECT_EQ(progress.streams[0].replaced - counted_before, row.counted);
        drain("orders");
      }
    }
  }
}

TEST_F(RouterTest, AStreamIsFoundByItsNameWithTheReplacement) {
  std::vector<DestinationStream> streams;
  streams.push_back(stream_named("a\ufffd", "\ufffd"));
  StreamQueues odd{DestinationCatalog(std::move(streams))};
  InputProgress counters(1);
  Router one(odd, checkpoints, simulation, Validation::full, counters);
  std::string const text = record_in(R"(\ude00)", R"(a\ud83d)") + "\n";
  InputLines lines;
  lines.block = std::make_shared<Block>(text.size(), Reservation());
  std::memcpy(lines.block->data(), text.data(), text.size());
  lines.text = std::string_view(lines.block->data(), text.size());
  one.route(lines);
  EXPECT_EQ(counters.streams[0].records.load(), 1U);
  EXPECT_EQ(counters.streams[0].replaced.load(), 0U);
}

TEST_F(RouterTest, OtherMessagesKeepTheirLoneSurrogates) {
  std::string const state =
      R"({"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"users"},)"
      R"("stream_state":{"\ud83d":"\ude00"}}}})";
  route({R"({"type":"LOG","log":{"level":"INFO","message":"cut \ud83d"}})", R"({"type":"\ud83d"})", state});
  EXPECT_EQ(progress.ignored_messages.load(), 2U);
  auto const received = drain_checkpoints();
  ASSERT_EQ(received.size(), 1U);
  EXPECT_EQ(received[0].state.line, state);
}

TEST_F(RouterTest, TheMetaOfAReplacementIsPaidForAndLivesAsLongAsItsRecord) {
  MemoryBudget budget(1 << 20);
  std::string text;
  for (int i = 0; i < 100; ++i) text += record("users", R"({"a":"\ud83d"})") + "\n";
  std::string const meta = R"({"changes":[)" + entry_for("a") + "]}";
  route_text(text, simulation.run_coroutine(budget.reserve(text.size())));
  {
    auto const runs = drain("users").runs;
    EXPECT_GE(budget.reserved_bytes(), text.size() + 100 * (meta.size() + sizeof(RecordSlice)));
    for (RecordSlice const& slice : runs.at(0).block->slices) {
      EXPECT_EQ(std::string_view(slice.meta, slice.meta_size), meta);
    }
  }
  EXPECT_EQ(budget.reserved_bytes(), 0U);
}

TEST(PaysToCopy, Table) {
  struct Row {
    char const* name;
    std::uint64_t records, text, block;
    bool expected;
  };
  Row const rows[] = {
      {"all of the text", 1000, 1000, 1000, false},      {"an eighth", 125, 1000, 1000, false},
      {"less than an eighth", 124, 1000, 1000, true},    {"much of a small read", 1000, 1000, 1 << 20, true},
      {"a sixteenth of it", 8192, 8192, 1 << 20, false},
  };
  for (Row const& row : rows) EXPECT_EQ(pays_to_copy(row.records, row.text, row.block), row.expected) << row.name;
}

TEST_F(RouterTest, AFewRecordsDoNotKeepTheBlockOfOthers) {
  MemoryBudget budget(1 << 20);
  std::string const few =
      R"({"type":"RECORD","record":{"stream":"orders","data":{"b":2},"emitted_at":7,"meta":{"m":1}}})";
  std::string text = few + "\n";
  std::string const long_one = R"({"a":")" + std::string(200, 'a') + R"("})";
  for (int i = 0; i < 100; ++i) text += record("users", long_one) + "\n";
  text += few + "\n";
  std::weak_ptr<Block> input_block;
  {
    InputLines lines;
    lines.block = std::make_shared<Block>(text.size(), simulation.run_coroutine(budget.reserve(text.size())));
    input_block = lines.block;
    std::memcpy(lines.block->data(), text.data(), text.size());
    lines.text = std::string_view(lines.block->data(), text.size());
    router->route(lines);
  }
  EXPECT_EQ(drain("users").runs.at(0).size(), 100U);
  EXPECT_TRUE(input_block.expired());
  {
    Drained const orders = drain("orders");
    ASSERT_EQ(orders.runs.size(), 1U);
    EXPECT_EQ(data_of(orders.runs), (std::vector<std::string>{R"({"b":2})", R"({"b":2})"}));
    EXPECT_EQ(orders.runs[0].bytes, 28U);
    RecordSlice const& slice = orders.runs[0].block->slices.at(1);
    EXPECT_EQ(std::string_view(slice.meta, slice.meta_size), R"({"m":1})");
    EXPECT_EQ(slice.emitted_at_ms, 7);
    EXPECT_GE(budget.reserved_bytes(), 28U);
    EXPECT_LT(budget.reserved_bytes(), text.size());
  }
  router->give_back_room();  // until then it keeps some for the next ones
  EXPECT_EQ(budget.reserved_bytes(), 0U);
}

TEST_F(RouterTest, CopiedRecordsOfSeveralBlocksLieTogetherAsFarAsThereIsRoom) {
  struct Row {
    char const* name;
    std::uint64_t room_bytes;
    std::size_t runs;
  };
  Row const rows[] = {{"room for more", 3 << 10, 1}, {"no room", 0, 3}};
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    MemoryBudget budget(1 << 20);
    router = std::make_unique<Router>(queues, checkpoints, simulation, Validation::full, progress, row.room_bytes);
    std::string const long_one = R"({"a":")" + std::string(500, 'a') + R"("})";
    for (int i = 0; i < 3; ++i) {
      std::string const text = record("users", long_one) + "\n" + record("orders") + "\n";
      InputLines lines;
      lines.block = std::make_shared<Block>(text.size(), simulation.run_coroutine(budget.reserve(text.size())));
      std::memcpy(lines.block->data(), text.data(), text.size());
      lines.text = std::string_view(lines.block->data(), text.size());
      router->route(lines);
    }
    drain("users");
    {
      Drained const orders = drain("orders");
      EXPECT_EQ(orders.runs.size(), row.runs);
      EXPECT_EQ(data_of(orders.runs), (std::vector<std::string>{"{}", "{}", "{}"}));
      EXPECT_GT(budget.reserved_bytes(), 0U);
    }
    EXPECT_LE(budget.reserved_bytes(), row.room_bytes);  // of what is full nothing is kept
    router->give_back_room();
    EXPECT_EQ(budget.reserved_bytes(), 0U);
  }
}

TEST_F(RouterTest, ManyMixedBlocksArriveInOrderForEveryStream) {
  std::vector<std::string> expected[3];
  std::mt19937 random(7);
  for (int block = 0; block < 50; ++block) {
    std::vector<std::string> lines;
    auto const count = random() % 20;
    for (unsigned i = 0; i < count; ++i) {
      auto const stream = random() % 3;
      std::string const data = fmt::format(R"({{"n":{}}})", expected[stream].size());
      expected[stream].push_back(data);
      lines.push_back(stream == 2 ? record_in("shop", "users", data) : record(stream == 0 ? "users" : "orders", data));
    }
    if (!lines.empty()) route(lines);
  }
  Drained const drained[] = {drain("users"), drain("orders"), drain("users", "shop")};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(data_of(drained[i].runs), expected[i]);
    RecordNumber next = 0;
    for (RecordRun const& run : drained[i].runs) {
      EXPECT_EQ(run.first_number, next);
      next += run.size();
    }
  }
}

// ---- states ----

TEST_F(RouterTest, AStreamStateStandsBehindTheRecordsOfItsStreamThatCameBeforeIt) {
  route({record("users"), record("orders"), stream_state("users"), record("users"), stream_state("users")});
  auto const states = drain_checkpoints();
  ASSERT_EQ(states.size(), 2U);
  std::uint64_t const length = record("users").size();
  ASSERT_EQ(states[0].positions.size(), 1U);
  EXPECT_EQ(states[0].positions[0].stream, 0U);
  EXPECT_EQ(states[0].positions[0].read, RecordCounts(1, length));
  EXPECT_EQ(states[1].positions[0].read, RecordCounts(2, 2 * length));
  EXPECT_EQ(states[0].state.kind, StateKind::stream);
  EXPECT_EQ(progress.states.load(), 2U);
}

TEST_F(RouterTest, AGlobalStateStandsBehindTheRecordsOfAllStreams) {
  route({record("users"), record("users"), record("orders"), global_state(), record("users")});
  auto const states = drain_checkpoints();
  ASSERT_EQ(states.size(), 1U);
  ASSERT_EQ(states[0].positions.size(), 3U);
  EXPECT_EQ(states[0].positions[0].read.records, 2U);
  EXPECT_EQ(states[0].positions[1].read.records, 1U);
  EXPECT_EQ(states[0].positions[2].read.records, 0U);
}

TEST_F(RouterTest, ALaterGlobalStateTellsWhereStreamsHaveMoved) {
  route({record("users"), global_state(), global_state(), record("orders"), record("users"), record("orders")});
  route({global_state(), record("users"), global_state()});
  auto const states = drain_checkpoints();
  ASSERT_EQ(states.size(), 4U);
  EXPECT_EQ(states[0].positions.size(), 3U);
  EXPECT_TRUE(states[1].positions.empty());
  ASSERT_EQ(states[2].positions.size(), 2U);
  EXPECT_EQ(states[2].positions[0].stream, 1U);
  EXPECT_EQ(states[2].positions[0].read.records, 2U);
  EXPECT_EQ(states[2].positions[1].stream, 0U);
  EXPECT_EQ(states[2].positions[1].read.records, 2U);
  ASSERT_EQ(states[3].positions.size(), 1U);
  EXPECT_EQ(states[3].positions[0].stream, 0U);
  EXPECT_EQ(states[3].positions[0].read.records, 3U);
}

TEST_F(RouterTest, AStateTakesItsMemoryFromTheBudgetAndNeverWaitsForIt) {
  MemoryBudget budget(1);
  route_text(stream_state("users") + "\n" + global_state() + "\n", simulation.run_coroutine(budget.reserve(1)));
  auto states = drain_checkpoints();
  ASSERT_EQ(states.size(), 2U);
  EXPECT_GE(states[0].memory.bytes(), states[0].state.line.size() + sizeof(Checkpoint) + sizeof(StreamPosition));
  EXPECT_GE(states[1].memory.bytes(), states[1].state.line.size() + sizeof(Checkpoint) + 3 * sizeof(StreamPosition));
  EXPECT_EQ(budget.reserved_bytes(), states[0].memory.bytes() + states[1].memory.bytes());
  states.clear();
  EXPECT_EQ(budget.reserved_bytes(), 0U);
}

TEST_F(RouterTest, AStateKnowsWhenItWasRead) {
  simulation.run_for(std::chrono::seconds(5));
  route({stream_state("users")});
  EXPECT_EQ(drain_checkpoints().at(0).read_at, TimePoint(std::chrono::seconds(5)));
}

// ---- ends ----

TEST_F(RouterTest, CompleteEndsTheStreamAtOnceAndOnlyOnce) {
  route({record("users"), status("users", "COMPLETE"), record("orders"), status("users", "COMPLETE")});
  Drained const users = drain("users");
  EXPECT_EQ(users.runs.size(), 1U);
  ASSERT_TRUE(users.end.has_value());
  EXPECT_EQ(users.end->status, StreamStatus::complete);
  EXPECT_EQ(users.end->record_count, 1U);
  EXPECT_TRUE(users.end->input_complete);
  EXPECT_TRUE(users.closed);
  EXPECT_FALSE(drain("orders").closed);
  router->end_of_input(true);
  EXPECT_FALSE(drain("users").end.has_value());
  EXPECT_TRUE(progress.streams[0].ended);
}

TEST_F(RouterTest, AStateAfterTheEndOfItsStreamIsForwarded) {
  route({record("users"), status("users", "COMPLETE"), stream_state("users")});
  EXPECT_EQ(drain_checkpoints().at(0).positions.at(0).read.records, 1U);
}

TEST_F(RouterTest, AnIncompleteStreamStaysReadableAndALaterCompleteChangesNothing) {
  route({status("users", "INCOMPLETE"), record("users"), status("users", "COMPLETE"), record("users")});
  EXPECT_FALSE(drain("users").closed);
  router->end_of_input(true);
  Drained const users = drain("users");
  ASSERT_TRUE(users.end.has_value());
  EXPECT_EQ(users.end->status, StreamStatus::incomplete);
  EXPECT_EQ(users.end->record_count, 2U);
  EXPECT_TRUE(users.closed);
}

TEST_F(RouterTest, TheEndOfTheInputEndsEveryStreamThatHasNotEnded) {
  route({record("users")});
  router->end_of_input(false);
  router->end_of_input(true);
  for (auto const& queue : queues.all()) {
    Drained const drained = drain(queue->stream->descriptor.name, queue->stream->descriptor.name_space);
    ASSERT_TRUE(drained.end.has_value());
    EXPECT_EQ(drained.end->status, StreamStatus::missing);
    EXPECT_FALSE(drained.end->input_complete);
    EXPECT_TRUE(drained.closed);
  }
}

TEST_F(RouterTest, AnEndTellsWhetherAStateCameAfterTheLastRecord) {
  struct Row {
    char const* name;
    std::vector<std::string> lines;
    bool expected;
  };
  Row const rows[] = {
      {"nothing at all", {}, false},
      {"no state", {record("users")}, false},
      {"state last", {record("users"), stream_state("users")}, true},
      {"record last", {stream_state("users"), record("users")}, false},
      {"state of an empty stream", {stream_state("users")}, true},
      {"global state last", {record("users"), global_state()}, true},
      {"global state, then a record of another stream", {record("users"), global_state(), record("orders")}, true},
      {"state of another stream", {record("users"), stream_state("orders")}, false},
      {"incomplete", {record("users"), stream_state("users"), status("users", "INCOMPLETE")}, true},
      {"complete", {record("users"), stream_state("users"), status("users", "COMPLETE")}, true},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    StreamQueues fresh(three_streams());
    CheckpointQueue states(1 << 20);
    InputProgress counters(3);
    Router one(fresh, states, simulation, Validation::full, counters);
    std::string text;
    for (std::string const& line : row.lines) text += line + "\n";
    InputLines lines;
    lines.block = std::make_shared<Block>(text.size(), Reservation());
    std::memcpy(lines.block->data(), text.data(), text.size());
    lines.text = std::string_view(lines.block->data(), text.size());
    one.route(lines);
    one.end_of_input(true);
    auto const drained = fresh.find(StreamDescriptor("users"))->take();
    ASSERT_FALSE(drained.elements.empty());
    EXPECT_EQ(std::get<EndOfStream>(drained.elements.back()).state_after_last_record, row.expected);
  }
}

// ---- errors ----

TEST_F(RouterTest, ErrorsNameLineAndStreamButNeverTheContent) {
  std::string const data = R"({"secret":1})";
  struct Row {
    char const* name;
    std::string line;
    ErrorClass error_class;
    char const* text;
  };
  Row const rows[] = {
      {"record of a stream outside the catalog", record("ghosts", data), ErrorClass::config,
       "line 2: a record came for stream ghosts, which is not in the catalog; it has: users, orders, shop.users"},
      {"state of a stream outside the catalog", stream_state("ghosts"), ErrorClass::system,
       "line 2: a STATE came for stream ghosts, which is not in the catalog; it has: users, orders, shop.users"},
      {"status of a stream outside the catalog", status("ghosts", "COMPLETE"), ErrorClass::system,
       "line 2: a status came for stream ghosts, which is not in the catalog; it has: users, orders, shop.users"},
      {"a file",
       R"({"type":"RECORD","record":{"stream":"users","data":{"secret":1},"emitted_at":1,"file_reference":{}}})",
       ErrorClass::config, "line 2: stream users: files are not supported, but the record refers to one"},
      {"a file, in the older form",
       R"({"type":"RECORD","record":{"stream":"users","data":{"secret":1},"emitted_at":1,"file":{"bytes":1}}})",
       ErrorClass::config, "line 2: stream users: files are not supported, but the record refers to one"},
      {"a record after COMPLETE", record("orders", data), ErrorClass::system,
       "line 2: stream orders: a record came after the COMPLETE status"},
      {"INCOMPLETE after COMPLETE", status("orders", "INCOMPLETE"), ErrorClass::system,
       "line 2: stream orders: an INCOMPLETE status came after the COMPLETE status"},
      {"no JSON", R"({"type":"RECORD","record":{"stream":"users","data":{"secret":tru}}})", ErrorClass::system,
       "line 2: stream users: "},
      {"a state after an unknown shape", R"({"type":"RECORD"})", ErrorClass::system, "line 2: "},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    start_again();
    Error const error = error_of({status("orders", "COMPLETE"), row.line});
    EXPECT_EQ(error.error_class(), row.error_class);
    EXPECT_TRUE(std::string(error.what()).starts_with(row.text)) << error.what();
    EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos);
  }
}

TEST_F(RouterTest, WhatCameBeforeABadLineIsForwarded) {
  EXPECT_THROW(route({record("users"), stream_state("users"), record("orders"), "garbage", record("users")}), Error);
  EXPECT_EQ(drain("users").runs.at(0).size(), 1U);
  EXPECT_EQ(drain("orders").runs.at(0).size(), 1U);
  EXPECT_EQ(drain_checkpoints().size(), 1U);
  router->end_of_input(false);
  EXPECT_EQ(drain("users").end->record_count, 1U);
}

TEST_F(RouterTest, ALongCatalogIsShortened) {
  std::vector<DestinationStream> streams;
  for (int i = 0; i < 9; ++i) streams.push_back(stream_named(fmt::format("s{}", i)));
  StreamQueues many{DestinationCatalog(std::move(streams))};
  InputProgress counters(9);
  Router one(many, checkpoints, simulation, Validation::full, counters);
  std::string const text = record("ghosts") + "\n";
  InputLines lines;
  lines.block = std::make_shared<Block>(text.size(), Reservation());
  std::memcpy(lines.block->data(), text.data(), text.size());
  lines.text = std::string_view(lines.block->data(), text.size());
  try {
    one.route(lines);
    ADD_FAILURE();
  } catch (Error const& error) {
    EXPECT_TRUE(std::string(error.what()).ends_with("it has: s0, s1, s2, s3, s4 and 4 more")) << error.what();
  }
}

TEST_F(RouterTest, ALastLineWithoutItsEndIsAcceptedWhenItIsWhole) {
  route_text(record("users"));
  EXPECT_EQ(drain("users").runs.at(0).size(), 1U);
}

TEST_F(RouterTest, AnInputCutAnywhereInALineSaysSo) {
  std::string const whole = record("users", R"({"secret":1})");
  for (std::size_t length = 1; length < whole.size(); ++length) {
    SCOPED_TRACE(length);
    start_again();
    try {
      route_text(record("orders") + "\n" + whole.substr(0, length));
      ADD_FAILURE();
    } catch (Error const& error) {
      EXPECT_EQ(error.message(), "input ended in the middle of line 2");
      EXPECT_EQ(error.error_class(), ErrorClass::system);
      EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos);
    }
  }
  EXPECT_EQ(drain("orders").runs.size(), whole.size() - 1);
  EXPECT_TRUE(drain("users").runs.empty());
}

TEST_F(RouterTest, ProgressIsCountedForEachStream) {
  route({record("users"), record("users"), record("orders"), global_state()});
  EXPECT_EQ(progress.streams[0].records.load(), 2U);
  EXPECT_EQ(progress.streams[0].bytes.load(), 2 * record("users").size());
  EXPECT_EQ(progress.streams[1].records.load(), 1U);
  EXPECT_EQ(progress.streams[2].records.load(), 0U);
  EXPECT_EQ(progress.lines.load(), 4U);
}

}  // namespace
}  // namespace landfall
