#include "connector/fd_source.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <optional>
#include <span>
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
#include <boost/asio/use_future.hpp>

#include <landfall/runtime/error.hpp>

#include "connector/pipe.hpp"

namespace landfall {
namespace {

constexpr auto time_limit = std::chrono::seconds(20);

// A read on a strand of its own, as every task of a sync has one.
class RunningRead {
 public:
  RunningRead(asio::thread_pool& pool, ByteSource& source, std::size_t room, bool reads_ahead = false)
      : strand_(asio::make_strand(pool.executor())) {
    auto done = std::make_shared<std::promise<Outcome>>();
    outcome_ = done->get_future();
    auto complete = [done, signal = signal_](std::exception_ptr failure, std::string bytes) {
      Outcome outcome{std::move(bytes), is_cancellation(failure), std::nullopt};
      if (failure && !outcome.cancelled) outcome.error = Error::from(failure);
      done->set_value(std::move(outcome));
    };
    asio::co_spawn(strand_, read(source, room, reads_ahead),
                   asio::bind_cancellation_slot(signal_->slot(), std::move(complete)));
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

  static awaitable<std::string> read(ByteSource& source, std::size_t room, bool reads_ahead) {
    std::string bytes(room, '\0');
    if (reads_ahead) source.read_ahead(bytes);
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

  // Of the room of a read() that comes later.
  std::string read_ahead_into(ByteSource& source, std::string& room) {
    auto read_room = [](ByteSource& from, std::string& to) -> awaitable<std::size_t> {
      co_return co_await from.read(to);
    };
    auto const taken = asio::co_spawn(pool_, read_room(source, room), asio::use_future).get();
    return room.substr(0, taken);
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

struct ReadAheadTest : FdSourceTest {
  ReadAheadTest() : file(std::tmpfile()) {
    std::fputs("0123456789", file);
    std::rewind(file);
  }
  ~ReadAheadTest() override { std::fclose(file); }

  std::FILE* const file;
  std::string room = std::string(4, ' ');
};

TEST_F(ReadAheadTest, WhatWasReadAheadIsWhatTheNextReadGives) {
  FdSource source(::fileno(file));
  std::string all;
  for (;;) {
    source.read_ahead(room);
    auto const bytes = read_ahead_into(source, room);
    if (bytes.empty()) break;
    all += bytes;
  }
  EXPECT_EQ(all, "0123456789");
  EXPECT_EQ(read(source), "");
}

TEST_F(ReadAheadTest, TheRoomIsFilledBeforeAnybodyAsks) {
  FdSource source(::fileno(file));
  source.read_ahead(room);
  while (::lseek(::fileno(file), 0, SEEK_CUR) != 4) std::this_thread::yield();
  EXPECT_EQ(read_ahead_into(source, room), "0123");
}

TEST_F(ReadAheadTest, APipeWithLittleInItIsLeftAlone) {
  FdSource source(pipe_.read_end());
  std::string large(1 << 20, ' ');
  put("little");
  source.read_ahead(large);
  int held = 6;
  for (int turn = 0; turn < 2000 && held == 6; ++turn) {
    std::this_thread::yield();
    ASSERT_EQ(::ioctl(pipe_.read_end(), FIONREAD, &held), 0);
  }
  put(" and more");
  EXPECT_EQ(read_ahead_into(source, large), "little and more");
}

TEST_F(ReadAheadTest, APipeWithMuchInItIsRead) {
  FdSource source(pipe_.read_end());
  put("full");
  source.read_ahead(room);
  put("next");
  EXPECT_EQ(read_ahead_into(source, room), "full");
  EXPECT_EQ(read(source), "next");
}

TEST_F(ReadAheadTest, AFailureIsThatOfTheReadThatAsks) {
  int const directory = ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  FdSource source(directory);
  source.read_ahead(room);
  EXPECT_THROW(read_ahead_into(source, room), Error);
  EXPECT_THROW(read(source), Error);
  ::close(directory);
}

TEST_F(ReadAheadTest, NobodyWritesToTheRoomAfterItWasStopped) {
  FdSource source(::fileno(file));
  source.stop_reading_ahead();  // nothing was begun
  for (int round = 0; round < 200; ++round) {
    std::rewind(file);
    auto const own_room = std::make_unique<char[]>(4);  // a sanitizer sees who writes to it later
    source.read_ahead(std::span(own_room.get(), 4));
    for (int turn = 0; turn < round % 20; ++turn) std::this_thread::yield();
    source.stop_reading_ahead();
  }
  std::rewind(file);
  EXPECT_EQ(read(source, 10), "0123456789");
}

// A terminal that nobody types at is ready for nothing.
struct SilentTerminalTest : ReadAheadTest {
  void SetUp() override {
    keyboard = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (keyboard < 0) GTEST_SKIP() << "no terminal to be had";
    ::grantpt(keyboard);
    ::unlockpt(keyboard);
    terminal = ::open(::ptsname(keyboard), O_RDWR | O_NOCTTY | O_CLOEXEC);
  }
  void TearDown() override {
    ::close(terminal);
    ::close(keyboard);
  }

  int keyboard = -1;
  int terminal = -1;
};

TEST_F(SilentTerminalTest, StoppingDoesNotWaitForInput) {
  FdSource source(terminal);
  for (int round = 0; round < 2; ++round) {
    source.read_ahead(room);
    source.stop_reading_ahead();
    source.stop_reading_ahead();
  }
}

// Each round is cancelled at another moment. The room goes with the read.
TEST_F(SilentTerminalTest, ACancelledReadLeavesItsRoom) {
  FdSource source(terminal);
  for (int round = 0; round < 200; ++round) {
    RunningRead reading(pool_, source, 100, true);
    for (int turn = 0; turn < round; ++turn) std::this_thread::yield();
    reading.cancel();
    ASSERT_EQ(reading.result(), std::nullopt);
  }
}

}  // namespace
}  // namespace landfall
