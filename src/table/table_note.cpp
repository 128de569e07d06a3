#include <landfall/table/table_note.hpp>

#include <cstdint>
#include <exception>
#include <new>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <landfall/runtime/error.hpp>

#include "table/unicode.hpp"

namespace landfall {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

/// A string where the bytes are UTF-8. Others cannot stand in JSON: they are an object with their digits.
boost::json::value json_of(std::string_view bytes) {
  if (is_utf8(bytes)) return boost::json::string(bytes);
  std::string digits;
  for (char const byte : bytes) {
    auto const value = static_cast<std::uint8_t>(byte);
    digits += hex_digits[value >> 4];
    digits += hex_digits[value & 15];
  }
  return boost::json::object{{"bytes", digits}};
}

std::string bytes_of(boost::json::value const& value) {
  if (value.is_string()) return std::string(value.get_string());
  std::string bytes;
  boost::json::string const& digits = value.as_object().at("bytes").as_string();
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    auto const high = hex_digits.find(digits[i]);
    auto const low = hex_digits.find(digits[i + 1]);
    bytes += static_cast<char>((high << 4 | low) & 0xff);
  }
  return bytes;
}

void read_owner(TableNote& note, boost::json::object const& owner) {
  note.owner.name = bytes_of(owner.at("stream"));
  boost::json::value const& name_space = owner.at("namespace");
  if (!name_space.is_null()) note.owner.name_space = bytes_of(name_space);
  note.name_space = bytes_of(owner.at("schema"));
}

void read_fields(TableNote& note, boost::json::array const& fields) {
  for (boost::json::value const& entry : fields) {
    boost::json::array const& pair = entry.as_array();
    note.fields.emplace(Identifier(bytes_of(pair.at(0))), bytes_of(pair.at(1)));
  }
}

}  // namespace

std::string owner_text(TableNote const& note) {
  boost::json::value const name_space = note.owner.name_space ? json_of(*note.owner.name_space) : nullptr;
  boost::json::object const owner{
      {"namespace", name_space}, {"stream", json_of(note.owner.name)}, {"schema", json_of(note.name_space)}};
  return boost::json::serialize(owner);
}

std::string fields_text(TableNote const& note) {
  boost::json::array fields;
  for (auto const& [column, field] : note.fields) {
    fields.push_back(boost::json::array{json_of(column.text()), json_of(field)});
  }
  return boost::json::serialize(fields);
}

TableNote note_of(TableName final_table, std::string_view owner, std::string_view fields) {
  TableNote note;
  note.final_table = std::move(final_table);
  try {
    read_owner(note, boost::json::parse(owner).as_object());
    if (!fields.empty()) read_fields(note, boost::json::parse(fields).as_array());
  } catch (std::bad_alloc const&) {
    throw;
  } catch (std::exception const& error) {
    throw config_error(
        "the note of the table {} in _landfall_owners cannot be read ({}): delete it, and its stream "
        "takes the table over by its name",
        to_string(note.final_table), error.what());
  }
  return note;
}

}  // namespace landfall
