#include "interruption.hpp"

#include <landfall/runtime/error.hpp>

namespace sqlite {

void Interruption::interrupt() noexcept {
  std::lock_guard const lock(mutex_);
  interrupted_ = true;
  if (database_ != nullptr) sqlite3_interrupt(database_);
  changed_.notify_all();
}

void Interruption::throw_if_interrupted() const {
  std::lock_guard const lock(mutex_);
  if (interrupted_) throw landfall::transient_error("the call was cancelled");
}

bool Interruption::sleep_for(std::chrono::milliseconds duration) const {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, duration, [this] { return interrupted_; });
}

void Interruption::attach(sqlite3& database) noexcept {
  std::lock_guard const lock(mutex_);
  database_ = &database;
}

void Interruption::detach() noexcept {
  std::lock_guard const lock(mutex_);
  database_ = nullptr;
}

}  // namespace sqlite
