#include <landfall/runtime/block.hpp>

#include <utility>

namespace landfall {

// Not zeroed: the reader writes it all, and touching every page twice costs more than the read.
Block::Block(std::size_t capacity, Reservation reservation)
    : bytes_(std::make_unique_for_overwrite<char[]>(capacity + padding)),
      capacity_(capacity),
      reservation_(std::move(reservation)) {}

}  // namespace landfall
