#pragma once

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

#include <landfall/runtime/error.hpp>
#include <landfall/table/table_operations.hpp>
#include <landfall/testing/simulation.hpp>

#include "table/record_batches.hpp"

namespace landfall {

/// An empty store for a test, and a look into it.
class TableStore {
 public:
  virtual ~TableStore() = default;
  virtual TableOperations& operations() = 0;

  /// As its destination has them.
  virtual NameRules names() { return NameRules(); }
  virtual ValueLimits limits() { return ValueLimits(); }

  /// The rows of a table, each as the text of its columns behind the meta columns: "1 20 Ada", "-" for null. In any
  /// order.
  virtual std::vector<std::string> rows(TableName const& table) = 0;

  /// `_airbyte_meta` of all rows, in any order.
  virtual std::vector<std::string> metas(TableName const& table) = 0;

  /// Those that have a meaning in its SQL, but for names that it cannot have, or that NameRules keeps from it.
  virtual std::vector<std::string> words() { return {"select", "TRUE", "column1"}; }
  /// From now on rows of the id 2 are left out when they are written to the table, without an error.
  virtual void leave_out_rows(TableName const& table) = 0;

  /// Of these, the ones that are no names unless they are quoted.
  virtual std::vector<std::string> reserved_words() { return words(); }
};
using MakeTableStore = std::function<std::unique_ptr<TableStore>()>;

/// What every TableOperations must do: the same tests for the fake of our tests and for real stores.
class TableOperationsContract : public ::testing::TestWithParam<MakeTableStore> {
 protected:
  TableOperationsContract() : store(GetParam()()), operations(store->operations()) {
    stream.json_schema =
        boost::json::parse(
            R"({"properties":{"id":{"type":"integer"},"at":{"type":"integer"},"name":{"type":"string"}}})")
            .as_object();
    stream.generation_id = 17;
    run(operations.create_schema(Identifier("main")));
  }

  template <class T>
  T run(awaitable<T> call) {
    return simulation.run_coroutine(std::move(call));
  }

  static TableName named(std::string name) { return TableName(Identifier("main"), Identifier(std::move(name))); }

  static TableSchema schema_with(std::vector<TableColumn> columns, std::vector<Identifier> key = {}) {
    TableSchema schema;
    schema.columns = {TableColumn(Identifier("_airbyte_raw_id"), ColumnType::text, false),
                      TableColumn(Identifier("_airbyte_extracted_at"), ColumnType::timestamp_with_timezone, false),
                      TableColumn(Identifier("_airbyte_meta"), ColumnType::json, false),
                      TableColumn(Identifier("_airbyte_generation_id"), ColumnType::integer)};
    schema.columns.insert(schema.columns.end(), columns.begin(), columns.end());
    schema.primary_key = std::move(key);
    return schema;
  }

  static TableSchema usual_schema(std::vector<Identifier> key = {}) {
    return schema_with(
        {TableColumn(Identifier("id"), ColumnType::integer), TableColumn(Identifier("at"), ColumnType::integer),
         TableColumn(Identifier("name"), ColumnType::text)},
        std::move(key));
  }

  TableName make(std::string name, std::vector<Identifier> key = {}) {
    TableName const table = named(std::move(name));
    run(operations.create(table, usual_schema(std::move(key)), {}));
    return table;
  }

  /// A table of rows that wait for their upsert.
  TableName make_waiting(std::string name) {
    TableName const table = named(std::move(name));
    run(operations.create(table, waiting_schema(), {}));
    return table;
  }
  static TableSchema waiting_schema() {
    TableSchema schema = usual_schema();
    schema.columns.emplace_back(Identifier(std::string(MetaColumns::read_order)), ColumnType::integer);
    return schema;
  }

  RowCounts copy(TableName const& table, std::vector<SentRecord> const& sent, BatchMark mark = BatchMark(),
                 RecordNumber first = 0) {
    if (mark.stream.empty()) mark = BatchMark("main.users", "run", ++last_batch);
    bool const waits = run(operations.find(table))->schema.columns.size() == waiting_schema().columns.size();
    CopyIn rows;
    rows.table = table;
    rows.schema = std::make_shared<TableSchema const>(waits ? waiting_schema() : usual_schema());
    rows.rows = std::make_shared<TableRows>(stream, TableLayout::typed, ValueLimits(),
                                            waits ? std::optional<std::int64_t>(0) : std::nullopt);
    rows.records = batch_of(sent, std::make_shared<DestinationStream const>(stream), BatchId(1), first);
    rows.mark = mark;
    return run(operations.copy_in(std::move(rows)));
  }

  static RowCounts counted(std::uint64_t written, std::uint64_t deleted) {
    RowCounts counts;
    counts.to_write = counts.written = written;
    counts.to_delete = counts.deleted = deleted;
    return counts;
  }

  std::vector<std::string> rows(TableName const& table) {
    auto all = store->rows(table);
    std::ranges::sort(all);
    return all;
  }

  /// The same with the values of each row in order: columns that were changed may stand in another place.
  std::vector<std::string> values_of(TableName const& table) {
    auto all = store->rows(table);
    for (std::string& row : all) {
      std::istringstream words(row);
      std::multiset<std::string> const values{std::istream_iterator<std::string>(words), {}};
      row = fmt::format("{}", fmt::join(values, " "));
    }
    std::ranges::sort(all);
    return all;
  }

  /// The owner's spelling is another than the store's.
  static TableNote note_of_users() {
    TableNote note;
    note.final_table = named("users");
    note.owner = StreamDescriptor("Users", "main");
    note.name_space = "main";
    note.fields = {{Identifier("id"), "ID"}, {Identifier("at"), "at"}};
    return note;
  }
  static TableNote without_fields(TableNote note) {
    note.fields.clear();
    return note;
  }
  /// Those that have a note.
  std::map<TableName, TableNote> owners() {
    std::map<TableName, TableNote> noted;
    for (auto const& [table, note] : run(operations.owners({Identifier("main")}))) {
      if (note) noted.emplace(table, *note);
    }
    return noted;
  }

  bool exists(TableName const& table) { return run(operations.find(table)).has_value(); }

  UpsertRule rule() const {
    UpsertRule rule;
    rule.primary_key = {Identifier("id")};
    rule.cursor = Identifier("at");
    return rule;
  }

  using Rows = std::vector<std::string>;
  testing::Simulation simulation;
  std::unique_ptr<TableStore> store;
  TableOperations& operations;
  DestinationStream stream;
  std::uint64_t last_batch = 0;
};

TEST_P(TableOperationsContract, CheckAnswersAndLeavesNothing) {
  run(operations.check());
  run(operations.check());
}

TEST_P(TableOperationsContract, TablesAreMadeFoundAndDroppedAgainAndAgain) {
  TableName const table = named("users");
  EXPECT_FALSE(exists(table));
  for (int turn = 0; turn < 2; ++turn) {
    run(operations.create(table, usual_schema({Identifier("id")}), {}));
    auto const found = run(operations.find(table));
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->schema, usual_schema({Identifier("id")}));
    EXPECT_EQ(found->state, TableState::empty());
    EXPECT_EQ(found->other_kind, "");
  }
  for (int turn = 0; turn < 2; ++turn) {
    run(operations.drop(table));
    EXPECT_FALSE(exists(table));
  }
}

TEST_P(TableOperationsContract, EveryTypeIsKnownAgain) {
  std::vector<TableColumn> columns;
  for (auto const type : {ColumnType::text, ColumnType::boolean, ColumnType::integer, ColumnType::number,
                          ColumnType::date, ColumnType::time, ColumnType::time_with_timezone, ColumnType::timestamp,
                          ColumnType::timestamp_with_timezone, ColumnType::json}) {
    columns.emplace_back(Identifier("c_" + std::string(to_string(type))), type);
  }
  run(operations.create(named("types"), schema_with(columns), note_of_users()));
  EXPECT_EQ(run(operations.find(named("types")))->schema, schema_with(columns));
}

TEST_P(TableOperationsContract, NamesOfAnyKindAreNothingButNames) {
  for (std::string const name :
       {R"(a"b)", "a'b", "a;DROP TABLE x;--", "a.b", "a b", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "select", "%s",
        "a\\b", "[x]", "`x`", "$1", "?"}) {
    SCOPED_TRACE(name);
    TableSchema const schema = schema_with({TableColumn(Identifier(name), ColumnType::text)}, {Identifier(name)});
    run(operations.create(named(name), schema, {}));
    auto const found = run(operations.find(named(name)));
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->schema, schema);
    run(operations.drop(named(name)));
    EXPECT_FALSE(exists(named(name)));
  }
}

TEST_P(TableOperationsContract, RowsAreAppendedWithTheirGeneration) {
  TableName const table = make("users");
  copy(table, {{R"({"id":1,"at":10,"name":"Ada"})"}, {R"({"id":2,"name":null})"}});
  copy(table, {{R"({"id":9223372036854775807,"at":-9223372036854775808,"name":"a\nb\"'\\\u00e9"})"}});
  EXPECT_EQ(rows(table), (Rows{"1 10 Ada", "2 - -", "9223372036854775807 -9223372036854775808 a\nb\"'\\\xc3\xa9"}));
  EXPECT_EQ(run(operations.find(table))->state, TableState::with_rows(17));
}

TEST_P(TableOperationsContract, ARecordMayHaveBeenExtractedAtAnyTime) {
  TableName const table = make("users");
  copy(table, {{R"({"id":1})", 999'999'999'999'999'999}, {R"({"id":2})", -999'999'999'999'999}, {R"({"id":3})", 0}});
  EXPECT_EQ(rows(table).size(), 3U);
}

TEST_P(TableOperationsContract, ABatchIsMarkedWithItsRows) {
  TableName const table = make("users");
  BatchMark const mark("main.users", "run", 7);
  EXPECT_EQ(run(operations.numbers_of(mark)).count(), 0U);
  copy(table, {{R"({"id":1})"}, {R"({"id":2})"}}, mark, 10);
  copy(table, {{R"({"id":3})"}}, mark, 20);
  IntervalSet expected;
  expected.add(Interval{10, 12});
  expected.add(Interval{20, 21});
  EXPECT_EQ(run(operations.numbers_of(mark)), expected);
  for (BatchMark const& other :
       {BatchMark("main.users", "another", 7), BatchMark("main.users", "run", 8), BatchMark("main.orders", "run", 7)}) {
    EXPECT_EQ(run(operations.numbers_of(other)).count(), 0U);
  }
}

TEST_P(TableOperationsContract, WhatCameWithAMarkBeforeIsNotAppendedAgain) {
  TableName const table = make("users");
  for (BatchMark const& mark : {BatchMark("main.users", "run", 7), BatchMark("main.users", "", 7)}) {
    SCOPED_TRACE(mark.run);
    copy(table, {{R"({"id":1})"}, {R"({"id":2})"}}, mark, 10);
    EXPECT_EQ(copy(table, {{R"({"id":1})"}, {R"({"id":2})"}}, mark, 10), counted(2, 0));
    EXPECT_EQ(copy(table, {{R"({"id":2})"}, {R"({"id":3})"}, {R"({"id":4})"}}, mark, 11), counted(3, 0));
    EXPECT_EQ(run(operations.numbers_of(mark)).count(), 4U);
  }
  EXPECT_EQ(rows(table), (Rows{"1 - -", "1 - -", "2 - -", "2 - -", "3 - -", "3 - -", "4 - -", "4 - -"}));
}

TEST_P(TableOperationsContract, MarksOfRunsAreForgottenOfOneStreamAlone) {
  TableName const table = make("users");
  BatchMark const of_run("main.users", "run", 1);
  BatchMark const for_good("main.users", "", 1);
  BatchMark const of_another("main.orders", "run", 1);
  for (BatchMark const& mark : {of_run, for_good, of_another}) copy(table, {{R"({"id":1})"}}, mark);
  run(operations.begin_run(StreamRun("main.users", "next"), {table}));
  EXPECT_EQ(run(operations.numbers_of(of_run)).count(), 0U);
  EXPECT_EQ(run(operations.numbers_of(for_good)).count(), 1U);
  EXPECT_EQ(run(operations.numbers_of(of_another)).count(), 1U);
}

TEST_P(TableOperationsContract, OfABatchWithARecordThatIsRefusedNothingIsLoaded) {
  TableName const table = make_waiting("work");
  stream.destination_sync_mode = DestinationSyncMode::append_dedup;
  stream.primary_key = {{"id"}};
  BatchMark const mark("main.users", "run", 7);
  EXPECT_THROW(copy(table, {{R"({"id":1})"}, {R"({"id":"x"})"}, {R"({"id":2})"}}, mark), RefusedRecord);
  EXPECT_EQ(run(operations.find(table))->state, TableState::empty());
  EXPECT_EQ(run(operations.numbers_of(mark)).count(), 0U);
  copy(table, {{R"({"id":1})"}, {R"({"id":2})"}}, mark);
  EXPECT_EQ(run(operations.numbers_of(mark)).count(), 2U);
}

TEST_P(TableOperationsContract, RowsThatAreLeftOutInSilenceAreAnErrorAndNothingIsChanged) {
  TableName const to = make("to", {Identifier("id")});
  TableName const from = make_waiting("from");
  copy(from, {{R"({"id":1,"at":1})"}, {R"({"id":2,"at":1})"}, {R"({"id":3,"at":1})"}, {R"({"id":4,"at":1})"}});
  store->leave_out_rows(to);
  BatchMark const mark("main.users", "run", 100);
  auto const expect_refusal = [&](std::function<void()> const& call) {
    try {
      call();
      FAIL() << "nothing was said of the rows that were left out";
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::config) << error.message();
      EXPECT_NE(error.message().find(to_string(to)), std::string::npos) << error.message();
    }
    EXPECT_EQ(rows(to), Rows{});
    EXPECT_EQ(rows(from).size(), 4U);
  };
  expect_refusal([&] { copy(to, {{R"({"id":1})"}, {R"({"id":2})"}}, mark); });
  EXPECT_EQ(run(operations.numbers_of(mark)).count(), 0U);
  expect_refusal([&] { run(operations.move_rows(from, to, usual_schema({Identifier("id")}))); });
  expect_refusal([&] {
    run(operations.upsert(from, to, usual_schema({Identifier("id")}), rule(), TableOperations::Source::is_dropped));
  });
}

TEST_P(TableOperationsContract, WhatWasWrittenIsCounted) {
  TableName const to = make("to", {Identifier("id")});
  TableName const from = make_waiting("from");
  TableName const more = make("more");
  EXPECT_EQ(copy(to, {{R"({"id":1,"at":1})"}, {R"({"id":2,"at":9})"}}), counted(2, 0));
  EXPECT_EQ(copy(more, {{R"({"id":7})"}, {R"({"id":8})"}, {R"({"id":9})"}}), counted(3, 0));
  EXPECT_EQ(run(operations.move_rows(more, to, usual_schema({Identifier("id")}))), counted(3, 0));
  copy(from, {{R"({"id":1,"at":2})"}, {R"({"id":1,"at":3})"}, {R"({"id":3,"at":1})"}});
  RowCounts const merged =
      run(operations.upsert(from, to, usual_schema({Identifier("id")}), rule(), TableOperations::Source::is_dropped));
  EXPECT_EQ(merged.written, 2U);  // of the keys 1 and 3
  EXPECT_EQ(merged.to_write, 2U);
  EXPECT_EQ(merged.deleted, merged.to_delete);
  EXPECT_EQ(rows(to).size(), 6U);
}

TEST_P(TableOperationsContract, MovedRowsAreInTheOtherTable) {
  TableName const from = make("from");
  TableName const to = make("to");
  copy(from, {{R"({"id":1})"}, {R"({"id":1})"}});
  copy(to, {{R"({"id":2})"}});
  run(operations.move_rows(from, to, usual_schema()));
  EXPECT_EQ(rows(to), (Rows{"1 - -", "1 - -", "2 - -"}));
  EXPECT_FALSE(exists(from));
}

TEST_P(TableOperationsContract, AReplacedTableHasTheOthersRowsAndKey) {
  TableName const target = make("target");
  TableName const source = make("source", {Identifier("id")});
  TableName const done = make("done");
  copy(target, {{R"({"id":1})"}});
  copy(source, {{R"({"id":2})"}});
  run(operations.replace(target, source, done));
  EXPECT_EQ(rows(target), Rows{"2 - -"});
  EXPECT_EQ(run(operations.find(target))->schema, usual_schema({Identifier("id")}));
  EXPECT_FALSE(exists(source));
  EXPECT_FALSE(exists(done));
  TableName const next = make("source", {Identifier("id")});  // its name is free again
  run(operations.replace(named("new"), next, std::nullopt));
  EXPECT_TRUE(exists(named("new")));
}

TEST_P(TableOperationsContract, OfEachKeyTheNewestRowStays) {
  struct Case {
    char const* name;
    std::vector<SentRecord> old_rows, new_rows;
    Rows expected;
  };
  Case const table[] = {
      {"a new key", {{R"({"id":1,"at":1})"}}, {{R"({"id":2,"at":1})"}}, {"1 1 -", "2 1 -"}},
      {"a later cursor", {{R"({"id":1,"at":1,"name":"a"})", 9}}, {{R"({"id":1,"at":2,"name":"b"})", 1}}, {"1 2 b"}},
      {"an earlier cursor", {{R"({"id":1,"at":2,"name":"a"})", 1}}, {{R"({"id":1,"at":1,"name":"b"})", 9}}, {"1 2 a"}},
      {"a null cursor is the earliest",
       {{R"({"id":1,"at":-5,"name":"a"})"}},
       {{R"({"id":1,"name":"b"})", 9}},
       {"1 -5 a"}},
      {"equal cursors, extracted later",
       {{R"({"id":1,"at":1,"name":"a"})", 1}},
       {{R"({"id":1,"at":1,"name":"b"})", 2}},
       {"1 1 b"}},
      {"equal cursors, extracted earlier",
       {{R"({"id":1,"at":1,"name":"a"})", 2}},
       {{R"({"id":1,"at":1,"name":"b"})", 1}},
       {"1 1 a"}},
      {"all equal: the later read",
       {{R"({"id":1,"at":1,"name":"a"})"}},
       {{R"({"id":1,"at":1,"name":"b"})"}, {R"({"id":1,"at":1,"name":"c"})"}},
       {"1 1 c"}},
      {"two versions at once",
       {},
       {{R"({"id":1,"at":2,"name":"new"})"}, {R"({"id":1,"at":1,"name":"old"})"}},
       {"1 2 new"}},
      {"a null key is a key", {{R"({"id":null,"at":1,"name":"a"})"}}, {{R"({"at":2,"name":"b"})"}}, {"- 2 b"}},
      {"doubles from before",
       {{R"({"id":1,"at":1})"}, {R"({"id":1,"at":1})"}, {R"({"id":2})"}, {R"({"id":2})"}},
       {{R"({"id":1,"at":3})"}},
       {"1 3 -", "2 - -", "2 - -"}},
      {"nothing new", {{R"({"id":1,"at":1})"}}, {}, {"1 1 -"}},
  };
  for (Case const& row : table) {
    for (auto const source : {TableOperations::Source::stays, TableOperations::Source::is_dropped}) {
      SCOPED_TRACE(row.name);
      TableName const to = make("to", {Identifier("id")});
      TableName const from = make_waiting("from");
      if (!row.old_rows.empty()) copy(to, row.old_rows);
      if (!row.new_rows.empty()) copy(from, row.new_rows);
      run(operations.upsert(from, to, usual_schema({Identifier("id")}), rule(), source));
      EXPECT_EQ(rows(to), row.expected);
      EXPECT_EQ(exists(from), source == TableOperations::Source::stays);
      run(operations.drop(to));
      run(operations.drop(from));
    }
  }
}

TEST_P(TableOperationsContract, BatchesMayBeLoadedInAnyOrder) {
  TableName const to = make("to", {Identifier("id")});
  TableName const from = make_waiting("from");
  copy(from, {{R"({"id":1,"at":1,"name":"second"})"}, {R"({"id":2,"at":1,"name":"third"})"}}, BatchMark(), 1);
  copy(from, {{R"({"id":1,"at":1,"name":"first"})"}}, BatchMark(), 0);
  run(operations.upsert(from, to, usual_schema({Identifier("id")}), rule(), TableOperations::Source::is_dropped));
  EXPECT_EQ(rows(to), (Rows{"1 1 second", "2 1 third"}));
}

TEST_P(TableOperationsContract, WaitingRowsMoveWithoutTheirOrder) {
  TableName const from = make_waiting("from");
  TableName const to = make("to");
  copy(from, {{R"({"id":1})"}});
  run(operations.move_rows(from, to, usual_schema()));
  EXPECT_EQ(rows(to), Rows{"1 - -"});
}

TEST_P(TableOperationsContract, ARowThatSaysSoDeletesItsKey) {
  UpsertRule deleting = rule();
  deleting.deleted_at = Identifier("name");
  TableName const to = make("to", {Identifier("id")});
  TableName const from = make_waiting("from");
  copy(to, {{R"({"id":1,"at":1})"}, {R"({"id":2,"at":5})"}, {R"({"id":3,"at":1})"}});
  copy(from, {{R"({"id":1,"at":2,"name":"deleted"})"},
              {R"({"id":2,"at":4,"name":"too early"})"},
              {R"({"id":3,"at":2,"name":"deleted"})"},
              {R"({"id":3,"at":3})"},
              {R"({"id":9,"at":1,"name":""})"}});
  run(operations.upsert(from, to, usual_schema({Identifier("id")}), deleting, TableOperations::Source::is_dropped));
  EXPECT_EQ(rows(to), (Rows{"2 5 -", "3 3 -", "9 1 "}));
}

TEST_P(TableOperationsContract, WhatARecordSaidDeletesItsKeyWhateverItsColumnHolds) {
  stream.destination_sync_mode = DestinationSyncMode::append_dedup;
  stream.primary_key = {{"id"}};
  stream.json_schema =
      boost::json::parse(
          R"({"properties":{"id":{"type":"integer"},"at":{"type":"integer"},"_ab_cdc_deleted_at":{"type":"boolean"}}})")
          .as_object();
  Identifier const deleted_at{std::string(deleted_at_field)};
  TableSchema const schema =
      schema_with({TableColumn(Identifier("id"), ColumnType::integer),
                   TableColumn(Identifier("at"), ColumnType::integer), TableColumn(deleted_at, ColumnType::boolean)},
                  {Identifier("id")});
  TableSchema waiting = schema;
  waiting.primary_key.clear();
  waiting.columns.emplace_back(Identifier(std::string(MetaColumns::read_order)), ColumnType::integer);
  TableSchema of_before = waiting;
  waiting.columns.emplace_back(Identifier(std::string(MetaColumns::deleted)), ColumnType::boolean);
  TableName const to = named("users");
  TableName const from = named("work");
  run(operations.create(to, schema, {}));
  run(operations.create(from, waiting, {}));
  auto const copy_into = [&](TableName const& table, TableSchema const& columns, std::vector<SentRecord> const& sent) {
    CopyIn rows;
    rows.table = table;
    rows.schema = std::make_shared<TableSchema const>(columns);
    bool const waits = table == from;
    rows.rows = std::make_shared<TableRows>(stream, TableLayout::typed, ValueLimits(),
                                            waits ? std::optional<std::int64_t>(0) : std::nullopt);
    rows.records = batch_of(sent, std::make_shared<DestinationStream const>(stream), BatchId(1));
    rows.mark = BatchMark("main.users", "run", ++last_batch);
    run(operations.copy_in(std::move(rows)));
  };
  copy_into(to, schema,
            {{R"({"id":1,"at":1})"},
             {R"({"id":2,"at":1})"},
             {R"({"id":3,"at":1,"_ab_cdc_deleted_at":true})"},
             {R"({"id":4,"at":9})"},
             {R"({"id":5,"at":9,"_ab_cdc_deleted_at":false})"}});
  copy_into(from, waiting,
            {{R"({"id":1,"at":2,"_ab_cdc_deleted_at":"soon"})"},
             {R"({"id":2,"at":2,"_ab_cdc_deleted_at":""})"},
             {R"({"id":3,"at":2,"_ab_cdc_deleted_at":false})"},
             {R"({"id":4,"at":2,"_ab_cdc_deleted_at":0})"},
             {R"({"id":5,"at":2,"_ab_cdc_deleted_at":{}})"},
             {R"({"id":6,"at":2})"},
             {R"({"id":7,"at":2,"_ab_cdc_deleted_at":[]})"}});
  UpsertRule deleting = rule();
  deleting.deleted_at = deleted_at;
  deleting.from_says_deleted = true;
  run(operations.upsert(from, to, schema, deleting, TableOperations::Source::is_dropped));
  EXPECT_EQ(rows(to), (Rows{"2 2 -", "3 2 false", "4 9 -", "5 9 false", "6 2 -"}));
}

/// No index can compress it.
inline std::string long_text(unsigned seed) {
  std::mt19937 random(seed);
  std::string text;
  while (text.size() < 10'000) text += static_cast<char>('a' + random() % 26);
  return text;
}

inline SentRecord record_with(std::string const& name, int at) {
  return {fmt::format(R"({{"id":7,"at":{},"name":"{}"}})", at, name)};
}

TEST_P(TableOperationsContract, AKeyMayBeOfAnyLength) {
  std::vector<Identifier> const key = {Identifier("name"), Identifier("id")};
  UpsertRule by_name = rule();
  by_name.primary_key = key;
  std::string const ours = long_text(1);
  std::string const other = long_text(2);
  TableName const to = make("users", key);
  TableName const from = named("work");
  for (int sync = 1; sync <= 2; ++sync) {
    SCOPED_TRACE(sync);
    make_waiting("work");
    copy(from, {record_with("short", sync), record_with(ours, sync), record_with(sync == 1 ? other : ours, sync + 5)});
    run(operations.upsert(from, to, usual_schema(key), by_name, TableOperations::Source::is_dropped));
    EXPECT_EQ(run(operations.find(to))->schema, usual_schema(key));
  }
  EXPECT_EQ(rows(to), (Rows{"7 2 short", "7 6 " + other, "7 7 " + ours}));
}

TEST_P(TableOperationsContract, RowsThatAreThereMayBecomeALongKey) {
  std::vector<Identifier> const key = {Identifier("name"), Identifier("at")};
  TableName const table = make("users");
  copy(table, {record_with(long_text(1), 1)});
  run(operations.alter(table, change_between(table, usual_schema(), usual_schema(key)), usual_schema(key), {}));
  EXPECT_EQ(run(operations.find(table))->schema, usual_schema(key));
  TableName const more = make("more");
  copy(more, {record_with(long_text(2), 2)});
  run(operations.move_rows(more, table, usual_schema(key)));
  EXPECT_EQ(rows(table).size(), 2);
}

TEST_P(TableOperationsContract, ATableWithAKeyTakesRowsWithLongOnes) {
  std::vector<Identifier> const key = {Identifier("name")};
  TableName const table = make("users", key);
  TableName const more = make("more");
  copy(more, {record_with(long_text(1), 1)});
  run(operations.move_rows(more, table, usual_schema(key)));
  EXPECT_EQ(rows(table), Rows{"7 1 " + long_text(1)});
  EXPECT_EQ(run(operations.find(table))->schema, usual_schema(key));
}

TEST_P(TableOperationsContract, AChangedTableKeepsItsRows) {
  TableName const table = make("users");
  copy(table, {{R"({"id":42,"at":7,"name":"12"})"}, {R"({"id":1,"at":2,"name":"x"})"}});
  TableSchema const wanted = schema_with(
      {TableColumn(Identifier("id"), ColumnType::text), TableColumn(Identifier("at"), ColumnType::integer),
       TableColumn(Identifier("name"), ColumnType::integer), TableColumn(Identifier("more"), ColumnType::json)},
      {Identifier("id")});
  TableSchema const actual = run(operations.find(table))->schema;
  run(operations.alter(table, change_between(table, actual, wanted), wanted, {}));
  TableSchema const found = run(operations.find(table))->schema;
  EXPECT_TRUE(change_between(table, found, wanted).empty());
  EXPECT_EQ(found.columns.size(), wanted.columns.size());
  EXPECT_EQ(values_of(table), (Rows{"- - 1 2", "- 12 42 7"}));
  EXPECT_EQ(run(operations.find(table))->state, TableState::with_rows(17));
}

// ---- columns of others ----

TEST_P(TableOperationsContract, AnAlteredTableKeepsColumnsThatNobodyWants) {
  TableName const table = make("users");
  copy(table, {{R"({"id":42,"at":7,"name":"12"})"}});
  TableSchema wanted = schema_with(
      {TableColumn(Identifier("id"), ColumnType::text), TableColumn(Identifier("more"), ColumnType::integer)});
  TableSchema const actual = run(operations.find(table))->schema;
  run(operations.alter(table, change_between(table, actual, wanted), wanted, {}));
  auto const found = run(operations.find(table));
  for (std::string const name : {"id", "at", "name", "more"}) {
    EXPECT_NE(found->schema.find(Identifier(name)), nullptr) << name;
  }
  EXPECT_TRUE(change_between(table, found->schema, wanted).empty());
  auto const all = rows(table);
  ASSERT_EQ(all.size(), 1U);
  for (std::string const value : {"42", "7", "12"}) EXPECT_NE(all[0].find(value), std::string::npos) << all[0];
}

TEST_P(TableOperationsContract, TheOrderOfWaitingRowsGoesWhereRowsDoNotWaitAnyMore) {
  TableName const table = make_waiting("work");
  copy(table, {{R"({"id":1,"at":2,"name":"x"})"}});
  run(operations.alter(table, change_between(table, waiting_schema(), usual_schema()), usual_schema(), {}));
  EXPECT_EQ(run(operations.find(table))->schema, usual_schema());
  EXPECT_EQ(rows(table), Rows{"1 2 x"});
}

// ---- notes ----

TEST_P(TableOperationsContract, ATableMadeWithoutANoteHasNoOwner) {
  TableName const table = make("users");
  EXPECT_EQ(run(operations.find(table))->owner, std::nullopt);
  TablesThere const there = run(operations.owners({Identifier("main")}));
  ASSERT_TRUE(there.contains(table));
  EXPECT_EQ(there.at(table), std::nullopt);
}

TEST_P(TableOperationsContract, ANoteIsThereWithItsTable) {
  TableName const table = named("users");
  for (int turn = 0; turn < 2; ++turn) {  // a call of which nobody knows is made again
    run(operations.create(table, usual_schema(), note_of_users()));
    auto const found = run(operations.find(table));
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->owner, StreamDescriptor("Users", "main"));
    EXPECT_EQ(found->fields, note_of_users().fields);
    EXPECT_EQ(owners(), (std::map<TableName, TableNote>{{table, without_fields(note_of_users())}}));
  }
}

TEST_P(TableOperationsContract, NamesOfSourcesAreNotedAsTheyAre) {
  for (std::string const& name :
       {std::string("a\0b", 3), std::string(R"(a"b)"), std::string("a'b\\"), std::string("\n\x7f"),
        std::string("\xff\xfe"), std::string(), std::string("\xf0\x9f\x98\x80")}) {
    for (std::optional<std::string> const& name_space :
         {std::optional<std::string>(), std::optional<std::string>(""), std::optional<std::string>(name)}) {
      SCOPED_TRACE(::testing::PrintToString(name));
      TableNote note;
      note.final_table = named("final \"'\\");
      note.owner = StreamDescriptor(name, name_space);
      note.name_space = name;
      note.fields = {{Identifier("id"), name}};
      run(operations.create(named("t"), usual_schema(), note));
      EXPECT_EQ(run(operations.find(named("t")))->owner, note.owner);
      EXPECT_EQ(run(operations.find(named("t")))->fields, note.fields);
      EXPECT_EQ(owners(), (std::map<TableName, TableNote>{{named("t"), without_fields(note)}}));
      run(operations.drop(named("t")));
    }
  }
}

TEST_P(TableOperationsContract, AlteredAndClaimedTablesHaveTheNewNote) {
  TableName const table = named("users");
  run(operations.create(table, usual_schema(), {}));
  TableNote note = note_of_users();
  for (int turn = 0; turn < 2; ++turn) {
    run(operations.claim(table, note));
    EXPECT_EQ(run(operations.find(table))->owner, note.owner);
    EXPECT_EQ(run(operations.find(table))->fields, note.fields);
  }
  TableSchema wanted = usual_schema();
  wanted.columns.emplace_back(Identifier("more"), ColumnType::json);
  note.fields.emplace(Identifier("more"), "More");
  run(operations.alter(table, change_between(table, usual_schema(), wanted), wanted, note));
  EXPECT_EQ(run(operations.find(table))->fields, note.fields);
  note.owner = StreamDescriptor("users");
  run(operations.claim(table, note));
  EXPECT_EQ(run(operations.find(table))->owner, note.owner);
}

TEST_P(TableOperationsContract, ATableThatCannotBeMadeLeavesNoNote) {
  TableName const table = named("users");
  run(operations.create(table, usual_schema(), {}));
  TableSchema const other = schema_with({TableColumn(Identifier("id"), ColumnType::text)});
  EXPECT_THROW(run(operations.create(table, other, note_of_users())), Error);
  EXPECT_EQ(run(operations.find(table))->owner, std::nullopt);
  EXPECT_TRUE(owners().empty());
}

TEST_P(TableOperationsContract, NotesGoWhereTheirTablesGo) {
  TableNote const old_note = note_of_users();
  TableNote new_note = note_of_users();
  new_note.fields.emplace(Identifier("name"), "NAME");
  auto const with_note = [&](TableName const& table, TableNote const& note) {
    run(operations.create(table, usual_schema(), note));
  };
  with_note(named("users"), old_note);
  with_note(named("swap"), new_note);
  with_note(named("done"), old_note);
  run(operations.replace(named("users"), named("swap"), named("done")));
  EXPECT_EQ(run(operations.find(named("users")))->fields, new_note.fields);
  with_note(named("work"), old_note);
  run(operations.move_rows(named("work"), named("users"), usual_schema()));
  EXPECT_EQ(owners(), (std::map<TableName, TableNote>{{named("users"), without_fields(new_note)}}));
  for (TableName const& gone : {named("swap"), named("done"), named("work")}) {
    run(operations.create(gone, usual_schema(), {}));  // the name is free, and so is its note
    EXPECT_EQ(run(operations.find(gone))->owner, std::nullopt);
    run(operations.drop(gone));
  }
  run(operations.drop(named("users")));
  EXPECT_TRUE(owners().empty());
}

TEST_P(TableOperationsContract, ATableThatTakesAnothersPlaceWithoutANoteHasNone) {
  run(operations.create(named("users"), usual_schema(), note_of_users()));
  run(operations.create(named("swap"), usual_schema(), {}));
  run(operations.replace(named("users"), named("swap"), std::nullopt));
  EXPECT_EQ(run(operations.find(named("users")))->owner, std::nullopt);
}

TEST_P(TableOperationsContract, AMergedTableTakesItsNoteWithIt) {
  TableName const to = make("to", {Identifier("id")});
  TableName const from = named("from");
  for (auto const source : {TableOperations::Source::stays, TableOperations::Source::is_dropped}) {
    run(operations.create(from, waiting_schema(), note_of_users()));
    run(operations.upsert(from, to, usual_schema({Identifier("id")}), rule(), source));
    EXPECT_EQ(owners().contains(from), source == TableOperations::Source::stays);
  }
}

TEST_P(TableOperationsContract, AColumnThatIsNotThereHasNoNote) {
  TableNote note = note_of_users();
  note.fields.emplace(Identifier("gone"), "gone");
  run(operations.create(named("users"), usual_schema(), note));
  EXPECT_EQ(run(operations.find(named("users")))->fields, note_of_users().fields);
}

}  // namespace landfall
