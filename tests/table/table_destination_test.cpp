#include <landfall/table/table_destination.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

#include <landfall/testing/simulation.hpp>

#include "table/fake_tables.hpp"
#include "table/record_batches.hpp"

namespace landfall {
namespace {

constexpr auto append = DestinationSyncMode::append;
constexpr auto overwrite = DestinationSyncMode::overwrite;
constexpr auto dedup = DestinationSyncMode::append_dedup;

struct Kind {
  char const* name;
  DestinationSyncMode mode;
  bool refresh;
};
constexpr Kind kinds[] = {
    {"append", append, false}, {"refresh", append, true}, {"dedup", dedup, false}, {"dedup refresh", dedup, true}};

/// Syncs of one stream, played call by call, over one store.
struct TableDestinationTest : ::testing::Test {
  TableDestinationTest() {
    settings.default_schema = "main";
    stream.descriptor = StreamDescriptor("users");
    stream.primary_key = {{"id"}};
    stream.cursor_field = {"at"};
    set_fields(R"("id":{"type":"integer"},"at":{"type":"integer"},"name":{"type":"string"})");
    in(append, 1, 0);
  }

  void set_fields(std::string const& properties) {
    stream.json_schema = boost::json::parse(R"({"properties":{)" + properties + "}}").as_object();
  }

  void in(DestinationSyncMode mode, std::optional<std::int64_t> generation, std::optional<std::int64_t> minimum) {
    stream.destination_sync_mode = mode;
    stream.generation_id = generation;
    stream.minimum_generation_id = minimum;
  }

  /// A process: setup, open, start. Keeps the loader.
  void begin() {
    DestinationCatalog catalog({stream});
    destination = std::make_unique<TableDestination>(store, settings);
    simulation.run_coroutine(destination->setup(catalog));
    of = catalog.streams()[0];
    loader = simulation.run_coroutine(destination->open(*of));
    simulation.run_coroutine(loader->start());
    next_id = 1;
    next_number = 0;
  }
  void load(std::vector<SentRecord> const& sent) {
    simulation.run_coroutine(loader->process_records(batch_of(sent, of, BatchId(next_id++), next_number)));
    next_number += sent.size();
  }
  void close(StreamEnd end = StreamEnd::complete) {
    simulation.run_coroutine(loader->close(StreamOutcome(end, next_number)));
  }
  void sync(std::vector<SentRecord> const& sent, StreamEnd end = StreamEnd::complete) {
    begin();
    if (!sent.empty()) load(sent);
    close(end);
  }

  /// Of the final table, one text for each row, sorted: "1 20 Ada", "-" for null.
  std::vector<std::string> rows() const {
    std::vector<std::string> texts;
    auto const table = store.tables.find(TableName(Identifier("main"), Identifier("users")));
    if (table == store.tables.end()) return {"no table"};
    for (auto const& row : table->second.rows) {
      std::string text;
      for (TableColumn const& column : table->second.schema.columns) {
        auto const value = row.values.find(column.name);
        if (value == row.values.end()) continue;
        text += (text.empty() ? "" : " ") + value->second.value_or("-");
      }
      texts.push_back(text);
    }
    std::ranges::sort(texts);
    return texts;
  }
  std::size_t table_count() const { return store.tables.size(); }

  using Rows = std::vector<std::string>;
  testing::Simulation simulation;
  FakeTables store;
  TableSettings settings;
  DestinationStream stream;
  std::unique_ptr<TableDestination> destination;
  std::shared_ptr<DestinationStream const> of;
  std::unique_ptr<StreamLoader> loader;
  std::uint64_t next_id = 1;
  RecordNumber next_number = 0;
};

TEST_F(TableDestinationTest, ATableOfSomebodyElseIsLeftAlone) {
  TableSchema foreign;
  foreign.columns = {TableColumn(Identifier("id"), ColumnType::integer)};
  for (auto const mode : {append, overwrite, dedup}) {
    for (std::optional<std::int64_t> const minimum :
         {std::optional<std::int64_t>(), std::optional<std::int64_t>(0), std::optional<std::int64_t>(2)}) {
      SCOPED_TRACE(fmt::format("{}, minimum generation {}", to_string(mode), minimum.value_or(-1)));
      in(mode, minimum ? std::optional<std::int64_t>(2) : std::nullopt, minimum);
      store.tables.clear();
      simulation.run_coroutine(store.create_schema(Identifier("main")));
      simulation.run_coroutine(store.create(TableName(Identifier("main"), Identifier("users")), foreign, {}));
      try {
        begin();
        FAIL() << "it is taken";
      } catch (Error const& error) {
        EXPECT_EQ(error.error_class(), ErrorClass::config);
        EXPECT_NE(std::string(error.what()).find("main.users is no table of this destination"), std::string::npos)
            << error.what();
      }
      EXPECT_EQ(rows(), Rows());
      EXPECT_EQ(table_count(), 1U);
    }
  }
}

TEST_F(TableDestinationTest, AppendedRowsAreAddedAndSeenAtOnce) {
  begin();
  load({{R"({"id":1,"at":10,"name":"Ada"})"}});
  EXPECT_EQ(rows(), Rows{"1 10 Ada"});
  load({{R"({"id":1,"at":10,"name":"Ada"})"}, {R"({"id":2,"name":null})"}});
  close();
  EXPECT_EQ(rows(), (Rows{"1 10 Ada", "1 10 Ada", "2 - -"}));
  sync({{R"({"id":3})"}});
  EXPECT_EQ(rows().size(), 4U);
}

TEST_F(TableDestinationTest, RowsThatAreAppendedNeedNoCursorInTheSchema) {
  stream.cursor_field = {"is", "nested"};
  sync({{R"({"id":1})"}});
  sync({{R"({"id":2})"}});  // the table is there
  EXPECT_EQ(rows(), (Rows{"1 - -", "2 - -"}));
  in(append, 2, 2);
  sync({{R"({"id":3})"}});
  EXPECT_EQ(rows(), Rows{"3 - -"});
}

TEST_F(TableDestinationTest, EveryStreamHasATableEvenIfItIsEmpty) {
  for (auto const mode : {append, overwrite, dedup}) {
    store = FakeTables();
    in(mode, 1, 0);
    sync({});
    EXPECT_EQ(rows(), Rows{});
    EXPECT_EQ(table_count(), 1U);
  }
}

TEST_F(TableDestinationTest, DedupKeepsTheNewestRowOfEachKey) {
  in(dedup, 1, 0);
  sync({{R"({"id":1,"at":10,"name":"old"})"}, {R"({"id":1,"at":20,"name":"new"})"}, {R"({"id":2,"at":1,"name":"b"})"}});
  EXPECT_EQ(rows(), (Rows{"1 20 new", "2 1 b"}));
  sync({{R"({"id":1,"at":15,"name":"late"})"}, {R"({"id":2,"at":2,"name":"c"})"}, {R"({"id":3,"name":"no cursor"})"}});
  EXPECT_EQ(rows(), (Rows{"1 20 new", "2 2 c", "3 - no cursor"}));
  sync({{R"({"id":3,"at":0,"name":"any cursor"})"}});
  EXPECT_EQ(rows(), (Rows{"1 20 new", "2 2 c", "3 0 any cursor"}));
  EXPECT_EQ(table_count(), 1U);
}

TEST_F(TableDestinationTest, WithEqualCursorsTheLaterExtractedStaysThenTheLaterRead) {
  in(dedup, 1, 0);
  sync({{R"({"id":1,"at":1,"name":"first"})", 5}, {R"({"id":1,"at":1,"name":"earlier"})", 4}});
  EXPECT_EQ(rows(), Rows{"1 1 first"});
  sync({{R"({"id":1,"at":1,"name":"second"})", 5}});
  EXPECT_EQ(rows(), Rows{"1 1 second"});
}

TEST_F(TableDestinationTest, ADeletedKeyGoesOrStaysAsTheSettingsSay) {
  set_fields(R"("id":{"type":"integer"},"at":{"type":"integer"},"_ab_cdc_deleted_at":{"type":"string"})");
  std::vector<SentRecord> const sent = {{R"({"id":1,"at":1})"},
                                        {R"({"id":1,"at":2,"_ab_cdc_deleted_at":"2024-01-01"})"},
                                        {R"({"id":2,"at":1,"_ab_cdc_deleted_at":null})"},
                                        {R"({"id":9,"at":1,"_ab_cdc_deleted_at":""})"}};
  in(dedup, 1, 0);
  sync(sent);
  EXPECT_EQ(rows(), (Rows{"2 1 -", "9 1 "}));
  sync({{R"({"id":1,"at":1})"}});  // what is older than the deletion cannot be told from a new row once that is gone
  EXPECT_EQ(rows(), (Rows{"1 1 -", "2 1 -", "9 1 "}));
  store = FakeTables();
  settings.deletions = Deletions::soft;
  sync(sent);
  EXPECT_EQ(rows(), (Rows{"1 2 2024-01-01", "2 1 -", "9 1 "}));
}

/// The numbers of the records that are rejected.
std::vector<RecordNumber> rejected_numbers(std::function<void()> const& load) {
  std::vector<RecordNumber> numbers;
  try {
    load();
  } catch (RejectedRecords const& rejected) {
    for (RejectedRecord const& record : rejected.records) numbers.push_back(record.number);
  }
  return numbers;
}

TEST_F(TableDestinationTest, AllRecordsOfABatchWhoseKeysDoNotFitAreRejectedAtOnce) {
  set_fields(R"("id":{"type":"integer"},"at":{"type":"integer"},"_ab_cdc_deleted_at":{"type":"string"})");
  in(dedup, 1, 0);
  begin();
  std::vector<SentRecord> const sent = {{R"({"id":1,"at":1})"},
                                        {R"({"id":"a1b2","at":1})"},
                                        {R"({"id":18446744073709551616,"at":1})"},
                                        {R"({"id":"a1b2","at":2,"_ab_cdc_deleted_at":"2024"})"},
                                        {R"({"id":null,"at":1})"},
                                        {R"({"id":2,"at":"later"})"}};
  EXPECT_EQ(rejected_numbers([&] { load(sent); }), (std::vector<RecordNumber>{1, 2, 3, 5}));
  load({sent[0], sent[4]});  // as the batch is offered again, without them
  close();
  EXPECT_EQ(rows(), (Rows{"- 1 -", "1 1 -"}));
}

TEST_F(TableDestinationTest, OtherModesTakeKeysThatDoNotFit) {
  for (auto const mode : {append, overwrite}) {
    store = FakeTables();
    in(mode, 1, 0);
    sync({{R"({"id":"a1b2","at":"later"})"}});
    EXPECT_EQ(rows(), Rows{"- - -"});
  }
}

TEST_F(TableDestinationTest, AnyValueDeletesWhateverItsColumnCanHoldOfIt) {
  for (auto const type : {"integer", "boolean", "number"}) {
    SCOPED_TRACE(type);
    store = FakeTables();
    set_fields(fmt::format(
        R"("id":{{"type":"integer"}},"at":{{"type":"integer"}},"_ab_cdc_deleted_at":{{"type":"{}"}})", type));
    in(dedup, 1, 0);
    sync({{R"({"id":1,"at":1})"}, {R"({"id":2,"at":1})"}, {R"({"id":3,"at":1})"}});
    sync({{R"({"id":1,"at":2,"_ab_cdc_deleted_at":"2024-01-01 00:00:00 UTC"})"},
          {R"({"id":2,"at":2,"_ab_cdc_deleted_at":{"at":1}})"},
          {R"({"id":3,"at":2,"_ab_cdc_deleted_at":""})"}});
    EXPECT_EQ(rows(), Rows{"3 2 -"});
    in(dedup, 2, 2);  // a refresh
    sync({{R"({"id":1,"at":1,"_ab_cdc_deleted_at":[]})"}, {R"({"id":2,"at":1})"}});
    EXPECT_EQ(rows(), Rows{"2 1 -"});
  }
}

TEST_F(TableDestinationTest, WaitingRowsOfBeforeSayByTheirColumnThatTheyWereDeleted) {
  set_fields(R"("id":{"type":"integer"},"at":{"type":"integer"},"_ab_cdc_deleted_at":{"type":"string"})");
  in(dedup, 1, 0);
  sync({{R"({"id":1,"at":1})"}, {R"({"id":2,"at":1})"}, {R"({"id":3,"at":1})"}});
  begin();
  load({{R"({"id":1,"at":2,"_ab_cdc_deleted_at":"2024"})"}, {R"({"id":2,"at":2,"name":"x"})"}});
  // The process ends here; the version that it was had no such column.
  auto& work = store.tables.at(destination->tables_of(stream.descriptor).work_table);
  std::erase_if(work.schema.columns,
                [](TableColumn const& column) { return column.name.text() == MetaColumns::deleted; });
  for (auto& row : work.rows) row.deleted.reset();
  sync({{R"({"id":3,"at":2,"_ab_cdc_deleted_at":0})"}});
  EXPECT_EQ(rows(), Rows{"2 2 -"});
}

TEST_F(TableDestinationTest, ARefreshShowsOldRowsUntilItIsComplete) {
  sync({{R"({"id":1,"at":1,"name":"old"})"}});
  in(append, 2, 2);
  sync({{R"({"id":1,"at":2,"name":"new"})"}}, StreamEnd::incomplete);
  EXPECT_EQ(rows(), Rows{"1 1 old"});
  sync({{R"({"id":2,"at":3,"name":"newer"})"}});  // the same generation: rows of the attempt before are not sent again
  EXPECT_EQ(rows(), (Rows{"1 2 new", "2 3 newer"}));
  EXPECT_EQ(table_count(), 1U);
}

TEST_F(TableDestinationTest, ARefreshThatWasGivenUpIsMergedIntoWhatFollows) {
  sync({{R"({"id":1,"at":1,"name":"old"})"}});
  in(append, 2, 2);
  sync({{R"({"id":2,"at":1,"name":"cancelled"})"}}, StreamEnd::failed);
  in(append, 3, 0);
  sync({{R"({"id":3,"at":1,"name":"after"})"}});
  EXPECT_EQ(rows(), (Rows{"1 1 old", "2 1 cancelled", "3 1 after"}));
  EXPECT_EQ(table_count(), 1U);
}

TEST_F(TableDestinationTest, ARefreshWithDedupReplacesAllOldRowsAndCompares) {
  in(dedup, 1, 0);
  sync({{R"({"id":1,"at":100,"name":"old"})"}, {R"({"id":9,"at":1,"name":"gone"})"}});
  in(dedup, 2, 2);
  sync({{R"({"id":1,"at":1,"name":"a"})"}, {R"({"id":1,"at":2,"name":"b"})"}});
  EXPECT_EQ(rows(), Rows{"1 2 b"});
  EXPECT_EQ(table_count(), 1U);
}

TEST_F(TableDestinationTest, OverwriteWithoutGenerationsKeepsNothingOfAFailedAttempt) {
  in(overwrite, std::nullopt, std::nullopt);
  sync({{R"({"id":1,"at":1,"name":"old"})"}});
  sync({{R"({"id":2,"at":1,"name":"failed"})"}}, StreamEnd::incomplete);
  EXPECT_EQ(rows(), Rows{"1 1 old"});
  EXPECT_EQ(table_count(), 1U);
  sync({{R"({"id":3,"at":1,"name":"new"})"}});
  EXPECT_EQ(rows(), Rows{"3 1 new"});
}

TEST_F(TableDestinationTest, ASchemaThatChangesKeepsOldRowsAndTheSameOneChangesNothing) {
  sync({{R"({"id":1,"at":1,"name":"Ada"})"}});
  store.calls.clear();
  sync({});
  EXPECT_EQ(store.calls, std::vector<std::string>{});
  set_fields(R"("id":{"type":"integer"},"at":{"type":"integer"},"mail":{"type":"string"})");
  sync({{R"({"id":2,"at":2,"mail":"m"})"}});
  EXPECT_EQ(rows(), (Rows{"1 1 - Ada", "2 2 m -"}));
  set_fields(R"("id":{"type":"integer"},"at":{"type":"integer"},"name":{"type":"string"})");
  sync({{R"({"id":3,"at":3,"name":"Eve"})"}});
  EXPECT_EQ(rows(), (Rows{"1 1 - Ada", "2 2 m -", "3 3 - Eve"}));
}

TEST_F(TableDestinationTest, WhatAnAttemptLeftWhoseProcessDiedIsNotMixedWithTheNextOne) {
  in(overwrite, std::nullopt, std::nullopt);
  sync({{R"({"id":1,"at":1,"name":"old"})"}});
  begin();
  load({{R"({"id":2,"at":1,"name":"left"})"}});  // and nobody closes it
  EXPECT_EQ(rows(), Rows{"1 1 old"});
  sync({{R"({"id":3,"at":1,"name":"new"})"}});
  EXPECT_EQ(rows(), Rows{"3 1 new"});
  EXPECT_EQ(table_count(), 1U);
}

TEST_F(TableDestinationTest, ATableThatWillBeReplacedIsNotChangedBefore) {
  for (auto const mode : {append, dedup, overwrite}) {
    SCOPED_TRACE(to_string(mode));
    bool const has_generations = mode != overwrite;
    auto const generation = [&](std::int64_t id) { return has_generations ? std::optional(id) : std::nullopt; };
    store = FakeTables();
    set_fields(R"("id":{"type":"integer"},"at":{"type":"integer"},"name":{"type":"string"})");
    in(mode, generation(1), generation(0));
    sync({{R"({"id":1,"at":1,"name":"old"})"}});
    set_fields(R"("id":{"type":"integer"},"at":{"type":"string"},"mail":{"type":"string"})");
    in(mode, generation(2), generation(2));
    begin();
    load({{R"({"id":2,"at":"2","mail":"m"})"}});
    EXPECT_EQ(rows(), Rows{"1 1 old"});
    auto const table = store.tables.find(destination->tables_of(stream.descriptor).final_table);
    ASSERT_NE(table, store.tables.end());
    EXPECT_EQ(table->second.schema.find(Identifier("mail")), nullptr);
    EXPECT_EQ(table->second.schema.find(Identifier("at"))->type, ColumnType::integer);
    close();
    EXPECT_NE(store.tables.find(destination->tables_of(stream.descriptor).final_table)
                  ->second.schema.find(Identifier("mail")),
              nullptr);
  }
}

TEST_F(TableDestinationTest, TheRawLayoutKeepsEachRecordAsItCame) {
  settings.layout = TableLayout::raw;
  sync({{R"({"id":1,  "x":[1.0]})"}});
  EXPECT_EQ(rows(), Rows{R"({"id":1,  "x":[1.0]})"});
}

TEST_F(TableDestinationTest, AStreamOfWhichOnlyMetadataIsStoredIsWarnedOfOnce) {
  for (auto const schema :
       {"{}", R"({"type":"object"})", R"({"properties":null})", R"({"properties":{}})", R"({"properties":[]})",
        R"({"oneOf":[{"properties":{"a":{"type":"integer"}}}]})", R"({"properties":{"a":{}}})"}) {
    for (auto const layout : {TableLayout::typed, TableLayout::raw}) {
      SCOPED_TRACE(fmt::format("{}, {}", schema, layout == TableLayout::raw ? "raw" : "typed"));
      store = FakeTables();
      settings.layout = layout;
      settings.notices = Notices();
      stream.json_schema = boost::json::parse(schema).as_object();
      begin();
      simulation.run_coroutine(destination->setup(DestinationCatalog({stream})));  // it is tried again
      std::vector<std::string> warnings;
      destination->notices().listen([&](Notice const& notice) { warnings.push_back(notice.text); });
      bool const is_expected = layout == TableLayout::typed && std::string_view(schema) != R"({"properties":{"a":{}}})";
      ASSERT_EQ(warnings.size(), is_expected ? 1U : 0U);
      if (!is_expected) continue;
      EXPECT_NE(warnings[0].find("stream users"), std::string::npos) << warnings[0];
      EXPECT_NE(warnings[0].find("raw_data_only"), std::string::npos) << warnings[0];
      destination->notices().listen(nullptr);
    }
  }
}

TEST_F(TableDestinationTest, WhatStandsInTheWayIsNamed) {
  store.others[TableName(Identifier("main"), Identifier("users"))] = "view";
  try {
    begin();
    FAIL() << "a view was loaded into";
  } catch (Error const& error) {
    EXPECT_EQ(error.error_class(), ErrorClass::config);
    EXPECT_NE(error.message().find("main.users is a view"), std::string::npos) << error.message();
  }
}

// ---- beside what users have made, and what was there before ----

struct BesideOthersTest : TableDestinationTest {
  FakeTables::Table& table() { return store.tables.at(users); }

  void add_column(TableColumn const& column) {
    table().schema.columns.push_back(column);
    for (auto& row : table().rows) row.values[column.name] = "theirs";
  }

  std::string refusal() {
    auto const before = store.calls;
    try {
      begin();
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::config);
      EXPECT_EQ(store.calls, before) << "something was changed";
      return error.message();
    }
    return "it was taken";
  }

  TableName const users{Identifier("main"), Identifier("users")};
};

TEST_F(BesideOthersTest, AUsersColumnStaysInEveryModeWithWhatItHolds) {
  for (Kind const& kind : kinds) {
    SCOPED_TRACE(kind.name);
    store = FakeTables();
    in(kind.mode, 1, 0);
    sync({{R"({"id":1,"at":1,"name":"a"})"}});
    add_column(TableColumn(Identifier("note"), ColumnType::text));
    in(kind.mode, 2, kind.refresh ? 2 : 0);
    sync({{R"({"id":1,"at":2,"name":"b"})"}});
    ASSERT_NE(table().schema.find(Identifier("note")), nullptr);
    bool const is_new_table = kind.refresh;
    bool const is_kept = std::ranges::any_of(
        table().rows, [](auto const& row) { return row.values.at(Identifier("note")) == "theirs"; });
    EXPECT_EQ(is_kept, !is_new_table);
    store.calls.clear();
    in(kind.mode, 2, 0);
    if (kind.mode == append) {
      sync({});
      EXPECT_TRUE(store.calls.empty());
    }
  }
}

TEST_F(BesideOthersTest, AUsersColumnThatMustHaveAValueIsNamedWithTheStatement) {
  sync({{R"({"id":1})"}});
  add_column(TableColumn(Identifier("note"), ColumnType::text, false));
  for (auto const mode : {append, overwrite, dedup}) {
    in(mode, 2, 0);
    EXPECT_NE(refusal().find("main.users has a column note that must not be null, and no field of the stream fills it: "
                             "give it a default, or run ALTER TABLE \"main\".\"users\" ALTER COLUMN \"note\" DROP NOT "
                             "NULL"),
              std::string::npos)
        << refusal();
  }
  table().schema.columns.back().filled_by_store = true;
  sync({{R"({"id":2})"}});
}

TEST_F(BesideOthersTest, ANewFieldTakesAUsersColumnOverThatFitsAndNoOther) {
  sync({{R"({"id":1})"}});
  add_column(TableColumn(Identifier("note"), ColumnType::text));
  std::string const fields = R"("id":{"type":"integer"},"at":{"type":"integer"},"name":{"type":"string"},)";
  set_fields(fields + R"("note":{"type":"integer"})");
  EXPECT_NE(refusal().find("its new field note needs a column of type integer"), std::string::npos) << refusal();
  set_fields(fields + R"("note":{"type":"string"})");
  sync({{R"({"id":2,"note":"ours"})"}});
  EXPECT_EQ(rows(), (Rows{"1 - - theirs", "2 - - ours"}));
  EXPECT_EQ(store.notes.at(users).fields.at(Identifier("note")), "note");
  set_fields(fields + R"("note":{"type":"integer"})");  // a field's column that changes its type
  sync({{R"({"id":3,"note":3})"}});
  EXPECT_EQ(rows(), (Rows{"1 - - -", "2 - - -", "3 - - 3"}));
}

TEST_F(BesideOthersTest, ATableOfBeforeIsAdoptedAndGoesOn) {
  for (Kind const& kind : kinds) {
    for (StreamEnd const end : {StreamEnd::complete, StreamEnd::incomplete}) {
      SCOPED_TRACE(kind.name);
      store = FakeTables();
      in(kind.mode, 1, kind.refresh ? 1 : 0);
      sync({{R"({"id":1,"at":1,"name":"a"})"}}, end);
      store.notes.clear();  // as an older version leaves it
      sync({{R"({"id":2,"at":1,"name":"b"})"}});
      EXPECT_EQ(rows(), (Rows{"1 1 a", "2 1 b"}));
      EXPECT_EQ(table_count(), 1U);
      EXPECT_EQ(store.notes.at(users).owner, StreamDescriptor("users"));
      EXPECT_EQ(store.notes.at(users).fields.size(), 3U);
    }
  }
}

TEST_F(BesideOthersTest, AColumnThatWasDroppedIsMadeAnewAndARenamedOneIsAUsers) {
  sync({{R"({"id":1,"at":1,"name":"a"})"}});
  for (TableColumn& column : table().schema.columns) {
    if (column.name.text() == "name") column.name = Identifier("renamed");
  }
  for (auto& row : table().rows) {
    row.values[Identifier("renamed")] = row.values.at(Identifier("name"));
    row.values.erase(Identifier("name"));
  }
  sync({{R"({"id":2,"at":2,"name":"b"})"}});
  EXPECT_EQ(rows(), (Rows{"1 1 - a", "2 2 b -"}));
  EXPECT_FALSE(store.notes.at(users).fields.contains(Identifier("renamed")));
}

TEST_F(BesideOthersTest, AnotherSpellingOfTheDefaultSchemaTakesTheTableOver) {
  sync({{R"({"id":1,"at":1,"name":"a"})"}});
  stream.descriptor.name_space = "main";
  sync({{R"({"id":2,"at":2,"name":"b"})"}});
  EXPECT_EQ(rows(), (Rows{"1 1 a", "2 2 b"}));
  EXPECT_EQ(table_count(), 1U);
  EXPECT_EQ(store.notes.at(users).owner, StreamDescriptor("users", "main"));
}

TEST_F(BesideOthersTest, AStreamIsFailedByItsOwnSettingsAloneAndBeforeAnythingOfItIsStored) {
  struct Row {
    char const* name;
    void (*spoil)(DestinationStream&);
    char const* expected;
  };
  Row const wrong[] = {
      {"a nested key", [](DestinationStream& s) { s.primary_key = {{"id", "x"}}; }, "primary key 'id.x'"},
      {"no key", [](DestinationStream& s) { s.primary_key.clear(); }, "append_dedup needs a primary key"},
      {"a key that is gone", [](DestinationStream& s) { s.primary_key = {{"gone"}}; }, "primary key 'gone'"},
      {"a cursor that is no field", [](DestinationStream& s) { s.cursor_field = {"gone"}; }, "cursor 'gone'"},
      {"part of the generations", [](DestinationStream& s) { s.generation_id = 5, s.minimum_generation_id = 3; },
       "a minimum_generation_id (3) between 0 and"},
      {"update", [](DestinationStream& s) { s.destination_sync_mode = DestinationSyncMode::update; }, "update is not"},
      {"soft delete", [](DestinationStream& s) { s.destination_sync_mode = DestinationSyncMode::soft_delete; },
       "soft_delete is not supported"},
  };
  for (Row const& row : wrong) {
    SCOPED_TRACE(row.name);
    store = FakeTables();
    in(dedup, 1, 0);
    DestinationStream spoiled = stream;
    spoiled.descriptor = StreamDescriptor("spoiled");
    row.spoil(spoiled);
    DestinationCatalog const catalog({stream, spoiled});
    TableDestination both(store, settings);
    simulation.run_coroutine(both.setup(catalog));
    auto const start = [&](std::size_t place) {
      auto opened = simulation.run_coroutine(both.open(*catalog.streams()[place]));
      simulation.run_coroutine(opened->start());
    };
    start(0);
    auto const calls = store.calls;
    try {
      start(1);
      ADD_FAILURE() << "it was taken";
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::config);
      EXPECT_NE(error.message().find("stream spoiled: "), std::string::npos) << error.message();
      EXPECT_NE(error.message().find(row.expected), std::string::npos) << error.message();
    }
    EXPECT_EQ(store.calls, calls);
  }
}

TEST_F(BesideOthersTest, ASchemaThatCannotBeMadeFailsItsOwnStreamsAlone) {
  DestinationStream other = stream;
  other.descriptor.name_space = "forbidden";
  DestinationCatalog const catalog({stream, other});
  TableDestination both(store, settings);
  int count = 0;
  store.fault = [&count](std::string const& call, bool applied) {
    if (call != "create_schema" || applied || ++count > 1) return;
    throw config_error("permission denied for schema forbidden");
  };
  simulation.run_coroutine(both.setup(catalog));
  simulation.run_coroutine(both.open(*catalog.streams()[0]));
  EXPECT_THROW(simulation.run_coroutine(both.open(*catalog.streams()[1])), Error);
}

// ---- each batch once ----

TEST_F(TableDestinationTest, ABatchOfWhichNobodyKnowsIsLookedUp) {
  for (bool const was_applied : {false, true}) {
    SCOPED_TRACE(was_applied);
    store = FakeTables();
    begin();
    store.fault = [&](std::string const& call, bool applied) {
      if (call.starts_with("copy") && applied == was_applied) throw unknown_outcome_error("the connection was lost");
    };
    auto const offer = [&] {
      return loader->process_records(batch_of({{R"({"id":1})"}, {R"({"id":2})"}}, of, BatchId(1)));
    };
    EXPECT_THROW(simulation.run_coroutine(offer()), Error);
    store.fault = nullptr;
    ProbeResult const probed = simulation.run_coroutine(loader->probe(BatchId(1)));
    EXPECT_EQ(probed, was_applied ? ProbeResult::applied : ProbeResult::not_applied);
    simulation.run_coroutine(offer());  // were it made again all the same
    EXPECT_EQ(rows().size(), 2U);
  }
}

TEST_F(TableDestinationTest, HalvesOfABatchAreLookedUpEachForItself) {
  begin();
  BatchId const first = BatchId(1).first_half();
  BatchId const second = BatchId(1).second_half();
  store.fault = [](std::string const& call, bool applied) {
    if (call.starts_with("copy") && !applied) throw unknown_outcome_error("the connection was lost");
  };
  EXPECT_THROW(simulation.run_coroutine(loader->process_records(batch_of({{R"({"id":1})"}}, of, first, 0))), Error);
  store.fault = [](std::string const& call, bool applied) {
    if (call.starts_with("copy") && applied) throw unknown_outcome_error("the connection was lost");
  };
  EXPECT_THROW(simulation.run_coroutine(loader->process_records(batch_of({{R"({"id":2})"}}, of, second, 1))), Error);
  store.fault = nullptr;
  EXPECT_EQ(simulation.run_coroutine(loader->probe(first)), ProbeResult::not_applied);
  EXPECT_EQ(simulation.run_coroutine(loader->probe(second)), ProbeResult::applied);
}

TEST_F(TableDestinationTest, ABatchOfAnEarlierProcessIsLoadedAsFarAsItWasNot) {
  BatchId const resumed(1'700'000'000'000'000);
  begin();
  simulation.run_coroutine(loader->process_records(batch_of({{R"({"id":1})"}, {R"({"id":2})"}}, of, resumed, 10)));
  begin();  // another process
  simulation.run_coroutine(
      loader->process_records(batch_of({{R"({"id":1})"}, {R"({"id":2})"}, {R"({"id":3})"}}, of, resumed, 10)));
  EXPECT_EQ(rows(), (Rows{"1 - -", "2 - -", "3 - -"}));
  begin();
  simulation.run_coroutine(loader->process_records(batch_of({{R"({"id":2})"}}, of, resumed, 11)));
  EXPECT_EQ(rows().size(), 3U);
}

TEST_F(TableDestinationTest, TheFirstBatchesOfTwoProcessesAreNotTheSame) {
  sync({{R"({"id":1})"}});
  sync({{R"({"id":2})"}});
  EXPECT_EQ(rows().size(), 2U);
}

// ---- runs ----

TEST_F(TableDestinationTest, ARunBeginsOnceHoweverOftenItsStartFails) {
  int begun = 0;
  int failures_left = 3;
  store.fault = [&](std::string const& call, bool applied) {
    if (call == "begin_run") begun += applied ? 1 : 0;
    if (call == "create" && failures_left-- > 0) throw transient_error("the store is busy");
  };
  EXPECT_THROW(begin(), Error);
  EXPECT_THROW(simulation.run_coroutine(loader->start()), Error);
  EXPECT_THROW(simulation.run_coroutine(loader->start()), Error);
  simulation.run_coroutine(loader->start());
  EXPECT_EQ(begun, 1) << "a later sync that has taken over must not be taken over in turn";
}

TEST_F(TableDestinationTest, ARunEndsLastAndWhatWasDoneBeforeIsNotDoneAgain) {
  in(dedup, 1, 0);
  begin();
  load({{R"({"id":1})"}});
  EXPECT_EQ(store.runs.size(), 1U);
  bool is_lost = true;
  store.fault = [&](std::string const& call, bool) {
    if (call == "end_run" && std::exchange(is_lost, false)) throw unknown_outcome_error("the connection was lost");
  };
  EXPECT_THROW(close(), Error);
  store.calls.clear();
  close();
  EXPECT_EQ(store.calls, Rows());
  EXPECT_EQ(store.runs.size(), 0U);
  EXPECT_EQ(rows(), Rows{"1 - -"});
}

// ---- rows that are left out in silence ----

TEST_F(TableDestinationTest, AStoreThatLeavesRowsOutAndCommitsIsFoundOut) {
  struct Step {
    char const* name;
    DestinationSyncMode mode;
    std::int64_t minimum;
    TableName StreamTables::* into;  // rows do not get into this one
  };
  for (Step const& step : {Step{"a batch", append, 0, &StreamTables::final_table},
                           Step{"a batch that waits", dedup, 0, &StreamTables::work_table},
                           Step{"a merge", dedup, 0, &StreamTables::final_table},
                           Step{"a merge into a new table", dedup, 2, &StreamTables::swap_table}}) {
    SCOPED_TRACE(step.name);
    store = FakeTables();
    store.looks_at_counts = false;
    in(step.mode, 2, step.minimum);
    store.leaves_out = [&](TableName const& table, FakeTables::StoredRow const& row) {
      return table == destination->tables_of(of->descriptor).*step.into && row.values.at(Identifier("id")) == "2";
    };
    begin();
    try {
      load({{R"({"id":1})"}, {R"({"id":2})"}});
      close();
      ADD_FAILURE() << "nobody has noticed";
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::config);
      EXPECT_NE(error.message().find("2 rows were to be written, and 1 were"), std::string::npos) << error.message();
    }
  }
}

TEST_F(TableDestinationTest, ATableThatKeepsRowsOutIsRefusedUnlessItIsReplaced) {
  for (Kind const& kind : kinds) {
    SCOPED_TRACE(kind.name);
    store = FakeTables();
    in(kind.mode, 1, 0);
    sync({{R"({"id":1})"}});
    store.keeps_rows_out = {"the rule audit"};
    in(kind.mode, 2, kind.refresh ? 2 : 0);
    if (kind.refresh) {
      begin();
      continue;
    }
    try {
      begin();
      ADD_FAILURE() << "it was taken";
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::config);
      EXPECT_NE(error.message().find("stream users: main.users has the rule audit"), std::string::npos)
          << error.message();
    }
  }
}

TEST_F(TableDestinationTest, WhatCouldKeepRowsOutIsToldOnce) {
  std::vector<std::string> told;
  settings.notices.listen([&](Notice const& notice) { told.push_back(notice.text); });
  sync({{R"({"id":1})"}});
  store.may_keep_rows_out = {"the trigger check_users"};
  begin();
  simulation.run_coroutine(loader->start());
  EXPECT_EQ(told, (Rows{"stream users: main.users has the trigger check_users: where rows are left out by it, the sync "
                        "fails"}));
}

// ---- whatever fails ----

// Two syncs, each of two rows. In the second one the process dies, or the store fails, before or after any of its
// calls; then the sync is repeated (the platform sends what was not acknowledged again).
struct InterruptedTest : TableDestinationTest, ::testing::WithParamInterface<bool> {
  struct Killed {};

  /// Returns whether it was interrupted.
  bool second_sync(int interrupted_at, bool applied_first) {
    int calls = 0;
    store.fault = [&, applied_first](std::string const&, bool applied) {
      if (applied == applied_first && ++calls == interrupted_at) throw Killed();
    };
    bool interrupted = false;
    try {
      begin();
      acknowledged = 0;
      for (std::size_t i = 0; i < 2; ++i) {
        load({{fmt::format(R"({{"id":{},"at":2,"name":"second"}})", i)}});
        ++acknowledged;
      }
      close();
    } catch (Killed const&) {
      interrupted = true;
    }
    store.fault = nullptr;
    return interrupted;
  }

  std::size_t acknowledged = 0;  // of the second sync's rows
};

TEST_P(InterruptedTest, WhereverASyncIsCutOffNothingIsLostDoubledOrShownTooEarly) {
  bool const applied_first = GetParam();
  for (Kind const& kind : kinds) {
    for (int at = 1;; ++at) {
      SCOPED_TRACE(fmt::format("{}, cut off at call {}", kind.name, at));
      store = FakeTables();
      in(kind.mode, 1, 0);
      sync({{R"({"id":0,"at":1,"name":"first"})"}, {R"({"id":7,"at":1,"name":"first"})"}});
      Rows const before = rows();
      in(kind.mode, 2, kind.refresh ? 2 : 0);
      acknowledged = 0;
      bool const interrupted = second_sync(at, applied_first);
      std::size_t const safe = acknowledged;
      if (interrupted) {
        // Readers see the old rows, all of them, or the new table, whole.
        Rows const between = rows();
        bool const is_old = std::ranges::includes(between, before);
        bool const is_new =
            std::ranges::count_if(between, [](auto const& row) { return row.ends_with("second"); }) == 2;
        EXPECT_TRUE(is_old || is_new);
        begin();
        for (std::size_t i = safe; i < 2; ++i) load({{fmt::format(R"({{"id":{},"at":2,"name":"second"}})", i)}});
        close();
      }
      Rows const after = rows();
      std::set<std::string> const distinct(after.begin(), after.end());
      EXPECT_TRUE(distinct.contains("0 2 second"));
      EXPECT_TRUE(distinct.contains("1 2 second"));
      EXPECT_EQ(distinct.contains("7 1 first"), !kind.refresh);
      EXPECT_EQ(distinct.contains("0 1 first"), !kind.refresh && kind.mode == append);
      // A row that was loaded but not acknowledged is sent again: only a key tells that it is there.
      if (kind.mode == dedup) {
        EXPECT_EQ(after.size(), distinct.size());
      }
      EXPECT_EQ(table_count(), 1U);
      if (!interrupted) break;
      ASSERT_LT(at, 100);
      if (HasFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(BeforeAndAfter, InterruptedTest, ::testing::Bool(),
                         [](auto const& tested) { return tested.param ? "AfterACall" : "BeforeACall"; });

}  // namespace
}  // namespace landfall
