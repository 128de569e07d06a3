#include <landfall/runtime/interval_set.hpp>

#include <algorithm>
#include <limits>
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace landfall {
namespace {

using Intervals = std::map<std::uint64_t, std::uint64_t>;

IntervalSet set_of(std::initializer_list<Interval> intervals) {
  IntervalSet set;
  for (auto const interval : intervals) set.add(interval);
  return set;
}

TEST(IntervalSet, IsEmptyAtFirst) {
  IntervalSet const set;
  EXPECT_EQ(set.count(), 0u);
  EXPECT_TRUE(set.intervals().empty());
  EXPECT_EQ(set.first_gap(), 0u);
  EXPECT_EQ(set.first_gap(7), 7u);
}

TEST(IntervalSet, AddingTouchingIntervalsMergesThem) {
  EXPECT_EQ(set_of({{0, 5}, {5, 9}}).intervals(), (Intervals{{0, 9}}));
  EXPECT_EQ(set_of({{5, 9}, {0, 5}}).intervals(), (Intervals{{0, 9}}));
  EXPECT_EQ(set_of({{0, 5}, {9, 12}, {5, 9}}).intervals(), (Intervals{{0, 12}}));
}

TEST(IntervalSet, IntervalsWithAGapStayApart) {
  EXPECT_EQ(set_of({{6, 9}, {0, 5}}).intervals(), (Intervals{{0, 5}, {6, 9}}));
}

TEST(IntervalSet, AddingAgainChangesNothing) {
  auto set = set_of({{2, 6}, {8, 9}});
  auto const before = set;
  set.add({2, 6});
  set.add({3, 5});
  EXPECT_EQ(set, before);
  EXPECT_EQ(set.count(), 5u);
}

TEST(IntervalSet, AnOverlapIsCountedOnce) {
  EXPECT_EQ(set_of({{0, 10}, {5, 15}}).count(), 15u);
  EXPECT_EQ(set_of({{2, 4}, {6, 8}, {10, 12}, {0, 11}}).intervals(), (Intervals{{0, 12}}));
}

TEST(IntervalSet, AnEmptyIntervalAddsNothingAndIsContainedEverywhere) {
  auto set = set_of({{3, 3}});
  EXPECT_TRUE(set.intervals().empty());
  EXPECT_TRUE(set.contains_all({3, 3}));
  EXPECT_FALSE(set.intersects({3, 3}));
  set.add({0, 5});
  EXPECT_FALSE(set.intersects({3, 3}));
}

TEST(IntervalSet, ContainsOnlyWhatHasNoGap) {
  auto const set = set_of({{2, 6}, {8, 9}});
  EXPECT_TRUE(set.contains_all({2, 6}));
  EXPECT_TRUE(set.contains_all({3, 4}));
  EXPECT_FALSE(set.contains_all({1, 3}));
  EXPECT_FALSE(set.contains_all({5, 9}));
  EXPECT_FALSE(set.contains_all({6, 8}));
}

TEST(IntervalSet, ContainsAnotherSetWithAllItsIntervals) {
  auto const set = set_of({{2, 6}, {8, 9}});
  EXPECT_TRUE(set.contains_all(set_of({})));
  EXPECT_TRUE(set.contains_all(set_of({{3, 4}, {8, 9}})));
  EXPECT_FALSE(set.contains_all(set_of({{3, 4}, {7, 9}})));
  EXPECT_FALSE(set.contains_all(set_of({{1, 3}, {8, 9}})));
}

TEST(IntervalSet, IntersectsWhatSharesANumber) {
  auto const set = set_of({{2, 6}, {8, 9}});
  EXPECT_TRUE(set.intersects({0, 3}));
  EXPECT_TRUE(set.intersects({5, 7}));
  EXPECT_TRUE(set.intersects({0, 100}));
  EXPECT_FALSE(set.intersects({0, 2}));
  EXPECT_FALSE(set.intersects({6, 8}));
  EXPECT_FALSE(set.intersects({9, 20}));
}

TEST(IntervalSet, TheFirstGapIsTheFirstMissingNumber) {
  auto const set = set_of({{0, 4}, {6, 9}});
  EXPECT_EQ(set.first_gap(), 4u);
  EXPECT_EQ(set.first_gap(4), 4u);
  EXPECT_EQ(set.first_gap(6), 9u);
  EXPECT_EQ(set.first_gap(20), 20u);
}

TEST(IntervalSet, HoldsTheLargestNumbers) {
  constexpr auto max = std::numeric_limits<std::uint64_t>::max();
  auto const set = set_of({{max - 2, max}, {0, 1}});
  EXPECT_TRUE(set.contains_all({max - 2, max}));
  EXPECT_EQ(set.first_gap(max - 1), max);
}

TEST(IntervalSet, DoesNotGrowWithTheWorkDone) {
  IntervalSet set;
  for (std::uint64_t begin = 0; begin < 100'000; begin += 10) set.add({begin, begin + 10});
  EXPECT_EQ(set.intervals().size(), 1u);
}

TEST(IntervalSetDeathTest, RefusesAnIntervalThatEndsBeforeItBegins) {
  IntervalSet set;
  EXPECT_DEATH(set.add({5, 4}), "interval.begin <= interval.end");
}

TEST(IntervalSet, AgreesWithAPlainSetOfNumbers) {
  auto const seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  auto const below = [&random](std::uint64_t limit) {
    return std::uniform_int_distribution<std::uint64_t>(0, limit - 1)(random);
  };
  for (int round = 0; round < 60; ++round) {
    IntervalSet set;
    std::set<std::uint64_t> model;
    auto const range = 5 + below(120);
    for (int step = 0; step < 40 && !testing::Test::HasFailure(); ++step) {
      auto const begin = below(range);
      auto const end = begin + below(12);
      set.add({begin, end});
      for (auto number = begin; number < end; ++number) model.insert(number);
      EXPECT_EQ(set.count(), model.size());

      std::uint64_t intervals_in_model = 0;
      for (auto const number : model) intervals_in_model += number == 0 || !model.contains(number - 1);
      EXPECT_EQ(set.intervals().size(), intervals_in_model);

      auto const from = below(range + 12);
      auto const to = from + below(12);
      std::uint64_t inside = 0;
      for (auto number = from; number < to; ++number) inside += model.contains(number);
      EXPECT_EQ(set.contains_all({from, to}), inside == to - from);
      EXPECT_EQ(set.intersects({from, to}), inside > 0);
      auto gap = from;
      while (model.contains(gap)) ++gap;
      EXPECT_EQ(set.first_gap(from), gap);
    }
  }
}

}  // namespace
}  // namespace landfall
