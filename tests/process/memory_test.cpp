// Whole syncs of destination-jsonl and destination-sqlite in which one allocation fails, or all from one on. Which ones
// is drawn:
//
//   LANDFALL_MEMORY_ROUNDS=1000 LANDFALL_MEMORY_SEED=7 memory_test

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "destination_jsonl.hpp"

namespace {

std::uint64_t number_of(char const* variable, std::uint64_t otherwise) {
  char const* const text = std::getenv(variable);
  return text == nullptr ? otherwise : std::stoull(text);
}

class WithoutMemory : public DestinationJsonl {
 protected:
  static constexpr int row_count = 60;

  WithoutMemory() {
    catalog({users_});
    write_file("config.json",
               json::serialize(json::object{{"destination_path", data().string()},
                                            {"format", "data"},
                                            {"landfall",
                                             {{"batch_records", 10},
                                              {"checkpoint_seconds", 1},
                                              {"retry", {{"process", {{"attempts", 2}, {"first_delay_ms", 1}}}}}}}}));
    for (int id = 1; id <= row_count / 10; ++id) input_ += records(users_, 10 * (id - 1), 10) + state(users_, id);
    write_file("input.jsonl", input_ + status(users_));
  }

  Result run_failing(std::string const& allocation) {
    fs::remove_all(data());
    fs::remove(folder_ / "stderr");
    ::setenv("LANDFALL_TEST_FAIL_NEW", allocation.c_str(), 1);
    auto const process = start(folder_ / "input.jsonl");
    ::unsetenv("LANDFALL_TEST_FAIL_NEW");
    return finish(*process);
  }

  std::uint64_t allocation_count() {
    auto const text = read_file(folder_ / "stderr");
    return std::stoull(text.substr(text.rfind(' ') + 1));
  }

  void expect_good_end(Result const& result) {
    std::vector<std::string> lines;
    if (fs::exists(data() / "users.jsonl")) lines = lines_of(read_file(data() / "users.jsonl"));
    for (int const id : result.state_ids) {
      for (auto const& row : rows(10 * (id - 1), 10)) {
        EXPECT_EQ(std::ranges::count(lines, row), 1) << "STATE " << id << " was answered without " << row;
      }
    }
    if (result.exit_code == 0) {
      EXPECT_THAT(result.failures, ::testing::IsEmpty());
      EXPECT_EQ(result.state_ids.back(), row_count / 10);
      return;
    }
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_FALSE(result.failures.empty());
    EXPECT_EQ(result.failure_types, std::vector<std::string>(1, "transient_error"));
    EXPECT_THAT(result.failure(), ::testing::HasSubstr("out of memory"));
  }

  static std::vector<std::string> lines_of(std::string const& text) {
    std::istringstream stream(text);
    std::vector<std::string> lines;
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
  }

  Stream users_ = Stream("users");
  std::string input_;
};

TEST_F(WithoutMemory, EverySyncEndsInWordsAndAcknowledgesNothingThatIsNotThere) {
  auto const seed = number_of("LANDFALL_MEMORY_SEED", std::random_device()());
  SCOPED_TRACE("LANDFALL_MEMORY_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  ASSERT_EQ(run_failing("").exit_code, 0);
  auto const all = allocation_count();
  auto const rounds = number_of("LANDFALL_MEMORY_ROUNDS", 60);
  constexpr std::uint64_t before_main = 10;  // what static objects take, whose failures nobody can report
  for (std::uint64_t round = 0; round < rounds; ++round) {
    // From each part of the sync one.
    auto const number = before_main + all * round / rounds + random() % (all / rounds + 1);
    auto const allocation = std::to_string(number) + (round % 2 == 0 ? "" : "+");
    SCOPED_TRACE("LANDFALL_TEST_FAIL_NEW=" + allocation);
    EXPECT_NO_THROW(expect_good_end(run_failing(allocation)));
    if (HasFailure()) break;
  }
}

}  // namespace
