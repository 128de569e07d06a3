#pragma once

#include <chrono>
#include <mutex>

namespace postgres {

class Connection;

/// A call that may be ended from outside: with it ends what the connection does that it uses at the moment.
///
/// Threads: any.
class Interruption {
 public:
  /// Errors: Error(system).
  Interruption();
  ~Interruption();
  Interruption(Interruption const&) = delete;
  Interruption& operator=(Interruption const&) = delete;

  /// From now on, and for what is attached later. Does not block.
  void interrupt() noexcept;
  bool is_interrupted() const;

  /// Readable when it is interrupted.
  int descriptor() const noexcept { return descriptor_; }
  /// False: it was interrupted before that.
  bool sleep_for(std::chrono::milliseconds duration) const;

  void attach(Connection& connection);
  void detach() noexcept;

 private:
  int const descriptor_;
  mutable std::mutex mutex_;
  bool interrupted_ = false;
  Connection* connection_ = nullptr;
};

}  // namespace postgres
