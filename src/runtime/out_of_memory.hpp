#pragma once

#include <exception>
#include <new>

namespace landfall {

/// Whether this is a std::bad_alloc. Null is none.
inline bool is_out_of_memory(std::exception_ptr const& failure) noexcept {
  if (!failure) return false;
  try {
    std::rethrow_exception(failure);
  } catch (std::bad_alloc const&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace landfall
