#include <landfall/destination/load_step.hpp>
#include <landfall/runtime/assert.hpp>

namespace landfall {

std::size_t LoadStep::partition(StepInput const& input, std::size_t workers) const {
  LANDFALL_ASSERT(workers > 0);
  // Unsigned all the way: the absolute value of a signed hash may be negative (base design, W32).
  std::size_t const hash = std::hash<StreamDescriptor>{}(input.records.stream().descriptor);
  return hash % workers;
}

}  // namespace landfall
