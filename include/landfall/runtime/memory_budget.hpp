#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>

#include <landfall/runtime/awaitable.hpp>
#include <landfall/runtime/wait_list.hpp>

namespace landfall {

class MemoryBudget;

/// Bytes taken from a MemoryBudget; gives them back when it is destroyed. Move-only: they cannot be freed twice.
class Reservation {
 public:
  Reservation() = default;
  Reservation(Reservation&& other) noexcept;
  Reservation& operator=(Reservation&& other) noexcept;
  ~Reservation() { release(); }

  std::uint64_t bytes() const noexcept { return bytes_; }

  /// Takes more without waiting, also beyond the capacity: for what belongs to bytes that are held already.
  /// Does nothing where no budget is behind it: default-constructed, moved from, or released.
  void grow(std::uint64_t bytes) noexcept;

  /// Another one of the same budget, taken as by grow().
  Reservation another(std::uint64_t bytes) const noexcept;

  /// Whether the bytes stay whatever is read or loaded meanwhile: then nobody waits for them to go.
  void set_lasting(bool lasting) noexcept;

  /// Gives the bytes back now. Again, it does nothing.
  void release() noexcept;

 private:
  friend class MemoryBudget;
  Reservation(MemoryBudget& budget, std::uint64_t bytes) : budget_(&budget), bytes_(bytes) {}
  MemoryBudget* budget_ = nullptr;
  std::uint64_t bytes_ = 0;
  bool lasting_ = false;
};

/// The one byte budget of a sync: whatever holds records reserves its bytes here first.
///
/// Units:     bytes really allocated, block headers included.
/// Threads:   any; a waiter resumes on its own executor.
/// Lifetime:  outlives every Reservation (the destructor checks it).
/// Invariant: reserve() never takes more than is free, except alone: a request that will never fit is let through when
///            nothing else is held, or only what lasts.
/// Source:    base design, reservation manager (1.9), behaviours 109-114; W6 (no spinning), W7 (no double release).
class MemoryBudget {
 public:
  explicit MemoryBudget(std::uint64_t capacity_bytes);
  MemoryBudget(MemoryBudget const&) = delete;
  MemoryBudget& operator=(MemoryBudget const&) = delete;
  ~MemoryBudget();

  /// Waits until `bytes` fit. In order of arrival: a large request is never overtaken. 0 bytes never wait.
  /// `when_it_waits`: called once it stands in the line, if it has to; may be null.
  /// Errors: boost::system::system_error(operation_aborted) when cancelled.
  awaitable<Reservation> reserve(std::uint64_t bytes, std::function<void()> when_it_waits = nullptr);

  /// The same for those who would rather do without than wait: nothing when reserve() would wait.
  std::optional<Reservation> try_reserve(std::uint64_t bytes);

  /// True while a reserve() waits.
  bool is_waited_for() const;

  std::uint64_t capacity_bytes() const noexcept { return capacity_bytes_; }
  std::uint64_t reserved_bytes() const;
  std::uint64_t peak_bytes() const;

 private:
  friend class Reservation;
  bool fits_on_lock(std::uint64_t bytes) const noexcept;
  bool has_room_on_lock(std::uint64_t bytes) const noexcept;
  bool is_turn_on_lock(std::uint64_t ticket) const noexcept;
  void leave_queue_on_lock(std::uint64_t ticket) noexcept;
  void take_on_lock(std::uint64_t bytes) noexcept;
  void give_back(std::uint64_t bytes, std::uint64_t lasting_bytes) noexcept;
  void grow(std::uint64_t bytes, std::uint64_t lasting_bytes = 0) noexcept;
  void change_lasting(std::uint64_t bytes, bool lasting) noexcept;
  void serve_first_on_lock() noexcept;

  mutable std::mutex mutex_;
  std::uint64_t const capacity_bytes_;
  std::uint64_t reserved_bytes_ = 0;
  std::uint64_t lasting_bytes_ = 0;  // of the reserved ones
  std::uint64_t peak_bytes_ = 0;
  std::uint64_t last_ticket_ = 0;
  std::map<std::uint64_t, std::uint64_t> queue_;  // ticket -> bytes, of the requests that wait; the first is served
  WaitList waiters_;
};

}  // namespace landfall
