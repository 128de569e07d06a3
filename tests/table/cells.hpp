#pragma once

#include <string>
#include <string_view>

#include <landfall/table/row_reader.hpp>

#include "table/fit.hpp"

namespace landfall {

/// "null", "integer 12", "text abc": for tables of expectations.
inline std::string shown(Cell const& cell) {
  std::string const text(cell.text);
  switch (cell.kind) {
    case Cell::Kind::null:
      return "null" + text;
    case Cell::Kind::text:
      return "text " + text;
    case Cell::Kind::boolean:
      return cell.integer == 1 ? "true" : "false";
    case Cell::Kind::integer:
      return std::to_string(cell.integer) == text ? "integer " + text
                                                  : std::to_string(cell.integer) + " is not " + text;
    case Cell::Kind::number:
      return "number " + text;
    case Cell::Kind::moment:
      return "moment " + text;
    case Cell::Kind::json:
      return "json " + text;
  }
  return "invalid";
}

inline std::string_view to_string(Fit fit) {
  switch (fit) {
    case Fit::whole:
      return "whole";
    case Fit::cut:
      return "cut";
    case Fit::altered:
      return "altered";
    case Fit::ambiguous:
      return "ambiguous";
    case Fit::too_large:
      return "too large";
    case Fit::no_such_value:
      return "no such value";
  }
  return "invalid";
}

/// True when the cell's text is a part of `whole`: it was not copied.
inline bool lies_in(Cell const& cell, std::string_view whole) {
  return cell.text.data() >= whole.data() && cell.text.data() + cell.text.size() <= whole.data() + whole.size();
}

}  // namespace landfall
