#pragma once

#include <string>
#include <string_view>

#include "table/fit.hpp"
#include "table/object_walker.hpp"
#include "table/text_arena.hpp"

namespace landfall {

/// The changes of one row, as JSON: first those of the source, then ours.
class Changes {
 public:
  /// Takes those of the source from the record's `meta`, which may be empty. Forgets the row before.
  /// Errors: Error(system) when it is broken.
  void begin_row(std::string_view meta);

  /// What was done to a value. Asserts that something was.
  void add(std::string_view quoted_field, Fit fit);

  /// A JSON array. Lies in the meta where nothing was added to it.
  std::string_view json() const noexcept;

 private:
  std::string_view array_of_source(std::string_view meta);

  ObjectWalker walker_;
  std::string padded_meta_;
  TextArena arena_;          // for keys
  std::string_view source_;  // an array, or empty
  std::string added_;        // empty, or an array of all
};

}  // namespace landfall
