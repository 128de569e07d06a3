#include <landfall/destination/outcome.hpp>
#include <landfall/runtime/assert.hpp>

namespace landfall {

std::string_view to_string(StreamEnd end) noexcept {
  switch (end) {
    case StreamEnd::complete:
      return "complete";
    case StreamEnd::incomplete:
      return "incomplete";
    case StreamEnd::failed:
      return "failed";
  }
  assertion_failed("a StreamEnd beyond its last value", __FILE__, __LINE__);
  return {};
}

}  // namespace landfall
