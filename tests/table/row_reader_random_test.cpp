#include <landfall/table/row_reader.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <landfall/runtime/error.hpp>

#include "cells.hpp"
#include "record_text.hpp"

namespace landfall {
namespace {

namespace json = boost::json;
using Random = std::mt19937;

std::size_t below(Random& random, std::size_t end) { return random() % end; }
bool one_in(Random& random, std::size_t count) { return below(random, count) == 0; }

template <class T, std::size_t size>
T const& pick(T const (&list)[size], Random& random) {
  return list[below(random, size)];
}

// ---- random records ----

constexpr std::string_view plain_names[] = {"id", "name", "né", "a b", "", "x", "xy", "long name of a field"};
constexpr std::string_view escaped_names[] = {
    R"(i\u0064)", R"(n\u0061me)", R"(n\u00e9)", R"(a\u0020b)",
    "",           R"(\u0078)",    R"(x\u0079)", R"(long name of a f\u0069eld)"};
constexpr std::string_view strings[] = {
    "",    "abc",  R"(\n)", R"(\u00e9\ud83d\udce6)", R"(\"\\)", "12",        "-7.50",
    "1e3", "true", "null",  R"(a\u0000b)",           "}],{[",   "2024-01-31"};
constexpr std::string_view numbers[] = {
    "0", "7", "-12", "1.5", "-0.25", "2.0", "-3.000", "1e2", "5E-1", "120e-1", "9007199254740991", "2147483648"};

std::string value_text(Random& random, int depth) {
  switch (below(random, depth > 0 ? 8 : 6)) {
    case 0:
      return "null";
    case 1:
      return one_in(random, 2) ? "true" : "false";
    case 2:
    case 3:
      return std::string(pick(numbers, random));
    case 4:
    case 5:
      return fmt::format("\"{}\"", pick(strings, random));
    case 6: {
      std::string text = "[";
      for (std::size_t i = below(random, 4); i > 0; --i) {
        text += value_text(random, depth - 1);
        text += i > 1 ? " ," : "";
      }
      return text + "]";
    }
    default: {
      std::string text = "{";
      for (std::size_t i = below(random, 4); i > 0; --i) {
        text += fmt::format("\"{}\" : {}", pick(strings, random), value_text(random, depth - 1));
        text += i > 1 ? "," : "";
      }
      return text + "}";
    }
  }
}

std::string record_text(Random& random) {
  std::string text = "{";
  std::size_t const size = std::size(plain_names);
  std::size_t name = below(random, size);
  for (std::size_t i = below(random, 10); i > 0; --i) {
    if (text.size() > 1) text += one_in(random, 5) ? " ,\n" : ",";
    text += one_in(random, 8) ? fmt::format("\"{}\"", escaped_names[name]) : fmt::format("\"{}\"", plain_names[name]);
    text += one_in(random, 5) ? " : " : ":";
    text += value_text(random, 3);
    name = one_in(random, 3) ? below(random, size) : (name + 1) % size;
  }
  return text + "}";
}

std::vector<Field> random_fields(Random& random) {
  constexpr AirbyteKind kinds[] = {AirbyteKind::string, AirbyteKind::boolean, AirbyteKind::integer,
                                   AirbyteKind::number, AirbyteKind::object,  AirbyteKind::date};
  std::vector<Field> fields;
  for (std::string_view const name : plain_names) {
    if (!one_in(random, 4)) fields.emplace_back(std::string(name), AirbyteType(pick(kinds, random)));
  }
  return fields;
}

// ---- the model: the same of a parsed record, where numbers are doubles; those above are small enough ----

std::optional<double> number_of(json::value const& value) {
  if (value.is_number()) return value.to_number<double>();
  if (!value.is_string()) return std::nullopt;
  json::error_code code;
  json::value const parsed = json::parse(value.get_string(), code);
  if (code || !parsed.is_number()) return std::nullopt;
  return parsed.to_number<double>();
}

void expect_integer(Cell const& cell, json::value const& value) {
  std::optional<double> const number = number_of(value);
  bool const is_whole = number && static_cast<double>(static_cast<std::int64_t>(*number)) == *number;
  ASSERT_EQ(cell.kind, is_whole ? Cell::Kind::integer : Cell::Kind::null);
  if (!is_whole) return;
  EXPECT_EQ(cell.integer, static_cast<std::int64_t>(*number));
  EXPECT_EQ(cell.text, std::to_string(cell.integer));
}

void expect_number(Cell const& cell, json::value const& value) {
  std::optional<double> const number = number_of(value);
  ASSERT_EQ(cell.kind, number ? Cell::Kind::number : Cell::Kind::null);
  if (!number) return;
  EXPECT_EQ(json::parse(cell.text).to_number<double>(), *number);
  EXPECT_EQ(cell.text.find_first_not_of("-.0123456789"), std::string_view::npos);
}

void expect_text(Cell const& cell, json::value const& value) {
  ASSERT_EQ(cell.kind, Cell::Kind::text);
  if (value.is_string()) {
    EXPECT_EQ(cell.text, std::string_view(value.get_string()));
  } else {
    EXPECT_EQ(json::parse(cell.text), value);
  }
}

void expect_date(Cell const& cell, json::value const& value) {
  bool const is_date = value.is_string() && value.get_string() == "2024-01-31";
  EXPECT_EQ(shown(cell), is_date ? "moment 2024-01-31" : "null");
}

void expect_cell(Cell const& cell, AirbyteKind kind, json::value const* value) {
  if (value == nullptr || value->is_null()) {
    EXPECT_EQ(shown(cell), "null");
    return;
  }
  switch (kind) {
    case AirbyteKind::string:
      return expect_text(cell, *value);
    case AirbyteKind::boolean:
      EXPECT_EQ(shown(cell), value->is_bool() ? json::serialize(*value) : "null");
      return;
    case AirbyteKind::integer:
      return expect_integer(cell, *value);
    case AirbyteKind::number:
      return expect_number(cell, *value);
    case AirbyteKind::date:
      return expect_date(cell, *value);
    default:
      ASSERT_EQ(cell.kind, Cell::Kind::json);
      EXPECT_EQ(json::parse(cell.text), *value);
  }
}

/// Names of the fields that had a value and have none now.
std::vector<std::string> nulled(std::vector<Field> const& fields, Row const& row, json::object const& record) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    json::value const* const value = record.if_contains(fields[i].name);
    bool const had_one = value != nullptr && !value->is_null();
    if (had_one && row.cells[i].kind == Cell::Kind::null) names.push_back(fields[i].name);
  }
  return names;
}

std::vector<std::string> names_in(std::string_view changes) {
  std::vector<std::string> names;
  json::value const list = json::parse(changes);
  for (json::value const& change : list.as_array()) names.emplace_back(change.at("field").as_string());
  return names;
}

TEST(RowReader, RandomRecordsAreReadAsAParserReadsThem) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    Random random(seed);
    std::vector<Field> const fields = random_fields(random);
    RowReader reader(fields, ValueLimits());
    for (int round = 0; round < 50; ++round) {
      std::string const data = record_text(random);
      SCOPED_TRACE(fmt::format("seed {}, round {}: {}", seed, round, data));
      RecordText const text(data);
      Row const& row = reader.read(text.record());
      json::value const parsed = json::parse(data);
      json::object const& record = parsed.get_object();
      for (std::size_t i = 0; i < fields.size(); ++i) {
        SCOPED_TRACE(fields[i].name);
        expect_cell(row.cells[i], fields[i].type.kind(), record.if_contains(fields[i].name));
      }
      EXPECT_EQ(names_in(row.changes), nulled(fields, row, record));
      if (testing::Test::HasFailure()) return;
    }
  }
}

// ---- broken records ----

std::vector<Field> fields_of_all_types() {
  constexpr AirbyteKind kinds[] = {AirbyteKind::string,
                                   AirbyteKind::boolean,
                                   AirbyteKind::integer,
                                   AirbyteKind::number,
                                   AirbyteKind::date,
                                   AirbyteKind::time_with_timezone,
                                   AirbyteKind::time_without_timezone,
                                   AirbyteKind::timestamp_with_timezone,
                                   AirbyteKind::timestamp_without_timezone,
                                   AirbyteKind::array,
                                   AirbyteKind::object,
                                   AirbyteKind::unknown};
  std::vector<Field> fields;
  for (AirbyteKind const kind : kinds) fields.emplace_back(std::string(to_string(kind)), AirbyteType(kind));
  return fields;
}

constexpr std::string_view whole_record =
    R"({"string":"a\n\u00e9\ud83d\udce6","boolean":true,"integer":-9223372036854775808,"number":1.25e-7,)"
    R"("date":"2024-02-29 BC","time_with_timezone":"23:59:60.123456789+05:30","time_without_timezone":"12:34",)"
    R"("timestamp_with_timezone":"2024/12/31 24:00:00Z","timestamp_without_timezone":"2024-01-31T12:34:56.789",)"
    R"("array":[1,[2,{"a":"]"}]],"object":{"b":{"c":null}},"unknown":false,"oth\u0065r":[{}]})";
constexpr std::string_view whole_meta = R"({"changes":[{"field":"x","change":"NULLED","reason":"y"}],"a":"\n"})";

void mutate(std::string& text, Random& random) {
  constexpr std::string_view bytes = "{}[]\",:\\u0e-+.tfnZ 19\xff";
  for (std::size_t count = 1 + below(random, 3); count > 0 && !text.empty(); --count) {
    std::size_t const place = below(random, text.size());
    std::size_t const size = 1 + below(random, 20);
    switch (below(random, 6)) {
      case 0:
        text[place] = bytes[below(random, bytes.size())];
        break;
      case 1:
        text[place] = static_cast<char>(below(random, 256));
        break;
      case 2:
        text.insert(place, 1, bytes[below(random, bytes.size())]);
        break;
      case 3:
        text.erase(place, size);
        break;
      case 4:
        text.insert(below(random, text.size()), text.substr(place, size));
        break;
      default:
        text.resize(place);
        break;
    }
  }
}

/// Reads every byte that was handed out, so that the address sanitizer sees each.
std::uint64_t sum_of(Row const& row) {
  std::uint64_t sum = 0;
  for (Cell const& cell : row.cells) {
    for (char const byte : cell.text) sum += static_cast<unsigned char>(byte);
  }
  for (char const byte : row.changes) sum += static_cast<unsigned char>(byte);
  return sum;
}

TEST(RowReader, BrokenRecordsAreReadWithinTheirBounds) {
  constexpr int rounds = 100'000;
  std::vector<Field> const fields = fields_of_all_types();
  ValueLimits limits;
  limits.number_digits = 38;
  limits.number_scale = 9;
  limits.json_takes_nul = false;
  RowReader reader(fields, limits);
  int errors = 0;
  std::uint64_t sum = 0;
  for (unsigned seed = 1; seed <= rounds; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Random random(seed);
    std::string data(whole_record);
    std::string meta(whole_meta);
    mutate(data, random);
    if (one_in(random, 4)) mutate(meta, random);
    RecordText const text(data, meta);
    try {
      sum += sum_of(reader.read(text.record()));
    } catch (Error const& error) {
      ASSERT_EQ(error.error_class(), ErrorClass::system);
      ++errors;
    }
  }
  // Both have been seen: what is broken, and what is only other.
  EXPECT_GT(errors, rounds / 20);
  EXPECT_LT(errors, rounds - rounds / 20);
  EXPECT_GT(sum, 0u);
}

TEST(RowReader, ARecordThatIsCutOffAnywhereIsAnError) {
  RowReader reader(fields_of_all_types(), ValueLimits());
  for (std::size_t size = 0; size < whole_record.size(); ++size) {
    RecordText const text(whole_record.substr(0, size));
    EXPECT_THROW(reader.read(text.record()), Error) << size;
  }
  RecordText const whole(whole_record);
  EXPECT_EQ(shown(reader.read(whole.record()).cells.back()), "json false");
}

}  // namespace
}  // namespace landfall
