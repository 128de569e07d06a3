#include <landfall/runtime/assert.hpp>

#include <gtest/gtest.h>

namespace landfall {
namespace {

TEST(Assert, ATrueConditionIsEvaluatedOnceAndPasses) {
  int count = 0;
  LANDFALL_ASSERT(++count == 1);
  EXPECT_EQ(count, 1);
}

TEST(AssertDeathTest, AFalseConditionAbortsWithItsTextAndPlace) {
  EXPECT_DEATH(LANDFALL_ASSERT(1 + 1 == 3), R"(assertion failed: 1 \+ 1 == 3, at .*assert_test\.cpp:[0-9]+)");
}

}  // namespace
}  // namespace landfall
