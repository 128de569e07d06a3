#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
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
/// Restart: a server that was there, or that has no free connection, is waited for, as long as
///          Settings::reconnect_seconds.
/// Threads: any.
class Connections {
 public:
  explicit Connections(Settings settings);

  Settings const& settings() const noexcept { return settings_; }

  /// Runs function(Connection&) in a transaction, on a thread where it may block, and commits. Waits for a connection.
  ///
  /// Repeats:      where the connection is lost in the commit, the function is run once more, on another one: it first
  ///               waits until nobody else does the same (lock_until_commit()), and sees what is done already. Whether
  ///               the transaction's id was committed is not asked: a server that crashed may give it to another one.
  /// Cancellation: the statement is ended.
  /// Errors:       ServerError; CommitLost when the repetitions fail, too.
  template <class Function>
  landfall::awaitable<std::invoke_result_t<Function&, Connection&>> transact(Function function);

 private:
  class Lease;

  template <class Function>
  std::invoke_result_t<Function&, Connection&> blocking_transact(Function& function, Interruption& interruption);
  template <class Function>
  std::invoke_result_t<Function&, Connection&> blocking_transact_once(Function& function, Interruption& interruption);
  std::unique_ptr<Connection> blocking_take(Interruption& interruption);
  std::unique_ptr<Connection> blocking_open(Interruption const& interruption);
  void give_back(std::unique_ptr<Connection> connection) noexcept;
  void interrupt(Interruption& interruption) noexcept;

  static constexpr std::chrono::milliseconds pause{500};  // until the server is asked again

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
  constexpr int attempts = 5;
  std::optional<CommitLost> lost;
  for (int attempt = 1;; ++attempt) {
    try {
      return blocking_transact_once(function, interruption);
    } catch (CommitLost const& error) {
      lost.emplace(error);
    } catch (landfall::Error const&) {
      if (!lost) throw;
    }
    if (attempt == attempts || !interruption.sleep_for(pause)) throw *lost;
  }
}

template <class Function>
std::invoke_result_t<Function&, Connection&> Connections::blocking_transact_once(Function& function,
                                                                                 Interruption& interruption) {
  Lease const lease(*this, interruption);
  Transaction transaction(*lease);
  if constexpr (std::is_void_v<std::invoke_result_t<Function&, Connection&>>) {
    function(*lease);
    transaction.commit();
  } else {
    auto answer = function(*lease);
    transaction.commit();
    return answer;
  }
}

template <class Function>
landfall::awaitable<std::invoke_result_t<Function&, Connection&>> Connections::transact(Function function) {
  auto const interruption = std::make_shared<Interruption>();
  auto call = [&] { return blocking_transact(function, *interruption); };
  std::function<void()> end = [this, interruption] { interrupt(*interruption); };
  co_return co_await landfall::run_blocking(std::move(call), std::move(end));
}

}  // namespace postgres
