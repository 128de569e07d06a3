#pragma once

#include "connector/fd_sink.hpp"

namespace landfall {

/// What is said when there is no memory left to say anything else.
///
/// While it lives an allocation (operator new) for which there is no memory prints a TRACE "out of memory" on `sink`,
/// takes no memory for it, and ends the process with code 1, as a kill would: nothing more is acknowledged. It does not
/// throw first: what is in the middle of something would be taken apart while others use it, since not even a coroutine
/// can be resumed without memory. The same for a std::bad_alloc that ends in std::terminate().
///
/// Lifetime: one at a time in a process; the sink outlives it.
class LastWords {
 public:
  explicit LastWords(FdSink& sink) noexcept;
  LastWords(LastWords const&) = delete;
  LastWords& operator=(LastWords const&) = delete;
  ~LastWords();
};

}  // namespace landfall
