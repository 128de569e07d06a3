#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <landfall/table/row_reader.hpp>

#include "table/fit.hpp"
#include "table/object_walker.hpp"
#include "table/text_arena.hpp"

namespace landfall {

/// The changes of one row, as JSON: first those of the source, then ours.
class Changes {
 public:
  /// `limits`: what the store cannot have in JSON is replaced, see held_json().
  explicit Changes(ValueLimits limits = ValueLimits()) : limits_(limits) {}

  /// Takes those of the source from the record's `meta`, which may be empty. Forgets the row before.
  /// Errors: Error(system) when it is broken.
  void begin_row(std::string_view meta);

  /// What was done to a value. Asserts that something was.
  void add(std::string_view quoted_field, Fit fit);

  /// The fields of which the source's own changes say that a character was altered on the way: as we write it, see
  /// Fit::altered. None, and no cost, where there are no such changes.
  std::vector<std::string> altered_by_destination() const;

  /// A JSON array. Lies in the meta where nothing was added to it, or replaced.
  std::string_view json() const noexcept;

 private:
  std::string_view array_of_source(std::string_view meta);

  ObjectWalker walker_;
  std::string padded_meta_;
  TextArena arena_;  // for keys
  ValueLimits limits_;
  std::string held_source_;
  std::string held_field_;
  std::string_view source_;  // an array, or empty
  std::string added_;        // empty, or an array of all
};

}  // namespace landfall
