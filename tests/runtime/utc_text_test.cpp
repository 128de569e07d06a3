#include <landfall/runtime/utc_text.hpp>

#include <limits>

#include <gtest/gtest.h>

namespace landfall {
namespace {

TEST(UtcText, IsIso8601WithMilliseconds) {
  struct Row {
    std::int64_t ms;
    char const* text;
  };
  Row const rows[] = {{0, "1970-01-01T00:00:00.000Z"},
                      {-1, "1969-12-31T23:59:59.999Z"},
                      {951'782'399'999, "2000-02-28T23:59:59.999Z"},
                      {951'782'400'000, "2000-02-29T00:00:00.000Z"},
                      {1'709'251'199'001, "2024-02-29T23:59:59.001Z"},
                      {4'102'444'800'000, "2100-01-01T00:00:00.000Z"},
                      {4'107'542'400'000, "2100-03-01T00:00:00.000Z"},
                      {253'402'300'799'999, "9999-12-31T23:59:59.999Z"},
                      {253'402'300'800'000, "+010000-01-01T00:00:00.000Z"},
                      {-62'167'219'200'000, "0000-01-01T00:00:00.000Z"},
                      {-62'167'219'200'001, "-000001-12-31T23:59:59.999Z"},
                      {std::numeric_limits<std::int64_t>::max(), "+292278994-08-17T07:12:55.807Z"},
                      {std::numeric_limits<std::int64_t>::min(), "-292275055-05-16T16:47:04.192Z"}};
  for (auto const& row : rows) {
    SCOPED_TRACE(row.ms);
    EXPECT_EQ(UtcText(row.ms).text(), row.text);
  }
}

}  // namespace
}  // namespace landfall
