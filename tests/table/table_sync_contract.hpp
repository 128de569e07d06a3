#pragma once

#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "table/sync_player.hpp"
#include "table/table_changes_contract.hpp"

namespace landfall {

/// What whole syncs do over every TableOperations: the fourth part of the contract.
class TableSyncContract : public TableChangesContract {
 protected:
  static TableSettings settings_for(TableStore& store) {
    TableSettings settings;
    settings.names = store.names();
    if (settings.names.has_schemas) settings.default_schema = "main";
    settings.limits = store.limits();
    return settings;
  }

  std::vector<std::string> final_rows() { return rows(player.names().final_table); }

  static constexpr std::string_view property_of_text = R"({"type":"string"})";

  /// The properties of id, at and name.
  static std::string properties(std::string_view id, std::string_view at, std::string_view name = property_of_text) {
    return fmt::format(R"("id":{},"at":{},"name":{})", id, at, name);
  }

  /// Rows that wait, as a version before notes, and before MetaColumns::deleted, has left them.
  void leave_waiting(std::vector<TableColumn> const& columns, std::string const& of_properties,
                     std::vector<SentRecord> const& sent) {
    TableName const work = player.names().work_table;
    TableSchema const schema = waiting(schema_with(columns));
    run(operations.create(work, schema, {}));
    copy_rows(work, schema, of_properties, sent);
  }

  /// A sync of all streams, one after another, each with one record.
  void sync_all(std::vector<DestinationStream> const& streams, std::string const& value) {
    DestinationCatalog const catalog(streams);
    TableDestination destination(operations, settings_for(*store));
    run(destination.setup(catalog));
    for (auto const& one : catalog.streams()) {
      SCOPED_TRACE(to_string(one->descriptor));
      auto const loader = run(destination.open(*one));
      run(loader->start());
      std::string const field(one->json_schema.parse().at("properties").as_object().begin()->key());
      run(loader->process_records(batch_of({{fmt::format(R"({{"{}":"{}"}})", field, value)}}, one, BatchId(1))));
      run(loader->close(StreamOutcome(StreamEnd::complete, 1)));
    }
    for (auto const& one : catalog.streams()) {
      last_rows[one->descriptor.name] = rows(destination.tables_of(one->descriptor).final_table);
    }
  }

  SyncPlayer player{operations, settings_for(*store)};
  std::map<std::string, Rows> last_rows;  // by stream, after sync_all()
};

// ---- tables that change together ----

TEST_P(TableSyncContract, TablesAreChangedTogetherOrNotAtAll) {
  std::vector<Identifier> const key = {Identifier("value")};
  TableSchema const old_schema = schema_of_value(ColumnType::text, key);
  TableSchema const wanted = schema_of_value(ColumnType::integer, key);
  std::vector<TableAlteration> both;
  for (TableName const& table : {named("one"), named("two")}) {
    run(operations.create(table, old_schema, {}));
    for (std::string_view const value : {R"("1")", R"("01")"}) copy_value(table, ColumnType::text, value);
    both.emplace_back(table, change_between(table, old_schema, wanted), wanted, note_of_value());
  }
  copy_value(named("two"), ColumnType::text, R"("x")");
  EXPECT_THROW(run(operations.alter_all(both)), Error);
  for (TableAlteration const& one : both) {
    auto const found = run(operations.find(one.table));
    EXPECT_EQ(found->schema, old_schema) << to_string(one.table);
    EXPECT_EQ(found->owner, std::nullopt);
  }
  EXPECT_EQ(rows(named("one")), (Rows{"01", "1"}));
  EXPECT_EQ(rows(named("two")), (Rows{"01", "1", "x"}));
  run(operations.drop(named("two")));
  run(operations.create(named("two"), old_schema, {}));
  copy_value(named("two"), ColumnType::text, R"("02")");
  run(operations.alter_all(both));
  for (TableAlteration const& one : both) {
    auto const found = run(operations.find(one.table));
    EXPECT_EQ(found->schema, wanted) << to_string(one.table);
    EXPECT_EQ(found->owner, note_of_value().owner);
  }
  EXPECT_EQ(rows(named("one")), Rows{"1"});
  EXPECT_EQ(rows(named("two")), Rows{"2"});
}

TEST_P(TableSyncContract, OfADecisiveColumnNoValueIsLost) {
  TableName const table = named("t");
  TableSchema const old_schema = schema_of_value(ColumnType::text);
  TableSchema const wanted = schema_of_value(ColumnType::integer);
  run(operations.create(table, old_schema, {}));
  for (std::string_view const value : {R"("1")", R"("x")", "null"}) copy_value(table, ColumnType::text, value);
  SchemaChange change = change_between(table, old_schema, wanted);
  change.decisive = {Identifier("value")};
  EXPECT_THROW(run(operations.alter(table, change, wanted, {})), Error);
  EXPECT_EQ(run(operations.find(table))->schema, old_schema);
  EXPECT_EQ(rows(table), (Rows{"-", "1", "x"}));
  change.decisive.clear();
  run(operations.alter(table, change, wanted, {}));
  EXPECT_EQ(rows(table), (Rows{"-", "-", "1"}));
}

// ---- words of the store ----

// The modes are dealt out to the words: each word in each of them would take a store with many words too long.
TEST_P(TableSyncContract, EveryReservedWordOfTheStoreMayBeAStreamItsKeyAndItsCursor) {
  struct Mode {
    DestinationSyncMode mode;
    std::int64_t minimum_generation;
  };
  constexpr Mode modes[] = {{DestinationSyncMode::append, 0},
                            {DestinationSyncMode::overwrite, 1},
                            {DestinationSyncMode::append_dedup, 0},
                            {DestinationSyncMode::append_dedup, 1}};
  std::set<std::string> words;
  for (std::string const& word : store->reserved_words()) words.insert(in_case(word, false));
  for (std::string const& word : store->names().reserved) words.insert(in_case(word, false));
  std::vector<DestinationStream> streams;
  for (std::string const& lower : words) {
    Mode const& dealt = modes[streams.size() % std::size(modes)];
    std::string const word = in_case(lower, streams.size() / std::size(modes) % 2 == 0);
    DestinationStream& one = streams.emplace_back();
    one.descriptor = StreamDescriptor(word);
    one.json_schema = boost::json::object{{"properties", {{word, {{"type", "string"}}}}}};
    one.primary_key = {{word}};
    one.cursor_field = {word};
    one.destination_sync_mode = dealt.mode;
    one.generation_id = 1;
    one.minimum_generation_id = dealt.minimum_generation;
  }
  sync_all(streams, "a");
  EXPECT_EQ(last_rows.size(), words.size());
  for (auto const& [stream_name, found] : last_rows) EXPECT_EQ(found, Rows{"a"}) << stream_name;
}

// ---- raw data ----

TEST_P(TableSyncContract, WithRawDataAloneAStreamOfAppendDedupFailsAndTheOthersAreLoaded) {
  DestinationStream appended = player.stream;
  appended.descriptor = StreamDescriptor("orders");
  appended.destination_sync_mode = DestinationSyncMode::append;
  DestinationCatalog const catalog({player.stream, appended});
  player.settings.layout = TableLayout::raw;
  TableDestination both(operations, player.settings);
  run(both.setup(catalog));
  auto const refused = run(both.open(*catalog.streams()[0]));
  auto const taken = run(both.open(*catalog.streams()[1]));
  try {
    run(refused->start());
    ADD_FAILURE() << "it was taken";
  } catch (Error const& error) {
    EXPECT_EQ(error.error_class(), ErrorClass::config);
    EXPECT_THAT(error.message(), ::testing::HasSubstr("stream users: append_dedup compares rows by columns, and with "
                                                      "raw data alone there are none: choose append, or typed"));
  }
  run(taken->start());
  run(taken->process_records(batch_of({{R"({"id":1})"}}, catalog.streams()[1], BatchId(1))));
  run(taken->close(StreamOutcome(StreamEnd::complete, 1)));
  EXPECT_FALSE(exists(both.tables_of(player.stream.descriptor).final_table)) << "something of the other was made";
  EXPECT_FALSE(exists(both.tables_of(player.stream.descriptor).work_table));
  EXPECT_EQ(rows(both.tables_of(appended.descriptor).final_table).size(), 1U);
}

// ---- rows that waited when a process ended ----

TEST_P(TableSyncContract, WaitingRowsOfAnEarlierVersionSayByTheirColumnThatTheyWereDeleted) {
  std::string const fields =
      R"("id":{"type":"integer"},"at":{"type":"integer"},"_ab_cdc_deleted_at":{"type":"string"})";
  player.set_fields(fields);
  player.sync({{R"({"id":1,"at":1})"}, {R"({"id":2,"at":1})"}, {R"({"id":3,"at":1})"}, {R"({"id":4,"at":1})"}});
  leave_waiting({TableColumn(Identifier("id"), ColumnType::integer), TableColumn(Identifier("at"), ColumnType::integer),
                 TableColumn(Identifier("_ab_cdc_deleted_at"), ColumnType::text)},
                fields,
                {{R"({"id":1,"at":2,"_ab_cdc_deleted_at":"2024-01-31"})"},
                 {R"({"id":2,"at":2,"_ab_cdc_deleted_at":null})"},
                 {R"({"id":5,"at":2,"_ab_cdc_deleted_at":""})"}});
  player.sync({{R"({"id":3,"at":2,"_ab_cdc_deleted_at":0})"}, {R"({"id":6,"at":1})"}});
  EXPECT_EQ(final_rows(), (Rows{"2 2 -", "4 1 -", "5 2 ", "6 1 -"}));
  EXPECT_FALSE(exists(player.names().work_table));
}

TEST_P(TableSyncContract, WaitingRowsOfAnEarlierVersionGetTheTypesAndColumnsOfToday) {
  player.sync({{R"({"id":1,"at":1,"name":"Ada"})"}, {R"({"id":2,"at":1,"name":"Bob"})"}});
  leave_waiting(
      {TableColumn(Identifier("id"), ColumnType::text), TableColumn(Identifier("at"), ColumnType::json),
       TableColumn(Identifier("name"), ColumnType::integer)},
      properties(property_of(ColumnType::text), property_of(ColumnType::json), property_of(ColumnType::integer)),
      {{R"({"id":"1","at":5,"name":7})"}, {R"({"id":"3","at":1,"name":8})"}, {R"({"id":null,"at":1,"name":9})"}});
  player.sync({{R"({"id":2,"at":2,"name":"Bea"})"}});
  EXPECT_EQ(final_rows(), (Rows{"- 1 9", "1 5 7", "2 2 Bea", "3 1 8"}));
}

/// A waiting row was acknowledged: were a value null by which it is compared, it would be taken for another.
TEST_P(TableSyncContract, WaitingRowsWhoseKeyOrCursorDoesNotFitItsNewTypeFailTheStreamBeforeAnythingIsChanged) {
  struct Case {
    char const* name;
    std::string before, now;  // properties
    std::string done, waits;  // records
    Rows after;               // the type of before has come back
  };
  std::string const text(property_of(ColumnType::text));
  std::string const integer(property_of(ColumnType::integer));
  std::string const date(property_of(ColumnType::date));
  Case const cases[] = {
      {"text keys",
       properties(text, integer),
       properties(integer, integer),
       R"({"id":"01","at":1,"name":"a"})",
       R"({"id":"x","at":1,"name":"b"})",
       {"01 1 a", "x 1 b"}},
      {"integer keys",
       properties(integer, integer),
       properties(date, integer),
       R"({"id":null,"at":1,"name":"a"})",
       R"({"id":7,"at":1,"name":"b"})",
       {"- 1 a", "7 1 b"}},
      {"text cursors",
       properties(integer, text),
       properties(integer, integer),
       R"({"id":1,"at":"1","name":"a"})",
       R"({"id":1,"at":"later","name":"b"})",
       {"1 later b"}},
      {"the key of a row in the final table",
       properties(text, integer),
       properties(integer, integer),
       R"({"id":"x","at":1,"name":"a"})",
       R"({"id":"01","at":1,"name":"b"})",
       {"01 1 b", "x 1 a"}},
  };
  for (Case const& one : cases) {
    SCOPED_TRACE(one.name);
    player.set_fields(one.before);
    player.sync({{one.done}});
    player.begin();
    player.load({{one.waits}});  // the process ends here
    auto const state = [&] {
      std::vector<std::pair<TableSchema, Rows>> tables;
      for (TableName const& table : {player.names().final_table, player.names().work_table}) {
        tables.emplace_back(run(operations.find(table))->schema, rows(table));
      }
      return tables;
    };
    auto const before = state();
    player.set_fields(one.now);
    std::string const message = player.refusal();
    bool const is_of_the_cursor = one.after.size() == 1;
    EXPECT_THAT(message, ::testing::HasSubstr(is_of_the_cursor ? "column at" : "column id"));
    EXPECT_TRUE(state() == before) << "something was changed";
    player.set_fields(one.before);
    player.sync({});
    EXPECT_EQ(final_rows(), one.after);
    run(operations.drop(player.names().final_table));
  }
}

TEST_P(TableSyncContract, WaitingRowsOfAnEarlierVersionWhoseDeletionDoesNotFitItsNewTypeFailTheStream) {
  player.set_fields(R"("id":{"type":"integer"},"at":{"type":"integer"},"_ab_cdc_deleted_at":{"type":"string"})");
  player.sync({{R"({"id":1,"at":1})"}});
  leave_waiting({TableColumn(Identifier("id"), ColumnType::integer), TableColumn(Identifier("at"), ColumnType::integer),
                 TableColumn(Identifier("_ab_cdc_deleted_at"), ColumnType::text)},
                R"("id":{"type":"integer"},"at":{"type":"integer"},"_ab_cdc_deleted_at":{"type":"string"})",
                {{R"({"id":1,"at":2,"_ab_cdc_deleted_at":"soon"})"}});
  player.set_fields(R"("id":{"type":"integer"},"at":{"type":"integer"},"_ab_cdc_deleted_at":{"type":"integer"})");
  EXPECT_THAT(player.refusal(), ::testing::HasSubstr("column _ab_cdc_deleted_at"));
  player.set_fields(R"("id":{"type":"integer"},"at":{"type":"integer"},"_ab_cdc_deleted_at":{"type":"string"})");
  player.sync({});
  EXPECT_EQ(final_rows(), Rows{});
}

}  // namespace landfall
