#include <landfall/destination/batch.hpp>
#include <landfall/runtime/assert.hpp>

namespace landfall {

std::string_view to_string(BatchState state) noexcept {
  switch (state) {
    case BatchState::processed:
      return "processed";
    case BatchState::staged:
      return "staged";
    case BatchState::loaded:
      return "loaded";
    case BatchState::persisted:
      return "persisted";
    case BatchState::complete:
      return "complete";
  }
  assertion_failed("a BatchState beyond its last value", __FILE__, __LINE__);
  return {};
}

}  // namespace landfall
