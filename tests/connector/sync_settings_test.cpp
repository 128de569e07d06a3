#include "connector/sync_settings.hpp"

#include <chrono>
#include <map>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <landfall/runtime/error.hpp>

namespace landfall {
namespace {

class SyncSettings : public testing::Test {
 protected:
  std::optional<std::string> variable(char const* name) const {
    auto const found = variables_.find(name);
    return found == variables_.end() ? std::nullopt : std::optional<std::string>(found->second);
  }

  SyncOptions options(std::string_view configuration = "{}") {
    return sync_options(Configuration::parse(configuration), [this](char const* name) { return variable(name); });
  }

  std::string reject_file(std::string_view configuration = "{}") {
    return reject_file_path(Configuration::parse(configuration), [this](char const* name) { return variable(name); });
  }

  std::string refusal(std::string_view configuration = "{}") {
    try {
      options(configuration);
      reject_file(configuration);
      return "accepted";
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::config);
      return error.what();
    }
  }

  std::map<std::string, std::string> variables_;
};

TEST_F(SyncSettings, WithoutAnyTheDefaultsHold) {
  EXPECT_EQ(options().memory_budget_bytes, SyncOptions().memory_budget_bytes);
  EXPECT_EQ(options().block_bytes, SyncOptions().block_bytes);
  EXPECT_EQ(options().batch.bytes, SyncOptions().batch.bytes);
  EXPECT_EQ(options().batch.age, SyncOptions().batch.age);
}

TEST_F(SyncSettings, ComeFromTheConfiguration) {
  auto const set = options(R"({"landfall": {"memory_bytes": 8000000, "batch_bytes": 1000, "batch_records": 7,
                               "batch_seconds": 60, "checkpoint_seconds": 5}})");
  EXPECT_EQ(set.memory_budget_bytes, 8'000'000U);
  EXPECT_EQ(set.batch.bytes, 1'000U);
  EXPECT_EQ(set.batch.records, 7U);
  EXPECT_EQ(set.batch.age, std::chrono::seconds(60));
  EXPECT_EQ(set.batch.checkpoint_wait, std::chrono::seconds(5));
}

TEST_F(SyncSettings, HowManyStreamsACatalogMayHave) {
  EXPECT_EQ(options().max_streams, 10'000U);
  EXPECT_EQ(options(R"({"landfall": {"max_streams": 7}})").max_streams, 7U);
  EXPECT_EQ(refusal(R"({"landfall": {"max_streams": 0}})"), "landfall.max_streams must be from 1 to 1000000");
  variables_ = {{"LANDFALL_MAX_STREAMS", "8"}};
  EXPECT_EQ(options(R"({"landfall": {"max_streams": 7}})").max_streams, 8U);
}

TEST_F(SyncSettings, TheEnvironmentWins) {
  variables_ = {{"LANDFALL_MEMORY_BYTES", "16000000"}, {"LANDFALL_BATCH_SECONDS", "3"}, {"LANDFALL_BATCH_RECORDS", ""}};
  auto const set = options(R"({"landfall": {"memory_bytes": 8000000, "batch_records": 7}})");
  EXPECT_EQ(set.memory_budget_bytes, 16'000'000U);
  EXPECT_EQ(set.batch.age, std::chrono::seconds(3));
  EXPECT_EQ(set.batch.records, 7U) << "an empty variable is not set";
}

TEST_F(SyncSettings, TheLoadAdaptsUnlessItIsFixed) {
  auto const none = options();
  EXPECT_FALSE(none.load_concurrency.max || none.load_batch_bytes.max);

  auto const bounded = options(R"({"landfall": {"load": {"concurrency": {"min": 2, "max": 9, "initial": 3},
                                   "batch_bytes": {"max": 1000}}}})");
  EXPECT_EQ(bounded.load_concurrency.min, 2U);
  EXPECT_EQ(bounded.load_concurrency.max, 9U);
  EXPECT_EQ(bounded.load_concurrency.initial, 3U);
  EXPECT_EQ(bounded.load_batch_bytes.max, 1000U);
  EXPECT_FALSE(bounded.load_batch_bytes.min);

  auto const fixed = options(R"({"landfall": {"load": {"concurrency": 5}}})");
  EXPECT_EQ(fixed.load_concurrency.min, 5U);
  EXPECT_EQ(fixed.load_concurrency.max, 5U);

  variables_ = {{"LANDFALL_LOAD_CONCURRENCY", "7"}};
  EXPECT_EQ(options(R"({"landfall": {"load": {"concurrency": 5}}})").load_concurrency.max, 7U);
}

TEST_F(SyncSettings, AnOperatorsBatchBytesHoldAgainstWhatADestinationWouldLike) {
  EXPECT_EQ(options(R"({"landfall": {"batch_bytes": 1000}})").load_batch_bytes.max, 1000U);
  EXPECT_EQ(options(R"({"landfall": {"batch_bytes": 1000, "load": {"batch_bytes": 5000}}})").load_batch_bytes.max,
            5000U)
      << "the more exact one";
}

TEST_F(SyncSettings, ASmallBudgetHasSmallBlocks) {
  variables_ = {{"LANDFALL_MEMORY_BYTES", "4194304"}};
  EXPECT_LE(options().block_bytes * 8, options().memory_budget_bytes);
}

TEST_F(SyncSettings, WhatAFailureAndAStopMean) {
  auto const set = options(R"({"landfall": {"on_stream_failure": "fail_fast", "on_stop": "cancel", "stop_seconds": 5,
                               "patience_seconds": 7, "answer_seconds": 8}})");
  EXPECT_EQ(set.launcher.on_stream_failure, OnStreamFailure::fail_fast);
  EXPECT_EQ(set.launcher.on_stop, OnStop::cancel);
  EXPECT_EQ(set.launcher.stop_deadline, std::chrono::seconds(5));
  EXPECT_EQ(set.patience, std::chrono::seconds(7));
  EXPECT_EQ(set.answer_deadline, std::chrono::seconds(8));

  variables_ = {{"LANDFALL_ON_STREAM_FAILURE", "isolate"},
                {"LANDFALL_ON_STOP", "finish"},
                {"LANDFALL_STOP_SECONDS", "1"},
                {"LANDFALL_PATIENCE_SECONDS", "2"}};
  auto const overridden = options(R"({"landfall": {"on_stream_failure": "fail_fast", "on_stop": "cancel"}})");
  EXPECT_EQ(overridden.launcher.on_stream_failure, OnStreamFailure::isolate);
  EXPECT_EQ(overridden.launcher.on_stop, OnStop::finish);
  EXPECT_EQ(overridden.launcher.stop_deadline, std::chrono::seconds(1));
  EXPECT_EQ(overridden.patience, std::chrono::seconds(2));
}

TEST_F(SyncSettings, TheRejectFile) {
  EXPECT_EQ(reject_file(), "");
  EXPECT_EQ(reject_file(R"({"landfall": {"reject_file": "a.jsonl"}})"), "a.jsonl");
  variables_ = {{"LANDFALL_REJECT_FILE", "b.jsonl"}};
  EXPECT_EQ(reject_file(R"({"landfall": {"reject_file": "a.jsonl"}})"), "b.jsonl");
}

TEST_F(SyncSettings, RetriesOfAPhase) {
  auto const set = options(R"({"landfall": {"retry": {"process": {"attempts": 7, "system_attempts": 2,
      "attempt_seconds": 3, "total_seconds": 60, "first_delay_ms": 10, "longest_delay_ms": 500}}}})");
  auto const& policy = set.retry[Phase::process];
  EXPECT_EQ(policy.attempts, 7U);
  EXPECT_EQ(policy.system_attempts, 2U);
  EXPECT_EQ(policy.attempt_deadline, std::chrono::seconds(3));
  EXPECT_EQ(policy.total_deadline, std::chrono::seconds(60));
  EXPECT_EQ(policy.first_delay, std::chrono::milliseconds(10));
  EXPECT_EQ(policy.longest_delay, std::chrono::milliseconds(500));
  EXPECT_EQ(set.retry[Phase::close].attempts, RetryPolicies()[Phase::close].attempts) << "the others are as they were";
}

TEST_F(SyncSettings, WhatIsNotGivenFollowsWhatIs) {
  RetryPolicy const plain = RetryPolicies()[Phase::setup];
  auto const setup = [this](std::string_view members) {
    return options(fmt::format(R"({{"landfall": {{"retry": {{"setup": {{{}}}}}}}}})", members)).retry[Phase::setup];
  };
  EXPECT_EQ(setup(R"("attempt_seconds": 90000)").total_deadline, std::chrono::seconds(90'000));
  EXPECT_EQ(setup(R"("attempt_seconds": 5)").total_deadline, plain.total_deadline);
  EXPECT_EQ(setup(R"("total_seconds": 5)").attempt_deadline, std::chrono::seconds(5));
  EXPECT_EQ(setup(R"("attempts": 1)").system_attempts, 1U);
  EXPECT_EQ(setup(R"("system_attempts": 9)").attempts, 9U);
  EXPECT_EQ(setup(R"("first_delay_ms": 60000)").longest_delay, std::chrono::seconds(60));
  EXPECT_EQ(setup(R"("longest_delay_ms": 5)").first_delay, std::chrono::milliseconds(5));
}

TEST_F(SyncSettings, ResumeBringsWhatItNeeds) {
  auto const spill = [this](char const* configuration) { return options(configuration).spill; };
  EXPECT_FALSE(spill("{}").resume);
  EXPECT_FALSE(spill("{}").discard_damaged);
  EXPECT_TRUE(spill(R"({"landfall": {"spill": {"discard_damaged": true}}})").discard_damaged);
  auto const resumed = spill(R"({"landfall": {"spill": {"resume": true, "directory": "/spill"}}})");
  EXPECT_TRUE(resumed.resume);
  EXPECT_EQ(resumed.policy, SpillPolicy::always);
  EXPECT_EQ(resumed.sync, SpillSync::group);
  EXPECT_NO_THROW(resumed.check());
  auto const contradicted =
      spill(R"({"landfall": {"spill": {"resume": true, "directory": "/spill", "sync": "none"}}})");
  EXPECT_EQ(contradicted.sync, SpillSync::none);
  EXPECT_THROW(contradicted.check(), Error);
  variables_ = {{"LANDFALL_SPILL_RESUME", "true"}};
  EXPECT_EQ(spill("{}").policy, SpillPolicy::always);
  variables_ = {{"LANDFALL_SPILL_RESUME", "1"}};
  EXPECT_EQ(refusal(), R"(LANDFALL_SPILL_RESUME must be "true" or "false")");
}

TEST_F(SyncSettings, TheErrorNamesTheMemberAndWhatItMayBe) {
  struct Row {
    char const* name;
    char const* configuration;
    char const* message;
  };
  for (Row const& row :
       {Row{"a misspelt setting", R"({"landfall": {"batch_byte": 5}})",
            "landfall.batch_byte is no setting; landfall may hold memory_bytes, batch_bytes, "},
        Row{"a misspelt phase", R"({"landfall": {"retry": {"load": {}}}})",
            "landfall.retry.load is no setting; landfall.retry may hold check, setup, open, process, close, teardown"},
        Row{"a misspelt member of a phase", R"({"landfall": {"retry": {"open": {"seconds": 1}}}})",
            "landfall.retry.open.seconds is no setting; landfall.retry.open may hold attempts, "},
        Row{"a word that means nothing", R"({"landfall": {"on_stop": "wait"}})",
            R"(landfall.on_stop must be "finish" or "cancel")"},
        Row{"no word", R"({"landfall": {"on_stream_failure": true}})",
            "configuration: landfall.on_stream_failure must be a string, but is a boolean"},
        Row{"a misspelt member of load", R"({"landfall": {"load": {"parallelism": 3}}})",
            "landfall.load.parallelism is no setting; landfall.load may hold concurrency, batch_bytes"},
        Row{"a misspelt bound", R"({"landfall": {"load": {"concurrency": {"maximum": 3}}}})",
            "landfall.load.concurrency.maximum is no setting; landfall.load.concurrency may hold min, max, initial"},
        Row{"no call at all", R"({"landfall": {"load": {"concurrency": 0}}})",
            "landfall.load.concurrency must be from 1 to 10000"},
        Row{"a bound out of range", R"({"landfall": {"load": {"batch_bytes": {"min": 0}}}})",
            "landfall.load.batch_bytes.min must be from 1 to 1099511627776"},
        Row{"neither a number nor an object", R"({"landfall": {"load": {"concurrency": "many"}}})",
            "landfall.load.concurrency must be a whole number or an object"},
        Row{"bounds that contradict each other", R"({"landfall": {"load": {"concurrency": {"min": 3, "max": 2}}}})",
            "landfall.load.concurrency: min must not be more than max"},
        Row{"a bound against the size of batches",
            R"({"landfall": {"batch_bytes": 10, "load": {"batch_bytes": {"min": 20}}}})",
            "landfall.load.batch_bytes, whose max is landfall.batch_bytes: min must not be more than max"},
        Row{"no attempt", R"({"landfall": {"retry": {"check": {"attempts": 0}}}})",
            "landfall.retry.check.attempts must be from 1 to 1000"},
        Row{"no whole number", R"({"landfall": {"retry": {"check": {"attempt_seconds": 1.5}}}})",
            "configuration: landfall.retry.check.attempt_seconds must be an integer"},
        Row{"no object", R"({"landfall": {"retry": {"check": 3}}})",
            "configuration: landfall.retry.check must be an object, but is a number"},
        Row{"an attempt longer than all", R"({"landfall": {"retry": {"open": {"attempt_seconds": 9,
            "total_seconds": 8}}}})",
            "landfall.retry.open.attempt_seconds must not be more than landfall.retry.open.total_seconds"},
        Row{"resume in a word that means nothing", R"({"landfall": {"spill": {"resume": "yes"}}})",
            "configuration: landfall.spill.resume must be a boolean"},
        Row{"no patience", R"({"landfall": {"patience_seconds": 0}})",
            "landfall.patience_seconds must be from 1 to 86400"},
        Row{"no file name", R"({"landfall": {"reject_file": 5}})",
            "configuration: landfall.reject_file must be a string, but is a number"}}) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(refusal(row.configuration).rfind(row.message, 0), 0U) << refusal(row.configuration);
  }
  variables_ = {{"LANDFALL_ON_STOP", "later"}};
  EXPECT_EQ(refusal(), R"(LANDFALL_ON_STOP must be "finish" or "cancel")");
}

TEST_F(SyncSettings, NonsenseIsRefusedByName) {
  for (char const* const nonsense : {"lots", "-1", "0", "12MB", "1e9", " 5", "99999999999999999999"}) {
    SCOPED_TRACE(nonsense);
    variables_ = {{"LANDFALL_BATCH_RECORDS", nonsense}};
    EXPECT_NE(refusal().find("LANDFALL_BATCH_RECORDS must be "), std::string::npos) << refusal();
  }
  variables_.clear();
  EXPECT_EQ(refusal(R"({"landfall": {"batch_bytes": 0}})"), "landfall.batch_bytes must be from 1 to 1099511627776");
  EXPECT_NE(refusal(R"({"landfall": {"batch_bytes": "big"}})"), "accepted");
  EXPECT_NE(refusal(R"({"landfall": 5})"), "accepted");
}

}  // namespace
}  // namespace landfall
