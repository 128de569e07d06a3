#include "interruption.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/error.hpp>

#include "connection.hpp"

namespace postgres {

Interruption::Interruption() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (descriptor_ < 0) throw landfall::system_error("no descriptor for a call: {}", std::strerror(errno));
}

Interruption::~Interruption() { ::close(descriptor_); }

void Interruption::interrupt() noexcept {
  std::lock_guard const lock(mutex_);
  if (interrupted_) return;
  interrupted_ = true;
  ::eventfd_write(descriptor_, 1);
  if (connection_ != nullptr) connection_->interrupt();
}

bool Interruption::is_interrupted() const {
  std::lock_guard const lock(mutex_);
  return interrupted_;
}

bool Interruption::sleep_for(std::chrono::milliseconds duration) const {
  auto const end = std::chrono::steady_clock::now() + duration;
  for (;;) {
    auto const left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd interrupted{descriptor_, POLLIN, 0};
    int const count = ::poll(&interrupted, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (count >= 0 || errno != EINTR) return count == 0;
  }
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

}  // namespace postgres
