#include "sql_functions.hpp"

#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include <landfall/table/json_order.hpp>
#include <landfall/table/one_spelling.hpp>
#include <landfall/table/stored_value.hpp>

#include "sqlite_tables.hpp"
#include "text_order.hpp"

namespace sqlite {

using landfall::Cell;
using landfall::ColumnType;

namespace {

// ---- values ----

bool is_null(sqlite3_value* value) noexcept { return sqlite3_value_type(value) == SQLITE_NULL; }

std::string_view text_of(sqlite3_value* value) noexcept {
  auto const* const text = reinterpret_cast<char const*>(sqlite3_value_text(value));
  if (text == nullptr) return std::string_view();
  return std::string_view(text, static_cast<std::size_t>(sqlite3_value_bytes(value)));
}

ColumnType type_of(sqlite3_value* value) noexcept { return static_cast<ColumnType>(sqlite3_value_int(value)); }

/// As Cell spells it.
std::string_view stored_text(sqlite3_value* value, ColumnType type) noexcept {
  bool const is_number = sqlite3_value_type(value) == SQLITE_INTEGER;
  if (type == ColumnType::boolean && is_number) return sqlite3_value_int64(value) != 0 ? "true" : "false";
  return text_of(value);
}

void give(sqlite3_context* context, std::string_view text) {
  sqlite3_result_text64(context, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

void give(sqlite3_context* context, Cell const& cell, ColumnType type) {
  switch (cell.kind) {
    case Cell::Kind::null:
      return sqlite3_result_null(context);
    case Cell::Kind::boolean:
    case Cell::Kind::integer:
      return sqlite3_result_int64(context, cell.integer);
    case Cell::Kind::number:
    case Cell::Kind::moment: {
      std::string buffer;
      return give(context, landfall::one_spelling(type, cell.text, buffer));
    }
    case Cell::Kind::text:
    case Cell::Kind::json:
      return give(context, cell.text);
  }
}

// ---- functions ----

landfall::StoredValueReader& reader_of(sqlite3_context* context) {
  return *static_cast<landfall::StoredValueReader*>(sqlite3_user_data(context));
}

landfall::Conversion converted(sqlite3_context* context, sqlite3_value* value, ColumnType from, ColumnType to) {
  return reader_of(context).read(from, to, stored_text(value, from));
}

void convert(sqlite3_context* context, sqlite3_value** arguments) {
  if (is_null(arguments[0])) return sqlite3_result_null(context);
  ColumnType const to = type_of(arguments[2]);
  give(context, converted(context, arguments[0], type_of(arguments[1]), to).cell, to);
}

void note(sqlite3_context* context, sqlite3_value** arguments) {
  sqlite3_value* const value = arguments[2];
  if (is_null(value)) return sqlite3_result_value(context, arguments[0]);
  auto const made = converted(context, value, type_of(arguments[3]), type_of(arguments[4]));
  if (made.is_whole()) return sqlite3_result_value(context, arguments[0]);
  give(context, landfall::meta_with_change(text_of(arguments[0]), text_of(arguments[1]), made, value_limits()));
}

void spell(sqlite3_context* context, sqlite3_value** arguments) {
  if (sqlite3_value_type(arguments[0]) != SQLITE_TEXT) return sqlite3_result_value(context, arguments[0]);
  std::string buffer;
  give(context, landfall::one_spelling(type_of(arguments[1]), text_of(arguments[0]), buffer));
}

using Function = void (*)(sqlite3_context*, sqlite3_value**);

/// Nothing may be thrown through SQLite.
template <Function function>
void call(sqlite3_context* context, int, sqlite3_value** arguments) noexcept {
  try {
    function(context, arguments);
  } catch (std::bad_alloc const&) {
    sqlite3_result_error_nomem(context);
  } catch (std::exception const& error) {
    sqlite3_result_error(context, error.what(), -1);
  }
}

/// Each has a reader of its own: it is freed with the function.
template <Function function>
int add_function(sqlite3* database, char const* name, int argument_count) {
  auto reader = std::make_unique<landfall::StoredValueReader>(value_limits());
  auto const free_reader = [](void* owned) { delete static_cast<landfall::StoredValueReader*>(owned); };
  return sqlite3_create_function_v2(database, name, argument_count, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                    reader.release(), &call<function>, nullptr, nullptr, free_reader);
}

// ---- collations ----

using Compare = int (*)(std::string_view, std::string_view);

int compare_json(std::string_view a, std::string_view b) { return landfall::compare_json(a, b); }

template <Compare compare>
int collate(void*, int size_a, void const* a, int size_b, void const* b) noexcept {
  return compare({static_cast<char const*>(a), static_cast<std::size_t>(size_a)},
                 {static_cast<char const*>(b), static_cast<std::size_t>(size_b)});
}

template <Compare compare>
int add_collation(sqlite3* database, char const* name) {
  return sqlite3_create_collation_v2(database, name, SQLITE_UTF8, nullptr, &collate<compare>, nullptr);
}

}  // namespace

int add_functions(sqlite3* database) {
  for (int const code :
       {add_function<convert>(database, "_landfall_convert", 3), add_function<note>(database, "_landfall_note", 5),
        add_function<spell>(database, "_landfall_spelled", 2),
        add_collation<compare_numbers>(database, "_landfall_number"),
        add_collation<compare_moments>(database, "_landfall_moment"),
        add_collation<compare_json>(database, "_landfall_json")}) {
    if (code != SQLITE_OK) return code;
  }
  return SQLITE_OK;
}

}  // namespace sqlite
