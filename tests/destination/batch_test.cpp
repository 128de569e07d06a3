#include <landfall/destination/batch.hpp>

#include <any>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace landfall {
namespace {

struct StateRow {
  std::string_view name;
  BatchState state;
  Batch batch;
};

std::vector<StateRow> const& state_rows() {
  static std::vector<StateRow> const rows{
      {"processed", BatchState::processed, Batch::processed()},
      {"staged", BatchState::staged, Batch::staged()},
      {"loaded", BatchState::loaded, Batch::loaded()},
      {"persisted", BatchState::persisted, Batch::persisted()},
      {"complete", BatchState::complete, Batch::complete()},
  };
  return rows;
}

TEST(Batch, EachStateHasItsNameAndItsMaker) {
  for (StateRow const& row : state_rows()) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(to_string(row.state), row.name);
    EXPECT_EQ(row.batch.state(), row.state);
    EXPECT_FALSE(row.batch.payload().has_value());
    EXPECT_EQ(row.batch.group(), std::nullopt);
  }
}

TEST(Batch, ALaterStateIsGreater) {
  auto const& rows = state_rows();
  for (std::size_t i = 1; i < rows.size(); ++i) EXPECT_LT(rows[i - 1].state, rows[i].state) << rows[i].name;
}

TEST(Batch, CarriesItsPayloadUntouched) {
  Batch batch = Batch::staged(std::string("upload 7"));
  Batch const moved = std::move(batch);
  EXPECT_EQ(std::any_cast<std::string>(moved.payload()), "upload 7");
}

TEST(Batch, KeepsPayloadAndStateWhenItJoinsAGroup) {
  Batch const batch = Batch::loaded(42).in_group("file 1");
  EXPECT_EQ(batch.group(), "file 1");
  EXPECT_EQ(batch.state(), BatchState::loaded);
  EXPECT_EQ(std::any_cast<int>(batch.payload()), 42);
}

}  // namespace
}  // namespace landfall
