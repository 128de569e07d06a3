#include <landfall/connector/run_sync.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <landfall/testing/simulated_disk.hpp>

#include "connector/whole_sync.hpp"

namespace landfall {
namespace {

/// What is printed, and done, about input that is not as it should be.
class OddInput : public ::testing::Test {
 protected:
  static std::string error_of(SyncReport const& report) {
    return report.outcome.error
               ? fmt::format("{}: {}", to_string(report.outcome.error->error_class()), report.outcome.error->what())
               : "no error";
  }
};

TEST_F(OddInput, ACatalogThatAsksForFilesIsRefusedBeforeAnythingIsRead) {
  Simulation simulation(1);
  ScriptedSource source(simulation);
  CollectingSink sink;
  RecordingDestination destination;
  DestinationStream stream;
  stream.descriptor = StreamDescriptor("users", "crm");
  stream.include_files = true;
  std::vector<DestinationStream> streams;
  streams.push_back(std::move(stream));
  source.lines({record("users", 1)});
  try {
    simulation.run_coroutine(run_sync(destination, source, sink, simulation, DestinationCatalog(std::move(streams))));
    ADD_FAILURE() << "it was not refused";
  } catch (Error const& error) {
    EXPECT_EQ(error.error_class(), ErrorClass::config);
    EXPECT_STREQ(error.what(),
                 "stream crm.users: files are not supported, but the catalog asks for them (include_files): turn file "
                 "transfer off at the source");
  }
  EXPECT_EQ(destination.count("setup"), 0U);
}

TEST_F(OddInput, LoneSurrogatesEndNothing) {
  for (SpillPolicy const policy : {SpillPolicy::never, SpillPolicy::always}) {
    for (bool const validated : {true, false}) {
      WholeSync sync(1);
      sync.options.validate_records = validated;
      sync.options.spill.policy = policy;
      if (policy == SpillPolicy::always) {
        sync.options.spill_storage = std::make_shared<testing::SimulatedDisk>();
      }
      sync.source.lines({R"({"type":"LOG","log":{"level":"INFO","message":"cut \ud83d"}})",
                         record_of("users", R"({"n":"\ud83d","\ude00":[]})"), record("orders", 1),
                         record_of("users", R"({"n":"\ud83d\ude00"})"), stream_state("users", 1)});
      auto const report = sync.run();
      EXPECT_EQ(error_of(report), "no error");
      EXPECT_EQ(sync.destination.durable(StreamDescriptor("users")),
                (std::vector<std::string>{R"({"n":"\ufffd","\ufffd":[]})", R"({"n":"\ud83d\ude00"})"}));
      EXPECT_EQ(sync.answered().size(), 1U);
      EXPECT_EQ(report.totals.streams.at(0).records_replaced, 1U);
      EXPECT_EQ(report.totals.streams.at(1).records_replaced, 0U);
    }
  }
}

// ---- records that cannot be read ----

std::string too_deep(std::string const& stream) {
  return record_of(stream, R"({"n":)" + std::string(5000, '[') + std::string(5000, ']') + "}");
}

std::vector<std::string> rows_of(std::vector<int> const& numbers) {
  std::vector<std::string> rows;
  for (int const n : numbers) rows.push_back(fmt::format(R"({{"n":{}}})", n));
  return rows;
}

TEST_F(OddInput, ARecordThatIsTooDeepBreaksOffItsStreamAlone) {
  for_each_seed([](std::uint64_t seed) {
    for (bool const staged : {false, true}) {
      WholeSync sync(seed);
      if (staged) sync.destination.answers = {BatchState::staged, BatchState::complete};
      sync.source.lines({record("users", 0), stream_state("users", 1), record("users", 1), stream_state("users", 2),
                         too_deep("users"), stream_state("users", 3), record("orders", 0)});
      for (int n = 2; n < 20; ++n) sync.source.lines({record("users", n), record("orders", n)});
      sync.source.lines({stream_state("users", 4), stream_state("orders", 5), status("users", "INCOMPLETE"),
                         status("users", "COMPLETE"), status("orders", "COMPLETE")});
      auto const report = sync.run();
      EXPECT_EQ(
          error_of(report),
          "config: line 5: record 2 of stream users cannot be loaded: JSON nested deeper than 4096 levels. Fix it "
          "at the source, or name a reject file (--reject-file) to load the rest without such records");
      EXPECT_EQ(sync.destination.durable(StreamDescriptor("users")), rows_of({0, 1}));
      EXPECT_EQ(sync.destination.durable(StreamDescriptor("orders")).size(), 19U);
      auto answered = sync.answered();
      std::sort(answered.begin(), answered.end());
      EXPECT_EQ(answered, (std::vector<std::int64_t>{1, 2, 5}));
      EXPECT_EQ(sync.destination.count("close users incomplete"), 1U);
      EXPECT_EQ(sync.destination.count("close orders complete"), 1U);
      auto const& users = report.totals.streams.at(0);
      EXPECT_EQ(users.records_read, 21U);
      EXPECT_EQ(users.records_committed, 2U);
      EXPECT_EQ(users.records_failed, 19U);
      EXPECT_EQ(report.totals.memory_bytes, 0U);
    }
  });
}

TEST_F(OddInput, OfAGlobalStateNothingIsAnsweredBehindABrokenOffStream) {
  for_each_seed([](std::uint64_t seed) {
    WholeSync sync(seed);
    auto const global = [](int id) {
      return fmt::format(
          R"({{"type":"STATE","state":{{"type":"GLOBAL","global":{{"shared_state":{{}},"stream_states":[]}},"id":{}}}}})",
          id);
    };
    sync.source.lines({record("users", 0), record("orders", 0), global(1), too_deep("users"), global(2),
                       record("orders", 1), global(3)});
    EXPECT_FALSE(sync.run().succeeded());
    EXPECT_EQ(sync.answered(), (std::vector<std::int64_t>{1}));
    EXPECT_EQ(sync.destination.durable(StreamDescriptor("orders")), rows_of({0, 1}));
  });
}

TEST_F(OddInput, StatesBehindABrokenOffStreamHoldNoMemory) {
  WholeSync sync(1);
  sync.source.lines({record("users", 0), too_deep("users")});
  std::string const padding(1000, 'x');
  for (int n = 0; n < 5000; ++n) {
    std::string state = stream_state("users", n);
    sync.source.lines({state.insert(1, R"("padding":")" + padding + R"(",)")});
  }
  sync.source.lines({record("orders", 0), stream_state("orders", 7)});
  EXPECT_FALSE(sync.run().succeeded());
  EXPECT_EQ(sync.answered(), (std::vector<std::int64_t>{7}));
}

TEST_F(OddInput, WhereEveryStreamIsBrokenOffNothingMoreIsRead) {
  WholeSync sync(1, {"users"});
  sync.source.lines({record("users", 0), too_deep("users")}).pause(std::chrono::hours(1000));
  EXPECT_FALSE(sync.run().succeeded());
  EXPECT_LT(sync.simulation.now().time_since_epoch(), std::chrono::hours(1));
}

TEST_F(OddInput, WithFailFastABrokenOffStreamFailsAll) {
  WholeSync sync(1);
  sync.options.launcher.on_stream_failure = OnStreamFailure::fail_fast;
  sync.source.lines({record("orders", 0)}).pause(std::chrono::minutes(1));
  sync.source.lines({too_deep("users")}).pause(std::chrono::minutes(5));
  sync.source.lines({record("orders", 1)});
  auto const report = sync.run();
  EXPECT_NE(error_of(report).find("record 0 of stream users cannot be loaded"), std::string::npos) << error_of(report);
  EXPECT_EQ(sync.destination.count("close orders failed"), 1U);
}

TEST_F(OddInput, ABrokenOffStreamKeepsItsOldData) {
  WholeSync sync(1);
  sync.with_generations = true;
  sync.source.lines({record("users", 0), stream_state("users", 1), too_deep("users"), status("users", "COMPLETE"),
                     status("orders", "COMPLETE")});
  EXPECT_FALSE(sync.run().succeeded());
  EXPECT_EQ(sync.answered(), (std::vector<std::int64_t>{1}));
  EXPECT_EQ(sync.destination.count("close users incomplete"), 1U);
}

TEST_F(OddInput, NamesThatWouldCollideBreakOffTheStream) {
  WholeSync sync(1);
  sync.source.lines({record("users", 0), record_of("users", R"({"k\ud83d":1,"k\ude00":2})"), record("orders", 0)});
  auto const report = sync.run();
  EXPECT_NE(error_of(report).find("record 1 of stream users cannot be loaded: the names of two members differ only in"),
            std::string::npos)
      << error_of(report);
  EXPECT_EQ(sync.destination.durable(StreamDescriptor("users")), rows_of({0}));
  EXPECT_EQ(sync.destination.durable(StreamDescriptor("orders")), rows_of({0}));
}

TEST_F(OddInput, WithARejectFileRecordsThatCannotBeReadGoThereAndTheRestIsLoaded) {
  for_each_seed([](std::uint64_t seed) {
    for (SpillPolicy const policy : {SpillPolicy::never, SpillPolicy::always}) {
      WholeSync sync(seed);
      CollectingRejects rejects(sync.simulation);
      sync.options.reject_sink = &rejects;
      sync.options.spill.policy = policy;
      if (policy == SpillPolicy::always) sync.options.spill_storage = std::make_shared<testing::SimulatedDisk>();
      std::vector<std::size_t> written_at_state;
      sync.sink.before_write = [&]() -> awaitable<void> {
        written_at_state.push_back(rejects.written.size());
        co_return;
      };
      sync.source.lines({record("orders", 0), record("users", 0), broken("users"), record("users", 2),
                         too_deep("users"), record_of("users", R"({"k\ud83d":1,"k\ude00":2})"),
                         stream_state("users", 1)});
      sync.source.lines({record("users", 5), stream_state("users", 2), broken("users"), stream_state("users", 3)});
      auto const report = sync.run();
      EXPECT_EQ(error_of(report), "no error");
      EXPECT_EQ(sync.destination.durable(StreamDescriptor("users")), rows_of({0, 2, 5}));
      EXPECT_EQ(sync.answered(), (std::vector<std::int64_t>{1, 2, 3}));
      ASSERT_EQ(rejects.written.size(), 4U);
      EXPECT_TRUE(rejects.written[0].starts_with("1: line 3: no valid JSON: syntax error (byte "));
      EXPECT_TRUE(rejects.written[0].ends_with(broken("users").substr(0, 60))) << rejects.written[0];
      EXPECT_TRUE(rejects.written[1].starts_with("3: line 5: JSON nested deeper than 4096 levels: {\"type\""))
          << rejects.written[1];
      EXPECT_TRUE(rejects.written[2].starts_with("4: line 6: the names of two members differ")) << rejects.written[2];
      ASSERT_FALSE(written_at_state.empty());
      EXPECT_GE(written_at_state.front(), 3U);
      EXPECT_NE(sync.sink.lines()[0].find(R"("destinationStats":{"recordCount":2.0,"rejectedRecordCount":3.0})"),
                std::string::npos)
          << sync.sink.lines()[0];
      auto const& users = report.totals.streams.at(0);
      EXPECT_EQ(users.records_read, 7U);
      EXPECT_EQ(users.records_committed, 3U);
      EXPECT_EQ(users.records_rejected, 4U);
      EXPECT_EQ(report.totals.memory_bytes, 0U);
    }
  });
}

TEST_F(OddInput, ARejectFileThatFailsHoldsTheStatesBack) {
  WholeSync sync(1, {"users"});
  CollectingRejects rejects(sync.simulation);
  rejects.failure = config_error("the file is gone");
  sync.options.reject_sink = &rejects;
  sync.source.lines({record("users", 0), stream_state("users", 1)}).pause(std::chrono::minutes(5));
  sync.source.lines({broken("users"), stream_state("users", 2)});
  auto const report = sync.run();
  EXPECT_NE(error_of(report).find("the file is gone"), std::string::npos) << error_of(report);
  EXPECT_EQ(sync.answered(), (std::vector<std::int64_t>{1}));
}

TEST_F(OddInput, WhatMayBeMoreThanOneBrokenRecordEndsTheReading) {
  struct Row {
    char const* name;
    std::string line;
  };
  std::string const state = stream_state("users", 9);
  std::string const whole = record("users", 9);
  Row const rows[] = {
      {"a STATE", R"({"type":"STATE","state":{"type":"STREAM","x":nul}})"},
      {"a TRACE", R"({"type":"TRACE","trace":{"type":"STREAM_STATUS","x":nul}})"},
      {"a LOG", R"({"type":"LOG","log":{"level":"INFO","message":"x)"},
      {"no message", "Traceback (most recent call last):"},
      {"text before a record", "12:00 " + broken("users")},
      {"two records", whole + whole},
      {"a record and a STATE", whole + state},
      {"a record cut in a text, and a STATE",
       R"({"type":"RECORD","record":{"stream":"users","data":{"n":"abc)" + state},
      {"a record cut before a value, and a STATE",
       R"({"type":"RECORD","record":{"stream":"users","data":{"n":)" + state},
      {"a record of an unknown stream", broken("ghosts")},
      {"a record without a stream", R"({"type":"RECORD","record":{"data":{"n":nul},"stream":"users"}})"},
      {"a record that is JSON, but no record", R"({"type":"RECORD","record":{"stream":"users","emitted_at":1}})"},
      {"a record of a stream that has ended", broken("orders")},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    WholeSync sync(1);
    CollectingRejects rejects(sync.simulation);
    sync.options.reject_sink = &rejects;
    sync.source.lines({record("users", 0), stream_state("users", 1), status("orders", "COMPLETE"), row.line,
                       record("users", 1), stream_state("users", 2)});
    auto const report = sync.run();
    EXPECT_NE(error_of(report).find("line 4"), std::string::npos) << error_of(report);
    EXPECT_EQ(sync.destination.durable(StreamDescriptor("users")), rows_of({0}));
    EXPECT_EQ(sync.answered(), (std::vector<std::int64_t>{1}));
    EXPECT_TRUE(rejects.written.empty());
  }
}

TEST_F(OddInput, ALastLineThatIsCutIsNeverRejected) {
  WholeSync sync(1, {"users"});
  CollectingRejects rejects(sync.simulation);
  sync.options.reject_sink = &rejects;
  sync.source.lines({record("users", 0)}).chunk(record("users", 1).substr(0, 60));
  auto const report = sync.run();
  EXPECT_NE(error_of(report).find("input ended in the middle of line 2"), std::string::npos) << error_of(report);
  EXPECT_TRUE(rejects.written.empty());
}

TEST_F(OddInput, WithoutARejectFileALineThatIsNoJsonEndsTheReading) {
  WholeSync sync(1);
  sync.source.lines({record("users", 0), broken("users"), record("orders", 1)});
  EXPECT_NE(error_of(sync.run()).find("line 2"), std::string::npos);
  EXPECT_TRUE(sync.destination.durable(StreamDescriptor("orders")).empty());
}

TEST_F(OddInput, DeepMessagesThatNobodyReadsAreIgnored) {
  WholeSync sync(1);
  sync.source.lines({R"({"type":"LOG","log":)" + std::string(5000, '[') + std::string(5000, ']') + "}",
                     record("users", 0), stream_state("users", 1)});
  EXPECT_EQ(error_of(sync.run()), "no error");
  EXPECT_EQ(sync.answered(), (std::vector<std::int64_t>{1}));
}

}  // namespace
}  // namespace landfall
