#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <landfall/runtime/memory_budget.hpp>

namespace landfall {

/// Input bytes that many slices share: read once, copied never, freed with the last reference.
///
/// Shape:    capacity() writable bytes, then `padding` more that may be read (their content does not matter).
/// Threads:  written by the reader alone, before it is shared; afterwards read by any.
/// Lifetime: its reservation is given back with the bytes.
class Block {
 public:
  /// Bytes that a parser may read past the last byte of content (simdjson's padding).
  static constexpr std::size_t padding = 64;

  Block(std::size_t capacity, Reservation reservation);

  char* data() noexcept { return bytes_.get(); }
  char const* data() const noexcept { return bytes_.get(); }
  std::size_t capacity() const noexcept { return capacity_; }

  /// A block of exactly this capacity whose bytes, and `extra_bytes` that live as long, are taken from the same budget
  /// without waiting: for a copy of what this one holds.
  std::shared_ptr<Block> sibling(std::size_t capacity, std::size_t extra_bytes) const;

  /// Bytes of the same budget, taken without waiting, that may be kept longer: for what is made of the content.
  Reservation reserve(std::uint64_t bytes) const noexcept { return reservation_.another(bytes); }

  /// See Reservation::set_lasting(). By one thread at a time, which holds the block.
  void set_lasting(bool lasting) noexcept { reservation_.set_lasting(lasting); }

  /// Accounts for more memory that lives as long as the block (tables of slices into it).
  void account(std::size_t bytes) noexcept { reservation_.grow(bytes); }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_;
  Reservation reservation_;
};

}  // namespace landfall
