#include <landfall/runtime/memory_budget.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <landfall/testing/simulation.hpp>
#include "runtime/spawned.hpp"

namespace landfall {
namespace {

class MemoryBudgetTest : public ::testing::Test {
 protected:
  /// Asks for bytes in the background; the answer lies in granted() when it has come.
  Spawned request(std::string name, std::uint64_t bytes) {
    Spawned spawned(simulation.get_executor(), reserve(budget, std::move(name), bytes, grants));
    simulation.run();
    return spawned;
  }
  Reservation take(std::uint64_t bytes) { return simulation.run_coroutine(budget.reserve(bytes)); }

  /// Whether a request would not wait now.
  bool fits(std::uint64_t bytes) {
    auto const asked = request("asked", bytes);
    bool const granted = asked.ended();
    if (granted) grants.pop_back();
    asked.cancel();
    simulation.run();
    return granted;
  }

  std::vector<std::string> granted() const {
    std::vector<std::string> names;
    for (auto const& [name, reservation] : grants) names.push_back(name);
    return names;
  }
  void release(Reservation& reservation) {
    reservation.release();
    simulation.run();
  }

  using Grants = std::vector<std::pair<std::string, Reservation>>;
  static awaitable<void> reserve(MemoryBudget& budget, std::string name, std::uint64_t bytes, Grants& grants) {
    auto reservation = co_await budget.reserve(bytes);
    EXPECT_EQ(reservation.bytes(), bytes);
    grants.emplace_back(std::move(name), std::move(reservation));
  }

  testing::Simulation simulation;
  MemoryBudget budget{1000};
  Grants grants;
};
using Names = std::vector<std::string>;

TEST_F(MemoryBudgetTest, WhoDoesNotWantToWaitGetsWhatIsFree) {
  std::optional<Reservation> first = budget.try_reserve(900);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->bytes(), 900U);
  EXPECT_EQ(budget.reserved_bytes(), 900U);
  EXPECT_FALSE(budget.try_reserve(101).has_value());
  EXPECT_EQ(budget.reserved_bytes(), 900U);
  EXPECT_TRUE(budget.try_reserve(100).has_value());
}

TEST_F(MemoryBudgetTest, WhoDoesNotWantToWaitOvertakesNobody) {
  auto const most = take(900);
  auto const waiting = request("waiting", 500);
  EXPECT_FALSE(budget.try_reserve(10).has_value());
  waiting.cancel();
  simulation.run();
  EXPECT_TRUE(budget.try_reserve(10).has_value());
}

TEST_F(MemoryBudgetTest, AReleasedReservationGivesItsBytesBack) {
  auto reservation = take(900);
  EXPECT_EQ(budget.reserved_bytes(), 900u);
  reservation.release();
  EXPECT_EQ(budget.reserved_bytes(), 0u);
}

TEST_F(MemoryBudgetTest, ReleasingTwiceFreesOnce) {
  auto const other = take(300);
  auto reservation = take(400);
  reservation.release();
  reservation.release();
  EXPECT_EQ(reservation.bytes(), 0u);
  EXPECT_EQ(budget.reserved_bytes(), 300u);
}

TEST_F(MemoryBudgetTest, AReservationIsReleasedByItsDestructorAndByAssignment) {
  {
    auto reservation = take(400);
    reservation = take(300);
    EXPECT_EQ(budget.reserved_bytes(), 300u);
    auto moved = std::move(reservation);
    EXPECT_EQ(moved.bytes(), 300u);
    EXPECT_EQ(budget.reserved_bytes(), 300u);
    auto& itself = moved;
    moved = std::move(itself);
    EXPECT_EQ(budget.reserved_bytes(), 300u);
  }
  EXPECT_EQ(budget.reserved_bytes(), 0u);
}

TEST_F(MemoryBudgetTest, ARequestWaitsUntilItFits) {
  auto const kept = take(800);
  auto first = take(50);
  auto second = take(25);
  auto third = take(25);
  request("200", 200);
  release(first);
  EXPECT_EQ(granted(), Names());
  release(second);
  EXPECT_EQ(granted(), Names());
  release(third);
  EXPECT_EQ(granted(), Names{"200"});
  EXPECT_EQ(budget.reserved_bytes(), budget.capacity_bytes());
}

TEST_F(MemoryBudgetTest, ZeroBytesNeverWait) {
  auto const all = take(1000);
  request("waits", 1);
  request("nothing", 0);
  EXPECT_EQ(granted(), Names{"nothing"});
  EXPECT_TRUE(fits(0));
}

TEST_F(MemoryBudgetTest, ARequestAboveTheCapacityIsLetThroughAlone) {
  auto small = take(1);
  request("huge", 5000);
  EXPECT_EQ(granted(), Names());
  release(small);
  EXPECT_EQ(granted(), Names{"huge"});
  EXPECT_EQ(budget.reserved_bytes(), 5000u);
  request("next", 1);
  EXPECT_EQ(granted(), Names{"huge"});
}

TEST_F(MemoryBudgetTest, NobodyWaitsForWhatLasts) {
  auto lasting = take(400);
  auto passing = take(100);
  lasting.set_lasting(true);
  request("large", 900);
  EXPECT_EQ(granted(), Names());
  release(passing);
  EXPECT_EQ(granted(), Names{"large"});
  EXPECT_EQ(budget.reserved_bytes(), 1300u);
  request("next", 1);
  EXPECT_EQ(granted(), Names{"large"});
}

TEST_F(MemoryBudgetTest, BytesBeginToLastWhileSomebodyWaitsForThem) {
  auto held = take(400);
  request("large", 900);
  held.set_lasting(true);
  simulation.run();
  EXPECT_EQ(granted(), Names{"large"});
}

TEST_F(MemoryBudgetTest, WhatLastsNoLongerIsWaitedForAgain) {
  auto held = take(400);
  held.set_lasting(true);
  held.set_lasting(true);
  held.grow(100);
  auto moved = std::move(held);
  moved.set_lasting(false);
  request("large", 900);
  EXPECT_EQ(granted(), Names());
  release(moved);
  EXPECT_EQ(granted(), Names{"large"});
}

TEST_F(MemoryBudgetTest, WhatLastedGivesItsBytesBack) {
  auto lasting = take(400);
  lasting.set_lasting(true);
  lasting.grow(100);
  release(lasting);
  EXPECT_EQ(budget.reserved_bytes(), 0u);
  auto const held = take(500);  // as much as lasted, but it does not
  request("next", 600);
  EXPECT_EQ(granted(), Names());
}

TEST_F(MemoryBudgetTest, ALargeRequestIsNeverOvertaken) {
  auto held = take(600);
  request("large", 700);
  request("small", 100);
  EXPECT_EQ(granted(), Names());  // 100 would fit
  EXPECT_FALSE(fits(100));
  release(held);
  EXPECT_EQ(granted(), (Names{"large", "small"}));
}

TEST_F(MemoryBudgetTest, WaitersAreServedInOrderOfArrival) {
  auto held = take(1000);
  Names expected;
  for (int i = 0; i < 10; ++i) {
    expected.push_back(std::to_string(i));
    request(expected.back(), 100);
  }
  release(held);
  EXPECT_EQ(granted(), expected);
}

TEST_F(MemoryBudgetTest, OneReleaseServesOnlyAsManyAsFit) {
  auto const kept = take(500);
  auto held = take(500);
  for (char const* name : {"a", "b", "c"}) request(name, 200);
  release(held);
  EXPECT_EQ(granted(), (Names{"a", "b"}));
  release(grants.front().second);
  EXPECT_EQ(granted(), (Names{"a", "b", "c"}));
}

TEST_F(MemoryBudgetTest, WhenTheFirstWaiterIsCancelledThoseBehindGoOn) {
  auto const held = take(600);
  auto const large = request("large", 700);
  request("small", 100);
  large.cancel();
  simulation.run();
  EXPECT_TRUE(large.was_cancelled());
  EXPECT_EQ(granted(), Names{"small"});
  EXPECT_TRUE(fits(300));
}

TEST_F(MemoryBudgetTest, AWaiterInTheMiddleThatIsCancelledIsForgotten) {
  auto held = take(1000);
  request("a", 400);
  auto const b = request("b", 400);
  request("c", 400);
  b.cancel();
  release(held);
  EXPECT_EQ(granted(), (Names{"a", "c"}));
  EXPECT_TRUE(fits(200));
}

TEST_F(MemoryBudgetTest, GrowingNeverWaitsAndMayExceedTheCapacity) {
  auto reservation = take(900);
  reservation.grow(600);
  EXPECT_EQ(reservation.bytes(), 1500u);
  EXPECT_EQ(budget.reserved_bytes(), 1500u);
  EXPECT_FALSE(fits(1));
  request("next", 1);
  EXPECT_EQ(granted(), Names());
  release(reservation);
  EXPECT_EQ(granted(), Names{"next"});
}

TEST_F(MemoryBudgetTest, AReservationWithoutABudgetDoesNotGrow) {
  Reservation none;
  none.grow(10);
  EXPECT_EQ(none.bytes(), 0u);
}

TEST_F(MemoryBudgetTest, RemembersItsPeak) {
  take(700).release();
  auto const later = take(100);
  EXPECT_EQ(budget.peak_bytes(), 700u);
}

TEST_F(MemoryBudgetTest, WaitersDoNotSpin) {
  auto const held = take(1000);
  request("large", 900);
  auto const before = simulation.events();
  simulation.run_for(std::chrono::hours(1));
  EXPECT_EQ(simulation.events(), before);
}

TEST(MemoryBudgetDeathTest, MustOutliveItsReservations) {
  EXPECT_DEATH(
      {
        testing::Simulation simulation;
        std::optional<MemoryBudget> budget(1000);
        auto const reservation = simulation.run_coroutine(budget->reserve(1));
        budget.reset();
      },
      "reserved_bytes_ == 0");
}

awaitable<void> use(MemoryBudget& budget, testing::Simulation& simulation, std::uint64_t bytes, std::uint64_t& in_use) {
  auto const reservation = co_await budget.reserve(bytes);
  in_use += bytes;
  EXPECT_LE(in_use, budget.capacity_bytes());
  struct GiveBack {
    GiveBack(std::uint64_t& i, std::uint64_t b) : in_use(i), bytes(b) {}
    ~GiveBack() { in_use -= bytes; }
    std::uint64_t& in_use;
    std::uint64_t bytes;
  } const give_back(in_use, bytes);
  co_await simulation.sleep_for(std::chrono::milliseconds(1));
}

TEST(MemoryBudget, ACancellationAtAnyPointStopsNobodyElse) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    for (std::uint64_t point = 0; point < 60; ++point) {
      SCOPED_TRACE(::testing::Message() << "seed " << seed << ", cancelled after event " << point);
      testing::Simulation simulation(seed);
      MemoryBudget budget(10);
      std::uint64_t in_use = 0;
      std::vector<Spawned> users;
      for (std::uint64_t const bytes : {6, 9, 4, 3, 10}) {
        users.emplace_back(simulation.get_executor(), use(budget, simulation, bytes, in_use));
      }
      while (simulation.events() < point && simulation.run_one()) continue;
      users[1].cancel();
      ASSERT_EQ(simulation.run(), 0u);
      for (std::size_t i = 0; i < users.size(); ++i) EXPECT_TRUE(users[i].succeeded() || i == 1);
      EXPECT_TRUE(users[1].succeeded() || users[1].was_cancelled());
      EXPECT_EQ(budget.reserved_bytes(), 0u);
      simulation.run_coroutine(budget.reserve(10));  // nobody stands in the line any more
    }
  }
}

}  // namespace
}  // namespace landfall
