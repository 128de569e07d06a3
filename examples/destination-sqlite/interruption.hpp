#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include <sqlite3.h>

namespace sqlite {

/// A call that may be ended from outside: with it ends the statement that runs for it, and its waiting for others who
/// hold the file.
///
/// Threads: any.
class Interruption {
 public:
  /// From now on, and for what is attached later. Does not block.
  void interrupt() noexcept;
  /// Errors: landfall::Error(transient).
  void throw_if_interrupted() const;

  /// False: it was interrupted before that.
  bool sleep_for(std::chrono::milliseconds duration) const;

  /// The database works for this call.
  void attach(sqlite3& database) noexcept;
  void detach() noexcept;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool interrupted_ = false;
  sqlite3* database_ = nullptr;
};

}  // namespace sqlite
