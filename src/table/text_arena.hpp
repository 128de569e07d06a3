#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace landfall {

/// Memory for the texts that are made of one record: what is taken stays where it is until clear().
///
/// Cost: once it has grown to what a record needs, nothing is allocated. More than `largest_kept` is not kept.
class TextArena {
 public:
  /// At least so many bytes in a row.
  char* take(std::size_t bytes);

  /// Gives back the last of the bytes that were taken last.
  void give_back(std::size_t bytes) noexcept;

  void clear() noexcept;

 private:
  struct Chunk {
    std::unique_ptr<char[]> bytes;
    std::size_t capacity = 0;
  };
  static constexpr std::size_t smallest_chunk = 4 << 10;
  static constexpr std::size_t largest_kept = 1 << 20;

  void add_chunk(std::size_t bytes);

  std::vector<Chunk> chunks_;  // each larger than the one before
  std::size_t used_ = 0;       // of the last one
};

}  // namespace landfall
