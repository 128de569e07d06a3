#include <landfall/state/checkpoint_manager.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_to.hpp>

#include <landfall/runtime/memory_budget.hpp>
#include <landfall/testing/simulation.hpp>

#include "runtime/spawned.hpp"
#include "state/streams.hpp"

namespace landfall {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Ids = std::vector<int>;

boost::json::object state_in(std::string const& line) { return boost::json::parse(line).at("state").as_object(); }

std::uint64_t number(boost::json::object const& members, std::string_view name) {
  auto const* const value = members.if_contains(name);
  return value == nullptr ? 0 : value->to_number<std::uint64_t>();
}

std::vector<std::string> lines_of(std::string const& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// What a printed line says of the records.
struct Counts {
  explicit Counts(std::string const& line) {
    boost::json::object const state = state_in(line);
    boost::json::object const& stats = state.at("destinationStats").as_object();
    delta = stats.at("recordCount").to_number<std::uint64_t>();
    delta_rejected = number(stats, "rejectedRecordCount");
    total = number(state, "committedRecordsCount");
    total_bytes = number(state, "committedBytesCount");
    total_rejected = number(state, "rejectedRecordsCount");
  }
  std::uint64_t delta = 0;
  std::uint64_t delta_rejected = 0;
  std::uint64_t total = 0;
  std::uint64_t total_bytes = 0;
  std::uint64_t total_rejected = 0;
};

/// Reads, loads and prints as a sync would, with streams of one letter and STATEs that are numbered as they are read.
class Script {
 public:
  explicit Script(DestinationCatalog catalog, std::uint64_t held_bytes_max = UINT64_MAX)
      : sync(std::move(catalog)), checkpoints(sync, held_bytes_max) {}

  void read(std::string const& stream, std::uint64_t records, std::uint64_t bytes = 0) {
    RecordCounts& counts = read_[stream];
    counts.records += records;
    counts.bytes += bytes;
    manager(stream).add_read(counts.records, bytes);
  }
  /// The last ones that were read.
  void reject(std::string const& stream, std::uint64_t records) {
    std::vector<RecordNumber> numbers;
    for (std::uint64_t i = 0; i < records; ++i) numbers.push_back(read_[stream].records - 1 - i);
    manager(stream).reject_records(numbers);
  }
  /// And none of its calls runs any more.
  void fails(std::string const& stream) {
    manager(stream).mark_failing();
    manager(stream).settle_failure();
  }
  void persist(std::string const& stream, RecordNumber begin, RecordNumber end) {
    manager(stream).update_batch_state(
        BatchEnvelope(StreamDescriptor(stream), BatchId(1), Interval{begin, end}, Batch::persisted()));
  }
  void end(std::string const& stream, StreamEnd how) {
    manager(stream).mark_end_of_stream(EndOfStream(StreamStatus::missing, read_[stream].records, true, true));
    manager(stream).mark_succeeded(StreamOutcome(how, read_[stream].records));
  }

  int stream_state(std::string const& stream) { return stream_state(stream, read_[stream]); }
  int stream_state(std::string const& stream, RecordCounts position) {
    StateMessage state = message(StateKind::stream);
    state.stream = StreamDescriptor(stream);
    std::vector<StreamPosition> positions{StreamPosition(place_of(stream), position)};
    return add(std::move(state), std::move(positions));
  }
  int global_state(StateKind kind = StateKind::global) {
    std::vector<StreamPosition> positions;
    for (auto const& stream : sync.catalog().streams()) {
      RecordCounts const read = read_[stream->descriptor.name];
      RecordCounts& told = told_[stream->descriptor.name];
      if (!is_first_ && told == read) continue;  // as the router does
      positions.emplace_back(place_of(stream->descriptor.name), read);
      told = read;
    }
    is_first_ = false;
    return add(message(kind), std::move(positions));
  }

  /// Prints what is ready, and gives the numbers of those STATEs.
  Ids flush(std::size_t limit_bytes = 1 << 20) {
    Ids const ids = hand_out(limit_bytes);
    checkpoints.mark_emitted();
    return ids;
  }
  Ids hand_out(std::size_t limit_bytes = 1 << 20) {
    lines = lines_of(checkpoints.ready_lines(limit_bytes));
    Ids ids;
    for (std::string const& line : lines) ids.push_back(static_cast<int>(number(state_in(line), "id")));
    return ids;
  }

  /// In the catalog; of a stream that it does not have: a place that is not there.
  std::size_t place_of(std::string const& stream) const {
    auto const& streams = sync.catalog().streams();
    auto const found =
        std::ranges::find(streams, StreamDescriptor(stream), [](auto const& s) { return s->descriptor; });
    return static_cast<std::size_t>(found - streams.begin());
  }

  StreamManager& manager(std::string const& stream) { return sync.stream_manager(StreamDescriptor(stream)); }

  /// What the STATEs hold.
  std::uint64_t held_bytes() const { return budget.reserved_bytes() - memory.bytes(); }
  /// Somebody who needs more than the whole budget would get it.
  bool lets_alone() {
    bool granted = false;
    Spawned const waiter(simulation.get_executor(), reserve_all(budget, granted));
    simulation.run();
    waiter.cancel();
    simulation.run();
    return granted;
  }

  testing::Simulation simulation;
  MemoryBudget budget{1 << 20};
  Reservation memory = simulation.run_coroutine(budget.reserve(1));
  SyncManager sync;
  CheckpointManager checkpoints;
  std::vector<std::string> lines;  // of the last hand_out()
  TimePoint now{};
  std::size_t padding_bytes = 0;  // in each STATE

 private:
  static awaitable<void> reserve_all(MemoryBudget& budget, bool& granted) {
    Reservation const all = co_await budget.reserve(budget.capacity_bytes() + 1);
    granted = true;
  }
  StateMessage message(StateKind kind) const {
    StateMessage state;
    state.kind = kind;
    state.line = fmt::format(R"({{"type":"STATE","state":{{"id":{},"pad":"{}"}}}})", last_id_ + 1,
                             std::string(padding_bytes, 'x'));
    state.state_end = state.line.size() - 2;
    state.state_has_members = true;
    return state;
  }
  int add(StateMessage state, std::vector<StreamPosition> positions) {
    Checkpoint checkpoint(std::move(state), std::move(positions), now);
    checkpoint.memory = memory.another(checkpoint.size_bytes());
    checkpoints.add(std::move(checkpoint));
    return ++last_id_;
  }

  std::map<std::string, RecordCounts> read_;
  std::map<std::string, RecordCounts> told_;  // in the last GLOBAL STATE
  bool is_first_ = true;
  int last_id_ = 0;
};

DestinationCatalog append_and_overwrite() {
  std::vector<DestinationStream> streams;
  streams.push_back(append_stream("a"));
  streams.push_back(overwrite_stream("b"));
  return DestinationCatalog(std::move(streams));
}

class CheckpointManagerTest : public ::testing::Test {
 protected:
  Script script{append_catalog({"a", "b"})};
};

TEST_F(CheckpointManagerTest, WithoutAStateThereIsNothingToPrint) {  // 96
  script.read("a", 3);
  EXPECT_TRUE(script.flush().empty());
  EXPECT_EQ(script.checkpoints.pending_count(), 0u);
  EXPECT_EQ(script.checkpoints.received_count(), 0u);
  EXPECT_EQ(script.checkpoints.oldest_read_at(), std::nullopt);
  EXPECT_EQ(script.checkpoints.describe_pending(), "");
}

using Until = std::map<std::size_t, RecordNumber>;

TEST_F(CheckpointManagerTest, OfAResumedStreamNumbersGoOnAndCountsBeginAnew) {
  script.manager("a").resume(100, {{95, 98}});
  script.manager("a").add_read(103, 30);
  script.stream_state("a", RecordCounts(3, 30));
  EXPECT_TRUE(script.hand_out().empty());
  EXPECT_THAT(script.checkpoints.describe_pending(), HasSubstr("waits for records 100 to 102 of stream a"));
  script.persist("a", 100, 103);
  EXPECT_THAT(script.hand_out(), ElementsAre(1));
  EXPECT_EQ(script.checkpoints.handed_out_until(), (Until{{0, 103}}));
  EXPECT_EQ(Counts(script.lines.front()).delta, 3u);
  EXPECT_EQ(Counts(script.lines.front()).total, 3u);
  script.checkpoints.mark_emitted();
  EXPECT_TRUE(script.checkpoints.handed_out_until().empty());
}

TEST_F(CheckpointManagerTest, WhatWaitsOnDiskMayBeRejectedWhenItsStateIsOnItsWay) {
  script.read("a", 5);
  script.stream_state("a");
  script.manager("a").keep_records({0, 5});
  EXPECT_THAT(script.flush(), ElementsAre(1));
  EXPECT_EQ(Counts(script.lines.front()).delta, 5u);
  script.reject("a", 2);
  script.read("a", 1);
  script.stream_state("a");
  script.manager("a").keep_records({5, 6});
  EXPECT_THAT(script.flush(), ElementsAre(2));
  Counts const counts(script.lines.front());
  EXPECT_EQ(counts.delta, 1u);
  EXPECT_EQ(counts.delta_rejected, 0u);
  EXPECT_EQ(counts.total, 4u);
  EXPECT_EQ(counts.total_rejected, 2u);
}

TEST(CheckpointManager, NothingOfAStreamThatStartsAnewIsOfUseToAnotherSync) {
  Script script(DestinationCatalog({overwrite_stream("a"), append_stream("b")}));
  script.read("a", 2);
  script.read("b", 3);
  script.global_state();
  script.persist("a", 0, 2);
  script.persist("b", 0, 3);
  EXPECT_TRUE(script.hand_out().empty());
  script.end("a", StreamEnd::complete);
  EXPECT_THAT(script.hand_out(), ElementsAre(1));
  EXPECT_EQ(script.checkpoints.handed_out_until(), (Until{{1, 3}}));
}

TEST_F(CheckpointManagerTest, PrintsReadyStatesInOrderAndOnce) {  // 87
  script.read("a", 2);
  script.stream_state("a");
  script.read("a", 3);
  script.stream_state("a");
  script.persist("a", 0, 5);
  EXPECT_EQ(script.flush(), (Ids{1, 2}));
  EXPECT_EQ(script.flush(), Ids{});
  EXPECT_EQ(script.checkpoints.emitted_count(), 2u);
  EXPECT_EQ(script.checkpoints.pending_count(), 0u);
}

TEST_F(CheckpointManagerTest, PrintsAsFarAsRecordsAreSafe) {  // 88, 90, 97
  for (int state = 0; state < 3; ++state) {
    script.read("a", 2);
    script.stream_state("a");
  }
  EXPECT_EQ(script.flush(), Ids{});
  script.persist("a", 2, 6);  // later records only
  EXPECT_EQ(script.flush(), Ids{});
  script.persist("a", 0, 1);
  EXPECT_EQ(script.flush(), Ids{});
  script.persist("a", 1, 2);
  EXPECT_EQ(script.flush(), (Ids{1, 2, 3}));
}

TEST_F(CheckpointManagerTest, PrintsOneMoreWithEachPartThatIsSafe) {  // 97
  for (int state = 0; state < 3; ++state) {
    script.read("a", 2);
    script.stream_state("a");
  }
  script.persist("a", 0, 2);
  EXPECT_EQ(script.flush(), Ids{1});
  script.persist("a", 2, 4);
  EXPECT_EQ(script.flush(), Ids{2});
  script.persist("a", 4, 6);
  EXPECT_EQ(script.flush(), Ids{3});
}

TEST_F(CheckpointManagerTest, StreamsDoNotWaitForEachOther) {  // 89, 100
  script.read("b", 2);
  script.stream_state("b");
  script.read("a", 2);
  script.stream_state("a");
  script.persist("a", 0, 2);
  EXPECT_EQ(script.flush(), Ids{2});
  script.persist("b", 0, 2);
  EXPECT_EQ(script.flush(), Ids{1});
}

TEST_F(CheckpointManagerTest, AStateBeforeAnyRecordIsReadyAtOnce) {  // 82, 96
  script.stream_state("a");
  script.stream_state("a");
  EXPECT_EQ(script.flush(), (Ids{1, 2}));
}

TEST_F(CheckpointManagerTest, AStateMayComeBeforeItsRecordsAreKnownAsRead) {  // 80
  script.stream_state("a", RecordCounts(3, 0));
  EXPECT_EQ(script.flush(), Ids{});
  script.read("a", 3);
  script.persist("a", 0, 3);
  EXPECT_EQ(script.flush(), Ids{1});
}

TEST_F(CheckpointManagerTest, AGlobalStateWaitsForEveryStream) {  // 92, 93
  script.read("a", 2);
  script.global_state();
  script.read("b", 2);
  script.global_state();
  script.persist("a", 0, 2);
  EXPECT_EQ(script.flush(), Ids{1});
  EXPECT_EQ(script.flush(), Ids{});
  script.persist("b", 0, 2);
  EXPECT_EQ(script.flush(), Ids{2});
}

// ---- every order ----

struct Part {
  std::string stream;
  RecordNumber begin;
  RecordNumber end;
};

/// Persists the parts in each order and compares what is printed after each with `ready`, a plain reading of the rule.
template <class ReadAll>
void check_every_order(ReadAll read_all, std::function<Ids(std::map<std::string, RecordNumber> const&)> ready) {
  std::array<Part, 4> const parts{Part{"a", 0, 2}, Part{"a", 2, 3}, Part{"b", 0, 2}, Part{"b", 2, 4}};
  std::array<std::size_t, 4> order{0, 1, 2, 3};
  do {
    SCOPED_TRACE(::testing::PrintToString(order));
    Script script(append_catalog({"a", "b"}));
    read_all(script);
    std::map<std::string, std::vector<bool>> persisted{{"a", std::vector<bool>(3)}, {"b", std::vector<bool>(4)}};
    Ids printed;
    for (std::size_t const index : order) {
      Part const& part = parts[index];
      script.persist(part.stream, part.begin, part.end);
      std::map<std::string, RecordNumber> safe;
      for (auto& [stream, records] : persisted) {
        for (RecordNumber i = part.begin; stream == part.stream && i < part.end; ++i) records[i] = true;
        safe[stream] = static_cast<RecordNumber>(std::find(records.begin(), records.end(), false) - records.begin());
      }
      for (int const id : script.flush()) printed.push_back(id);
      Ids sorted = printed;
      std::sort(sorted.begin(), sorted.end());
      EXPECT_EQ(sorted, ready(safe));
    }
    EXPECT_EQ(script.checkpoints.pending_count(), 0u);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(CheckpointManager, PrintsStreamStatesExactlyWhenTheyAreSafe) {  // 97, 101
  auto const read_all = [](Script& script) {
    script.read("a", 2);
    script.stream_state("a");  // 1: behind a 2
    script.read("b", 2);
    script.stream_state("b");  // 2: behind b 2
    script.read("a", 1);
    script.stream_state("a");  // 3: behind a 3
    script.stream_state("a");  // 4: the same
    script.read("b", 2);
    script.stream_state("b");  // 5: behind b 4
  };
  check_every_order(read_all, [](std::map<std::string, RecordNumber> const& safe) {
    Ids ids;
    if (safe.at("a") >= 2) ids.push_back(1);
    if (safe.at("b") >= 2) ids.push_back(2);
    if (safe.at("a") >= 3) ids.insert(ids.end(), {3, 4});
    if (safe.at("b") >= 4) ids.push_back(5);
    return ids;
  });
}

TEST(CheckpointManager, PrintsGlobalStatesExactlyWhenTheyAreSafe) {  // 92, 93, 97
  auto const read_all = [](Script& script) {
    script.read("a", 2);
    script.global_state();  // 1: behind a 2
    script.read("b", 2);
    script.global_state();  // 2: behind a 2, b 2
    script.read("a", 1);
    script.read("b", 2);
    script.global_state();  // 3: behind a 3, b 4
  };
  check_every_order(read_all, [](std::map<std::string, RecordNumber> const& safe) {
    Ids ids;
    if (safe.at("a") >= 2) ids.push_back(1);
    if (safe.at("a") >= 2 && safe.at("b") >= 2) ids.push_back(2);
    if (safe.at("a") >= 3 && safe.at("b") >= 4) ids.push_back(3);
    return ids;
  });
}

// ---- handing out and marking ----

TEST_F(CheckpointManagerTest, WhatWasNotPrintedIsHandedOutAgain) {  // 108
  script.read("a", 2);
  script.stream_state("a");
  script.persist("a", 0, 2);
  EXPECT_EQ(script.hand_out(), Ids{1});
  EXPECT_EQ(script.checkpoints.pending_count(), 1u);
  EXPECT_EQ(script.checkpoints.emitted_count(), 0u);
  EXPECT_EQ(script.flush(), Ids{1});
  EXPECT_EQ(script.checkpoints.pending_count(), 0u);
}

TEST_F(CheckpointManagerTest, MarksExactlyWhatWasHandedOutLast) {
  script.stream_state("a");
  script.stream_state("b");
  EXPECT_EQ(script.hand_out(), (Ids{1, 2}));
  EXPECT_EQ(script.hand_out(1), Ids{1});  // one line only
  script.stream_state("a");               // arrives while that line is written
  script.checkpoints.mark_emitted();
  EXPECT_EQ(script.checkpoints.emitted_count(), 1u);
  EXPECT_EQ(script.checkpoints.pending_count(), 2u);
  script.checkpoints.mark_emitted();  // nothing was handed out since
  EXPECT_EQ(script.checkpoints.emitted_count(), 1u);
  EXPECT_EQ(script.flush(), (Ids{3, 2}));
}

TEST_F(CheckpointManagerTest, MarkingWithoutHandingOutChangesNothing) {
  script.stream_state("a");
  script.checkpoints.mark_emitted();
  EXPECT_EQ(script.checkpoints.emitted_count(), 0u);
  EXPECT_EQ(script.checkpoints.pending_count(), 1u);
}

TEST_F(CheckpointManagerTest, KeepsToTheLimitButPrintsAtLeastOne) {
  script.padding_bytes = 1000;
  for (int state = 0; state < 5; ++state) script.stream_state("a");
  EXPECT_EQ(script.flush(0), Ids{1});
  EXPECT_EQ(script.flush(500), Ids{2});
  EXPECT_EQ(script.flush(2500), (Ids{3, 4}));
  EXPECT_EQ(script.flush(2500), Ids{5});
}

TEST_F(CheckpointManagerTest, PrintsAHundredThousandStatesInLinearTime) {
  constexpr std::size_t count = 100'000;
  for (std::size_t state = 0; state < count; ++state) {
    script.read("a", 1);
    script.stream_state("a");
  }
  script.persist("a", 0, count);
  std::size_t printed = 0;
  for (;;) {
    std::string const text = script.checkpoints.ready_lines();
    auto const lines = static_cast<std::size_t>(std::ranges::count(text, '\n'));
    script.checkpoints.mark_emitted();
    if (lines == 0) break;
    printed += lines;
  }
  EXPECT_EQ(printed, count);
  EXPECT_EQ(script.checkpoints.pending_count(), 0u);
}

// ---- counts ----

TEST_F(CheckpointManagerTest, DeltaIsSinceTheStateBeforeAndTotalSinceTheStart) {  // 107
  script.read("a", 2, 20);
  script.stream_state("a");
  script.read("a", 3, 30);
  script.read("b", 7, 70);  // another scope
  script.stream_state("a");
  script.stream_state("a");
  script.persist("a", 0, 5);

  ASSERT_EQ(script.hand_out(), (Ids{1, 2, 3}));
  std::array<std::array<std::uint64_t, 3>, 3> const expected{{{2, 2, 20}, {3, 5, 50}, {0, 5, 50}}};
  for (std::size_t i = 0; i < 3; ++i) {
    SCOPED_TRACE(i);
    Counts const counts(script.lines[i]);
    EXPECT_EQ(counts.delta, expected[i][0]);
    EXPECT_EQ(counts.total, expected[i][1]);
    EXPECT_EQ(counts.total_bytes, expected[i][2]);
  }
}

TEST_F(CheckpointManagerTest, DeltaDoesNotDependOnHowManyArePrintedAtOnce) {
  script.read("a", 2);
  script.stream_state("a");
  script.persist("a", 0, 2);
  script.flush();
  script.read("a", 3);
  script.stream_state("a");
  script.persist("a", 2, 5);
  script.hand_out();  // was not written
  ASSERT_EQ(script.flush(), Ids{2});
  Counts const counts(script.lines.front());
  EXPECT_EQ(counts.delta, 3u);
  EXPECT_EQ(counts.total, 5u);
}

TEST_F(CheckpointManagerTest, RejectedRecordsAreCountedBesideTheLoadedOnes) {  // 103
  script.read("a", 10, 100);
  script.reject("a", 3);
  script.stream_state("a");
  script.read("a", 5, 50);
  script.reject("a", 1);
  script.stream_state("a");
  script.persist("a", 0, 15);

  ASSERT_EQ(script.flush(), (Ids{1, 2}));
  Counts const first(script.lines[0]);
  EXPECT_EQ(first.delta, 7u);
  EXPECT_EQ(first.delta_rejected, 3u);
  Counts const second(script.lines[1]);
  EXPECT_EQ(second.delta, 4u);
  EXPECT_EQ(second.delta_rejected, 1u);
  EXPECT_EQ(second.total, 11u);
  EXPECT_EQ(second.total_rejected, 4u);
  EXPECT_EQ(second.total_bytes, 150u);
}

TEST_F(CheckpointManagerTest, RecordsRejectedAfterAStateWasReadAreCountedInIt) {
  script.read("a", 5, 50);
  script.stream_state("a");
  script.reject("a", 2);
  EXPECT_EQ(script.flush(), Ids{});
  script.persist("a", 0, 3);
  ASSERT_EQ(script.flush(), Ids{1});
  Counts const counts(script.lines.front());
  EXPECT_EQ(counts.delta, 3u);
  EXPECT_EQ(counts.delta_rejected, 2u);
}

TEST_F(CheckpointManagerTest, OfAFailingStreamWhatWasOnItsWayIsAnsweredToo) {
  script.read("a", 2);
  script.stream_state("a");
  script.read("a", 3);
  script.stream_state("a");
  script.read("a", 1);
  script.stream_state("a");
  script.persist("a", 0, 2);
  script.manager("a").mark_failing();
  EXPECT_EQ(script.flush(), Ids{1});
  script.persist("a", 2, 5);  // the call had returned
  EXPECT_EQ(script.flush(), Ids{2});
  EXPECT_EQ(script.checkpoints.oldest_read_at(), std::nullopt) << "it waits for nothing";
  EXPECT_EQ(script.checkpoints.describe_pending(), "STATE 3 of stream a is behind the failure of stream a");
}

TEST_F(CheckpointManagerTest, OfAFailingStreamNothingIsAnsweredBehindARecordThatFailed) {
  script.read("a", 2);
  script.stream_state("a");
  script.read("a", 3);
  script.stream_state("a");
  script.manager("a").mark_failing();
  script.persist("a", 0, 2);
  script.persist("a", 3, 5);
  EXPECT_EQ(script.flush(), Ids{1});
  script.manager("a").settle_failure();
  EXPECT_EQ(script.flush(), Ids{});
  EXPECT_EQ(script.held_bytes(), 0u) << "the second one gives its memory back";
}

TEST_F(CheckpointManagerTest, AGlobalStateBeforeTheFailureOfAStreamIsAnsweredWhenTheAnswersCome) {
  script.read("a", 2);
  script.read("b", 1);
  script.global_state();
  script.read("a", 1);
  script.global_state();
  script.manager("a").mark_failing();
  script.persist("b", 0, 1);
  EXPECT_EQ(script.flush(), Ids{});
  script.persist("a", 0, 2);
  EXPECT_EQ(script.flush(), Ids{1});
  script.manager("a").settle_failure();
  EXPECT_EQ(script.flush(), Ids{});
  EXPECT_EQ(script.checkpoints.describe_pending(), "STATE 2 of the sync is behind the failure of stream a");
}

TEST_F(CheckpointManagerTest, AFailingStreamEndsTheGlobalStates) {
  script.read("a", 2);
  script.global_state();
  script.read("b", 1);
  script.global_state();
  script.fails("a");
  script.persist("a", 0, 2);
  script.persist("b", 0, 1);
  EXPECT_EQ(script.flush(), Ids{});
}

TEST_F(CheckpointManagerTest, AGlobalStateCountsAllStreams) {
  script.read("a", 2, 20);
  script.read("b", 3, 30);
  script.global_state();
  script.read("b", 4, 40);
  script.global_state();
  script.persist("a", 0, 2);
  script.persist("b", 0, 7);

  ASSERT_EQ(script.flush(), (Ids{1, 2}));
  Counts const first(script.lines[0]);
  EXPECT_EQ(first.delta, 5u);
  EXPECT_EQ(first.total, 5u);
  Counts const second(script.lines[1]);
  EXPECT_EQ(second.delta, 4u);
  EXPECT_EQ(second.total, 9u);
  EXPECT_EQ(second.total_bytes, 90u);
}

TEST_F(CheckpointManagerTest, AGlobalStateThatWasNotPrintedCountsTheSameWhenItIs) {
  script.read("a", 2, 20);
  script.global_state();
  script.read("b", 3, 30);
  script.global_state();
  script.read("a", 4, 40);
  script.global_state();
  script.persist("a", 0, 6);
  script.reject("b", 1);
  script.persist("b", 0, 3);
  ASSERT_EQ(script.flush(1), Ids{1});
  script.hand_out();  // was not written
  ASSERT_EQ(script.flush(1), Ids{2});
  Counts const second(script.lines[0]);
  EXPECT_EQ(second.delta, 2u);
  EXPECT_EQ(second.delta_rejected, 1u);
  EXPECT_EQ(second.total, 4u);
  ASSERT_EQ(script.flush(), Ids{3});
  Counts const third(script.lines[0]);
  EXPECT_EQ(third.delta, 4u);
  EXPECT_EQ(third.delta_rejected, 0u);
  EXPECT_EQ(third.total, 8u);
  EXPECT_EQ(third.total_bytes, 90u);
}

TEST_F(CheckpointManagerTest, InsideAGlobalStateEachStreamHasItsOwnTotal) {
  std::string const head = R"({"type":"STATE","state":{"global":{"stream_states":[{"stream_descriptor":{"name":"b"})";
  StateMessage state;
  state.kind = StateKind::global;
  state.line = head + "}]}}}";
  StateMessage::InnerState inner;
  inner.stream = script.place_of("b");
  inner.end = head.size();
  inner.has_members = true;
  state.inner_states.push_back(inner);
  state.state_end = state.line.size() - 2;
  state.state_has_members = true;
  script.read("a", 2);
  script.read("b", 3);
  script.persist("a", 0, 2);
  script.reject("b", 1);
  script.persist("b", 0, 3);
  std::vector<StreamPosition> positions{StreamPosition(0, RecordCounts(2, 20)), StreamPosition(1, RecordCounts(3, 30))};
  script.checkpoints.add(Checkpoint(state, std::move(positions), script.now));

  std::vector<std::string> const lines = lines_of(script.checkpoints.ready_lines());
  ASSERT_EQ(lines.size(), 1u);
  auto const printed = state_in(lines.front());
  auto const& entry = printed.at("global").at("stream_states").as_array().at(0).as_object();
  EXPECT_EQ(number(entry, "committedRecordsCount"), 2u);
  EXPECT_EQ(number(entry, "rejectedRecordsCount"), 1u);
  EXPECT_EQ(number(entry, "committedBytesCount"), 30u);
  EXPECT_EQ(number(printed, "committedRecordsCount"), 4u);
}

// ---- refused ----

struct KindRow {
  std::string_view name;
  std::function<int(Script&)> add;
};

TEST(CheckpointManager, TheFirstStateDecidesTheKindOfAll) {  // 95
  KindRow const kinds[] = {
      {"STREAM", [](Script& script) { return script.stream_state("a"); }},
      {"GLOBAL", [](Script& script) { return script.global_state(StateKind::global); }},
      {"LEGACY", [](Script& script) { return script.global_state(StateKind::legacy); }},
  };
  for (KindRow const& first : kinds) {
    for (KindRow const& second : kinds) {
      SCOPED_TRACE(::testing::Message() << first.name << ", then " << second.name);
      Script script(append_catalog({"a", "b"}));
      first.add(script);
      if (first.name == second.name) {
        second.add(script);
        EXPECT_EQ(script.flush(), (Ids{1, 2}));
        continue;
      }
      expect_system_error(fmt::format("a {} STATE came after a {} one", second.name, first.name),
                          [&] { second.add(script); });
      EXPECT_EQ(script.checkpoints.received_count(), 1u);
      EXPECT_EQ(script.flush(), Ids{1});
    }
  }
}

TEST_F(CheckpointManagerTest, RefusesAStateOfAStreamOutsideTheCatalog) {
  expect_system_error("stream other is not in the catalog", [&] { script.stream_state("other", RecordCounts()); });
  EXPECT_EQ(script.checkpoints.received_count(), 0u);
  script.global_state();  // what was refused decided no kind
  EXPECT_EQ(script.flush(), Ids{1});
}

TEST_F(CheckpointManagerTest, RefusesAStreamStateWithoutAStream) {
  StateMessage state;
  state.kind = StateKind::stream;
  expect_system_error("names no stream", [&] { script.checkpoints.add(Checkpoint(state, {}, script.now)); });
  EXPECT_EQ(script.checkpoints.received_count(), 0u);
}

struct BackRow {
  std::string_view name;
  RecordCounts position;
};

TEST_F(CheckpointManagerTest, RefusesAPositionThatGoesBack) {  // 91, 94
  script.read("a", 10, 100);
  script.persist("a", 0, 10);
  script.stream_state("a", RecordCounts(10, 100));
  BackRow const rows[] = {
      {"fewer records", RecordCounts(9, 100)},
      {"fewer bytes", RecordCounts(10, 99)},
  };
  for (bool const printed : {false, true}) {
    if (printed) script.flush();
    for (BackRow const& row : rows) {
      SCOPED_TRACE(::testing::Message() << row.name << (printed ? ", printed" : ", waiting"));
      expect_system_error("of stream a came after one at record 10", [&] { script.stream_state("a", row.position); });
      EXPECT_EQ(script.checkpoints.received_count(), 1u);
    }
  }
  script.stream_state("a", RecordCounts(10, 100));  // the same place is fine
  EXPECT_EQ(script.flush(), Ids{2});
}

TEST_F(CheckpointManagerTest, RefusesAGlobalStateWhereOneStreamGoesBack) {  // 94
  script.read("a", 1);
  script.read("b", 2);
  script.global_state();
  StateMessage state;
  state.kind = StateKind::global;
  std::vector<StreamPosition> positions{StreamPosition(0, RecordCounts(5, 0)), StreamPosition(1, RecordCounts(1, 0))};
  expect_system_error("a STATE at record 1 of stream b came after one at record 2",
                      [&] { script.checkpoints.add(Checkpoint(state, positions, script.now)); });
  EXPECT_EQ(script.checkpoints.pending_count(), 1u);
}

TEST(CheckpointManagerDeathTest, AGlobalStateHasThePositionOfEveryStream) {
  SyncManager sync(append_catalog({"a", "b"}));
  CheckpointManager checkpoints(sync);
  StateMessage state;
  state.kind = StateKind::global;
  std::vector<StreamPosition> const only_a{StreamPosition(0, RecordCounts())};
  EXPECT_DEATH(checkpoints.add(Checkpoint(state, only_a, TimePoint())), "assertion failed");
}

// ---- streams that replace old data, and streams that fail ----

TEST(CheckpointManager, AStateOfReplacedDataWaitsForAGoodClose) {
  Script script(append_and_overwrite());
  script.read("b", 2);
  script.stream_state("b");
  script.persist("b", 0, 2);
  EXPECT_EQ(script.flush(), Ids{});
  EXPECT_EQ(script.checkpoints.describe_pending(),
            "STATE 1 of stream b waits until stream b has replaced its old data");
  script.end("b", StreamEnd::complete);
  EXPECT_EQ(script.flush(), Ids{1});
}

TEST(CheckpointManager, AStateOfReplacedDataIsNeverPrintedAfterABadEnd) {
  for (StreamEnd const how : {StreamEnd::incomplete, StreamEnd::failed}) {
    SCOPED_TRACE(to_string(how));
    Script script(append_and_overwrite());
    script.read("b", 2);
    script.global_state();
    script.persist("b", 0, 2);
    if (how == StreamEnd::failed) {
      script.manager("b").mark_failed(system_error("broken"));
    } else {
      script.end("b", how);
    }
    EXPECT_EQ(script.flush(), Ids{});
  }
}

// ---- memory ----

TEST_F(CheckpointManagerTest, AStateHoldsItsMemoryUntilItWasPrinted) {
  script.padding_bytes = 1000;
  script.read("a", 1);
  script.stream_state("a");
  script.persist("a", 0, 1);
  EXPECT_GE(script.held_bytes(), 1000u + sizeof(Checkpoint));
  script.hand_out();
  EXPECT_GE(script.held_bytes(), 1000u);
  script.checkpoints.mark_emitted();
  EXPECT_EQ(script.held_bytes(), 0u);
}

TEST(CheckpointManager, AtTheEndOfTheSyncNoStateHoldsMemory) {
  Script script(append_and_overwrite());
  script.read("a", 1);
  script.stream_state("a");
  script.stream_state("b");
  script.checkpoints.give_back_memory();
  EXPECT_EQ(script.held_bytes(), 0u);
  EXPECT_EQ(script.checkpoints.pending_count(), 2u);
  EXPECT_THAT(script.checkpoints.describe_pending(), HasSubstr("STATE 1 of stream b waits"));
  script.manager("b").mark_failed(system_error("broken"));
  EXPECT_EQ(script.flush(), Ids{});
}

TEST_F(CheckpointManagerTest, AGlobalStateHoldsItsPositionsToo) {
  script.global_state();
  std::uint64_t const first = script.held_bytes();
  script.global_state();
  EXPECT_GE(first, script.held_bytes() - first + 2 * sizeof(StreamPosition));
}

TEST_F(CheckpointManagerTest, StatesBehindAFailureHoldNoMemoryButAreCounted) {
  script.read("a", 2);
  script.stream_state("a");
  script.persist("a", 0, 2);
  for (int state = 0; state < 4; ++state) {
    script.read("a", 1);
    script.stream_state("a");
  }
  script.fails("a");
  EXPECT_EQ(script.flush(), Ids{1});
  EXPECT_EQ(script.held_bytes(), 0u);
  script.read("a", 1);
  script.stream_state("a");
  EXPECT_EQ(script.held_bytes(), 0u);
  EXPECT_EQ(script.flush(), Ids{});
  EXPECT_EQ(script.checkpoints.pending_count(), 5u);
  EXPECT_EQ(script.checkpoints.describe_pending(),
            "STATE 2 of stream a is behind the failure of stream a, 4 more behind it");
}

TEST_F(CheckpointManagerTest, AStateThatComesAfterTheFailureOfItsStreamHoldsNoMemory) {
  script.read("a", 2);
  script.fails("a");
  script.flush();
  script.stream_state("a");
  EXPECT_EQ(script.held_bytes(), 0u);
  script.stream_state("b");
  EXPECT_EQ(script.flush(), Ids{2});
}

TEST_F(CheckpointManagerTest, GlobalStatesBeforeAFailureAreKeptAndPrinted) {
  script.read("a", 1);
  script.global_state();
  std::uint64_t const of_first = script.held_bytes();
  script.read("b", 1);
  script.global_state();
  script.global_state();
  script.fails("b");
  script.flush();
  EXPECT_EQ(script.held_bytes(), of_first);
  EXPECT_EQ(script.checkpoints.describe_pending(),
            "STATE 1 of the sync waits for records 0 to 0 of stream a, 2 more behind it");
  script.persist("a", 0, 1);
  EXPECT_EQ(script.flush(), Ids{1});
  EXPECT_EQ(script.checkpoints.describe_pending(),
            "STATE 2 of the sync is behind the failure of stream b, 1 more behind it");
}

TEST_F(CheckpointManagerTest, AnEarlierFailureOfAnotherStreamDropsMore) {
  script.global_state();
  script.read("a", 1);
  script.global_state();
  script.global_state();
  script.read("b", 1);
  script.global_state();
  script.fails("b");
  EXPECT_EQ(script.hand_out(), Ids{1});
  script.fails("a");
  EXPECT_EQ(script.flush(), Ids{1});
  EXPECT_EQ(script.held_bytes(), 0u);
  EXPECT_EQ(script.checkpoints.pending_count(), 3u);
  EXPECT_EQ(script.checkpoints.describe_pending(),
            "STATE 2 of the sync is behind the failure of stream a, 2 more behind it");
}

TEST(CheckpointManager, StatesOfAStreamThatDidNotReplaceItsOldDataHoldNoMemory) {
  Script script(append_and_overwrite());
  script.stream_state("b");
  script.stream_state("b");
  script.end("b", StreamEnd::incomplete);
  EXPECT_EQ(script.flush(), Ids{});
  EXPECT_EQ(script.held_bytes(), 0u);
  EXPECT_EQ(script.checkpoints.describe_pending(),
            "STATE 1 of stream b waits until stream b has replaced its old data, 1 more behind it");
}

TEST(CheckpointManager, AFailingStreamWhoseCloseGoesWellLosesNothing) {
  Script script(append_and_overwrite());
  script.read("b", 2);
  script.stream_state("b");
  script.persist("b", 0, 2);
  script.fails("b");
  EXPECT_EQ(script.flush(), Ids{});
  script.end("b", StreamEnd::complete);
  EXPECT_EQ(script.flush(), Ids{1});
}

TEST(CheckpointManager, StatesThatWaitForACloseMayHoldOnlySoMuch) {
  constexpr std::uint64_t held_bytes_max = 10'000;
  for (bool const is_global : {false, true}) {
    SCOPED_TRACE(is_global);
    Script script(append_and_overwrite(), held_bytes_max);
    script.padding_bytes = 4'000;
    auto const add_state = [&] { return is_global ? script.global_state() : script.stream_state("b"); };
    add_state();
    add_state();
    try {
      add_state();
      ADD_FAILURE() << "no error";
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::config);
      EXPECT_EQ(std::string(error.what()),
                fmt::format("a STATE of {} cannot be kept until stream b has replaced its old data: 2 STATEs wait for "
                            "such a close already and hold {} bytes, of 10000 that they may hold; give the sync more "
                            "memory (memory_bytes)",
                            is_global ? "the sync" : "stream b", script.held_bytes()));
    }
    EXPECT_EQ(script.checkpoints.pending_count(), 2u);
    script.end("b", StreamEnd::complete);
    EXPECT_EQ(script.flush(), (Ids{1, 2}));
    for (int state = 0; state < 3; ++state) add_state();  // they wait for no close any more
    EXPECT_EQ(script.checkpoints.pending_count(), 3u);
  }
}

TEST(CheckpointManager, OneLargeStateMayWaitForACloseAlone) {
  Script script(append_and_overwrite(), 1'000);
  script.padding_bytes = 4'000;
  script.stream_state("b");
  for (int state = 0; state < 5; ++state) script.stream_state("a");  // waits for no close
  EXPECT_EQ(script.checkpoints.pending_count(), 6u);
}

TEST(CheckpointManager, NobodyWaitsForTheMemoryOfStatesThatWaitForAClose) {
  Script script(append_and_overwrite());
  script.read("b", 1);
  script.stream_state("b");
  script.read("a", 1);
  script.stream_state("a");
  script.memory.set_lasting(true);  // the test's own
  EXPECT_FALSE(script.lets_alone()) << "the STATE of a will go when its record is loaded";
  script.persist("a", 0, 1);
  EXPECT_EQ(script.flush(), Ids{2});
  EXPECT_TRUE(script.lets_alone());
  script.end("b", StreamEnd::complete);
  script.hand_out();  // its record is not loaded, but will be
  EXPECT_FALSE(script.lets_alone());
}

TEST_F(CheckpointManagerTest, AFailedStreamAcknowledgesWhatIsPersisted) {
  script.read("a", 2);
  script.stream_state("a");
  script.read("a", 2);
  script.stream_state("a");
  script.persist("a", 0, 3);
  script.manager("a").mark_failed(system_error("broken"));
  EXPECT_EQ(script.flush(), Ids{1});
  EXPECT_EQ(script.checkpoints.pending_count(), 1u);
}

// ---- what waits ----

TEST_F(CheckpointManagerTest, KnowsSinceWhenTheOldestWaitsForRecords) {  // 99
  script.read("b", 1);
  script.now = TimePoint(std::chrono::seconds(5));
  script.stream_state("b");
  script.now = TimePoint(std::chrono::seconds(7));
  script.stream_state("a");
  script.now = TimePoint(std::chrono::seconds(9));
  script.stream_state("b");
  EXPECT_EQ(script.checkpoints.oldest_read_at(), TimePoint(std::chrono::seconds(5)));
  EXPECT_EQ(script.flush(), Ids{2});
  EXPECT_EQ(script.checkpoints.oldest_read_at(), TimePoint(std::chrono::seconds(5)));
  script.persist("b", 0, 1);  // not printed yet, but no record is missing
  EXPECT_EQ(script.checkpoints.oldest_read_at(), std::nullopt);
  script.flush();
  script.read("b", 1);
  script.stream_state("b");
  EXPECT_EQ(script.checkpoints.oldest_read_at(), TimePoint(std::chrono::seconds(9)));
  script.sync.stream_manager(StreamDescriptor("b")).mark_failed(system_error("broken"));  // they will not come
  EXPECT_EQ(script.checkpoints.oldest_read_at(), std::nullopt);
}

TEST_F(CheckpointManagerTest, DescribesWhichStateWaitsForWhichRecords) {
  script.stream_state("a");
  script.flush();
  script.read("a", 10);
  script.stream_state("a");
  script.read("a", 10);
  script.stream_state("a");
  script.read("b", 4);
  script.stream_state("b");
  script.persist("a", 0, 3);
  script.persist("a", 8, 20);
  EXPECT_EQ(script.checkpoints.describe_pending(),
            "STATE 2 of stream a waits for records 3 to 7 of stream a, 1 more behind it; "
            "STATE 1 of stream b waits for records 0 to 3 of stream b");
}

TEST_F(CheckpointManagerTest, DescribesTheStreamThatAGlobalStateWaitsFor) {
  script.read("a", 2);
  script.read("b", 4);
  script.global_state();
  script.read("b", 4);
  script.persist("a", 0, 2);
  script.persist("b", 0, 1);
  EXPECT_EQ(script.checkpoints.describe_pending(), "STATE 1 of the sync waits for records 1 to 3 of stream b");
  script.persist("b", 1, 4);
  EXPECT_EQ(script.checkpoints.describe_pending(), "STATE 1 of the sync is ready, but was not printed");
}

TEST_F(CheckpointManagerTest, DescribesRecordsThatNobodyReportedAsRead) {
  script.stream_state("a", RecordCounts(3, 0));
  EXPECT_EQ(script.checkpoints.describe_pending(), "STATE 1 of stream a waits for records 0 to 2 of stream a");
}

TEST(CheckpointManager, DescribesAFewOfManyScopes) {
  std::vector<DestinationStream> streams;
  for (char name = 'a'; name < 'a' + 12; ++name) streams.push_back(append_stream(std::string(1, name)));
  Script script{DestinationCatalog(std::move(streams))};
  for (char name = 'a'; name < 'a' + 12; ++name) {
    script.read(std::string(1, name), 1);
    script.stream_state(std::string(1, name));
  }
  std::string const text = script.checkpoints.describe_pending();
  EXPECT_THAT(text, HasSubstr("STATE 1 of stream j waits"));
  EXPECT_THAT(text, HasSubstr("; and 2 more STATEs of other streams"));
}

}  // namespace
}  // namespace landfall
