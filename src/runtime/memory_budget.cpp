#include <landfall/runtime/memory_budget.hpp>

#include <algorithm>
#include <utility>

#include <landfall/runtime/assert.hpp>

namespace landfall {

Reservation::Reservation(Reservation&& other) noexcept
    : budget_(std::exchange(other.budget_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      lasting_(std::exchange(other.lasting_, false)) {}

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  if (this == &other) return *this;
  release();
  budget_ = std::exchange(other.budget_, nullptr);
  bytes_ = std::exchange(other.bytes_, 0);
  lasting_ = std::exchange(other.lasting_, false);
  return *this;
}

void Reservation::grow(std::uint64_t bytes) noexcept {
  if (!budget_) return;
  budget_->grow(bytes, lasting_ ? bytes : 0);
  bytes_ += bytes;
}

Reservation Reservation::another(std::uint64_t bytes) const noexcept {
  if (!budget_) return Reservation();
  budget_->grow(bytes);
  return Reservation(*budget_, bytes);
}

void Reservation::set_lasting(bool lasting) noexcept {
  if (!budget_ || lasting_ == lasting) return;
  lasting_ = lasting;
  budget_->change_lasting(bytes_, lasting);
}

void Reservation::release() noexcept {
  auto* const budget = std::exchange(budget_, nullptr);
  auto const bytes = std::exchange(bytes_, 0);
  bool const lasting = std::exchange(lasting_, false);
  if (bytes > 0) budget->give_back(bytes, lasting ? bytes : 0);
}

MemoryBudget::MemoryBudget(std::uint64_t capacity_bytes) : capacity_bytes_(capacity_bytes) {}

MemoryBudget::~MemoryBudget() { LANDFALL_ASSERT(reserved_bytes_ == 0); }

awaitable<Reservation> MemoryBudget::reserve(std::uint64_t bytes, std::function<void()> when_it_waits) {
  std::uint64_t ticket = 0;
  {
    std::lock_guard const lock(mutex_);
    if (fits_on_lock(bytes)) {
      take_on_lock(bytes);
      co_return Reservation(*this, bytes);
    }
    ticket = ++last_ticket_;
    queue_.emplace(ticket, bytes);
  }
  auto my_turn = [this, ticket] { return is_turn_on_lock(ticket); };
  for (;;) {
    try {
      if (when_it_waits) std::exchange(when_it_waits, nullptr)();
      co_await waiters_.wait(mutex_, my_turn);
    } catch (...) {
      std::lock_guard const lock(mutex_);
      leave_queue_on_lock(ticket);
      throw;
    }
    std::lock_guard const lock(mutex_);
    if (!my_turn()) continue;  // somebody else's wake-up
    take_on_lock(bytes);
    leave_queue_on_lock(ticket);
    co_return Reservation(*this, bytes);
  }
}

std::optional<Reservation> MemoryBudget::try_reserve(std::uint64_t bytes) {
  std::lock_guard const lock(mutex_);
  if (!fits_on_lock(bytes)) return std::nullopt;
  take_on_lock(bytes);
  return Reservation(*this, bytes);
}

bool MemoryBudget::is_waited_for() const {
  std::lock_guard const lock(mutex_);
  return !queue_.empty();
}

std::uint64_t MemoryBudget::reserved_bytes() const {
  std::lock_guard const lock(mutex_);
  return reserved_bytes_;
}

std::uint64_t MemoryBudget::peak_bytes() const {
  std::lock_guard const lock(mutex_);
  return peak_bytes_;
}

// For a newcomer: whoever waits already comes first.
bool MemoryBudget::fits_on_lock(std::uint64_t bytes) const noexcept {
  return bytes == 0 || (queue_.empty() && has_room_on_lock(bytes));
}

bool MemoryBudget::has_room_on_lock(std::uint64_t bytes) const noexcept {
  if (reserved_bytes_ == lasting_bytes_) return true;  // alone, whatever its size
  return reserved_bytes_ <= capacity_bytes_ && bytes <= capacity_bytes_ - reserved_bytes_;
}

bool MemoryBudget::is_turn_on_lock(std::uint64_t ticket) const noexcept {
  LANDFALL_ASSERT(!queue_.empty());
  auto const& [first, bytes] = *queue_.begin();
  return first == ticket && has_room_on_lock(bytes);
}

// Served or cancelled: those behind look again.
void MemoryBudget::leave_queue_on_lock(std::uint64_t ticket) noexcept {
  queue_.erase(ticket);
  serve_first_on_lock();
}

void MemoryBudget::serve_first_on_lock() noexcept {
  if (!queue_.empty() && has_room_on_lock(queue_.begin()->second)) waiters_.wake_all();
}

void MemoryBudget::take_on_lock(std::uint64_t bytes) noexcept {
  reserved_bytes_ += bytes;
  peak_bytes_ = std::max(peak_bytes_, reserved_bytes_);
}

void MemoryBudget::give_back(std::uint64_t bytes, std::uint64_t lasting_bytes) noexcept {
  std::lock_guard const lock(mutex_);
  LANDFALL_ASSERT(bytes <= reserved_bytes_);
  LANDFALL_ASSERT(lasting_bytes <= lasting_bytes_);
  reserved_bytes_ -= bytes;
  lasting_bytes_ -= lasting_bytes;
  serve_first_on_lock();
}

void MemoryBudget::grow(std::uint64_t bytes, std::uint64_t lasting_bytes) noexcept {
  std::lock_guard const lock(mutex_);
  take_on_lock(bytes);
  lasting_bytes_ += lasting_bytes;
}

void MemoryBudget::change_lasting(std::uint64_t bytes, bool lasting) noexcept {
  std::lock_guard const lock(mutex_);
  LANDFALL_ASSERT(lasting || bytes <= lasting_bytes_);
  lasting_bytes_ = lasting ? lasting_bytes_ + bytes : lasting_bytes_ - bytes;
  LANDFALL_ASSERT(lasting_bytes_ <= reserved_bytes_);
  serve_first_on_lock();
}

}  // namespace landfall
