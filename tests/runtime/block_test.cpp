#include <landfall/runtime/block.hpp>

#include <cstring>
#include <memory>

#include <gtest/gtest.h>

#include <landfall/testing/simulation.hpp>

namespace landfall {
namespace {

TEST(Block, HasReadablePaddingBehindItsCapacity) {
  Block block(1000, Reservation());
  EXPECT_EQ(block.capacity(), 1000u);
  std::memset(block.data(), 'x', block.capacity() + Block::padding);  // AddressSanitizer looks on
  EXPECT_EQ(static_cast<Block const&>(block).data()[999], 'x');
}

TEST(Block, GivesItsBytesBackWithTheLastReference) {
  testing::Simulation simulation;
  MemoryBudget budget(1000);
  auto block = std::make_shared<Block>(600, simulation.run_coroutine(budget.reserve(700)));
  auto slice = block;
  block.reset();
  EXPECT_EQ(budget.reserved_bytes(), 700u);
  slice.reset();
  EXPECT_EQ(budget.reserved_bytes(), 0u);
}

TEST(Block, AccountsForWhatLivesAsLongAsItself) {
  testing::Simulation simulation;
  MemoryBudget budget(1000);
  {
    Block block(600, simulation.run_coroutine(budget.reserve(700)));
    block.account(400);
    EXPECT_EQ(budget.reserved_bytes(), 1100u);
  }
  EXPECT_EQ(budget.reserved_bytes(), 0u);
}

}  // namespace
}  // namespace landfall
