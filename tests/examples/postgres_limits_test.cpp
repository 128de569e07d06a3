#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

#include <landfall/destination/rejected_records.hpp>
#include <landfall/table/column_names.hpp>
#include <landfall/table/table_rows.hpp>
#include <landfall/testing/simulation.hpp>

#include "examples/scratch_database.hpp"
#include "postgres_tables.hpp"
#include "table/record_batches.hpp"
#include "table/record_text.hpp"

namespace landfall {
namespace {

using postgres::ScratchDatabase;

/// A table with one column of JSON, in which a stream's records are loaded.
class PostgresLimits : public ::testing::Test {
 protected:
  explicit PostgresLimits(TableLayout of_table = TableLayout::typed) : layout(of_table) {
    stream.descriptor = StreamDescriptor("users", "main");
    stream.json_schema = boost::json::parse(R"({"properties":{"v":{}}})").as_object();
    stream.generation_id = 1;
  }

  template <class T>
  T run(awaitable<T> call) {
    return simulation.run_coroutine(std::move(call));
  }

  /// With as much as the reader finds within `limits`.
  void load(std::vector<SentRecord> const& sent, ValueLimits const& limits) {
    postgres::PostgresTables tables(database.settings());
    DestinationCatalog const catalog({stream});
    StreamTables names = TableNames(catalog, postgres::name_rules(), "main").of(stream.descriptor);
    names.columns = column_names(stream, postgres::name_rules());
    CopyIn rows;
    rows.table = names.final_table;
    rows.schema = std::make_shared<TableSchema const>(schema_of(stream, names, layout));
    rows.rows = std::make_shared<TableRows>(stream, layout, limits, std::nullopt);
    rows.records = batch_of(sent, std::make_shared<DestinationStream const>(stream), BatchId(1), 40);
    rows.mark = BatchMark("main.users", "run", 1);
    run(tables.create_schema(Identifier("main")));
    run(tables.create(rows.table, *rows.schema, {}));
    run(tables.copy_in(std::move(rows)));
  }

  std::vector<std::string> loaded() {
    SqlText sql;
    sql << "SELECT " << Identifier(layout == TableLayout::raw ? "_airbyte_data" : "v")
        << ", jsonb_array_length(_airbyte_meta->'changes') FROM main.users ORDER BY ctid";
    postgres::Result const rows = database.run(sql);
    std::vector<std::string> texts;
    for (int row = 0; row < rows.rows(); ++row) {
      std::string const value = rows.is_null(row, 0) ? "null" : rows.text(row, 0);
      texts.push_back(fmt::format("{}, {} changes", value, rows.integer(row, 1)));
    }
    return texts;
  }

  /// The numbers of the records that were rejected.
  std::vector<RecordNumber> rejected(std::vector<SentRecord> const& sent, ValueLimits const& limits) {
    std::vector<RecordNumber> numbers;
    try {
      load(sent, limits);
    } catch (RejectedRecords const& error) {
      for (RejectedRecord const& record : error.records) numbers.push_back(record.number);
    }
    return numbers;
  }

  bool server_takes(std::string const& json) {
    postgres::SecretFiles const secrets{database.settings().tls};
    postgres::Connection connection(database.settings(), secrets);
    SqlText sql;
    sql << "SELECT $1::jsonb";
    try {
      connection.run(sql, {json});
      return true;
    } catch (Error const&) {
      return false;
    }
  }

  TableLayout layout;
  testing::Simulation simulation;
  ScratchDatabase database;
  DestinationStream stream;
};

class PostgresRawLimits : public PostgresLimits {
 protected:
  PostgresRawLimits() : PostgresLimits(TableLayout::raw) {}
};

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST_F(PostgresLimits, OfJsonAreThoseOfTheServer) {
  std::string const nines(131'072, '9');
  std::string const small(16'383, '7');
  RowReader reader({Field("v", AirbyteType())}, postgres::value_limits());
  std::vector<std::string> const values = {"0",
                                           "1e131071",
                                           "1e131072",
                                           "0.1e131072",
                                           "0.1e131073",
                                           "12e131071",
                                           "1e-16383",
                                           "1e-16384",
                                           "1.0e-16383",
                                           "0e200000",
                                           "0e-16384",
                                           "0e2000000000",
                                           "1e99999999999999999999",
                                           nines,
                                           nines + "9",
                                           nines + ".5",
                                           "-" + nines,
                                           "0." + small,
                                           "0." + small + "7",
                                           "0." + small + "7e1",
                                           "[1,{\"a\":1e131072}]",
                                           R"("\u0000")",
                                           R"("\ud800")",
                                           R"("\ud800\udc00")",
                                           R"({"\u0000":1})"};
  for (std::string const& json : values) {
    SCOPED_TRACE(json.substr(0, 40));
    RecordText const text("{\"v\":" + json + "}");
    Cell const& cell = reader.read(text.record()).cells[0];
    bool const is_held = cell.kind == Cell::Kind::json;  // as it came, or without a character
    EXPECT_TRUE(is_held ? server_takes(std::string(cell.text)) : !server_takes(json));
  }
}

std::vector<SentRecord> records_with_what_the_server_cannot_have() {
  return {{R"({"v":"\u0000"})"},
          {R"({"v":{"a":["\ud800"]}})"},
          {R"({"v":[1e200000]})"},
          {R"({"v":)" + nested(100'000) + "}"},
          {R"({"v":1})"}};
}

TEST_F(PostgresLimits, WhatTheServerCannotHaveIsAlteredOrNullAndNoted) {
  load(records_with_what_the_server_cannot_have(), postgres::value_limits());
  EXPECT_EQ(loaded(), (std::vector<std::string>{"\"\", 1 changes", "{\"a\": [\"\ufffd\"]}, 1 changes",
                                                "null, 1 changes", "null, 1 changes", "1, 0 changes"}));
}

TEST_F(PostgresRawLimits, WhatTheServerCannotHaveIsAlteredOrNullAndNoted) {
  auto records = records_with_what_the_server_cannot_have();
  records.push_back({R"({"\u0000":2})"});
  load(records, postgres::value_limits());
  EXPECT_EQ(loaded(), (std::vector<std::string>{R"({"v": ""}, 1 changes)", "{\"v\": {\"a\": [\"\ufffd\"]}}, 1 changes",
                                                R"({"v": null}, 1 changes)", R"({"v": null}, 1 changes)",
                                                R"({"v": 1}, 0 changes)", R"({"": 2}, 1 changes)"}));
}

// Only the server knows how deep its stack is.
TEST_F(PostgresLimits, ARecordThatIsTooDeepForTheServerIsRejectedAlone) {
  SqlText sql;
  sql << "ALTER DATABASE " << Identifier(database.settings().database) << " SET max_stack_depth = '100kB'";
  database.run(sql);
  std::vector<SentRecord> const sent = {{R"({"v":1})"}, {R"({"v":)" + nested(4'000) + "}"}, {R"({"v":2})"}};
  EXPECT_EQ(rejected(sent, postgres::value_limits()), std::vector<RecordNumber>{41});
}

// Numbers take more room there than here. "invalid memory alloc request size", an internal error, is all that it says.
TEST_F(PostgresLimits, ARecordThatGrowsTooLargeInTheServerIsRejectedAlone) {
  constexpr std::size_t count = 35'000'000;
  std::string numbers = "[1";
  numbers.reserve(2 * count + 2);
  for (std::size_t i = 1; i < count; ++i) numbers += ",1";
  std::vector<SentRecord> const sent = {{R"({"v":1})"}, {R"({"v":)" + numbers + "]}"}, {R"({"v":2})"}};
  EXPECT_EQ(rejected(sent, postgres::value_limits()), std::vector<RecordNumber>{41});
}

TEST_F(PostgresLimits, ARecordWithAValueThatTheServerRefusesIsRejectedAlone) {
  std::vector<SentRecord> const sent = {{R"({"v":1})"}, {R"({"v":"\u0000"})"}, {R"({"v":2})"}};
  EXPECT_EQ(rejected(sent, ValueLimits()), std::vector<RecordNumber>{41});
}

}  // namespace
}  // namespace landfall
