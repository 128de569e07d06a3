#include "connector/fd_source.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <system_error>
#include <utility>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/blocking.hpp>
#include <landfall/runtime/error.hpp>
#include <landfall/runtime/wait_list.hpp>

namespace landfall {

namespace {

constexpr int wanted_pipe_bytes = 1 << 20;
constexpr std::size_t least_ready_bytes = 256 << 10;  // of a pipe: with less, each read would bring only a little

bool holds_much(int pipe, std::size_t wanted_bytes) {
  int held = 0;
  std::size_t const much = std::min(wanted_bytes, least_ready_bytes);
  return ::ioctl(pipe, FIONREAD, &held) == 0 && static_cast<std::size_t>(held) >= much;
}

Error reading_failed(int error_number) {
  return transient_error("reading the input failed: {}", std::generic_category().message(error_number));
}

}  // namespace

// Ends a poll that waits on another thread.
class FdSource::Wake {
 public:
  Wake() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (fd_ < 0) throw reading_failed(errno);
  }
  Wake(Wake const&) = delete;
  Wake& operator=(Wake const&) = delete;
  ~Wake() { ::close(fd_); }

  int fd() const noexcept { return fd_; }

  void signal() const noexcept {
    std::uint64_t const one = 1;
    auto const written = ::write(fd_, &one, sizeof one);
    LANDFALL_ASSERT(written == sizeof one || errno == EAGAIN);  // EAGAIN: it is signalled already
  }

  void drain() const noexcept {
    std::uint64_t count = 0;
    auto const taken = ::read(fd_, &count, sizeof count);
    LANDFALL_ASSERT(taken == sizeof count || errno == EAGAIN);
  }

 private:
  int fd_;
};

// One read(), shared with the cancellation handler, which may be called when the read and its source are gone.
struct FdSource::ReadCall {
  explicit ReadCall(std::shared_ptr<Wake> source_wake) : wake(std::move(source_wake)) {}

  void cancel() noexcept {
    cancelled = true;  // first: whoever sees the wake-up sees this
    wake->signal();
  }

  std::shared_ptr<Wake> const wake;
  std::atomic<bool> cancelled = false;

  // As run_blocking(), but with a cancellation that ends the blocking call.
  template <class Function>
  struct Initiation {
    std::shared_ptr<ReadCall> const* read;
    detail::SubmitBlocking<Function, detail::RemoteCall<std::size_t>> submit;

    template <class Handler>
    void operator()(Handler handler) {
      auto slot = asio::get_associated_cancellation_slot(handler);
      if (slot.is_connected()) {
        slot.assign([read = *read](asio::cancellation_type) { read->cancel(); });
      }
      submit(std::move(handler));
    }
  };
};

// A read() that has not been asked for yet.
struct FdSource::ReadingAhead {
  ReadingAhead(std::span<char> where, std::shared_ptr<Wake> source_wake) : room(where), call(std::move(source_wake)) {}

  // False when the thread came too late.
  bool begin() {
    std::lock_guard const lock(mutex);
    begun = true;
    return !taken_back;
  }

  // False when the thread has begun.
  bool take_back() {
    std::lock_guard const lock(mutex);
    taken_back = !begun;
    return taken_back;
  }

  void end(detail::RemoteCall<std::size_t> outcome) {
    std::lock_guard const lock(mutex);
    result = std::move(outcome);
    ended = true;
    waiters.wake_all();
    ended_condition.notify_all();
  }

  std::span<char> const room;
  ReadCall call;
  std::mutex mutex;
  bool begun = false;
  bool taken_back = false;
  bool ended = false;
  detail::RemoteCall<std::size_t> result;  // when it has ended
  WaitList waiters;
  std::condition_variable ended_condition;
};

FdSource::FdSource(int fd) : fd_(fd), is_pipe_(::fcntl(fd, F_GETPIPE_SZ) > 0), wake_(std::make_shared<Wake>()) {
  asio::make_service<BlockingPool>(threads_, 1).start_threads(1);
  ::fcntl(fd_, F_SETPIPE_SZ, wanted_pipe_bytes);  // only faster: no pipe, or not allowed, is no error
}

FdSource::~FdSource() { stop_reading_ahead(); }

awaitable<std::size_t> FdSource::read(std::span<char> room) {
  LANDFALL_ASSERT(!room.empty());
  // Where all processors are busy the thread may not have begun: then nobody waits for it.
  if (ahead_ && ahead_->take_back()) ahead_.reset();
  if (ahead_) co_return co_await take_ahead(room);
  if (std::size_t const taken = take_ready(room); taken > 0) co_return taken;
  auto const call = std::make_shared<ReadCall>(wake_);
  auto blocking_call = [this, &call, room] { return blocking_read(*call, room); };
  detail::RemoteCall<std::size_t> result;
  {
    auto& pool = asio::use_service<BlockingPool>(threads_);
    ReadCall::Initiation<decltype(blocking_call)> const initiation{&call, {&pool, &blocking_call, &result}};
    co_await asio::async_initiate<asio::use_awaitable_t<> const, void()>(initiation, asio::use_awaitable);
  }
  if (result.failure) std::rethrow_exception(result.failure);
  co_return result.take();
}

void FdSource::read_ahead(std::span<char> room) {
  LANDFALL_ASSERT(!room.empty());
  LANDFALL_ASSERT(ahead_ == nullptr);
  if (is_pipe_ && !holds_much(fd_, room.size())) return;
  auto const reading = std::make_shared<ReadingAhead>(room, wake_);
  auto read = [this, ahead = reading] {
    if (!ahead->begin()) return;
    detail::RemoteCall<std::size_t> outcome;
    auto blocking_call = [&] { return blocking_read(ahead->call, ahead->room); };
    try {
      outcome.run(blocking_call);
    } catch (...) {
      outcome.failure = std::current_exception();
    }
    ahead->end(std::move(outcome));
  };
  asio::use_service<BlockingPool>(threads_).submit(std::move(read));
  ahead_ = reading;
}

awaitable<std::size_t> FdSource::take_ahead(std::span<char> room) {
  auto const ahead = ahead_;
  LANDFALL_ASSERT(ahead->room.data() == room.data() && ahead->room.size() == room.size());
  auto ended = [&ahead = *ahead] { return ahead.ended; };
  for (;;) {
    {
      std::lock_guard const lock(ahead->mutex);
      if (ended()) break;
    }
    try {
      co_await ahead->waiters.wait(ahead->mutex, ended);
    } catch (...) {
      stop_reading_ahead();  // the room goes with the caller
      throw;
    }
  }
  ahead_.reset();
  if (ahead->result.failure) std::rethrow_exception(std::exchange(ahead->result.failure, nullptr));
  co_return ahead->result.take();
}

void FdSource::stop_reading_ahead() noexcept {
  if (!ahead_) return;
  auto const ahead = std::exchange(ahead_, nullptr);
  if (ahead->take_back()) return;
  ahead->call.cancel();
  std::unique_lock lock(ahead->mutex);
  ahead->ended_condition.wait(lock, [&ahead = *ahead] { return ahead.ended; });
}

// 0: nothing, or nobody knows.
std::size_t FdSource::take_ready(std::span<char> room) {
  if (!can_take_ready_) return 0;
  if (is_pipe_ && !holds_much(fd_, room.size())) return 0;
  iovec part{room.data(), room.size()};
  auto const taken = ::preadv2(fd_, &part, 1, -1, RWF_NOWAIT);
  if (taken >= 0) return static_cast<std::size_t>(taken);
  can_take_ready_ = errno == EAGAIN || errno == EINTR;  // any other error comes again, where it can be reported
  return 0;
}

std::size_t FdSource::blocking_read(ReadCall& call, std::span<char> room) const {
  for (;;) {
    std::array<pollfd, 2> ready{{{fd_, POLLIN, 0}, {call.wake->fd(), POLLIN, 0}}};
    if (::poll(ready.data(), ready.size(), -1) < 0) {
      if (errno != EINTR) throw reading_failed(errno);
      continue;
    }
    // Drained before the flag is read: else the wake-up of a cancellation between the two would be lost. One without
    // the flag was meant for an earlier read, and came too late for it.
    if (ready[1].revents != 0) call.wake->drain();
    if (call.cancelled) throw boost::system::system_error(asio::error::operation_aborted);
    if (ready[0].revents == 0) continue;

    auto const taken = ::read(fd_, room.data(), room.size());
    if (taken >= 0) return static_cast<std::size_t>(taken);
    if (errno != EINTR && errno != EAGAIN) throw reading_failed(errno);  // EAGAIN: another reader was quicker
  }
}

}  // namespace landfall
