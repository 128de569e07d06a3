#include <landfall/runtime/block.hpp>

#include <utility>

namespace landfall {

// Not zeroed: the reader writes it all, and touching every page twice costs more than the read.
Block::Block(std::size_t capacity, Reservation reservation)
    : bytes_(std::make_unique_for_overwrite<char[]>(capacity + padding)),
      capacity_(capacity),
      reservation_(std::move(reservation)) {}

std::shared_ptr<Block> Block::sibling(std::size_t capacity, std::size_t extra_bytes) const {
  return std::make_shared<Block>(capacity, reservation_.another(capacity + padding + sizeof(Block) + extra_bytes));
}

}  // namespace landfall
