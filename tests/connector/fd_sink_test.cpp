#include "connector/fd_sink.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <future>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>

#include <landfall/runtime/error.hpp>

#include "connector/pipe.hpp"

namespace landfall {
namespace {

class FdSinkTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { std::signal(SIGPIPE, SIG_IGN); }

  void write(FdSink& sink, std::string lines) {
    std::promise<std::optional<Error>> done;
    auto written = done.get_future();
    asio::co_spawn(pool_, sink.write(std::move(lines)), [done = std::move(done)](std::exception_ptr failure) mutable {
      done.set_value(failure ? std::optional<Error>(Error::from(failure)) : std::nullopt);
    });
    if (auto const error = written.get()) throw *error;
  }

  Pipe pipe_;
  asio::thread_pool pool_{2};
};

TEST_F(FdSinkTest, WritesWholeLines) {
  FdSink sink(pipe_.write_end());
  write(sink, "one\ntwo\n");
  sink.write_line_blocking("three\n");
  pipe_.close_write();
  EXPECT_EQ(read_to_end(pipe_.read_end()), "one\ntwo\nthree\n");
}

TEST_F(FdSinkTest, ANonBlockingPipeWithASlowReaderGetsEverything) {
  ASSERT_EQ(::fcntl(pipe_.write_end(), F_SETFL, O_NONBLOCK), 0);
  std::string const line = std::string(3'000'000, 'x') + "\n";
  auto reading = std::async(std::launch::async, [&] { return read_to_end(pipe_.read_end(), 1000); });
  FdSink sink(pipe_.write_end());
  write(sink, line);
  write(sink, "end\n");
  EXPECT_NE(::fcntl(pipe_.write_end(), F_GETFL) & O_NONBLOCK, 0);
  pipe_.close_write();
  EXPECT_EQ(reading.get(), line + "end\n");
}

TEST_F(FdSinkTest, LinesOfSeveralWritersNeverInterleave) {
  constexpr int writer_count = 4;
  constexpr int line_count = 300;
  FdSink sink(pipe_.write_end());
  auto reading = std::async(std::launch::async, [&] { return read_to_end(pipe_.read_end(), 777); });
  {
    std::vector<std::jthread> writers;
    for (int writer = 0; writer < writer_count; ++writer) {
      writers.emplace_back([&, writer] {
        for (int line = 0; line < line_count; ++line) {
          auto const text = fmt::format("{} {} {}\n", writer, line, std::string(3000, 'p'));
          if (writer % 2 == 0) {
            sink.write_line_blocking(text);
          } else {
            write(sink, text);
          }
        }
      });
    }
  }
  pipe_.close_write();

  std::map<int, int> next_line;
  std::istringstream lines(reading.get());
  for (std::string line; std::getline(lines, line);) {
    std::istringstream parts(line);
    int writer = -1;
    int number = -1;
    std::string padding;
    parts >> writer >> number >> padding;
    ASSERT_EQ(padding, std::string(3000, 'p')) << line;
    ASSERT_EQ(number, next_line[writer]++) << "lines of one writer keep their order";
  }
  EXPECT_EQ(next_line, (std::map<int, int>{{0, line_count}, {1, line_count}, {2, line_count}, {3, line_count}}));
}

TEST_F(FdSinkTest, AReaderThatIsGoneIsATransientErrorForEveryWriter) {
  FdSink sink(pipe_.write_end());
  pipe_.close_read();
  for (int attempt = 0; attempt < 2; ++attempt) {
    try {
      write(sink, "lost\n");
      ADD_FAILURE() << "written to nobody";
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::transient);
      EXPECT_EQ(error.message(), "stdout was closed by the reader");
    }
  }
  EXPECT_THROW(sink.write_line_blocking("lost\n"), Error);
}

TEST_F(FdSinkTest, AWriterThatWaitsLearnsThatTheReaderLeft) {
  FdSink sink(pipe_.write_end());
  bool failed = false;
  std::thread writing([&] {
    try {
      write(sink, std::string(1 << 20, 'x') + "\n");
    } catch (Error const&) {
      failed = true;
    }
  });
  char first = 0;
  ASSERT_EQ(::read(pipe_.read_end(), &first, 1), 1);  // it is in the middle of its line
  pipe_.close_read();
  writing.join();
  EXPECT_TRUE(failed);
}

TEST_F(FdSinkTest, AReaderThatTakesNothingIsGone) {
  pipe_.fill();
  FdSink sink(pipe_.write_end());
  for (auto const deadline : {std::chrono::milliseconds(1), std::chrono::milliseconds(3'600'000)}) {
    sink.set_deadline(deadline);  // the second one: nobody is waited for again
    try {
      write(sink, "lost\n");
      ADD_FAILURE() << "written to nobody";
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::transient);
      EXPECT_EQ(error.message(), "nobody reads stdout");
    }
  }
}

TEST_F(FdSinkTest, AWriterThatWaitsIsGivenUpWhenItsDeadlineIsDrawnIn) {
  pipe_.fill();
  FdSink sink(pipe_.write_end());
  sink.set_deadline(std::chrono::hours(1));
  bool failed = false;
  std::thread writing([&] {
    try {
      write(sink, "lost\n");
    } catch (Error const&) {
      failed = true;
    }
  });
  sink.set_deadline(std::chrono::milliseconds(1));
  writing.join();
  EXPECT_TRUE(failed);
}

TEST_F(FdSinkTest, NothingFollowsATornLine) {
  int const full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  FdSink sink(full);
  try {
    write(sink, "lost\n");
    ADD_FAILURE() << "written to a full device";
  } catch (Error const& error) {
    EXPECT_EQ(error.message(), "writing to stdout failed: No space left on device");
  }
  ASSERT_GE(::dup2(pipe_.write_end(), full), 0);  // there is room again
  EXPECT_THROW(write(sink, "more\n"), Error);
  ::close(full);
  pipe_.close_write();
  EXPECT_EQ(read_to_end(pipe_.read_end()), "");
}

}  // namespace
}  // namespace landfall
