#include <landfall/runtime/clock.hpp>

#include <utility>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

namespace landfall {

TimePoint SystemClock::now() const { return std::chrono::steady_clock::now(); }

std::chrono::system_clock::time_point SystemClock::wall_now() const { return std::chrono::system_clock::now(); }

awaitable<void> SystemClock::sleep_until(TimePoint when) {
  auto const executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, when);
  co_await timer.async_wait(asio::use_awaitable);
}

namespace {

class TimerAlarm final : public Alarm {
 public:
  TimerAlarm(asio::any_io_executor executor, TimePoint when, std::function<void()> ring)
      : timer_(std::move(executor), when) {
    timer_.async_wait([ring = std::move(ring)](boost::system::error_code error) {
      if (!error) ring();
    });
  }

 private:
  asio::steady_timer timer_;
};

}  // namespace

std::unique_ptr<Alarm> SystemClock::call_at(asio::any_io_executor executor, TimePoint when,
                                            std::function<void()> ring) {
  return std::make_unique<TimerAlarm>(std::move(executor), when, std::move(ring));
}

}  // namespace landfall
