#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

#include "child.hpp"
#include "exact_json.hpp"

namespace acceptance {

/// A line of stdout, read as the platform reads it.
struct Message {
  std::string type;
  json::object payload;  ///< of the member that belongs to the type
};

/// Errors: std::runtime_error which says why the platform would drop this line.
Message read_message(std::string_view line);

/// A STATE as it was sent.
struct SentState {
  std::size_t sent_at = 0;  ///< how much must have been sent before it can come back
  std::string scope;        ///< STREAM: its stream; otherwise all
  json::object state;
  std::int64_t record_count = 0;  ///< since the STATE before it in its scope
  bool came_back = false;
};

/// The STATEs of an input, and which of them came back.
///
/// Rules held, whatever a case expects: only what was sent comes back, and not before it was sent; unchanged but for
/// statistics; once; in the order of its scope, none left out; with the count of the records it stands behind.
class StateBook {
 public:
  explicit StateBook(std::vector<std::string> const& input_lines);

  /// A STATE that was printed. Which rule it breaks; empty when none.
  std::string check(json::object const& printed, std::size_t sent_bytes);

  std::vector<SentState> const& states() const { return states_; }
  std::size_t count_back() const { return count_back_; }

 private:
  std::vector<SentState> states_;
  std::size_t count_back_ = 0;
};

}  // namespace acceptance
