#include <landfall/launcher/load_governor.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace landfall {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t megabyte = 1'000'000;

class LoadGovernorTest : public ::testing::Test {
 protected:
  LoadGovernorTest() : settings(4, 4 * megabyte) {}

  LoadGovernor& governor() {
    if (!made) made.emplace(settings, now);
    return *made;
  }

  void keep(std::vector<LoadChange> const& changes) {
    for (LoadChange const& change : changes) {
      history.add(change);
      texts.push_back(to_string(change));
    }
  }

  /// As many calls as may run begin together, end together, and somebody waits for a slot meanwhile.
  void round(Duration latency, CallOutcome outcome = CallOutcome::ok) {
    round_of(governor().concurrency(), latency, outcome);
  }

  void round_of(std::size_t count, Duration latency, CallOutcome outcome = CallOutcome::ok, bool others_wait = true) {
    for (std::size_t i = 0; i < count; ++i) governor().take_slot();
    TimePoint const started = now;
    now += latency;
    for (std::size_t i = 0; i < count; ++i) {
      if (others_wait) governor().note_waiting();
      std::optional<std::chrono::milliseconds> wait;
      if (outcome == CallOutcome::throttled) wait = 1s;
      keep(governor().call_ended(CallReport(started, now, outcome, bytes.value_or(governor().batch_bytes()), wait)));
      governor().give_slot_back();
    }
  }
  std::string last_text() const { return texts.empty() ? std::string("nothing changed") : texts.back(); }
  std::string first_text() const { return texts.empty() ? std::string("nothing changed") : texts.front(); }

  void rounds(int count, Duration latency) {
    for (int i = 0; i < count; ++i) round(latency);
  }

  /// What the limit was in the last half of some rounds.
  struct Found {
    std::size_t least = SIZE_MAX;
    std::size_t most = 0;
    double busy = 0;  // of the store, on average: 1 is the best there is
  };

  /// A store that works on `capacity` calls at once; the others queue.
  Found play_capacity(std::size_t capacity, int count, std::function<double()> noise = [] { return 1.0; }) {
    Found found;
    for (int i = 0; i < count; ++i) {
      auto const queue = std::max(1.0, static_cast<double>(governor().concurrency()) / static_cast<double>(capacity));
      round(std::chrono::duration_cast<Duration>(queue * noise() * 1s));
      if (i < count / 2) continue;
      std::size_t const limit = governor().concurrency();
      found.least = std::min(found.least, limit);
      found.most = std::max(found.most, limit);
      found.busy += static_cast<double>(std::min(limit, capacity)) / static_cast<double>(capacity);
    }
    found.busy /= count - count / 2;
    return found;
  }

  GovernorSettings settings;
  std::optional<LoadGovernor> made;
  TimePoint now{1h};
  std::optional<std::uint64_t> bytes;  // of each batch; none: as large as may be
  LoadHistory history;
  std::vector<std::string> texts;
};

// ---- bounds ----

TEST(Narrowed, Table) {
  struct Row {
    char const* name;
    LoadRange range;
    LoadBounds expected;
  };
  Row const rows[] = {
      {"nothing given", LoadRange(), LoadBounds(2, 64, 8)},
      {"fixed", LoadRange::fixed(5), LoadBounds(5, 5, 5)},
      {"fixed beyond the usual", LoadRange::fixed(100), LoadBounds(100, 100, 100)},
      {"a lower max takes initial along", LoadRange(std::nullopt, 4), LoadBounds(2, 4, 4)},
      {"a max below the usual min takes that along", LoadRange(std::nullopt, 1), LoadBounds(1, 1, 1)},
      {"a higher min takes initial along", LoadRange(10, std::nullopt), LoadBounds(10, 64, 10)},
      {"a min beyond the usual max takes that along", LoadRange(100, std::nullopt), LoadBounds(100, 100, 100)},
      {"initial alone", LoadRange(std::nullopt, std::nullopt, 3), LoadBounds(2, 64, 3)},
      {"initial below the usual min", LoadRange(std::nullopt, std::nullopt, 1), LoadBounds(1, 64, 1)},
      {"initial beyond the usual max", LoadRange(std::nullopt, std::nullopt, 99), LoadBounds(2, 99, 99)},
      {"all", LoadRange(3, 9, 4), LoadBounds(3, 9, 4)},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(narrowed(LoadBounds(2, 64, 8), row.range, "x"), row.expected);
  }
}

TEST(Narrowed, RefusesWhatContradictsItselfAndNamesIt) {
  struct Row {
    LoadRange range;
    char const* expected;
  };
  Row const rows[] = {
      {LoadRange::fixed(0), "x: must be at least 1"},
      {LoadRange(5, 4), "x: min must not be more than max"},
      {LoadRange(5, std::nullopt, 4), "x: initial must not be less than min"},
      {LoadRange(std::nullopt, 4, 5), "x: initial must not be more than max"},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.expected);
    try {
      static_cast<void>(narrowed(LoadBounds(), row.range, "x"));
      ADD_FAILURE() << "accepted";
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::config);
      EXPECT_STREQ(error.what(), row.expected);
    }
  }
}

TEST(GovernorSettings, AFewStreamsAllRunAtOnceFromTheStart) {
  EXPECT_EQ(GovernorSettings(1).concurrency.initial, 4U);
  EXPECT_EQ(GovernorSettings(4).concurrency.initial, 4U);
  EXPECT_EQ(GovernorSettings(12).concurrency.initial, 12U);
  EXPECT_EQ(GovernorSettings(500).concurrency.initial, 16U);
}

TEST(CallOutcome, OfAnError) {
  Error throttled = transient_error("429");
  throttled.set_retry_after(0ms);
  EXPECT_EQ(outcome_of(std::nullopt, false), CallOutcome::ok);
  EXPECT_EQ(outcome_of(throttled, false), CallOutcome::throttled);
  EXPECT_EQ(outcome_of(transient_error("down"), false), CallOutcome::unavailable);
  EXPECT_EQ(outcome_of(unknown_outcome_error("no answer"), true), CallOutcome::timed_out);
  EXPECT_EQ(outcome_of(unknown_outcome_error("connection lost"), false), CallOutcome::other);
  EXPECT_EQ(outcome_of(config_error("no such table"), false), CallOutcome::other);
  EXPECT_EQ(outcome_of(system_error("a bug"), false), CallOutcome::other);
}

// ---- more ----

TEST_F(LoadGovernorTest, DoublesUntilTheFirstTroubleAndThenGrowsByOne) {
  round(100ms);
  EXPECT_EQ(governor().concurrency(), 8U);
  round(100ms);
  EXPECT_EQ(governor().concurrency(), 16U);
  round(100ms, CallOutcome::throttled);
  EXPECT_EQ(governor().concurrency(), 8U);
  round(100ms);
  EXPECT_EQ(governor().concurrency(), 9U);
  EXPECT_EQ(last_text(), "concurrency 8 → 9: all were in use, and 8 calls went well (0.10 s for 4.0 MB)");
}

TEST_F(LoadGovernorTest, DoesNotGrowWhileNobodyWaitsForASlot) {
  for (int i = 0; i < 50; ++i) round_of(4, 100ms, CallOutcome::ok, false);
  EXPECT_EQ(governor().concurrency(), 4U);
  EXPECT_EQ(history.count, 0U);
}

TEST_F(LoadGovernorTest, NeverLeavesItsBounds) {
  settings.concurrency = LoadBounds(2, 6, 4);
  for (int i = 0; i < 20; ++i) round(100ms);
  EXPECT_EQ(governor().concurrency(), 6U);
  for (int i = 0; i < 20; ++i) round(100ms, CallOutcome::throttled);
  EXPECT_EQ(governor().concurrency(), 2U);
}

TEST_F(LoadGovernorTest, FixedValuesStay) {
  settings.concurrency = LoadBounds(3, 3, 3);
  settings.batch_bytes = LoadBounds(1000, 1000, 1000);
  rounds(5, 100ms);
  for (auto const outcome : {CallOutcome::throttled, CallOutcome::unavailable, CallOutcome::timed_out})
    round(1h, outcome);
  rounds(20, 2h);
  keep(governor().batch_too_large(1000, now));
  EXPECT_EQ(governor().concurrency(), 3U);
  EXPECT_EQ(governor().batch_bytes(), 1000U);
  EXPECT_EQ(history.count, 0U);
}

// ---- less ----

TEST_F(LoadGovernorTest, HalvesOnceForARoundTripHoweverManyCallsWereThrottled) {
  settings.concurrency.initial = 16;
  round(100ms, CallOutcome::throttled);
  EXPECT_EQ(governor().concurrency(), 8U);
  round(100ms, CallOutcome::throttled);
  EXPECT_EQ(governor().concurrency(), 4U);
  EXPECT_EQ(texts, (std::vector<std::string>{"concurrency 16 → 8: throttled (retry after 1.0 s)",
                                             "concurrency 8 → 4: throttled (retry after 1.0 s) 16 times"}));
  EXPECT_EQ(history.last[1].at, 200ms);
}

TEST_F(LoadGovernorTest, CallsThatBeganUnderAnotherLimitSayNothingOfTheNewOne) {
  settings.concurrency.initial = 16;
  for (int i = 0; i < 16; ++i) governor().take_slot();
  TimePoint const started = now;
  now += 1s;
  keep(governor().call_ended(CallReport(started, now, CallOutcome::throttled, megabyte, 1s)));
  governor().note_waiting();
  now += 1s;
  for (int i = 0; i < 15; ++i) keep(governor().call_ended(CallReport(started, now, CallOutcome::ok, megabyte)));
  EXPECT_EQ(governor().concurrency(), 8U);
}

TEST_F(LoadGovernorTest, HalvesWhatReallyRanNotALimitThatNobodyReached) {
  settings.concurrency.initial = 16;
  round_of(4, 100ms, CallOutcome::throttled);
  EXPECT_EQ(governor().concurrency(), 2U);
}

TEST_F(LoadGovernorTest, AStoreThatIsUnavailableMeansAQuarterLess) {
  settings.concurrency.initial = 8;
  round(100ms, CallOutcome::unavailable);
  EXPECT_EQ(governor().concurrency(), 6U);
  EXPECT_EQ(last_text(), "concurrency 8 → 6: the store was unavailable");
}

TEST_F(LoadGovernorTest, ErrorsThatSayNothingOfLoadChangeNothing) {
  for (int i = 0; i < 20; ++i) round(100ms, CallOutcome::other);
  EXPECT_EQ(history.count, 0U);
}

TEST_F(LoadGovernorTest, AfterAnOutageItIsSoonWhereItWas) {
  settings.concurrency.initial = 16;
  for (int i = 0; i < 10; ++i) round(100ms, CallOutcome::unavailable);
  EXPECT_EQ(governor().concurrency(), 1U);
  std::size_t calls = 0;
  while (governor().concurrency() < 15) {
    calls += governor().concurrency();
    round(100ms);
    ASSERT_LT(calls, 130U);
  }
}

TEST_F(LoadGovernorTest, TheNumberThatWasThrottledIsTriedAgainOnlyAfterManyGoodWindows) {
  settings.concurrency.initial = 8;
  round(100ms);
  ASSERT_EQ(governor().concurrency(), 16U);
  round(100ms, CallOutcome::throttled);
  int throttled = 0;
  for (int i = 0; i < 300; ++i) {  // what the store bears is 9
    bool const too_many = governor().concurrency() > 9;
    throttled += too_many ? 1 : 0;
    round(100ms, too_many ? CallOutcome::throttled : CallOutcome::ok);
  }
  EXPECT_LT(throttled, 30);
  EXPECT_GT(throttled, 5) << "a store may bear more later";
}

TEST_F(LoadGovernorTest, QuickCallsAreNeverSlow) {
  settings.concurrency = LoadBounds(1, 8, 8);
  rounds(5, 1ms);
  rounds(50, 200ms);
  EXPECT_EQ(history.count, 0U);
}

TEST_F(LoadGovernorTest, SlowCallsMeanFewerAndTheReasonHasFigures) {
  settings.concurrency = LoadBounds(1, 8, 8);
  rounds(3, 1s);
  round(3s);
  EXPECT_EQ(governor().concurrency(), 8U) << "it may be an accident";
  round(3s);
  EXPECT_EQ(governor().concurrency(), 4U);
  EXPECT_EQ(last_text(), "concurrency 8 → 4: calls took 2.9 times as long as expected (3.0 s for 4.0 MB)");
}

TEST_F(LoadGovernorTest, LargerBatchesAreNotSlow) {
  settings.concurrency = LoadBounds(1, 8, 8);
  bytes = megabyte;
  rounds(3, 1s);
  bytes = 4 * megabyte;
  rounds(3, 4s);
  EXPECT_EQ(history.count, 0U);
}

TEST_F(LoadGovernorTest, WhenFewerCallsAreNoQuickerTheyWereNotTheReason) {
  settings.concurrency = LoadBounds(1, 8, 8);
  rounds(3, 1s);
  rounds(3, 5s);
  EXPECT_EQ(governor().concurrency(), 8U);
  rounds(30, 5s);
  EXPECT_EQ(governor().concurrency(), 8U);
  ASSERT_EQ(texts.size(), 2U);
  EXPECT_EQ(
      texts.back(),
      "concurrency 4 → 8: fewer calls at once were no quicker (5.0 s for 4.0 MB): the store itself has become slower");
}

TEST_F(LoadGovernorTest, FindsAboutAsManyCallsAsTheStoreWorksOn) {
  for (std::size_t const capacity : {1U, 2U, 3U, 8U, 20U, 40U}) {
    SCOPED_TRACE(fmt::format("capacity {}", capacity));
    made.reset();
    auto const found = play_capacity(capacity, 600);
    EXPECT_EQ(found.busy, 1.0);
    EXPECT_LE(found.most, 3 * std::max<std::size_t>(capacity, settings.concurrency.initial));
  }
}

TEST_F(LoadGovernorTest, NoiseDoesNotLeadItAstray) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    made.reset();
    std::mt19937 random(seed);
    std::lognormal_distribution<double> noise(0, 0.3);
    auto const found = play_capacity(8, 600, [&] { return noise(random); });
    EXPECT_GE(found.busy, 0.9);
    EXPECT_LE(found.most, 48U);
  }
}

TEST_F(LoadGovernorTest, FollowsAStoreWhoseCapacityChanges) {
  play_capacity(20, 300);
  EXPECT_LE(play_capacity(4, 300).most, 16U);
  EXPECT_GE(play_capacity(20, 600).least, 12U);
}

// ---- the size of batches ----

TEST_F(LoadGovernorTest, ATimeOutHalvesTheBatchesOfThatSizeOnce) {
  round(10min, CallOutcome::timed_out);
  EXPECT_EQ(governor().batch_bytes(), 2 * megabyte);
  EXPECT_EQ(first_text(), "batch size 4.0 MB → 2.0 MB: one of 4.0 MB had no answer within 600 s");
  bytes = 100;
  round(10min, CallOutcome::timed_out);
  EXPECT_EQ(governor().batch_bytes(), 2 * megabyte) << "a small one has another reason";
}

TEST_F(LoadGovernorTest, BatchesThatAreRefusedAsAWholeBecomeSmallerForGood) {
  keep(governor().batch_too_large(3 * megabyte, now));
  EXPECT_EQ(governor().batch_bytes(), 3 * megabyte / 2);
  EXPECT_EQ(last_text(), "batch size 4.0 MB → 1.5 MB: one of 3.0 MB was refused as a whole, its parts were not");
  for (int i = 0; i < 200; ++i) round_of(4, 300ms, CallOutcome::ok, false);
  EXPECT_LT(governor().batch_bytes(), 3 * megabyte);
}

TEST_F(LoadGovernorTest, CallsThatTakeTooLongMeanSmallerBatchesUntilTheyDoNot) {
  for (int i = 0; i < 100; ++i) {
    Duration const latency(static_cast<Duration::rep>(governor().batch_bytes() / megabyte) * Duration(40s) +
                           Duration(20s));
    round_of(4, latency, CallOutcome::ok, false);
  }
  EXPECT_LE(governor().batch_bytes(), 2 * megabyte);
  EXPECT_GE(governor().batch_bytes(), megabyte / 2);
  EXPECT_EQ(first_text(), "batch size 4.0 MB → 2.0 MB: calls took 180 s, more than 60 s");
}

TEST_F(LoadGovernorTest, BatchesGrowWhileLargerOnesAreQuicker) {
  settings.batch_bytes = LoadBounds(1000, 16 * megabyte, 250'000);
  for (int i = 0; i < 200; ++i) {  // two seconds for each call, and one for each 2 MB
    auto const size = static_cast<double>(governor().batch_bytes()) / megabyte;
    round_of(4, std::chrono::duration_cast<Duration>((2 + size / 2) * 1s), CallOutcome::ok, false);
  }
  EXPECT_GE(governor().batch_bytes(), 8 * megabyte);
}

TEST_F(LoadGovernorTest, LargerBatchesThatAreNoQuickerAreTakenBack) {
  settings.batch_bytes = LoadBounds(1000, 16 * megabyte, megabyte);
  std::uint64_t most = 0;
  for (int i = 0; i < 200; ++i) {
    auto const size = static_cast<double>(governor().batch_bytes()) / megabyte;
    round_of(4, std::chrono::duration_cast<Duration>(size * 1s), CallOutcome::ok, false);
    most = std::max(most, governor().batch_bytes());
  }
  EXPECT_EQ(governor().batch_bytes(), megabyte);
  EXPECT_EQ(most, 2 * megabyte);
  EXPECT_EQ(texts.at(1), "batch size 2.0 MB → 1.0 MB: larger ones were no quicker (1.0 MB/s a call, 1.0 MB/s before)");
}

TEST_F(LoadGovernorTest, BatchesThatOtherLimitsCloseAreNoReasonToGrow) {
  settings.batch_bytes = LoadBounds(1000, 16 * megabyte, 4 * megabyte);
  bytes = 100'000;
  for (int i = 0; i < 100; ++i) round_of(4, 1s, CallOutcome::ok, false);
  EXPECT_EQ(history.count, 0U);
}

TEST_F(LoadGovernorTest, WhateverHappensItStaysWithinItsBoundsAndTellsEachChange) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    std::mt19937 random(seed);
    auto const below = [&random](std::uint64_t limit) { return random() % limit; };
    LoadBounds const calls(1 + below(3), 8 + below(20), 3 + below(5));
    LoadBounds const sizes(1 + below(1000), 2000 + below(megabyte), 1000 + below(1000));
    settings.concurrency = calls;
    settings.batch_bytes = sizes;
    LoadGovernor any(settings, now);
    std::uint64_t concurrency = calls.initial;
    std::uint64_t size = sizes.initial;
    std::vector<TimePoint> running;
    for (int i = 0; i < 2000; ++i) {
      now += std::chrono::milliseconds(below(2000));
      while (any.has_slot() && below(3) != 0) {
        any.take_slot();
        running.push_back(now);
      }
      if (below(2) == 0) any.note_waiting();
      if (running.empty()) continue;
      auto const call = running.begin() + static_cast<std::ptrdiff_t>(below(running.size()));
      auto const outcome = below(3) == 0 ? static_cast<CallOutcome>(below(5)) : CallOutcome::ok;
      auto changes = any.call_ended(CallReport(*call, now, outcome, below(2 * any.batch_bytes())));
      running.erase(call);
      any.give_slot_back();
      if (below(100) == 0) {
        for (auto& change : any.batch_too_large(below(2 * size), now)) changes.push_back(std::move(change));
      }
      for (LoadChange const& change : changes) {
        std::uint64_t& known = change.knob == LoadKnob::concurrency ? concurrency : size;
        EXPECT_EQ(change.from, known);
        EXPECT_NE(change.from, change.to);
        EXPECT_FALSE(change.why.empty());
        known = change.to;
      }
      ASSERT_EQ(any.concurrency(), concurrency);
      ASSERT_EQ(any.batch_bytes(), size);
      ASSERT_TRUE(concurrency >= calls.min && concurrency <= calls.max) << concurrency;
      ASSERT_TRUE(size >= sizes.min && size <= sizes.max) << size;
    }
  }
}

// ---- the history ----

TEST(LoadHistory, KeepsTheLastOnesAndCountsAll) {
  LoadHistory history;
  for (std::uint64_t i = 0; i < 50; ++i) history.add(LoadChange(0s, LoadKnob::concurrency, i, i + 1, "x"));
  EXPECT_EQ(history.count, 50U);
  ASSERT_EQ(history.last.size(), LoadHistory::most_kept);
  EXPECT_EQ(history.last.back().from, 49U);
}

}  // namespace
}  // namespace landfall
