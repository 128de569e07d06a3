#pragma once

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "table/table_operations_contract.hpp"

namespace landfall {

/// What every TableOperations must do with values and names that are not usual: the second part of the contract.
class TableValuesContract : public TableOperationsContract {
 protected:
  void create(TableName const& table, TableSchema const& schema) { run(operations.create(table, schema, {})); }

  void alter(TableName const& table, TableSchema const& wanted) {
    TableSchema const actual = run(operations.find(table))->schema;
    run(operations.alter(table, change_between(table, actual, wanted), wanted, {}));
  }

  static TableSchema waiting(TableSchema schema) {
    schema.primary_key.clear();
    schema.columns.emplace_back(Identifier(std::string(MetaColumns::read_order)), ColumnType::integer);
    return schema;
  }

  /// Rows of a stream with these properties, each a type of JSON schema by its field.
  void copy_rows(TableName const& table, TableSchema const& schema, std::string const& properties,
                 std::vector<SentRecord> const& sent) {
    DestinationStream of_values = stream;
    of_values.json_schema = boost::json::parse(fmt::format(R"({{"properties":{{{}}}}})", properties)).as_object();
    bool const waits = schema.find(Identifier(std::string(MetaColumns::read_order))) != nullptr;
    CopyIn rows;
    rows.table = table;
    rows.schema = std::make_shared<TableSchema const>(schema);
    rows.rows = std::make_shared<TableRows>(of_values, TableLayout::typed, ValueLimits(),
                                            waits ? std::optional<std::int64_t>(0) : std::nullopt);
    rows.records = batch_of(sent, std::make_shared<DestinationStream const>(of_values), BatchId(1), 0);
    rows.mark = BatchMark("main.users", "run", ++last_batch);
    run(operations.copy_in(std::move(rows)));
  }

  static UpsertRule rule_of(std::string const& key, std::string const& cursor) {
    UpsertRule made;
    made.primary_key = {Identifier(key)};
    if (!cursor.empty()) made.cursor = Identifier(cursor);
    return made;
  }
};

// ---- cursors ----

/// Each is less than the next, but for the last two, which are equal.
inline std::vector<std::string> const& cursors_in_order() {
  static std::vector<std::string> const cursors = {"null",
                                                   "-10",
                                                   "-9.5",
                                                   "0",
                                                   "9",
                                                   "10",
                                                   "1.05e1",
                                                   "9007199254740993",
                                                   "9007199254740994",
                                                   R"("")",
                                                   R"("10")",
                                                   R"("9")",
                                                   R"("B")",
                                                   R"("\u0061")",
                                                   "\"\xc3\xa9\"",
                                                   "false",
                                                   "true",
                                                   R"({"a":9})",
                                                   "[1]"};
  return cursors;
}

TEST_P(TableValuesContract, CursorsOfSeveralTypesAreComparedByValue) {
  auto const& cursors = cursors_in_order();
  std::string const properties = R"("id":{"type":"integer"},"at":{},"name":{"type":"string"})";
  TableSchema const schema =
      schema_with({TableColumn(Identifier("id"), ColumnType::integer), TableColumn(Identifier("at"), ColumnType::json),
                   TableColumn(Identifier("name"), ColumnType::text)},
                  {Identifier("id")});
  std::vector<SentRecord> old_rows, new_rows;
  for (std::size_t a = 0; a < cursors.size(); ++a) {
    for (std::size_t b = 0; b < cursors.size(); ++b) {
      std::size_t const id = a * cursors.size() + b;
      old_rows.push_back({fmt::format(R"({{"id":{},"at":{},"name":"old"}})", id, cursors[a])});
      new_rows.push_back({fmt::format(R"({{"id":{},"at":{},"name":"new"}})", id, cursors[b])});
    }
  }
  create(named("to"), schema);
  create(named("from"), waiting(schema));
  copy_rows(named("to"), schema, properties, old_rows);
  copy_rows(named("from"), waiting(schema), properties, new_rows);
  run(operations.upsert(named("from"), named("to"), schema, rule_of("id", "at"), TableOperations::Source::is_dropped));
  auto const all = rows(named("to"));
  EXPECT_EQ(all.size(), old_rows.size());
  for (std::string const& row : all) {
    std::size_t const id = std::stoul(row);
    std::size_t const a = id / cursors.size(), b = id % cursors.size();
    bool const is_equal = a == b || std::min(a, b) + 2 == cursors.size();
    EXPECT_EQ(row.ends_with("new"), b > a || is_equal) << cursors[a] << ", then " << cursors[b] << ": " << row;
  }
}

// ---- keys ----

struct EqualKeys {
  char const* name;
  ColumnType type;
  std::string_view property;
  std::string_view first, second;
};

inline constexpr std::string_view with_zone = R"({"type":"string","format":"date-time"})";
inline constexpr std::string_view without_zone =
    R"({"type":"string","format":"date-time","airbyte_type":"timestamp_without_timezone"})";
inline constexpr std::string_view time_without_zone =
    R"({"type":"string","format":"time","airbyte_type":"time_without_timezone"})";
inline constexpr std::string_view time_with_zone =
    R"({"type":"string","format":"time","airbyte_type":"time_with_timezone"})";

inline constexpr EqualKeys equal_keys[] = {
    {"Z and an offset of zero", ColumnType::timestamp_with_timezone, with_zone, R"("2024-01-01T00:00:00Z")",
     R"("2024-01-01T00:00:00+00:00")"},
    {"another zone", ColumnType::timestamp_with_timezone, with_zone, R"("2024-01-01T00:00:00Z")",
     R"("2024-01-01T02:00:00.000+02:00")"},
    {"no seconds", ColumnType::timestamp_with_timezone, with_zone, R"("2024-01-01T00:00Z")",
     R"("2024-01-01 00:00:00.00+0000")"},
    {"a fraction", ColumnType::timestamp_with_timezone, with_zone, R"("2024-01-01T00:00:00.5Z")",
     R"("2024-01-01T00:00:00.500Z")"},
    {"without a zone", ColumnType::timestamp, without_zone, R"("2024-01-01T00:00:00.50")",
     R"("2024-01-01T00:00:00.5")"},
    {"without a zone or seconds", ColumnType::timestamp, without_zone, R"("2024-01-01T00:00")",
     R"("2024-01-01T00:00:00.000")"},
    {"a time", ColumnType::time, time_without_zone, R"("10:00:00.50")", R"("10:00:00.5")"},
    {"a time without seconds", ColumnType::time, time_without_zone, R"("10:00")", R"("10:00:00")"},
    {"a time with a zone", ColumnType::time_with_timezone, time_with_zone, R"("10:00:00.0Z")", R"("10:00:00+00:00")"},
    {"a date", ColumnType::date, R"({"type":"string","format":"date"})", R"("2024-01-31")", R"("2024/1/31")"},
    {"a number", ColumnType::number, R"({"type":"number"})", "1.50", "15e-1"},
    {"minus zero", ColumnType::number, R"({"type":"number"})", "0", "-0.0"},
    {"an integer", ColumnType::integer, R"({"type":"integer"})", "1", R"("01.0")"},
    {"an escape", ColumnType::text, R"({"type":"string"})", R"("A")", R"("\u0041")"},
    {"a number in JSON", ColumnType::json, "{}", "1", "1.0"},
    {"an exponent in JSON", ColumnType::json, "{}", "100", "1e2"},
    {"an escape in JSON", ColumnType::json, "{}", R"("A")", R"("\u0041")"},
    {"an object in JSON", ColumnType::json, "{}", R"({"a":1,"b":[1,2]})", R"({ "b" : [1, 2.0], "a": 1 })"},
};

TEST_P(TableValuesContract, AKeyInAnotherSpellingIsTheSameKey) {
  for (EqualKeys const& row : equal_keys) {
    SCOPED_TRACE(row.name);
    TableSchema const schema =
        schema_with({TableColumn(Identifier("key"), row.type), TableColumn(Identifier("v"), ColumnType::integer)},
                    {Identifier("key")});
    std::string const properties = fmt::format(R"("key":{},"v":{{"type":"integer"}})", row.property);
    create(named("to"), schema);
    for (int sync = 1; sync <= 4; ++sync) {
      create(named("from"), waiting(schema));
      auto const record = [&](std::string_view key, int v) {
        return SentRecord{fmt::format(R"({{"key":{},"v":{}}})", key, v), sync};
      };
      copy_rows(named("from"), waiting(schema), properties,
                {record(row.first, sync), record(sync % 2 == 0 ? row.first : row.second, 10 * sync)});
      run(operations.upsert(named("from"), named("to"), schema, rule_of("key", "v"),
                            TableOperations::Source::is_dropped));
      auto const all = rows(named("to"));
      ASSERT_EQ(all.size(), 1U);
      EXPECT_TRUE(all[0].ends_with(fmt::format(" {}", 10 * sync))) << all[0];
    }
    run(operations.drop(named("to")));
  }
}

// ---- names ----

inline std::string in_case(std::string word, bool is_upper) {
  for (char& byte : word) {
    auto const letter = static_cast<unsigned char>(byte);
    byte = static_cast<char>(is_upper ? std::toupper(letter) : std::tolower(letter));
  }
  return word;
}

TEST_P(TableValuesContract, EveryWordOfTheStoreMayBeAColumnAKeyAndACursor) {
  std::vector<TableColumn> columns, retyped;
  std::string properties, record;
  std::vector<std::string> words = store->words();
  ASSERT_FALSE(words.empty());
  for (std::size_t i = 0; i < words.size(); ++i) {
    words[i] = in_case(words[i], i % 2 == 0);
    columns.emplace_back(Identifier(words[i]), ColumnType::text);
    retyped.emplace_back(Identifier(words[i]), ColumnType::json);
    properties += fmt::format(R"({}"{}":{{"type":"string"}})", properties.empty() ? "" : ",", words[i]);
    record += fmt::format(R"({}"{}":"x")", record.empty() ? "" : ",", words[i]);
  }
  TableSchema const schema = schema_with(columns);
  create(named("to"), schema);
  create(named("from"), waiting(schema));
  copy_rows(named("from"), waiting(schema), properties, {{"{" + record + "}"}});
  for (std::string const& word : words) {
    SCOPED_TRACE(word);
    run(operations.upsert(named("from"), named("to"), schema, rule_of(word, word), TableOperations::Source::stays));
    EXPECT_EQ(rows(named("to")).size(), 1U);
  }
  TableSchema const wanted = schema_with(retyped);
  alter(named("to"), wanted);
  EXPECT_TRUE(change_between(named("to"), run(operations.find(named("to")))->schema, wanted).empty());
  EXPECT_EQ(rows(named("to"))[0].find('-'), std::string::npos);
}

TEST_P(TableValuesContract, EveryWordOfTheStoreMayBeATable) {
  for (std::string const& word : store->words()) {
    SCOPED_TRACE(word);
    TableName const table = named(in_case(word, word.size() % 2 == 0));
    TableSchema const schema = schema_with({TableColumn(Identifier(table.table), ColumnType::text)});
    create(table, schema);
    run(operations.replace(named("users"), table, std::nullopt));
    EXPECT_FALSE(exists(table));
    run(operations.replace(table, named("users"), std::nullopt));
    EXPECT_EQ(run(operations.find(table))->schema, schema);
    run(operations.drop(table));
  }
}

}  // namespace landfall
