#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <landfall/runtime/awaitable.hpp>
#include <landfall/runtime/blocking.hpp>

#include "connection.hpp"
#include "interruption.hpp"
#include "secret_files.hpp"
#include "settings.hpp"

namespace postgres {

/// At most so many connections as are configured, opened when they are needed; fewer where the server has no more.
///
/// Restart: a server that was there is waited for, as long as Settings::reconnect_seconds.
/// Threads: any.
class Connections {
 public:
  explicit Connections(Settings settings);

  Settings const& settings() const noexcept { return settings_; }

  /// Runs function(Connection&) in a transaction, on a thread where it may block, and commits. Waits for a connection.
  ///
  /// Outcome:      where the connection is lost in the commit, the server is asked on another one what became of it. So
  ///               unknown_outcome_error is left for a server that does not come back.
  /// Cancellation: the statement is ended.
  /// Errors:       ServerError.
  template <class Function>
  landfall::awaitable<std::invoke_result_t<Function&, Connection&>> transact(Function function);

 private:
  class Lease;

  template <class Function>
  std::invoke_result_t<Function&, Connection&> blocking_transact(Function& function, Interruption& interruption);
  std::unique_ptr<Connection> blocking_take(Interruption& interruption);
  std::unique_ptr<Connection> blocking_open(Interruption const& interruption);
  void give_back(std::unique_ptr<Connection> connection) noexcept;
  void blocking_find_out(CommitLost const& lost, Interruption& interruption);
  std::string blocking_status_of(std::string const& transaction_id, Interruption& interruption);
  void interrupt(Interruption& interruption) noexcept;

  Settings const settings_;
  SecretFiles const secrets_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> was_reached_ = false;
  std::size_t open_count_ = 0;  // lent, idle, and being opened
  std::vector<std::unique_ptr<Connection>> idle_;
};

/// A connection for the time of one call.
class Connections::Lease {
 public:
  Lease(Connections& connections, Interruption& interruption)
      : connections_(connections), interruption_(interruption), connection_(connections.blocking_take(interruption)) {
    interruption_.attach(*connection_);
  }
  ~Lease() {
    interruption_.detach();
    connections_.give_back(std::move(connection_));
  }
  Lease(Lease const&) = delete;
  Lease& operator=(Lease const&) = delete;

  Connection& operator*() const noexcept { return *connection_; }

 private:
  Connections& connections_;
  Interruption& interruption_;
  std::unique_ptr<Connection> connection_;
};

template <class Function>
std::invoke_result_t<Function&, Connection&> Connections::blocking_transact(Function& function,
                                                                            Interruption& interruption) {
  using Answer = std::invoke_result_t<Function&, Connection&>;
  std::conditional_t<std::is_void_v<Answer>, std::monostate, std::optional<Answer>> answer;
  try {
    Lease const lease(*this, interruption);
    Transaction transaction(*lease);
    if constexpr (std::is_void_v<Answer>) {
      function(*lease);
    } else {
      answer.emplace(function(*lease));
    }
    transaction.commit();
  } catch (CommitLost const& lost) {
    blocking_find_out(lost, interruption);
  }
  if constexpr (!std::is_void_v<Answer>) return std::move(*answer);
}

template <class Function>
landfall::awaitable<std::invoke_result_t<Function&, Connection&>> Connections::transact(Function function) {
  auto const interruption = std::make_shared<Interruption>();
  auto call = [&] { return blocking_transact(function, *interruption); };
  std::function<void()> end = [this, interruption] { interrupt(*interruption); };
  co_return co_await landfall::run_blocking(std::move(call), std::move(end));
}

}  // namespace postgres
