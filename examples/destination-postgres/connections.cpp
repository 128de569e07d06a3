#include "connections.hpp"

#include <chrono>
#include <exception>

#include "server_error.hpp"

namespace postgres {

namespace {

void throw_if_interrupted(Interruption const& interruption) {
  if (interruption.is_interrupted()) throw landfall::transient_error("the call was cancelled");
}

/// The server, or what it gives to this user or database, has no free connection.
bool is_about_too_many(landfall::Error const& error) noexcept {
  auto const* const said = dynamic_cast<ServerError const*>(&error);
  return said != nullptr && said->sqlstate == "53300";
}

bool is_about_too_many(std::exception_ptr const& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (landfall::Error const& error) {
    return is_about_too_many(error);
  } catch (...) {
    return false;
  }
}

}  // namespace

Connections::Connections(Settings settings) : settings_(std::move(settings)), secrets_(settings_.tls) {}

std::unique_ptr<Connection> Connections::blocking_open(Interruption const& interruption) {
  std::chrono::seconds const patience(was_reached_ ? settings_.reconnect_seconds : 0);
  auto const end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    try {
      auto connection = std::make_unique<Connection>(settings_, secrets_, &interruption);
      was_reached_ = true;
      return connection;
    } catch (landfall::Error const& error) {
      bool const may_be_back = error.error_class() == landfall::ErrorClass::transient && !is_about_too_many(error);
      if (!may_be_back || std::chrono::steady_clock::now() >= end) throw;
    }
    interruption.sleep_for(pause);
    throw_if_interrupted(interruption);
  }
}

std::unique_ptr<Connection> Connections::blocking_take(Interruption& interruption) {
  bool server_has_more = true;
  std::optional<std::chrono::steady_clock::time_point> end;  // of waiting for a server that has no free connection
  std::unique_lock lock(mutex_);
  for (;;) {
    throw_if_interrupted(interruption);
    while (!idle_.empty()) {
      auto connection = std::move(idle_.back());
      idle_.pop_back();
      if (!connection->is_stale()) return connection;
      --open_count_;
    }
    if (!server_has_more || open_count_ == static_cast<std::size_t>(settings_.connections)) {
      changed_.wait(lock);
      server_has_more = true;
      continue;
    }
    ++open_count_;
    lock.unlock();
    std::exception_ptr failure;
    try {
      return blocking_open(interruption);
    } catch (...) {
      failure = std::current_exception();
    }
    bool const too_many = is_about_too_many(failure);
    lock.lock();
    --open_count_;
    // Then those that we have must do. Nobody is told: others would try the same again, and so on.
    server_has_more = !(too_many && open_count_ > 0);
    if (!server_has_more) continue;
    changed_.notify_all();
    auto const now = std::chrono::steady_clock::now();
    if (!end) end = now + std::chrono::seconds(settings_.reconnect_seconds);
    if (!too_many || now >= *end) std::rethrow_exception(failure);
    changed_.wait_for(lock, pause);
  }
}

// One that did not come through its call in good order is not used again.
void Connections::give_back(std::unique_ptr<Connection> connection) noexcept {
  bool const is_good = connection->is_reusable();
  if (!is_good) connection.reset();
  std::lock_guard const lock(mutex_);
  if (is_good) {
    idle_.push_back(std::move(connection));
  } else {
    --open_count_;
  }
  changed_.notify_one();
}

void Connections::interrupt(Interruption& interruption) noexcept {
  interruption.interrupt();
  std::lock_guard const lock(mutex_);
  changed_.notify_all();
}

}  // namespace postgres
