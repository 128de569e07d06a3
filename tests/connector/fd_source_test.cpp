#include "connector/fd_source.hpp"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include <gtest/gtest.h>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <landfall/runtime/error.hpp>

#include "connector/pipe.hpp"

namespace landfall {
namespace {

constexpr auto time_limit = std::chrono::seconds(20);

// A read on a strand of its own, as every task of a sync has one.
class RunningRead {
 public:
  RunningRead(asio::thread_pool& pool, ByteSource& source, std::size_t room)
      : strand_(asio::make_strand(pool.executor())) {
    auto done = std::make_shared<std::promise<Outcome>>();
    outcome_ = done->get_future();
    auto complete = [done, signal = signal_](std::exception_ptr failure, std::string bytes) {
      Outcome outcome{std::move(bytes), is_cancellation(failure), std::nullopt};
      if (failure && !outcome.cancelled) outcome.error = Error::from(failure);
      done->set_value(std::move(outcome));
    };
    asio::co_spawn(strand_, read(source, room), asio::bind_cancellation_slot(signal_->slot(), std::move(complete)));
  }

  void cancel() {
    asio::post(strand_, [signal = signal_] { signal->emit(asio::cancellation_type::terminal); });
  }

  // The bytes, or nothing when the read was cancelled.
  std::optional<std::string> result() {
    if (outcome_.wait_for(time_limit) != std::future_status::ready) {
      std::fputs("a read did not end\n", stderr);
      std::abort();  // its thread could not be joined
    }
    auto outcome = outcome_.get();
    if (outcome.error) throw *outcome.error;
    if (outcome.cancelled) return std::nullopt;
    return std::move(outcome.bytes);
  }

 private:
  // A value, since an exception would be shared with the thread that is still letting go of it.
  struct Outcome {
    std::string bytes;
    bool cancelled = false;
    std::optional<Error> error;
  };

  static awaitable<std::string> read(ByteSource& source, std::size_t room) {
    std::string bytes(room, '\0');
    bytes.resize(co_await source.read(bytes));
    co_return bytes;
  }

  asio::strand<asio::thread_pool::executor_type> strand_;
  std::shared_ptr<asio::cancellation_signal> signal_ = std::make_shared<asio::cancellation_signal>();
  std::future<Outcome> outcome_;
};

class FdSourceTest : public testing::Test {
 protected:
  void put(std::string_view bytes) {
    ASSERT_EQ(::write(pipe_.write_end(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  std::string read(ByteSource& source, std::size_t room = 1024) {
    return RunningRead(pool_, source, room).result().value_or("cancelled");
  }

  Pipe pipe_;
  asio::thread_pool pool_{2};
};

TEST_F(FdSourceTest, ReadsWhatIsThereAndThenTheEnd) {
  FdSource source(pipe_.read_end());
  put("one\ntwo\n");
  EXPECT_EQ(read(source, 5), "one\nt");
  EXPECT_EQ(read(source, 100), "wo\n");
  pipe_.close_write();
  EXPECT_EQ(read(source), "");
  EXPECT_EQ(read(source), "");
}

TEST_F(FdSourceTest, WhatIsThereAlreadyIsTakenWithoutAnotherThread) {
  iovec nothing{nullptr, 0};
  if (::preadv2(pipe_.read_end(), &nothing, 1, -1, RWF_NOWAIT) < 0 && errno == EOPNOTSUPP) GTEST_SKIP();
  std::FILE* const file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  std::fputs("in the file", file);
  std::rewind(file);
  put("in the pipe");
  struct Row {
    int fd;
    std::size_t room;
    std::string expected;
  };
  Row const rows[] = {{pipe_.read_end(), 11, "in the pipe"}, {::fileno(file), 100, "in the file"}};
  for (Row const& row : rows) {
    SCOPED_TRACE(row.expected);
    FdSource source(row.fd);
    std::string bytes(row.room, '\0');
    asio::io_context one_thread;
    auto read = [](ByteSource& from, std::string& to) -> awaitable<void> { to.resize(co_await from.read(to)); };
    asio::co_spawn(one_thread, read(source, bytes), asio::detached);
    one_thread.poll();
    EXPECT_EQ(bytes, row.expected);
    one_thread.run();
  }
  std::fclose(file);
}

TEST_F(FdSourceTest, WaitsForInput) {
  FdSource source(pipe_.read_end());
  RunningRead reading(pool_, source, 100);
  put("late");
  EXPECT_EQ(reading.result(), "late");
}

TEST_F(FdSourceTest, WaitsOnANonBlockingPipeAndLeavesItSo) {
  ASSERT_EQ(::fcntl(pipe_.read_end(), F_SETFL, O_NONBLOCK), 0);
  FdSource source(pipe_.read_end());
  RunningRead reading(pool_, source, 100);
  put("late");
  EXPECT_EQ(reading.result(), "late");
  EXPECT_NE(::fcntl(pipe_.read_end(), F_GETFL) & O_NONBLOCK, 0);
}

TEST_F(FdSourceTest, LeavesABlockingPipeBlocking) {
  FdSource source(pipe_.read_end());
  put("x");
  EXPECT_EQ(read(source), "x");
  EXPECT_EQ(::fcntl(pipe_.read_end(), F_GETFL) & O_NONBLOCK, 0);
}

TEST_F(FdSourceTest, ReadsAFileAndDevNull) {
  std::FILE* const file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  std::fputs("from a file", file);
  std::rewind(file);
  FdSource source(::fileno(file));
  EXPECT_EQ(read(source, 6), "from a");
  EXPECT_EQ(read(source), " file");
  EXPECT_EQ(read(source), "");
  std::fclose(file);

  int const null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  FdSource nothing(null);
  EXPECT_EQ(read(nothing), "");
  ::close(null);
}

TEST_F(FdSourceTest, MakesAPipeLargerWhereThatIsAllowed) {
  auto const before = ::fcntl(pipe_.read_end(), F_GETPIPE_SZ);
  FdSource const source(pipe_.read_end());
  EXPECT_GE(::fcntl(pipe_.read_end(), F_GETPIPE_SZ), before);
}

TEST_F(FdSourceTest, AFailedReadIsATransientError) {
  int const directory = ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  FdSource source(directory);
  try {
    read(source);
    ADD_FAILURE() << "a directory was read";
  } catch (Error const& error) {
    EXPECT_EQ(error.error_class(), ErrorClass::transient);
    EXPECT_EQ(error.message().rfind("reading the input failed: ", 0), 0U) << error.message();
  }
  ::close(directory);
}

// Each round is cancelled at another moment: before the start, while the read waits, or in between.
TEST_F(FdSourceTest, ACancelledReadEndsAndTakesNothing) {
  FdSource source(pipe_.read_end());
  for (int round = 0; round < 300; ++round) {
    RunningRead reading(pool_, source, 100);
    for (int turn = 0; turn < round; ++turn) std::this_thread::yield();
    reading.cancel();
    ASSERT_EQ(reading.result(), std::nullopt);
  }
  put("still there");
  EXPECT_EQ(read(source), "still there");
}

TEST_F(FdSourceTest, InputAndCancellationTogetherLoseNothing) {
  FdSource source(pipe_.read_end());
  std::string received;
  for (int round = 0; round < 300; ++round) {
    RunningRead reading(pool_, source, 100);
    put("x");
    for (int turn = 0; turn < round % 20; ++turn) std::this_thread::yield();
    reading.cancel();
    received += reading.result().value_or("");
  }
  pipe_.close_write();
  for (auto bytes = read(source); !bytes.empty(); bytes = read(source)) received += bytes;
  EXPECT_EQ(received, std::string(300, 'x'));
}

TEST_F(FdSourceTest, ACancellationAfterTheReadDoesNotDisturbTheNextOne) {
  FdSource source(pipe_.read_end());
  put("first");
  RunningRead first(pool_, source, 100);
  EXPECT_EQ(first.result(), "first");
  first.cancel();
  RunningRead second(pool_, source, 100);
  first.cancel();
  put("second");
  EXPECT_EQ(second.result(), "second");
}

TEST_F(FdSourceTest, ACancellationMayComeWhenTheSourceIsGone) {
  auto source = std::make_unique<FdSource>(pipe_.read_end());
  put("all");
  RunningRead reading(pool_, *source, 100);
  EXPECT_EQ(reading.result(), "all");
  source.reset();
  reading.cancel();
  pool_.join();
}

}  // namespace
}  // namespace landfall
