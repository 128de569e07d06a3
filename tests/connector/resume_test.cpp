#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <landfall/testing/scenario_run.hpp>
#include <landfall/testing/simulated_disk.hpp>

#include "connector/whole_sync.hpp"

namespace landfall {
namespace {

using testing::SimulatedDisk;

/// One of several processes with the same spill, each a day after the last.
struct ResumingSync : WholeSync {
  ResumingSync(std::uint64_t seed, std::shared_ptr<SimulatedDisk> disk, int day,
               std::vector<std::string> streams = {"users", "orders"})
      : WholeSync(seed, std::move(streams)) {
    simulation.set_wall_start(std::chrono::sys_days(std::chrono::year(2024) / 1 / 1) + std::chrono::days(day));
    options.spill.policy = SpillPolicy::always;
    options.spill.sync = SpillSync::group;
    options.spill.resume = true;
    options.spill.directory = "/spill";
    options.spill_storage = std::move(disk);
    options.on_resume = [this](SpillRecovery const& recovery) {
      for (SpilledBatch const& batch : recovery.batches) records_found += batch.record_count;
    };
  }

  /// Its store takes nothing of this stream, and says so when a STATE has been answered.
  void refuse_when_answered(std::string const& stream) {
    hook = [this, stream](std::string call) -> awaitable<void> {
      if (call != "process_records " + stream) co_return;
      while (sink.lines().empty()) co_await simulation.sleep_for(std::chrono::seconds(1));
      throw config_error("no");
    };
  }

  std::vector<int> loaded(std::string const& stream) const {
    std::vector<int> numbers;
    for (std::string const& data : destination.durable(StreamDescriptor(stream))) {
      numbers.push_back(static_cast<int>(boost::json::parse(data).at("n").to_number<std::int64_t>()));
    }
    return numbers;
  }

  std::uint64_t records_found = 0;  // on disk
};

std::vector<int> numbers_until(int end) {
  std::vector<int> numbers;
  for (int n = 0; n < end; ++n) numbers.push_back(n);
  return numbers;
}

/// Twenty users are acknowledged, and none of them is loaded.
void leave_twenty_users(std::uint64_t seed, std::shared_ptr<SimulatedDisk> disk) {
  ResumingSync sync(seed, std::move(disk), 0);
  sync.refuse_when_answered("users");
  for (int n = 0; n < 20; ++n) sync.source.lines({record("users", n)});
  sync.source.lines({stream_state("users", 20)});
  SyncReport const report = sync.run();
  EXPECT_FALSE(report.succeeded());
  EXPECT_TRUE(sync.loaded("users").empty());
  EXPECT_EQ(sync.answered(), std::vector<std::int64_t>{20});
  EXPECT_EQ(report.records_kept, 20U);
  SyncProgress::Stream const& users = report.totals.streams.front();
  EXPECT_EQ(users.records_read, 20U);
  EXPECT_EQ(users.records_committed, 0U);
  EXPECT_EQ(users.records_failed, 20U);
}

TEST(Resume, WhatWasAcknowledgedOnDiskIsLoadedByTheNextStartBeforeItReads) {
  for_each_seed([](std::uint64_t seed) {
    auto const disk = std::make_shared<SimulatedDisk>();
    leave_twenty_users(seed, disk);
    EXPECT_FALSE(disk->file_names().empty());

    ResumingSync next(seed + 1000, disk, 1);
    std::vector<std::string> calls;
    next.hook = [&](std::string call) -> awaitable<void> {
      calls.push_back(std::move(call));
      co_return;
    };
    next.source.lines({record("orders", 0), record("users", 20), stream_state("users", 21)});
    SyncReport const report = next.run();
    EXPECT_TRUE(report.succeeded()) << (report.outcome.error ? report.outcome.error->what() : "");
    EXPECT_EQ(next.records_found, 20U);
    EXPECT_EQ(next.loaded("users"), numbers_until(21));
    EXPECT_EQ(next.answered(), std::vector<std::int64_t>{21});
    EXPECT_NE(next.sink.lines().front().find(R"("destinationStats":{"recordCount":1.0})"), std::string::npos)
        << next.sink.lines().front();
    EXPECT_EQ(report.records_kept, 0U);
    SyncProgress::Stream const& users = report.totals.streams.front();
    EXPECT_EQ(users.first_number, 20U);
    EXPECT_EQ(users.records_resumed, 20U);
    EXPECT_EQ(users.records_read, 1U);
    EXPECT_EQ(users.records_committed, 21U);
    auto const first_order = std::find(calls.begin(), calls.end(), "process_records orders");
    auto const users_before = std::count(calls.begin(), first_order, "process_records users");
    auto const users_in_all = std::count(calls.begin(), calls.end(), "process_records users");
    EXPECT_GE(users_before, 7) << "batches of 3";
    EXPECT_GE(users_before, users_in_all - 1) << "all but the one that was read";
    EXPECT_TRUE(disk->file_names().empty());
  });
}

TEST(Resume, AnotherCatalogIsRefusedWhileAcknowledgedRecordsWait) {
  auto const disk = std::make_shared<SimulatedDisk>();
  leave_twenty_users(1, disk);
  ResumingSync other(2, disk, 1, {"users"});
  try {
    static_cast<void>(other.run());
    ADD_FAILURE() << "it was accepted";
  } catch (Error const& error) {
    EXPECT_EQ(error.error_class(), ErrorClass::config);
    EXPECT_NE(std::string(error.what()).find("20 acknowledged records of users"), std::string::npos) << error.what();
  }
  EXPECT_EQ(other.destination.count("setup"), 0U);

  ResumingSync right(3, disk, 2);
  EXPECT_TRUE(right.run().succeeded());
  EXPECT_EQ(right.loaded("users"), numbers_until(20));
}

TEST(Resume, ACheckWithoutResumeRefusesWhatAStartWouldRefuseAndTouchesNothing) {
  auto const disk = std::make_shared<SimulatedDisk>();
  leave_twenty_users(1, disk);
  auto const files = disk->file_names();
  ResumingSync next(2, disk, 1);
  auto without = next.options;
  without.spill.resume = false;
  try {
    blocking_check_options(without, next.destination);
    ADD_FAILURE() << "it was accepted";
  } catch (Error const& error) {
    EXPECT_EQ(error.error_class(), ErrorClass::config);
    EXPECT_NE(std::string(error.what()).find("20 acknowledged records of users"), std::string::npos) << error.what();
  }
  EXPECT_NO_THROW(blocking_check_options(next.options, next.destination));
  EXPECT_EQ(disk->file_names(), files);
  EXPECT_TRUE(next.run().succeeded());
  EXPECT_EQ(next.loaded("users"), numbers_until(20));
  EXPECT_NO_THROW(blocking_check_options(without, next.destination));
  EXPECT_TRUE(disk->file_names().empty());
}

TEST(Resume, AcknowledgedRecordsAreLookedForAlsoWhereNothingIsSpilled) {
  auto const disk = std::make_shared<SimulatedDisk>();
  leave_twenty_users(1, disk);
  for (SpillPolicy const policy : {SpillPolicy::never, SpillPolicy::over_budget, SpillPolicy::always}) {
    SCOPED_TRACE(to_string(policy));
    ResumingSync next(2, disk, 1);
    next.options.spill.resume = false;
    next.options.spill.policy = policy;
    EXPECT_THROW(blocking_check_options(next.options, next.destination), Error);
    EXPECT_THROW(static_cast<void>(next.run()), Error);
    EXPECT_EQ(next.destination.count("setup"), 0U);
  }
  EXPECT_TRUE(ResumingSync(3, disk, 2).run().succeeded());
}

// Between two processes somebody cuts the newest segment, anywhere: the next sync loads all that was acknowledged, or
// it does nothing and says why; what is given up is what it has named.
TEST(Resume, AcknowledgedRecordsAreNeverMissedInSilenceWhereverASegmentIsCut) {
  auto const folder = "landfall-resume";
  auto const newest_of = [&](SimulatedDisk& disk) {
    return disk.blocking_open(folder, disk.blocking_list(folder).back());
  };
  auto const disk = std::make_shared<SimulatedDisk>();
  leave_twenty_users(1, disk);
  std::uint64_t refused = 0;
  auto const size = newest_of(*disk)->blocking_size();
  for (std::uint64_t cut = 0; cut <= size; cut += 1 + cut / 16) {
    SCOPED_TRACE(cut);
    auto const damaged = disk->after_crash(0);
    newest_of(*damaged)->blocking_truncate(size - cut);
    ResumingSync next(2 + cut, damaged, 1);
    try {
      EXPECT_TRUE(next.run().succeeded());
      EXPECT_EQ(next.loaded("users"), numbers_until(20));
      continue;
    } catch (Error const& error) {
      ++refused;
      EXPECT_EQ(error.error_class(), ErrorClass::config);
      EXPECT_NE(std::string(error.what()).find("of users"), std::string::npos) << error.what();
      EXPECT_EQ(next.destination.count("setup"), 0U);
    }
    ResumingSync discarding(3 + cut, damaged, 2);
    discarding.options.spill.discard_damaged = true;
    std::size_t notices = 0;
    discarding.options.on_resume = [&](SpillRecovery const& recovery) { notices = recovery.discarded.size(); };
    EXPECT_TRUE(discarding.run().succeeded());
    EXPECT_EQ(notices, 1U);
    EXPECT_EQ(discarding.loaded("users"), numbers_until(static_cast<int>(discarding.loaded("users").size())));
  }
  EXPECT_GT(refused, 10U);
}

TEST(Resume, AStopEndsTheSyncWhenWhatWasFoundIsLoaded) {
  for_each_seed([](std::uint64_t seed) {
    auto const disk = std::make_shared<SimulatedDisk>();
    leave_twenty_users(seed, disk);
    ResumingSync next(seed + 1000, disk, 1);
    next.hook = [&](std::string call) -> awaitable<void> {
      if (call == "process_records users") next.stop.request_stop(transient_error("stopped on purpose"));
      co_return;
    };
    next.source.pause(std::chrono::seconds(1)).lines({record("users", 20), stream_state("users", 21)});
    SyncReport const report = next.run();
    EXPECT_FALSE(report.succeeded());
    EXPECT_EQ(next.loaded("users"), numbers_until(20));
    EXPECT_TRUE(next.answered().empty());
    EXPECT_EQ(report.records_kept, 0U);
  });
}

TEST(Resume, WhereTheDiskCannotKeepTheAcknowledgementNoStateIsPrinted) {
  for_each_seed([](std::uint64_t seed) {
    auto const disk = std::make_shared<SimulatedDisk>();
    ResumingSync sync(seed, disk, 0, {"users"});
    sync.hook = [&](std::string call) -> awaitable<void> {
      if (call != "process_records users") co_return;
      std::uint64_t const done = disk->steps();
      for (std::uint64_t step = 1; step <= 20; ++step) disk->fail_step(done + step, testing::DiskFault::io_error);
    };
    sync.source.lines({record("users", 0), record("users", 1), record("users", 2)});
    sync.source.pause(std::chrono::seconds(10)).lines({stream_state("users", 3)});
    SyncReport const report = sync.run();
    EXPECT_FALSE(report.succeeded());
    EXPECT_TRUE(sync.answered().empty());
  });
}

/// Users 0 to 3 and a line behind each pair of them that cannot be read are acknowledged, and nothing is done with
/// them.
void leave_unreadable_users(std::uint64_t seed, std::shared_ptr<SimulatedDisk> disk) {
  ResumingSync sync(seed, std::move(disk), 0);
  CollectingRejects rejects(sync.simulation);
  rejects.failure = config_error("the file is gone");
  sync.options.reject_sink = &rejects;
  sync.refuse_when_answered("users");
  for (int n = 0; n < 4; n += 2) sync.source.lines({record("users", n), record("users", n + 1), broken("users")});
  sync.source.lines({stream_state("users", 6)});
  SyncReport const report = sync.run();
  EXPECT_FALSE(report.succeeded());
  EXPECT_EQ(sync.answered(), std::vector<std::int64_t>{6});
  EXPECT_EQ(report.records_kept, 6U);
}

TEST(Resume, ALineThatCannotBeReadIsInTheRejectFileOfTheNextStart) {
  for_each_seed([](std::uint64_t seed) {
    auto const disk = std::make_shared<SimulatedDisk>();
    leave_unreadable_users(seed, disk);
    ResumingSync next(seed + 1000, disk, 1);
    CollectingRejects rejects(next.simulation);
    next.options.reject_sink = &rejects;
    next.source.lines({broken("users"), record("users", 4), stream_state("users", 8)});
    SyncReport const report = next.run();
    EXPECT_TRUE(report.succeeded()) << (report.outcome.error ? report.outcome.error->what() : "");
    EXPECT_EQ(next.loaded("users"), numbers_until(5));
    ASSERT_EQ(rejects.written.size(), 3U);
    EXPECT_TRUE(rejects.written[0].starts_with("2: line 3: no valid JSON")) << rejects.written[0];
    EXPECT_TRUE(rejects.written[0].ends_with(broken("users").substr(0, 60))) << rejects.written[0];
    EXPECT_TRUE(rejects.written[1].starts_with("5: line 6: no valid JSON")) << rejects.written[1];
    EXPECT_TRUE(rejects.written[2].starts_with("6: line 1: no valid JSON")) << rejects.written[2];
    EXPECT_EQ(next.answered(), std::vector<std::int64_t>{8});
    SyncProgress::Stream const& users = report.totals.streams.front();
    EXPECT_EQ(users.records_resumed, 6U);
    EXPECT_EQ(users.records_committed, 5U);
    EXPECT_EQ(users.records_rejected, 3U);
    EXPECT_TRUE(disk->file_names().empty());
  });
}

TEST(Resume, WithoutARejectFileTheNextStartNamesTheLineAndKeepsIt) {
  auto const disk = std::make_shared<SimulatedDisk>();
  leave_unreadable_users(1, disk);
  ResumingSync without(2, disk, 1);
  without.source.lines({record("orders", 0), stream_state("orders", 1)});
  SyncReport const report = without.run();
  ASSERT_TRUE(report.outcome.error.has_value());
  std::string const told = report.outcome.error->what();
  EXPECT_NE(told.find("record 2 of stream users cannot be loaded: line 3: no valid JSON"), told.npos) << told;
  EXPECT_NE(told.find("--reject-file"), told.npos) << told;
  EXPECT_EQ(without.loaded("orders"), numbers_until(1));
  EXPECT_GT(report.records_kept, 0U);

  ResumingSync with(3, disk, 2);
  CollectingRejects rejects(with.simulation);
  with.options.reject_sink = &rejects;
  EXPECT_TRUE(with.run().succeeded());
  EXPECT_EQ(rejects.written.size(), 2U);
  auto loaded = without.loaded("users");
  for (int const n : with.loaded("users")) loaded.push_back(n);
  EXPECT_EQ(loaded, numbers_until(4));
}

/// Records of two streams with STATEs between them, in batches of two.
testing::Scenario small_sync() {
  testing::Scenario scenario;
  scenario.seed = 1;
  scenario.resume = true;
  scenario.spill = SpillPolicy::always;
  scenario.batch_records = 2;
  scenario.read_bytes = 200;
  for (char const* const name : {"users", "orders"}) {
    scenario.streams.emplace_back().descriptor = StreamDescriptor(name);
  }
  std::uint64_t states = 0;
  for (std::uint64_t row = 0; row < 8; ++row) {
    for (std::size_t stream = 0; stream < 2; ++stream) {
      testing::InputStep& step = scenario.input.emplace_back();
      step.stream = stream;
      step.number = testing::first_row + row;
    }
    testing::InputStep& state = scenario.input.emplace_back();
    state.kind = testing::StepKind::state;
    state.stream = row % 2;
    state.number = ++states;
  }
  return scenario;
}

// The disk is cut off after each of its steps; what was not synced is there, or torn, or not.
TEST(Resume, NoAcknowledgedRecordIsLostNorLoadedTwiceWhereverThePowerIsCut) {
  std::uint64_t runs = 0;
  std::uint64_t crashes_after_a_state = 0;
  std::ptrdiff_t applied = 0;
  for (std::uint64_t fate = 0; fate < 12; ++fate) {
    for (std::uint64_t step = 1;; ++step) {
      testing::Scenario scenario = small_sync();
      scenario.disk_fate = fate;
      scenario.power_cut_at = step;
      testing::MemoryTarget target(scenario);
      auto const result = testing::run_scenario(scenario, target);
      ASSERT_FALSE(result.violation) << to_string(scenario, result);
      ++runs;
      if (!acknowledged(result.first.trace).empty()) ++crashes_after_a_state;
      applied += std::ranges::count_if(result.again->trace.events(), [](testing::TraceEvent const& event) {
        return event.kind == testing::EventKind::call_ends && event.call == testing::CallKind::probe &&
               event.probe == ProbeResult::applied;
      });
      if (!result.first.crashed) break;
    }
  }
  EXPECT_GT(crashes_after_a_state, 100U) << "else there was nothing to lose";
  EXPECT_GT(applied, 0) << "else no loader was asked for what an earlier process had done";
  fmt::print("{} runs, {} of them cut behind a STATE; {} batches were there already\n", runs, crashes_after_a_state,
             applied);
}

}  // namespace
}  // namespace landfall
