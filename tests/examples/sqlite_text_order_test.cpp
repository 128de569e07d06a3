#include "text_order.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sqlite {
namespace {

using Compare = int (*)(std::string_view, std::string_view) noexcept;

/// Each group holds what is equal, and is less than those behind it.
void expect_order(Compare compare, std::vector<std::vector<std::string>> const& groups) {
  for (std::size_t i = 0; i < groups.size(); ++i) {
    for (std::size_t j = 0; j < groups.size(); ++j) {
      for (auto const& a : groups[i]) {
        for (auto const& b : groups[j]) {
          SCOPED_TRACE(a + " and " + b);
          EXPECT_EQ(compare(a, b), (i > j) - (i < j));
        }
      }
    }
  }
}

TEST(TextOrder, NumbersAreComparedByTheirValue) {
  expect_order(compare_numbers, {{"-100"},
                                 {"-99.5", "-99.50"},
                                 {"-99"},
                                 {"-0.1"},
                                 {"0", "-0", "0.0", "00", "-0.00"},
                                 {"0.09"},
                                 {"0.1", "0.10", ".1"},
                                 {"1", "01", "1.0"},
                                 {"9"},
                                 {"10"},
                                 {"10.000000000000000000000000000000000001"},
                                 {"123456789012345678901234567890"},
                                 {"123456789012345678901234567890.5"}});
}

TEST(TextOrder, MomentsAreComparedAsMoments) {
  expect_order(compare_moments, {{""},
                                 {"-"},
                                 {"2024-05-01T10:00:00+09:00", "2024-05-01T01:00:00Z"},
                                 {"2024-05-01T10:00:00+02:00", "2024-05-01T08:00:00Z", "2024-05-01T08:00:00.000Z",
                                  "2024-04-30T22:30:00-09:30"},
                                 {"2024-05-01T08:00:00.000000001Z"},
                                 {"2024-05-01T08:00:00.5Z", "2024-05-01T08:00:00.50Z"},
                                 {"2024-05-01T10:00:00Z"},
                                 {"9999-12-31T23:59:59.999Z"},
                                 {"+010000-01-01T00:00:00.000Z"},
                                 {"+292278994-08-17T07:12:55.807Z"}});
  expect_order(compare_moments,
               {{"-292275055-05-16T16:47:04.192Z"}, {"0001-01-01T00:00:00Z"}, {"1969-12-31T23:59:59Z"}});
  expect_order(compare_moments, {{"10:00:00+02:00", "08:00:00Z"}, {"08:00:00.1Z"}, {"10:00:00Z"}});
}

}  // namespace
}  // namespace sqlite
