#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "table/table_values_contract.hpp"

namespace landfall {

/// What every TableOperations must do with a table that changes: the third part of the contract.
class TableChangesContract : public TableValuesContract {
 protected:
  static constexpr std::string_view property_of(ColumnType type) {
    switch (type) {
      case ColumnType::text:
        return R"({"type":"string"})";
      case ColumnType::boolean:
        return R"({"type":"boolean"})";
      case ColumnType::integer:
        return R"({"type":"integer"})";
      case ColumnType::number:
        return R"({"type":"number"})";
      case ColumnType::date:
        return R"({"type":"string","format":"date"})";
      case ColumnType::time:
        return time_without_zone;
      case ColumnType::time_with_timezone:
        return time_with_zone;
      case ColumnType::timestamp:
        return without_zone;
      case ColumnType::timestamp_with_timezone:
        return with_zone;
      case ColumnType::json:
        return "{}";
    }
    return "{}";
  }

  static TableSchema schema_of_value(ColumnType type, std::vector<Identifier> key = {}) {
    return schema_with({TableColumn(Identifier("value"), type)}, std::move(key));
  }

  static TableNote note_of_value() {
    TableNote note = note_of_users();
    note.fields = {{Identifier("value"), "Value"}};
    return note;
  }

  void copy_value(TableName const& table, ColumnType type, std::string_view value) {
    copy_rows(table, schema_of_value(type), fmt::format(R"("value":{})", property_of(type)),
              {{fmt::format(R"({{"value":{}}})", value)}});
  }

  void retype(TableName const& table, TableSchema const& wanted) {
    TableSchema const actual = run(operations.find(table))->schema;
    run(operations.alter(table, change_between(table, actual, wanted), wanted, note_of_value()));
  }
};

// ---- types ----

struct RetypedValue {
  ColumnType from;
  std::string_view value;
  ColumnType to;
  bool is_kept;
};

inline constexpr RetypedValue retyped_values[] = {
    {ColumnType::text, R"("1.5")", ColumnType::number, true},
    {ColumnType::text, R"("01234")", ColumnType::integer, true},
    {ColumnType::text, R"("1.0")", ColumnType::integer, true},
    {ColumnType::text, R"("x")", ColumnType::integer, false},
    {ColumnType::text, R"("18446744073709551616")", ColumnType::integer, false},
    {ColumnType::text, R"("true")", ColumnType::boolean, true},
    {ColumnType::text, R"("maybe")", ColumnType::boolean, false},
    {ColumnType::text, R"("2024-01-31")", ColumnType::date, true},
    {ColumnType::text, R"("later")", ColumnType::date, false},
    {ColumnType::text, R"("10:00:00")", ColumnType::time, true},
    {ColumnType::text, R"("10:00:00Z")", ColumnType::time_with_timezone, true},
    {ColumnType::text, R"("2024-01-31T10:00:00")", ColumnType::timestamp, true},
    {ColumnType::text, R"("2024-01-31T10:00:00+02:00")", ColumnType::timestamp_with_timezone, true},
    {ColumnType::text, R"("later")", ColumnType::timestamp_with_timezone, false},
    {ColumnType::text, R"("x")", ColumnType::json, true},
    {ColumnType::boolean, "true", ColumnType::text, true},
    {ColumnType::boolean, "true", ColumnType::json, true},
    {ColumnType::boolean, "true", ColumnType::integer, false},
    {ColumnType::integer, "12", ColumnType::text, true},
    {ColumnType::integer, "12", ColumnType::number, true},
    {ColumnType::integer, "12", ColumnType::json, true},
    {ColumnType::integer, "12", ColumnType::date, false},
    {ColumnType::number, "1.0", ColumnType::integer, true},
    {ColumnType::number, "1.5", ColumnType::integer, false},
    {ColumnType::number, "1e30", ColumnType::integer, false},
    {ColumnType::number, "1.5", ColumnType::text, true},
    {ColumnType::date, R"("2024-01-31")", ColumnType::timestamp, true},
    {ColumnType::date, R"("2024-01-31")", ColumnType::timestamp_with_timezone, true},
    {ColumnType::date, R"("2024-01-31")", ColumnType::text, true},
    {ColumnType::date, R"("2024-01-31")", ColumnType::time, false},
    {ColumnType::time, R"("10:00:00")", ColumnType::time_with_timezone, true},
    {ColumnType::time_with_timezone, R"("10:00:00Z")", ColumnType::time, true},
    {ColumnType::timestamp, R"("2024-01-31T10:00:00")", ColumnType::timestamp_with_timezone, true},
    {ColumnType::timestamp, R"("2024-01-31T10:00:00")", ColumnType::date, true},
    {ColumnType::timestamp_with_timezone, R"("2024-01-31T10:00:00Z")", ColumnType::timestamp, true},
    {ColumnType::timestamp_with_timezone, R"("2024-01-31T10:00:00Z")", ColumnType::date, true},
    {ColumnType::timestamp_with_timezone, R"("2024-01-31T10:00:00Z")", ColumnType::time, true},
    {ColumnType::timestamp_with_timezone, R"("2024-01-31T10:00:00Z")", ColumnType::json, true},
    {ColumnType::json, R"("x")", ColumnType::text, true},
    {ColumnType::json, R"({"a":1})", ColumnType::text, true},
    {ColumnType::json, "12", ColumnType::integer, true},
    {ColumnType::json, "[1]", ColumnType::integer, false},
    {ColumnType::json, "true", ColumnType::boolean, true},
    {ColumnType::json, R"("2024-01-31")", ColumnType::date, true},
};

/// A value that is kept is the one that a new record with it would have; one that is lost has an entry in `changes`.
TEST_P(TableChangesContract, AColumnOfAnotherTypeKeepsWhatFitsAndSaysWhatDoesNot) {
  for (RetypedValue const& row : retyped_values) {
    SCOPED_TRACE(fmt::format("{} {} to {}", to_string(row.from), row.value, to_string(row.to)));
    TableName const table = named("t");
    run(operations.create(table, schema_of_value(row.from), note_of_value()));
    copy_value(table, row.from, row.value);
    copy_value(table, row.from, "null");
    retype(table, schema_of_value(row.to));
    EXPECT_TRUE(change_between(table, run(operations.find(table))->schema, schema_of_value(row.to)).empty());
    auto const all = rows(table);
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(std::ranges::count(all, "-"), row.is_kept ? 1 : 2) << all[0] << " and " << all[1];
    auto const metas = store->metas(table);
    auto const says = [](std::string const& meta) { return meta.find("NULLED") != std::string::npos; };
    EXPECT_EQ(std::ranges::count_if(metas, says), row.is_kept ? 0 : 1) << metas[0] << metas[1];
    if (!row.is_kept) {
      EXPECT_THAT(metas, ::testing::Contains(::testing::ContainsRegex(R"("field": ?"Value")")));
    }
    run(operations.drop(table));
  }
}

TEST_P(TableChangesContract, TypesThatGoThereAndBackKeepWhatFits) {
  constexpr std::pair<ColumnType, std::string_view> values[] = {
      {ColumnType::integer, "12"},
      {ColumnType::number, "1.5"},
      {ColumnType::boolean, "true"},
      {ColumnType::date, R"("2024-01-31")"},
      {ColumnType::time, R"("10:00:00.5")"},
      {ColumnType::timestamp, R"("2024-01-31T10:00:00.5")"},
      {ColumnType::timestamp_with_timezone, R"("2024-01-31T10:00:00Z")"},
  };
  for (auto const& [type, value] : values) {
    for (ColumnType const between : {ColumnType::text, ColumnType::json}) {
      SCOPED_TRACE(fmt::format("{} by {}", value, to_string(between)));
      TableName const table = named("t");
      run(operations.create(table, schema_of_value(type), note_of_value()));
      copy_value(table, type, value);
      auto const before = rows(table);
      retype(table, schema_of_value(between));
      retype(table, schema_of_value(type));
      EXPECT_EQ(rows(table), before);
      run(operations.drop(table));
    }
  }
}

TEST_P(TableChangesContract, AKeyThatCannotBeReadAsItsNewTypeFailsBeforeAnythingIsChanged) {
  TableName const table = named("t");
  TableSchema const old_schema = schema_of_value(ColumnType::text, {Identifier("value")});
  run(operations.create(table, old_schema, note_of_value()));
  for (std::string_view const value : {R"("1")", R"("x")", R"("y")", "null"})
    copy_value(table, ColumnType::text, value);
  try {
    retype(table, schema_of_value(ColumnType::integer, {Identifier("value")}));
    FAIL() << "two values are no integers";
  } catch (Error const& error) {
    EXPECT_EQ(error.error_class(), ErrorClass::config);
    for (char const* const part : {"value", "2 ", "text", "integer"}) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr(part));
    }
  }
  EXPECT_EQ(run(operations.find(table))->schema, old_schema);
  EXPECT_EQ(rows(table), (Rows{"-", "1", "x", "y"}));
}

// ---- columns that nobody wants ----

TEST_P(TableChangesContract, AReplacedRowKeepsTheValuesOfFieldsThatLeft) {
  TableSchema without_name = usual_schema({Identifier("id")});
  without_name.columns.pop_back();
  TableName const to = make("to", {Identifier("id")});
  copy(to, {{R"({"id":1,"at":1,"name":"kept"})"}, {R"({"id":2,"at":1,"name":"kept, too"})"}});
  create(named("from"), waiting(without_name));
  copy_rows(named("from"), waiting(without_name), R"("id":{"type":"integer"},"at":{"type":"integer"})",
            {{R"({"id":1,"at":2})"}, {R"({"id":3,"at":1})"}});
  run(operations.upsert(named("from"), to, without_name, rule(), TableOperations::Source::is_dropped));
  EXPECT_EQ(rows(to), (Rows{"1 2 kept", "2 1 kept, too", "3 1 -"}));
}

TEST_P(TableChangesContract, ATableThatTakesAnothersPlaceGetsItsColumns) {
  TableSchema without_name = usual_schema({Identifier("id")});
  without_name.columns.pop_back();
  run(operations.create(named("users"), usual_schema({Identifier("id")}), note_of_users()));
  copy(named("users"), {{R"({"id":1,"at":1,"name":"gone"})"}});
  TableNote new_note = note_of_users();
  new_note.fields = {{Identifier("id"), "id"}};
  run(operations.create(named("swap"), without_name, new_note));
  copy_rows(named("swap"), without_name, R"("id":{"type":"integer"},"at":{"type":"integer"})",
            {{R"({"id":2,"at":1})"}});
  run(operations.replace(named("users"), named("swap"), std::nullopt));
  EXPECT_EQ(rows(named("users")), Rows{"2 1 -"});
  auto const found = run(operations.find(named("users")));
  EXPECT_EQ(found->schema, usual_schema({Identifier("id")}));
  EXPECT_EQ(found->fields, (std::map<Identifier, std::string>{{Identifier("id"), "id"}, {Identifier("at"), "at"}}));
}

// ---- rows that meet others ----

/// What a store may do beyond that, where a field changes while rows wait for it, or is in a key.
class TableMeetingContract : public TableChangesContract {};

TEST_P(TableMeetingContract, KeysThatBecomeEqualLeaveTheNewestRow) {
  TableName const table = named("t");
  std::vector<Identifier> const key = {Identifier("value")};
  run(operations.create(table, schema_of_value(ColumnType::text, key), note_of_value()));
  for (std::string_view const value : {R"("1")", R"("01")", R"("2")", R"("2")", "null", "null"}) {
    copy_value(table, ColumnType::text, value);
  }
  retype(table, schema_of_value(ColumnType::integer, key));
  EXPECT_EQ(rows(table), (Rows{"-", "-", "1", "2", "2"})) << "doubles from before stay";
}

TEST_P(TableMeetingContract, OfKeysThatBecomeEqualTheCursorDecidesWhichRowIsNewest) {
  constexpr std::string_view properties = R"("value":{"type":"string"},"at":{})";
  auto const schema_of_types = [](ColumnType of_value, ColumnType of_cursor) {
    return schema_with({TableColumn(Identifier("value"), of_value), TableColumn(Identifier("at"), of_cursor)},
                       {Identifier("value")});
  };
  for (ColumnType const cursor : {ColumnType::json, ColumnType::text}) {
    SCOPED_TRACE(to_string(cursor));
    TableName const table = named("t");
    TableSchema const old_schema = schema_of_types(ColumnType::text, ColumnType::json);
    run(operations.create(table, old_schema, note_of_value()));
    copy_rows(table, old_schema, std::string(properties), {{R"({"value":"1","at":"b"})"}});
    copy_rows(table, old_schema, std::string(properties), {{R"({"value":"01","at":"a"})"}});
    copy_rows(table, old_schema, std::string(properties), {{R"({"value":"001"})"}});
    TableSchema const wanted = schema_of_types(ColumnType::integer, cursor);
    SchemaChange change = change_between(table, run(operations.find(table))->schema, wanted);
    change.cursor = Identifier("at");
    run(operations.alter(table, std::move(change), wanted, note_of_value()));
    ASSERT_EQ(rows(table).size(), 1U);
    EXPECT_THAT(rows(table)[0], ::testing::HasSubstr("b"));
    run(operations.drop(table));
  }
}

// What such a row does not say it does not take away, neither from an older one that waits nor from the one in `to`.
TEST_P(TableMeetingContract, ARowWithoutAFieldThatLeftKeepsTheValueOfTheOneBefore) {
  TableSchema without_name = usual_schema({Identifier("id")});
  without_name.columns.pop_back();
  TableName const to = make("to", {Identifier("id")});
  copy(to,
       {{R"({"id":1,"at":1,"name":"old"})"}, {R"({"id":2,"at":1,"name":"old"})"}, {R"({"id":3,"at":9,"name":"old"})"}});
  TableName const from = make_waiting("from");
  copy(from, {{R"({"id":1,"at":2})"},
              {R"({"id":2,"at":2,"name":"waits"})"},
              {R"({"id":2,"at":3})"},
              {R"({"id":3,"at":8,"name":"waits"})"},
              {R"({"id":4,"at":1,"name":"waits"})"},
              {R"({"id":4,"at":3})"},
              {R"({"id":4,"at":2})"}});
  run(operations.upsert(from, to, without_name, rule(), TableOperations::Source::is_dropped));
  EXPECT_EQ(rows(to), (Rows{"1 2 old", "2 3 waits", "3 9 old", "4 3 waits"}));
}

TEST_P(TableMeetingContract, WaitingRowsKeepTheValuesOfFieldsThatLeft) {
  TableSchema without_name = usual_schema();
  without_name.columns.pop_back();
  for (bool const is_merged : {false, true}) {
    SCOPED_TRACE(is_merged);
    create(named("to"), without_name);
    make_waiting("from");
    copy(named("from"), {{R"({"id":1,"at":1,"name":"waits"})"}});
    if (is_merged) {
      run(operations.upsert(named("from"), named("to"), without_name, rule(), TableOperations::Source::is_dropped));
    } else {
      run(operations.move_rows(named("from"), named("to"), without_name));
    }
    EXPECT_EQ(rows(named("to")), Rows{"1 1 waits"});
    run(operations.drop(named("to")));
  }
}

}  // namespace landfall
