#pragma once

#include <exception>
#include <new>

namespace landfall {

/// Runs a change of several steps that nobody can go on with when only some of them are done. Memory that is missing in
/// the middle of it ends the process by std::terminate() (a connector says so in a TRACE first): nothing that rests on
/// half a change may be acknowledged.
///
/// Result: what `change` returns; its other exceptions pass.
template <class Change>
decltype(auto) whole_or_never(Change&& change) {
  try {
    return change();
  } catch (std::bad_alloc const&) {
    std::terminate();
  }
}

}  // namespace landfall
