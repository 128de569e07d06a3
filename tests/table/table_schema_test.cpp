#include <landfall/table/table_schema.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

#include <landfall/runtime/error.hpp>

namespace landfall {
namespace {

struct TableSchemaTest : ::testing::Test {
  TableSchemaTest() {
    stream.descriptor = StreamDescriptor("users");
    stream.json_schema = boost::json::parse(R"({"properties":{"id":{"type":"integer"},"Name":{"type":"string"},
      "tags":{"type":"array"},"at":{"type":"string","format":"date-time"}}})")
                             .as_object();
    for (std::string const name : {"id", "Name", "tags", "at"}) names.columns.emplace(name, Identifier("c_" + name));
  }

  static std::string text_of(TableSchema const& schema) {
    std::string text;
    for (TableColumn const& column : schema.columns) {
      text += column.name.text() + " " + std::string(to_string(column.type)) + (column.nullable ? "" : "!") + "\n";
    }
    for (Identifier const& name : schema.primary_key) text += "key " + name.text() + "\n";
    return text;
  }

  static std::string text_of(SchemaChange const& change) {
    std::string text;
    for (auto const& column : change.added) text += "+" + column.name.text() + " ";
    for (auto const& column : change.retired) text += "-" + column.name.text() + " ";
    for (auto const& [from, to] : change.retyped) {
      text += from.name.text() + ":" + std::string(to_string(from.type)) + ">" + std::string(to_string(to.type)) + " ";
    }
    for (auto const& [from, to] : change.renullable) text += to.name.text() + (to.nullable ? "? " : "! ");
    return text + (change.key_changes ? "key" : "");
  }

  template <class Function>
  static std::string config_error_of(Function const& function) {
    try {
      function();
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::config);
      return error.message();
    }
    return "no error";
  }

  SchemaChange change(TableSchema const& actual, TableSchema const& wanted) {
    return change_between(TableName(Identifier("main"), Identifier("users")), actual, wanted);
  }

  DestinationStream stream;
  StreamTables names;
};

TEST_F(TableSchemaTest, MetaColumnsComeFirstAndEachFieldHasItsColumn) {
  EXPECT_EQ(text_of(schema_of(stream, names, TableLayout::typed)),
            "_airbyte_raw_id text!\n_airbyte_extracted_at timestamp_with_timezone!\n_airbyte_meta json!\n"
            "_airbyte_generation_id integer\nc_id integer\nc_Name text\nc_tags json\nc_at timestamp_with_timezone\n");
}

TEST_F(TableSchemaTest, InTheRawLayoutAllFieldsAreOneColumn) {
  EXPECT_TRUE(text_of(schema_of(stream, names, TableLayout::raw))
                  .ends_with("_airbyte_generation_id integer\n_airbyte_data json\n"));
}

TEST_F(TableSchemaTest, AStreamWithoutFieldsHasMetaColumnsAlone) {
  stream.json_schema = JsonSchema();
  EXPECT_EQ(schema_of(stream, names, TableLayout::typed).columns.size(), 4U);
}

TEST_F(TableSchemaTest, OnlyDedupHasAKey) {
  stream.primary_key = {{"Name"}, {"id"}};
  EXPECT_TRUE(schema_of(stream, names, TableLayout::typed).primary_key.empty());
  stream.destination_sync_mode = DestinationSyncMode::append_dedup;
  EXPECT_TRUE(text_of(schema_of(stream, names, TableLayout::typed)).ends_with("key c_Name\nkey c_id\n"));
}

TEST_F(TableSchemaTest, AKeyOrCursorThatIsNoColumnIsRefused) {
  stream.destination_sync_mode = DestinationSyncMode::append_dedup;
  auto const error = [this] { return config_error_of([this] { schema_of(stream, names, TableLayout::typed); }); };
  EXPECT_NE(error().find("stream users: append_dedup needs a primary key"), std::string::npos) << error();
  stream.primary_key = {{"id"}, {"nested", "id"}};
  EXPECT_NE(error().find("primary key 'nested.id'"), std::string::npos) << error();
  stream.primary_key = {{"gone"}};
  EXPECT_NE(error().find("primary key 'gone'"), std::string::npos) << error();
  stream.primary_key = {{"id"}};
  stream.cursor_field = {"gone"};
  EXPECT_NE(error().find("cursor 'gone'"), std::string::npos) << error();
}

TEST_F(TableSchemaTest, WithoutColumnsNothingCanBeCompared) {
  stream.destination_sync_mode = DestinationSyncMode::append_dedup;
  stream.primary_key = {{"id"}};
  std::string const error = config_error_of([this] { schema_of(stream, names, TableLayout::raw); });
  EXPECT_NE(error.find("stream users: append_dedup compares rows by columns"), std::string::npos) << error;
}

TEST_F(TableSchemaTest, TheSameSchemaNeedsNoChange) {
  TableSchema const schema = schema_of(stream, names, TableLayout::typed);
  EXPECT_TRUE(change(schema, schema).empty());
  TableSchema in_another_order = schema;
  std::ranges::reverse(in_another_order.columns);
  EXPECT_TRUE(change(in_another_order, schema).empty());
}

TEST_F(TableSchemaTest, EveryKindOfChangeIsTold) {
  TableSchema const wanted = schema_of(stream, names, TableLayout::typed);
  TableSchema actual = wanted;
  actual.columns[0].nullable = true;                                       // _airbyte_raw_id
  actual.columns[4].type = ColumnType::text;                               // c_id
  actual.columns[6] = TableColumn(Identifier("c_old"), ColumnType::json);  // instead of c_tags
  actual.columns[7].type = ColumnType::date;                               // c_at
  actual.columns.emplace_back(Identifier("_landfall_read_order"), ColumnType::integer);
  actual.primary_key = {Identifier("c_old")};
  EXPECT_EQ(text_of(change(actual, wanted)),
            "+c_tags -_landfall_read_order c_id:text>integer c_at:date>timestamp_with_timezone _airbyte_raw_id! key");
}

TEST_F(TableSchemaTest, AColumnThatNoFieldHasIsKeptWhateverItsType) {
  TableSchema const wanted = schema_of(stream, names, TableLayout::typed);
  for (ColumnType const type : {ColumnType::text, ColumnType::boolean, ColumnType::integer, ColumnType::number,
                                ColumnType::date, ColumnType::time, ColumnType::time_with_timezone,
                                ColumnType::timestamp, ColumnType::timestamp_with_timezone, ColumnType::json}) {
    TableSchema actual = wanted;
    actual.columns.emplace_back(Identifier("theirs"), type);
    EXPECT_TRUE(change(actual, wanted).empty()) << to_string(type);
  }
}

TEST_F(TableSchemaTest, ANotNullThatSomebodyElseHasSetIsLeftAlone) {
  TableSchema const wanted = schema_of(stream, names, TableLayout::typed);
  TableSchema actual = wanted;
  actual.columns[3].nullable = false;  // _airbyte_generation_id
  actual.columns[5].nullable = false;  // c_Name
  EXPECT_TRUE(change(actual, wanted).empty());
  actual.columns[5].type = ColumnType::integer;
  SchemaChange const retyping = change(actual, wanted);
  EXPECT_EQ(text_of(retyping), "c_Name:integer>text ");
  EXPECT_FALSE(retyping.retyped.front().to.nullable);
}

TEST_F(TableSchemaTest, AColumnThatSomebodyElseHasAddedIsLeftAlone) {
  TableSchema const wanted = schema_of(stream, names, TableLayout::typed);
  TableSchema actual = wanted;
  actual.columns.emplace_back(Identifier("geo"), ColumnType::text);
  actual.columns.back().foreign_type = "geometry";
  EXPECT_TRUE(change(actual, wanted).empty());
}

TEST_F(TableSchemaTest, ATableThatIsNotOursIsRefusedAndNamed) {
  TableSchema const wanted = schema_of(stream, names, TableLayout::typed);
  struct Case {
    char const* name;
    void (*spoil)(TableSchema&);
    char const* expected;
  };
  Case const rows[] = {
      {"no meta column", [](TableSchema& s) { s.columns.erase(s.columns.begin()); },
       "main.users is no table of this destination: its column _airbyte_raw_id is missing"},
      {"a meta column of another type", [](TableSchema& s) { s.columns[2].type = ColumnType::text; },
       "its column _airbyte_meta is text, not json"},
      {"a meta column of a foreign type", [](TableSchema& s) { s.columns[3].foreign_type = "money"; },
       "its column _airbyte_generation_id is money"},
      {"a column of a foreign type", [](TableSchema& s) { s.columns[5].foreign_type = "point"; },
       "main.users: the column c_Name is point"},
  };
  for (Case const& row : rows) {
    SCOPED_TRACE(row.name);
    TableSchema actual = wanted;
    row.spoil(actual);
    std::string const error = config_error_of([&] { change(actual, wanted); });
    EXPECT_NE(error.find(row.expected), std::string::npos) << error;
  }
}

}  // namespace
}  // namespace landfall
