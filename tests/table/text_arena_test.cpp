#include "table/text_arena.hpp"

#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace landfall {
namespace {

TEST(TextArena, WhatWasTakenStaysWhereItIs) {
  TextArena arena;
  std::vector<std::pair<char*, std::size_t>> taken;
  for (std::size_t size = 1; size < 3'000; size += 7) {
    char* const bytes = arena.take(size);
    std::memset(bytes, static_cast<int>(size % 100), size);
    taken.emplace_back(bytes, size);
  }
  for (auto const& [bytes, size] : taken) {
    for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(bytes[i], static_cast<char>(size % 100));
  }
}

TEST(TextArena, WhatWasGivenBackIsTakenAgain) {
  TextArena arena;
  char* const first = arena.take(10);
  arena.give_back(7);
  EXPECT_EQ(arena.take(1), first + 3);
}

TEST(TextArena, MemoryIsUsedAgainOnceItHasGrown) {
  TextArena arena;
  auto const fill = [&] {
    arena.clear();
    char* const first = arena.take(1'000);
    for (int i = 1; i < 100; ++i) arena.take(1'000);
    return first;
  };
  fill();
  fill();  // now there is a chunk for all
  char* const first = fill();
  EXPECT_EQ(fill(), first);
  EXPECT_EQ(fill(), first);
}

}  // namespace
}  // namespace landfall
