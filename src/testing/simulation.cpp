#include <landfall/testing/simulation.hpp>

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/blocking.hpp>

namespace landfall::testing {

struct Simulation::Sleeper {
  virtual ~Sleeper() = default;
  virtual void wake(boost::system::error_code error) = 0;  // posts; called once
};

template <class Handler>
struct Simulation::SleeperOf final : Sleeper {
  explicit SleeperOf(Handler&& h)
      : work(asio::prefer(asio::any_io_executor(asio::get_associated_executor(h)),
                          asio::execution::outstanding_work.tracked)),
        handler(std::move(h)) {}
  void wake(boost::system::error_code error) override {
    asio::post(work, [h = std::move(handler), error]() mutable { std::move(h)(error); });
  }
  asio::any_io_executor work;  // counts as a parked operation
  Handler handler;
};

struct Simulation::FallAsleep {
  FallAsleep(Simulation& s, TimePoint w) : simulation(&s), when(w) {}
  template <class Handler>
  void operator()(Handler handler) {
    auto slot = asio::get_associated_cancellation_slot(handler);
    auto sleeper = std::make_unique<SleeperOf<Handler>>(std::move(handler));
    if (when <= simulation->now_) return sleeper->wake({});
    SleeperKey const key(when, ++simulation->last_sleeper_);
    simulation->sleepers_.emplace(key, std::move(sleeper));
    if (slot.is_connected()) {
      slot.assign([simulation = simulation, key](asio::cancellation_type) {
        simulation->wake(key, asio::error::operation_aborted);
      });
    }
  }
  Simulation* simulation;
  TimePoint when;
};

struct Simulation::RingingSleeper final : Sleeper {
  RingingSleeper(asio::any_io_executor e, std::function<void()> r) : executor(std::move(e)), ring(std::move(r)) {}
  void wake(boost::system::error_code error) override {
    if (!error) asio::post(executor, std::move(ring));
  }
  asio::any_io_executor executor;
  std::function<void()> ring;
};

class Simulation::SleepingAlarm final : public Alarm {
 public:
  SleepingAlarm(Simulation& simulation, SleeperKey key) : simulation_(simulation), key_(key) {}
  ~SleepingAlarm() override { simulation_.wake(key_, asio::error::operation_aborted); }

 private:
  Simulation& simulation_;
  SleeperKey key_;
};

class Simulation::BlockingOnThisThread final : public BlockingPool {
 public:
  explicit BlockingOnThisThread(Simulation& simulation) : BlockingPool(simulation), simulation_(simulation) {}
  void submit(std::function<void()> work) override { asio::post(simulation_.get_executor(), std::move(work)); }

 private:
  Simulation& simulation_;
};

Simulation::Simulation(std::uint64_t seed) : random_(seed) {
  auto pool = std::make_unique<BlockingOnThisThread>(*this);
  asio::add_service<BlockingPool>(*this, pool.get());
  static_cast<void>(pool.release());  // owned by the context now
}

Simulation::~Simulation() {
  // What is parked dies here, while the members that it touches still live.
  shutdown();
  while (!ready_.empty() || !sleepers_.empty()) {
    auto const dropped_work = std::exchange(ready_, {});
    auto const dropped_sleepers = std::exchange(sleepers_, {});
  }
  destroy();
}

std::chrono::system_clock::time_point Simulation::wall_now() const {
  return wall_start_ + std::chrono::duration_cast<std::chrono::system_clock::duration>(now_.time_since_epoch());
}

awaitable<void> Simulation::sleep_until(TimePoint when) {
  FallAsleep initiation(*this, when);
  co_await asio::async_initiate<asio::use_awaitable_t<> const, void(boost::system::error_code)>(initiation,
                                                                                                asio::use_awaitable);
}

std::unique_ptr<Alarm> Simulation::call_at(asio::any_io_executor executor, TimePoint when, std::function<void()> ring) {
  SleeperKey const key(when, ++last_sleeper_);
  sleepers_.emplace(key, std::make_unique<RingingSleeper>(std::move(executor), std::move(ring)));
  return std::make_unique<SleepingAlarm>(*this, key);
}

std::size_t Simulation::run_until(TimePoint limit) {
  while (step(limit)) continue;
  if (limit != TimePoint::max()) now_ = std::max(now_, limit);
  LANDFALL_ASSERT(outstanding_ >= 0);
  return static_cast<std::size_t>(outstanding_);
}

void Simulation::run_until_ended(bool const& ended, TimePoint limit) {
  while (!ended) {
    if (step(limit)) continue;
    if (sleepers_.empty()) throw std::runtime_error(fmt::format("deadlock: {} parked", outstanding_));
    throw std::runtime_error(
        fmt::format("not ended in time: {} parked, of which {} sleep", outstanding_, sleepers_.size()));
  }
}

void Simulation::enqueue(std::unique_ptr<Work> work) { ready_.push_back(std::move(work)); }

bool Simulation::step(TimePoint limit) {
  if (ready_.empty()) {
    if (sleepers_.empty() || sleepers_.begin()->first.first > limit) return false;
    now_ = std::max(now_, sleepers_.begin()->first.first);
    while (!sleepers_.empty() && sleepers_.begin()->first.first <= now_) wake(sleepers_.begin()->first, {});
    return true;
  }
  auto& chosen = ready_[next_random() % ready_.size()];
  auto const work = std::move(chosen);
  if (&chosen != &ready_.back()) chosen = std::move(ready_.back());
  ready_.pop_back();
  ++events_;
  LANDFALL_ASSERT(!running_);  // a simulation does not run inside of its own work
  struct Running {
    explicit Running(bool& r) : running(r) { running = true; }
    ~Running() { running = false; }
    bool& running;
  } const guard(running_);
  work->run();
  return true;
}

void Simulation::wake(SleeperKey key, boost::system::error_code error) {
  auto sleeper = sleepers_.extract(key);
  if (!sleeper.empty()) sleeper.mapped()->wake(error);
}

// splitmix64: the same numbers everywhere.
std::uint64_t Simulation::next_random() noexcept {
  std::uint64_t z = (random_ += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace landfall::testing
