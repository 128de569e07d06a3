#include <landfall/runtime/assert.hpp>

#include <cstdio>
#include <cstdlib>

namespace landfall {

void assertion_failed(char const* condition, char const* file, int line) noexcept {
  std::fprintf(stderr, "landfall: assertion failed: %s, at %s:%d\n", condition, file, line);
  std::fflush(stderr);
  std::abort();
}

}  // namespace landfall
