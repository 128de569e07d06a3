#include <landfall/state/record_ledger.hpp>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "state/streams.hpp"

namespace landfall {
namespace {

constexpr BatchState all_states[] = {BatchState::processed, BatchState::staged, BatchState::loaded,
                                     BatchState::persisted, BatchState::complete};

RecordLedger ledger_with(RecordNumber records_read) {
  RecordLedger ledger;
  ledger.add_read(records_read);
  return ledger;
}

TEST(RecordLedger, WithoutARecordEverythingIsComplete) {
  RecordLedger const ledger;
  EXPECT_TRUE(ledger.all_complete());
  EXPECT_TRUE(ledger.persisted_until(0));
  EXPECT_FALSE(ledger.persisted_until(1));
  EXPECT_EQ(ledger.first_incomplete().size(), 0u);
  EXPECT_EQ(ledger.first_not_persisted().size(), 0u);
}

TEST(RecordLedger, WhatIsKeptOnDiskIsSafeAndNotLoaded) {
  RecordLedger ledger = ledger_with(10);
  ledger.keep({0, 6});
  EXPECT_TRUE(ledger.persisted_until(6));
  EXPECT_FALSE(ledger.persisted_until(7));
  EXPECT_EQ(ledger.first_not_persisted(), (Interval{6, 10}));
  EXPECT_EQ(ledger.count(BatchState::persisted), 0u);
  EXPECT_FALSE(ledger.is_loaded(0));
  EXPECT_FALSE(ledger.is_complete({0, 1}));
  ledger.reject({2, 3});
  ledger.report({0, 2}, BatchState::complete);
  EXPECT_TRUE(ledger.is_complete({0, 3}));
  EXPECT_FALSE(ledger.is_complete({0, 4}));
  expect_system_error("only 10 records were read", [&] { ledger.keep({9, 11}); });
}

TEST(RecordLedger, AResumedOneKnowsWhatIsLeft) {
  RecordLedger ledger;
  ledger.resume(20, {{15, 18}, {3, 5}});
  EXPECT_EQ(ledger.records_read(), 20u);
  EXPECT_TRUE(ledger.persisted_until(20));
  EXPECT_EQ(ledger.first_incomplete(), (Interval{3, 5}));
  EXPECT_EQ(ledger.count(BatchState::complete), 0u) << "what earlier syncs did is not counted";
  ledger.report({3, 5}, BatchState::complete);
  EXPECT_EQ(ledger.first_incomplete(), (Interval{15, 18}));
  ledger.report({15, 18}, BatchState::complete);
  EXPECT_TRUE(ledger.all_complete());
  EXPECT_EQ(ledger.count(BatchState::complete), 5u);
  EXPECT_EQ(ledger.records_of_this_sync(), 5u);
  ledger.add_read(21);
  EXPECT_EQ(ledger.records_of_this_sync(), 6u);
  EXPECT_FALSE(ledger.persisted_until(21));
}

TEST(RecordLedger, RecordsReadNeverGoBack) {
  RecordLedger ledger = ledger_with(10);
  ledger.add_read(4);
  EXPECT_EQ(ledger.records_read(), 10u);
  ledger.add_read(11);
  EXPECT_EQ(ledger.records_read(), 11u);
}

TEST(RecordLedger, IsPersistedAsFarAsWasReportedAndNoFurther) {  // 67
  RecordLedger ledger = ledger_with(20);
  ledger.report({0, 10}, BatchState::persisted);
  EXPECT_TRUE(ledger.persisted_until(9));
  EXPECT_TRUE(ledger.persisted_until(10));
  EXPECT_FALSE(ledger.persisted_until(11));
  EXPECT_FALSE(ledger.all_complete());
}

TEST(RecordLedger, AStateReachesAllEarlierOnesAndNoLaterOne) {  // 70
  for (BatchState const reported : all_states) {
    RecordLedger ledger = ledger_with(5);
    ledger.report({0, 5}, reported);
    for (BatchState const asked : all_states) {
      SCOPED_TRACE(testing::Message() << to_string(reported) << " reported, asked for " << to_string(asked));
      EXPECT_EQ(ledger.count(asked), asked <= reported ? 5u : 0u);
    }
    EXPECT_EQ(ledger.persisted_until(5), reported >= BatchState::persisted);
    EXPECT_EQ(ledger.all_complete(), reported == BatchState::complete);
  }
}

struct Report {
  Interval records;
  BatchState state;
};

/// Calls `check(reports)` with each order of the reports.
template <class Check>
void in_every_order(std::vector<Report> const& reports, Check check) {
  std::vector<std::size_t> order(reports.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  do {
    std::vector<Report> ordered;
    testing::Message trace;
    for (std::size_t const i : order) {
      ordered.push_back(reports[i]);
      trace << to_string(reports[i].state) << " " << reports[i].records.begin << ".." << reports[i].records.end << " ";
    }
    SCOPED_TRACE(trace);
    check(ordered);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(RecordLedger, IsPersistedOnceAllPartsAreInWhateverOrder) {  // 68, 69, 71
  std::vector<Report> const reports{{{0, 4}, BatchState::persisted},
                                    {{4, 7}, BatchState::complete},
                                    {{7, 10}, BatchState::persisted},
                                    {{0, 10}, BatchState::loaded}};
  in_every_order(reports, [](std::vector<Report> const& ordered) {
    RecordLedger ledger = ledger_with(10);
    std::vector<bool> persisted(10, false);
    for (Report const& report : ordered) {
      ledger.report(report.records, report.state);
      if (report.state >= BatchState::persisted) {
        for (RecordNumber i = report.records.begin; i < report.records.end; ++i) persisted[i] = true;
      }
      auto const gap =
          static_cast<RecordNumber>(std::find(persisted.begin(), persisted.end(), false) - persisted.begin());
      for (RecordNumber end = 0; end <= 11; ++end) EXPECT_EQ(ledger.persisted_until(end), end <= gap) << end;
    }
    EXPECT_FALSE(ledger.all_complete());
    EXPECT_EQ(ledger.count(BatchState::complete), 3u);
  });
}

TEST(RecordLedger, PersistedAndCompleteForTheSameRecordsCountOnce) {  // 78, 86
  std::vector<Report> const reports{{{0, 6}, BatchState::persisted}, {{0, 6}, BatchState::complete}};
  in_every_order(reports, [](std::vector<Report> const& ordered) {
    RecordLedger ledger = ledger_with(6);
    for (Report const& report : ordered) ledger.report(report.records, report.state);
    EXPECT_EQ(ledger.count(BatchState::persisted), 6u);
    EXPECT_EQ(ledger.count(BatchState::complete), 6u);
    EXPECT_TRUE(ledger.all_complete());
  });
}

TEST(RecordLedger, ReportingARangeTwiceChangesNothing) {
  RecordLedger ledger = ledger_with(6);
  ledger.report({2, 4}, BatchState::complete);
  ledger.report({2, 4}, BatchState::complete);
  ledger.report({2, 4}, BatchState::staged);  // late: it does not take back what was reached
  EXPECT_EQ(ledger.count(BatchState::complete), 2u);
  EXPECT_EQ(ledger.count(BatchState::processed), 2u);
}

TEST(RecordLedger, RangesThatOverlapCountOnce) {
  RecordLedger ledger = ledger_with(10);
  ledger.report({0, 6}, BatchState::persisted);
  ledger.report({4, 10}, BatchState::persisted);
  EXPECT_EQ(ledger.count(BatchState::persisted), 10u);
  EXPECT_TRUE(ledger.persisted_until(10));
}

struct GroupRow {
  std::string_view name;
  std::optional<std::string> first_group;
  std::optional<std::string> second_group;
  bool promoted;
};

TEST(RecordLedger, AGroupGoesAsFarAsItsMostAdvancedBatchInBothOrders) {  // 73, 74, 75
  GroupRow const rows[] = {
      {"one group", "a", "a", true},
      {"two groups", "a", "b", false},
      {"no groups", std::nullopt, std::nullopt, false},
      {"only the first in a group", "a", std::nullopt, false},
      {"only the second in a group", std::nullopt, "a", false},
      {"a group of the empty name is a group", "", "", true},
      {"the empty name is not no group", "", std::nullopt, false},
  };
  for (GroupRow const& row : rows) {
    for (bool const staged_first : {true, false}) {
      SCOPED_TRACE(testing::Message() << row.name << (staged_first ? ", staged first" : ", persisted first"));
      RecordLedger ledger = ledger_with(10);
      if (staged_first) ledger.report({0, 5}, BatchState::staged, row.first_group);
      ledger.report({5, 10}, BatchState::persisted, row.second_group);
      if (!staged_first) ledger.report({0, 5}, BatchState::staged, row.first_group);
      EXPECT_EQ(ledger.persisted_until(10), row.promoted);
      EXPECT_EQ(ledger.count(BatchState::persisted), row.promoted ? 10u : 5u);
      EXPECT_EQ(ledger.count(BatchState::complete), 0u);
    }
  }
}

TEST(RecordLedger, ALateBatchOfAGroupIsAsFarAsTheGroup) {
  RecordLedger ledger = ledger_with(9);
  ledger.report({0, 3}, BatchState::processed, "a");
  ledger.report({3, 6}, BatchState::complete, "a");
  ledger.report({6, 9}, BatchState::processed, "a");
  EXPECT_TRUE(ledger.all_complete());
}

TEST(RecordLedger, AnEmptyReportFinishesItsGroup) {
  RecordLedger ledger = ledger_with(3);
  ledger.report({0, 3}, BatchState::staged, "a");
  ledger.report({3, 3}, BatchState::complete, "a");
  EXPECT_TRUE(ledger.all_complete());
}

TEST(RecordLedger, RejectedRecordsCountAsPersistedAndComplete) {  // 81
  RecordLedger ledger = ledger_with(10);
  ledger.report({0, 6}, BatchState::persisted);
  ledger.reject({7, 10});
  EXPECT_FALSE(ledger.persisted_until(10));  // 6 + 3 of 10
  ledger.report({6, 7}, BatchState::persisted);
  EXPECT_TRUE(ledger.persisted_until(10));
  EXPECT_EQ(ledger.rejected_count(), 3u);
  EXPECT_EQ(ledger.count(BatchState::complete), 3u);
  EXPECT_FALSE(ledger.all_complete());
  ledger.report({0, 7}, BatchState::complete);
  EXPECT_TRUE(ledger.all_complete());
}

TEST(RecordLedger, ARejectionInsideACompleteBatchIsCountedOnceInBothOrders) {
  for (bool const rejected_first : {true, false}) {
    RecordLedger ledger = ledger_with(10);
    if (rejected_first) ledger.reject({4, 5});
    ledger.report({0, 10}, BatchState::complete);
    if (!rejected_first) ledger.reject({4, 5});
    EXPECT_EQ(ledger.count(BatchState::complete), 10u);
    EXPECT_EQ(ledger.rejected_count(), 1u);
  }
}

TEST(RecordLedger, AnEmptyRangeReportsNothingWhereverItLies) {
  RecordLedger ledger = ledger_with(2);
  ledger.report({0, 0}, BatchState::complete);
  ledger.report({9, 9}, BatchState::complete);
  ledger.reject({5, 5});
  EXPECT_EQ(ledger.count(BatchState::processed), 0u);
  EXPECT_EQ(ledger.rejected_count(), 0u);
}

TEST(RecordLedger, RefusesRecordsThatWereNeverReadAndChangesNothing) {  // 83
  RecordLedger ledger = ledger_with(5);
  ledger.report({0, 2}, BatchState::staged, "a");
  expect_system_error("records 3 to 5 were reported, but only 5", [&] { ledger.report({3, 6}, BatchState::complete); });
  expect_system_error("records 5 to 5", [&] { ledger.report({5, 6}, BatchState::processed); });
  expect_system_error("records 4 to 7", [&] { ledger.report({4, 8}, BatchState::complete, "a"); });
  expect_system_error("records 4 to 9", [&] { ledger.reject({4, 10}); });
  EXPECT_EQ(ledger.count(BatchState::processed), 2u);
  EXPECT_EQ(ledger.count(BatchState::loaded), 0u);  // nor was the group promoted
  EXPECT_EQ(ledger.rejected_count(), 0u);
  EXPECT_EQ(ledger.records_read(), 5u);
  ledger.report({2, 3}, BatchState::processed, "a");
  EXPECT_EQ(ledger.count(BatchState::staged), 3u);
  EXPECT_EQ(ledger.count(BatchState::loaded), 0u);
}

TEST(RecordLedger, NamesTheFirstRangeThatIsMissing) {
  RecordLedger ledger = ledger_with(10);
  EXPECT_EQ(ledger.first_incomplete(), (Interval{0, 10}));
  ledger.report({0, 2}, BatchState::complete);
  ledger.report({5, 8}, BatchState::persisted);
  EXPECT_EQ(ledger.first_incomplete(), (Interval{2, 10}));
  EXPECT_EQ(ledger.first_not_persisted(), (Interval{2, 5}));
  ledger.report({2, 8}, BatchState::complete);
  EXPECT_EQ(ledger.first_incomplete(), (Interval{8, 10}));
  EXPECT_EQ(ledger.first_not_persisted(), (Interval{8, 10}));
  ledger.report({8, 10}, BatchState::complete);
  EXPECT_EQ(ledger.first_incomplete().size(), 0u);
}

TEST(RecordLedgerDeathTest, ARangeThatEndsBeforeItBeginsIsOurOwnBug) {
  RecordLedger ledger = ledger_with(5);
  EXPECT_DEATH(ledger.report({3, 2}, BatchState::complete), "records.begin <= records.end");
}

/// What RecordLedger means, as one plain value for each record.
class ModelLedger {
 public:
  void add_read(RecordNumber end) {
    if (end > records_.size()) records_.resize(end);
  }

  bool report(Interval range, BatchState state, std::optional<std::string> const& group) {
    if (!was_read(range)) return false;
    for (RecordNumber i = range.begin; i < range.end; ++i) {
      reach(records_[i], state);
      if (group) records_[i].groups.push_back(*group);
    }
    if (group) {
      auto const known = std::find_if(groups_.begin(), groups_.end(), [&](auto const& g) { return g.first == *group; });
      if (known == groups_.end()) {
        groups_.emplace_back(*group, state);
      } else {
        known->second = std::max(known->second, state);
      }
    }
    for (auto const& [name, group_state] : groups_) {
      for (ModelRecord& record : records_) {
        if (std::count(record.groups.begin(), record.groups.end(), name) > 0) reach(record, group_state);
      }
    }
    return true;
  }

  bool reject(Interval range) {
    if (!was_read(range)) return false;
    for (RecordNumber i = range.begin; i < range.end; ++i) {
      records_[i].rejected = true;
      reach(records_[i], BatchState::complete);
    }
    return true;
  }

  void compare(RecordLedger const& ledger) const {
    ASSERT_EQ(ledger.records_read(), records_.size());
    for (BatchState const state : all_states) {
      ASSERT_EQ(ledger.count(state), count([&](ModelRecord const& r) { return r.state >= state; }));
    }
    ASSERT_EQ(ledger.rejected_count(), count([](ModelRecord const& r) { return r.rejected; }));
    for (RecordNumber end = 0; end <= records_.size() + 1; ++end) {
      ASSERT_EQ(ledger.persisted_until(end), end <= first_below(BatchState::persisted, 0)) << end;
    }
    ASSERT_EQ(ledger.all_complete(), first_below(BatchState::complete, 0) == records_.size());
    compare_range(ledger.first_incomplete(), BatchState::complete);
    compare_range(ledger.first_not_persisted(), BatchState::persisted);
  }

 private:
  struct ModelRecord {
    std::optional<BatchState> state;  // nothing is less than every state
    bool rejected = false;
    std::vector<std::string> groups;
  };

  bool was_read(Interval range) const { return range.size() == 0 || range.end <= records_.size(); }
  static void reach(ModelRecord& record, BatchState state) {
    record.state = std::max(record.state, std::optional(state));
  }

  template <class Predicate>
  std::uint64_t count(Predicate predicate) const {
    return static_cast<std::uint64_t>(std::count_if(records_.begin(), records_.end(), predicate));
  }
  RecordNumber first_below(BatchState state, RecordNumber from) const {
    while (from < records_.size() && records_[from].state >= state) ++from;
    return from;
  }
  void compare_range(Interval range, BatchState state) const {
    RecordNumber const begin = first_below(state, 0);
    RecordNumber end = begin;
    while (end < records_.size() && !(records_[end].state >= state)) ++end;
    ASSERT_EQ(range, (Interval{begin, end})) << to_string(state);
  }

  std::vector<ModelRecord> records_;
  std::vector<std::pair<std::string, BatchState>> groups_;
};

class RandomLedgerRun {
 public:
  explicit RandomLedgerRun(unsigned seed) : random_(seed) {}

  void run() {
    for (int step = 0; step < 60 && !testing::Test::HasFatalFailure(); ++step) {
      SCOPED_TRACE(testing::Message() << "step " << step);
      take_step();
      model_.compare(ledger_);
    }
  }

 private:
  void take_step() {
    unsigned const choice = below(10);
    if (choice == 0) {
      RecordNumber const end = below(26);
      ledger_.add_read(end);
      model_.add_read(end);
    } else if (choice == 1) {
      Interval const range = any_range();
      bool const accepted = model_.reject(range);
      EXPECT_EQ(is_accepted([&] { ledger_.reject(range); }), accepted);
    } else {
      Interval const range = any_range();
      BatchState const state = all_states[below(5)];
      std::optional<std::string> group;
      if (below(3) == 0) group = std::string(1, static_cast<char>('a' + below(3)));
      bool const accepted = model_.report(range, state, group);
      EXPECT_EQ(is_accepted([&] { ledger_.report(range, state, group); }), accepted);
    }
  }

  template <class Action>
  static bool is_accepted(Action action) {
    try {
      action();
      return true;
    } catch (Error const&) {
      return false;
    }
  }

  Interval any_range() {
    RecordNumber const begin = below(24);
    return Interval{begin, begin + below(6)};
  }
  unsigned below(unsigned end) { return std::uniform_int_distribution<unsigned>(0, end - 1)(random_); }

  std::mt19937 random_;
  RecordLedger ledger_;
  ModelLedger model_;
};

/// Another first seed: LANDFALL_TEST_SEED=<seed> state_test --gtest_filter=RecordLedger.BehavesLike*
unsigned first_seed() {
  char const* const given = std::getenv("LANDFALL_TEST_SEED");
  return given == nullptr ? 1 : static_cast<unsigned>(std::strtoul(given, nullptr, 10));
}

TEST(RecordLedger, BehavesLikeOneValueForEachRecord) {
  unsigned const first = first_seed();
  for (unsigned seed = first; seed < first + 150 && !HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "LANDFALL_TEST_SEED=" << seed);
    RandomLedgerRun(seed).run();
  }
}

}  // namespace
}  // namespace landfall
