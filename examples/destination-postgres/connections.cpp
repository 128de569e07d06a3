#include "connections.hpp"

#include <chrono>

#include <landfall/runtime/assert.hpp>

#include "server_error.hpp"

namespace postgres {

// ---- Interruption ----

void Interruption::interrupt() noexcept {
  std::lock_guard const lock(mutex_);
  interrupted_ = true;
  if (connection_ != nullptr) connection_->interrupt();
}

bool Interruption::is_interrupted() const {
  std::lock_guard const lock(mutex_);
  return interrupted_;
}

std::shared_ptr<Connection::Canceller> Interruption::canceller() const {
  std::lock_guard const lock(mutex_);
  return connection_ == nullptr ? nullptr : connection_->canceller();
}

void Interruption::attach(Connection& connection) {
  std::lock_guard const lock(mutex_);
  LANDFALL_ASSERT(connection_ == nullptr);
  connection_ = &connection;
  if (interrupted_) connection.interrupt();
}

void Interruption::detach() noexcept {
  std::lock_guard const lock(mutex_);
  connection_ = nullptr;
}

// ---- Connections ----

namespace {

void throw_if_interrupted(Interruption const& interruption) {
  if (interruption.is_interrupted()) throw landfall::transient_error("the call was cancelled");
}

}  // namespace

Connections::Connections(Settings settings) : settings_(std::move(settings)), secrets_(settings_.tls) {}

std::unique_ptr<Connection> Connections::blocking_open() { return std::make_unique<Connection>(settings_, secrets_); }

std::unique_ptr<Connection> Connections::blocking_take(Interruption& interruption) {
  std::unique_lock lock(mutex_);
  for (;;) {
    throw_if_interrupted(interruption);
    if (!idle_.empty()) {
      auto connection = std::move(idle_.back());
      idle_.pop_back();
      if (!connection->is_stale()) return connection;
      --open_count_;
      continue;
    }
    if (open_count_ < static_cast<std::size_t>(settings_.connections)) {
      ++open_count_;
      lock.unlock();
      try {
        return blocking_open();
      } catch (ServerError const& error) {
        lock.lock();
        --open_count_;
        changed_.notify_one();
        // Then those that we have must do.
        if (open_count_ == 0 || error.sqlstate != "53300") throw;
      }
    }
    changed_.wait(lock);
  }
}

// One that did not come through its call in good order is not used again.
void Connections::give_back(std::unique_ptr<Connection> connection) noexcept {
  bool const is_good = connection->is_idle();
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

// A server that crashed is back within seconds, and remembers.
void Connections::blocking_find_out(CommitLost const& lost, Interruption& interruption) {
  constexpr int attempts = 40;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(std::chrono::milliseconds(500));
    if (interruption.is_interrupted()) break;
    try {
      Lease const lease(*this, interruption);
      landfall::SqlText sql;
      sql << "SELECT txid_status($1::bigint)";
      std::string const status = (*lease).run(sql, {lost.transaction_id}).text(0, 0);
      if (status == "committed") return;
      if (status == "aborted") throw landfall::transient_error("{}; it was not committed", lost.message());
      if (status != "in progress") break;  // too long ago
    } catch (ServerError const&) {         // not back yet
    }
  }
  throw lost;
}

}  // namespace postgres
