#include "connector/sync_settings.hpp"

#include <chrono>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include <landfall/runtime/error.hpp>

namespace landfall {
namespace {

class SyncSettings : public testing::Test {
 protected:
  SyncOptions options(std::string_view configuration = "{}") {
    return sync_options(Configuration::parse(configuration), [this](char const* name) {
      auto const found = variables_.find(name);
      return found == variables_.end() ? std::nullopt : std::optional<std::string>(found->second);
    });
  }

  std::string refusal(std::string_view configuration = "{}") {
    try {
      options(configuration);
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

TEST_F(SyncSettings, TheEnvironmentWins) {
  variables_ = {{"LANDFALL_MEMORY_BYTES", "16000000"}, {"LANDFALL_BATCH_SECONDS", "3"}, {"LANDFALL_BATCH_RECORDS", ""}};
  auto const set = options(R"({"landfall": {"memory_bytes": 8000000, "batch_records": 7}})");
  EXPECT_EQ(set.memory_budget_bytes, 16'000'000U);
  EXPECT_EQ(set.batch.age, std::chrono::seconds(3));
  EXPECT_EQ(set.batch.records, 7U) << "an empty variable is not set";
}

TEST_F(SyncSettings, ASmallBudgetHasSmallBlocks) {
  variables_ = {{"LANDFALL_MEMORY_BYTES", "4194304"}};
  EXPECT_LE(options().block_bytes * 8, options().memory_budget_bytes);
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
