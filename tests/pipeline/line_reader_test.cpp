#include "pipeline/line_reader.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <landfall/testing/scripted_source.hpp>
#include <landfall/testing/simulation.hpp>

namespace landfall {
namespace {

using testing::ScriptedSource;

struct LineReaderTest : ::testing::Test {
  static constexpr std::uint64_t enough = 1 << 20;

  static awaitable<void> read_all(LineReader& reader, std::vector<InputLines>& all) {
    for (;;) {
      std::optional<InputLines> lines = co_await reader.next();
      if (!lines) co_return;
      all.push_back(std::move(*lines));
    }
  }

  static std::string text_of(std::vector<InputLines> const& all) {
    std::string text;
    for (InputLines const& lines : all) text += lines.text;
    return text;
  }

  // All that holds for every way to cut an input.
  static void check_cut(std::vector<InputLines> const& all, std::string_view input) {
    EXPECT_EQ(text_of(all), input);
    for (InputLines const& lines : all) {
      EXPECT_FALSE(lines.text.empty());
      bool const is_cut = !lines.text.ends_with('\n');
      EXPECT_TRUE(!is_cut || &lines == &all.back());
    }
  }

  Error error_of(LineReader& reader, std::vector<InputLines>& all) {
    try {
      simulation.run_coroutine(read_all(reader, all));
    } catch (Error const& error) {
      return error;
    }
    return Error(ErrorClass::config, "nothing was thrown");
  }

  testing::Simulation simulation;
  MemoryBudget budget{enough};
};

TEST_F(LineReaderTest, EverySplitOfTheInputGivesTheSameLines) {
  std::vector<std::string> const inputs = {
      "a\nbb\n\nccc\r\ndddd\n", "first\nsecond\nthe rest", "\n\n\n", "\n", "x", ""};
  for (std::string const& input : inputs) {
    for (std::size_t const block_bytes : {1, 2, 3, 5, 8, 70, 100, 600}) {
      for (std::size_t first = 0; first <= input.size(); ++first) {
        for (std::size_t second = first; second <= input.size(); ++second) {
          SCOPED_TRACE(fmt::format("'{}' in blocks of {}, cut at {} and {}", input, block_bytes, first, second));
          ScriptedSource source(simulation);
          source.chunk(input.substr(0, first)).chunk(input.substr(first, second - first)).chunk(input.substr(second));
          LineReader reader(source, budget, block_bytes, enough);
          std::vector<InputLines> all;
          simulation.run_coroutine(read_all(reader, all));
          check_cut(all, input);
          EXPECT_EQ(reader.bytes_read(), input.size());
        }
      }
    }
  }
  EXPECT_EQ(budget.reserved_bytes(), 0U);
}

TEST_F(LineReaderTest, AByteOrderMarkAtTheBeginningIsLeftOut) {
  std::string const mark = "\xef\xbb\xbf";
  for (std::string const& text : {std::string("{}\n{}\n"), std::string("{}"), std::string("\n"), std::string()}) {
    for (std::size_t const block_bytes : {1, 2, 70}) {
      for (std::size_t first = 0; first <= mark.size() + text.size(); ++first) {
        SCOPED_TRACE(fmt::format("'{}' in blocks of {}, cut at {}", text, block_bytes, first));
        ScriptedSource source(simulation);
        std::string const input = mark + text;
        source.chunk(input.substr(0, first)).chunk(input.substr(first));
        LineReader reader(source, budget, block_bytes, enough);
        std::vector<InputLines> all;
        simulation.run_coroutine(read_all(reader, all));
        check_cut(all, text);
      }
    }
  }
  ScriptedSource source(simulation);
  source.chunk("a\n" + mark + "b\n");
  LineReader reader(source, budget, 100, enough);
  std::vector<InputLines> all;
  simulation.run_coroutine(read_all(reader, all));
  check_cut(all, "a\n" + mark + "b\n");
}

TEST_F(LineReaderTest, AnInputThatIsNoTextIsNamed) {
  using namespace std::string_literals;
  std::pair<std::string, std::string> const rows[] = {
      {"\x1f\x8b\x08\0\n\n"s,
       "compressed with gzip, and must be JSON in UTF-8: convert it first, as with: zcat FILE | ..."},
      {"\x28\xb5\x2f\xfd\x04\n"s,
       "compressed with zstd, and must be JSON in UTF-8: convert it first, as with: zstdcat FILE | ..."},
      {"\xff\xfe{\0\"\0"s,
       "text in UTF-16, and must be JSON in UTF-8: convert it first, as with: iconv -f UTF-16 -t UTF-8 FILE | ..."},
      {"\xfe\xff\0{\0\""s,
       "text in UTF-16, and must be JSON in UTF-8: convert it first, as with: iconv -f UTF-16 -t UTF-8 FILE | ..."},
      {"\xff\xfe\0\0{\0\0\0"s,
       "text in UTF-32, and must be JSON in UTF-8: convert it first, as with: iconv -f UTF-32 -t UTF-8 FILE | ..."},
      {"{\0\0\0\"\0\0\0"s,
       "text in UTF-32, and must be JSON in UTF-8: convert it first, as with: iconv -f UTF-32LE -t UTF-8 FILE | ..."},
      {"{\0\"\0"s,
       "text in UTF-16, and must be JSON in UTF-8: convert it first, as with: iconv -f UTF-16LE -t UTF-8 FILE | ..."},
      {"\x1f\x8b"s, "compressed with gzip, and must be JSON in UTF-8: convert it first, as with: zcat FILE | ..."},
  };
  for (auto const& [beginning, expected] : rows) {
    for (std::size_t const more : {std::size_t{0}, std::size_t{3000}}) {
      for (std::size_t first = 1; first < beginning.size(); ++first) {
        SCOPED_TRACE(fmt::format("{}, {} more, cut at {}", expected, more, first));
        ScriptedSource source(simulation);
        source.chunk(beginning.substr(0, first)).chunk(beginning.substr(first) + std::string(more, '"'));
        LineReader reader(source, budget, 100, 200);
        std::vector<InputLines> all;
        Error const error = error_of(reader, all);
        EXPECT_EQ(error.what(), "the input is " + expected);
        EXPECT_EQ(error.error_class(), ErrorClass::config);
        EXPECT_TRUE(all.empty());
      }
    }
  }
}

TEST_F(LineReaderTest, ManyLinesInChunksOfEverySizeStayWhatTheyWereWhenHandedOut) {
  std::string input;
  for (int i = 0; i < 200; ++i)
    input += std::string(static_cast<std::size_t>(i * 7 % 31), 'x') + std::to_string(i) + "\n";
  for (std::size_t const chunk : {1, 2, 7, 16, 63, 64, 65, 100, 1000, 10000}) {
    for (std::size_t const block_bytes : {16, 64, 256, 1024, 100000}) {
      SCOPED_TRACE(fmt::format("chunks of {}, blocks of {}", chunk, block_bytes));
      ScriptedSource source(simulation);
      source.in_chunks_of(chunk, input);
      MemoryBudget large(1 << 24);
      LineReader reader(source, large, block_bytes, enough);
      std::vector<InputLines> all;  // all are held while the reader goes on to write
      simulation.run_coroutine(read_all(reader, all));
      check_cut(all, input);
    }
  }
}

TEST_F(LineReaderTest, ALineIsHandedOutWithTheReadThatBroughtIt) {
  ScriptedSource source(simulation);
  source.chunk("one\ntw").pause(std::chrono::hours(1)).chunk("o\n");
  LineReader reader(source, budget, 4096, enough);
  std::optional<InputLines> const first = simulation.run_coroutine(reader.next());
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->text, "one\n");
  EXPECT_EQ(simulation.now(), TimePoint{});
  std::optional<InputLines> const second = simulation.run_coroutine(reader.next());
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->text, "two\n");
}

TEST_F(LineReaderTest, SmallReadsShareABlockHoweverManyThereAre) {
  std::string const line(35, 'x');
  ScriptedSource source(simulation);
  for (int i = 0; i < 30; ++i) source.lines({line});
  LineReader reader(source, budget, 4096, enough);
  std::vector<InputLines> all;
  simulation.run_coroutine(read_all(reader, all));
  EXPECT_EQ(all.size(), 30U);
  EXPECT_EQ(all.front().block, all.back().block);
  EXPECT_LT(budget.peak_bytes(), 2 * 4096U);
}

TEST_F(LineReaderTest, LinesOfOneBlockAreAPaddingApart) {
  ScriptedSource source(simulation);
  source.chunk("a\nb").chunk("c\n");
  LineReader reader(source, budget, 4096, enough);
  std::vector<InputLines> all;
  simulation.run_coroutine(read_all(reader, all));
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1].text.data() - (all[0].text.data() + all[0].text.size()), std::ptrdiff_t{Block::padding});
}

TEST_F(LineReaderTest, ALongLineGetsALargerBlockWhichIsPaidFor) {
  std::string const line(5000, 'x');
  ScriptedSource source(simulation);
  source.in_chunks_of(100, "short\n" + line + "\nshort\n");
  LineReader reader(source, budget, 64, 5000);
  std::vector<InputLines> all;
  simulation.run_coroutine(read_all(reader, all));
  EXPECT_EQ(text_of(all), "short\n" + line + "\nshort\n");
  EXPECT_GE(budget.peak_bytes(), 5001U);
  EXPECT_LE(budget.peak_bytes(), 5001U + Block::padding + sizeof(Block) + 3 * (64 + Block::padding + sizeof(Block)));
}

TEST_F(LineReaderTest, AfterTwoLongLinesTheNextOneGetsItsBlockAtOnce) {
  struct Row {
    char const* name;
    std::vector<std::size_t> lengths;
    std::size_t capacity;  // of the last line's block
  };
  Row const rows[] = {
      {"the first", {1000}, 1024},
      {"the second", {1000, 1000}, 1024},
      {"the third", {1000, 1000, 1000}, 1126},  // an eighth more
      {"somewhat longer", {1000, 900, 1100}, 1126},
      {"much longer", {1000, 1000, 1500}, 2252},
      {"behind a short one", {1000, 1000, 10, 1000, 1000}, 1024},
      {"no longer than allowed", {4000, 4000, 4000}, 4001},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    ScriptedSource source(simulation);
    std::string text;
    for (std::size_t const length : row.lengths) {
      text = std::string(length, 'x') + "\n";
      source.in_chunks_of(50, text);
    }
    LineReader reader(source, budget, 64, 4000);
    std::vector<InputLines> all;
    simulation.run_coroutine(read_all(reader, all));
    ASSERT_EQ(all.size(), row.lengths.size());
    EXPECT_EQ(all.back().text, text);
    EXPECT_EQ(all.back().block->capacity(), row.capacity);
  }
}

TEST_F(LineReaderTest, ALineThatIsTooLongIsAnErrorAfterTheLinesBeforeItWereHandedOut) {
  std::string const record = R"({"type":"RECORD","record":{"stream":"users","data":{"secret":1}}})";
  std::string const input = "ok\nok too\n" + record + "\nnever\n";
  for (std::size_t const chunk : {std::size_t{1}, std::size_t{10}, input.size()}) {
    for (std::size_t const block_bytes : {8, 20, 4096}) {
      SCOPED_TRACE(fmt::format("chunks of {}, blocks of {}", chunk, block_bytes));
      ScriptedSource source(simulation);
      source.in_chunks_of(chunk, input);
      LineReader reader(source, budget, block_bytes, record.size() - 1);
      std::vector<InputLines> all;
      Error const error = error_of(reader, all);
      EXPECT_EQ(text_of(all), "ok\nok too\n");
      EXPECT_EQ(error.error_class(), ErrorClass::system);
      EXPECT_EQ(error.message(),
                fmt::format("a line longer than {} bytes, the longest that is allowed (longest_line_bytes)",
                            record.size() - 1));
      EXPECT_NE(std::string(error.what()).find("users"), std::string::npos);
      EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos);
      EXPECT_STREQ(error_of(reader, all).what(), error.what());  // it gives the same again
    }
  }
}

TEST_F(LineReaderTest, ALineOfExactlyTheGreatestLengthIsAccepted) {
  std::string const line(100, 'x');
  for (std::size_t const chunk : {1, 3, 100, 101, 300}) {
    ScriptedSource source(simulation);
    source.in_chunks_of(chunk, line + "\n" + line);
    LineReader reader(source, budget, 16, 100);
    std::vector<InputLines> all;
    simulation.run_coroutine(read_all(reader, all));
    EXPECT_EQ(text_of(all), line + "\n" + line);
  }
}

TEST_F(LineReaderTest, AReaderThatWaitsForMemoryAsksForSomeAndHoldsNone) {
  MemoryBudget small(200);
  int asked = 0;
  ScriptedSource source(simulation);
  source.chunk(std::string(90, 'a') + "\nhalf a li").chunk("ne\n");
  LineReader reader(source, small, 101, enough);
  reader.on_pressure([&asked](std::uint64_t) { ++asked; });
  std::optional<InputLines> held = simulation.run_coroutine(reader.next());
  ASSERT_TRUE(held.has_value());
  EXPECT_EQ(asked, 0);

  std::uint64_t const of_the_lines = small.reserved_bytes();
  EXPECT_THROW(simulation.run_coroutine(reader.next()), std::runtime_error);  // parked
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(small.reserved_bytes(), of_the_lines);
  held.reset();
  EXPECT_EQ(small.reserved_bytes(), 0U);
  simulation.run();
}

TEST_F(LineReaderTest, ABlockLargerThanTheBudgetIsReservedAlone) {
  MemoryBudget small(150);
  std::string const line(1000, 'x');
  ScriptedSource source(simulation);
  source.in_chunks_of(50, "a\n" + line + "\n" + line + "\n");
  LineReader reader(source, small, 64, 1000);
  std::size_t bytes = 0;
  auto read = [](LineReader& r, std::size_t& count) -> awaitable<void> {
    for (;;) {
      std::optional<InputLines> const lines = co_await r.next();
      if (!lines) co_return;
      count += lines->text.size();
    }
  };
  simulation.run_coroutine(read(reader, bytes));
  EXPECT_EQ(bytes, 2004U);
}

TEST_F(LineReaderTest, ARecordLargerThanTheBudgetIsToldOnce) {
  auto const record = [](std::string const& stream, std::size_t size) {
    return R"({"type":"RECORD","record":{"stream":")" + stream + R"(","data":{"x":")" + std::string(size, 'x') +
           R"("},"emitted_at":1}})" + "\n";
  };
  MemoryBudget small(1000);
  ScriptedSource source(simulation);
  source.in_chunks_of(100, record("small", 300) + record("large", 3000) + record("small", 1) + record("huge", 9000));
  LineReader reader(source, small, 200, 20000);
  std::vector<LargeRecord> told;
  reader.on_large_record([&](LargeRecord const& one) { told.push_back(one); });
  std::size_t count = 0;
  auto read = [](LineReader& r, std::size_t& n) -> awaitable<void> {
    for (;;) {
      std::optional<InputLines> const lines = co_await r.next();
      if (!lines) co_return;
      n += static_cast<std::size_t>(std::ranges::count(lines->text, '\n'));
    }
  };
  simulation.run_coroutine(read(reader, count));
  EXPECT_EQ(count, 4U);
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].stream, StreamDescriptor("large"));
  EXPECT_EQ(told[0].budget_bytes, 1000U);
  EXPECT_GE(told[0].read_bytes, 400U);
  EXPECT_EQ(told[1].stream, StreamDescriptor("huge"));
}

TEST_F(LineReaderTest, AFailureOfTheSourceIsPassedOnAfterTheLinesBeforeIt) {
  ScriptedSource source(simulation);
  source.chunk("one\ntw").fail(transient_error("the pipe broke"));
  LineReader reader(source, budget, 4096, enough);
  std::vector<InputLines> all;
  EXPECT_STREQ(error_of(reader, all).what(), "the pipe broke");
  EXPECT_EQ(text_of(all), "one\n");
}

TEST_F(LineReaderTest, NothingIsHeldAfterTheEnd) {
  ScriptedSource source(simulation);
  source.chunk("one\n");
  LineReader reader(source, budget, 4096, enough);
  std::vector<InputLines> all;
  simulation.run_coroutine(read_all(reader, all));
  all.clear();
  EXPECT_EQ(budget.reserved_bytes(), 0U);
  EXPECT_FALSE(simulation.run_coroutine(reader.next()).has_value());
  EXPECT_EQ(source.read_count(), 2U);  // the end is not asked for twice
}

// Begins to fill the room at once, as a source with a thread of its own may.
struct EagerSource : ByteSource {
  explicit EagerSource(std::string text) : rest(std::move(text)) {}

  awaitable<std::size_t> read(std::span<char> room) override {
    std::span<char> const ahead = std::exchange(room_ahead, {});
    EXPECT_TRUE(ahead.empty() || (ahead.data() == room.data() && ahead.size() == room.size()));
    if (!ahead.empty()) {
      ++used;
      co_return std::exchange(taken, 0);
    }
    co_return take(room);
  }
  void read_ahead(std::span<char> room) override {
    EXPECT_TRUE(room_ahead.empty());
    room_ahead = room;
    taken = take(room);
  }
  void stop_reading_ahead() noexcept override {
    ++stopped;
    room_ahead = {};
  }

  std::size_t take(std::span<char> room) {
    std::size_t const count = std::min({rest.size(), room.size(), most_at_once});
    std::ranges::copy(rest.substr(0, count), room.begin());
    rest.erase(0, count);
    return count;
  }

  std::string rest;
  std::size_t most_at_once = SIZE_MAX;
  std::span<char> room_ahead;
  std::size_t taken = 0;
  int used = 0;
  int stopped = 0;
};

TEST_F(LineReaderTest, ReadingAheadGivesTheSameLines) {
  std::string input;
  for (int i = 0; i < 200; ++i) input += std::string(static_cast<std::size_t>(i * 7 % 90), 'x') + "\n";
  for (std::size_t const at_once : {1, 7, 64, 100, 1000}) {
    SCOPED_TRACE(at_once);
    EagerSource source(input);
    source.most_at_once = at_once;
    LineReader reader(source, budget, 128, 1000);
    std::vector<InputLines> all;
    simulation.run_coroutine(read_all(reader, all));
    check_cut(all, input);
    EXPECT_GT(source.used, 0);
    EXPECT_TRUE(source.room_ahead.empty());
  }
}

TEST_F(LineReaderTest, TheLinesAtHandAreNotTouchedByWhatIsReadAhead) {
  EagerSource source("first\nsecond\nthird\n");
  source.most_at_once = 8;
  LineReader reader(source, budget, 1000, 1000);
  auto const lines = simulation.run_coroutine(reader.next());
  ASSERT_TRUE(lines.has_value());
  EXPECT_EQ(lines->text, "first\n");
  EXPECT_EQ(source.taken, 8U);
  EXPECT_GE(source.room_ahead.data(), lines->text.data() + lines->text.size() + Block::padding);
}

TEST_F(LineReaderTest, NothingIsReadAheadWhereItsMemoryWouldHaveToBeWaitedFor) {
  MemoryBudget of_one_block(128 + Block::padding + sizeof(Block));
  EagerSource source(std::string(127, 'a') + "\n" + std::string(127, 'b') + "\n");
  LineReader reader(source, of_one_block, 128, 128);
  auto lines = simulation.run_coroutine(reader.next());
  ASSERT_TRUE(lines.has_value());
  EXPECT_TRUE(source.room_ahead.empty());
  lines.reset();
  lines = simulation.run_coroutine(reader.next());
  ASSERT_TRUE(lines.has_value());
  EXPECT_EQ(lines->text.front(), 'b');
}

TEST_F(LineReaderTest, WhenItGoesNobodyReadsAheadForItAnyMore) {
  EagerSource source("first\nsecond\n");
  source.most_at_once = 6;
  {
    LineReader reader(source, budget, 1000, 1000);
    static_cast<void>(simulation.run_coroutine(reader.next()));
    EXPECT_FALSE(source.room_ahead.empty());
    LineReader const moved(std::move(reader));
    EXPECT_EQ(source.stopped, 0);
  }
  EXPECT_EQ(source.stopped, 1);
}

TEST_F(LineReaderTest, BehindALineThatIsTooLongNothingIsReadAhead) {
  EagerSource source("good\n" + std::string(50, 'x') + "\nmore\n");
  LineReader reader(source, budget, 100, 40);
  std::vector<InputLines> all;
  Error const error = error_of(reader, all);
  EXPECT_NE(error.message().find("longer than 40 bytes"), std::string::npos) << error.message();
  EXPECT_EQ(text_of(all), "good\n");
  EXPECT_TRUE(source.room_ahead.empty());
}

}  // namespace
}  // namespace landfall
