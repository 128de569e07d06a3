#include <landfall/table/table_rows.hpp>

#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

#include <landfall/runtime/error.hpp>

#include "record_text.hpp"

namespace landfall {
namespace {

/// As jsonb: no NUL, no half surrogates, numbers of four digits and two behind the point, three levels.
ValueLimits narrow() {
  ValueLimits limits;
  limits.json_takes_nul = false;
  limits.json_takes_lone_surrogates = false;
  limits.json_number_digits = 4;
  limits.json_number_scale = 2;
  limits.json_depth = 3;
  limits.longest_text_bytes = 30;
  return limits;
}

DestinationStream stream_of(std::string_view properties) {
  DestinationStream stream;
  stream.descriptor = StreamDescriptor("users");
  stream.json_schema = boost::json::parse(R"({"properties":)" + std::string(properties) + "}").as_object();
  stream.generation_id = 5;
  stream.sync_id = 42;
  return stream;
}

std::string meta_with(std::string_view changes) { return R"({"sync_id":42,"changes":[)" + std::string(changes) + "]}"; }

std::string nulled(std::string_view field, std::string_view reason) {
  return R"({"field":)" + std::string(field) + R"(,"change":"NULLED","reason":"DESTINATION_)" + std::string(reason) +
         "\"}";
}
std::string no_such(std::string_view field) { return nulled(field, "SERIALIZATION_ERROR"); }
std::string altered(std::string_view field) {
  return R"({"field":)" + std::string(field) + R"(,"change":"TRUNCATED","reason":"DESTINATION_SERIALIZATION_ERROR"})";
}
std::string too_large(std::string_view field) { return nulled(field, "FIELD_SIZE_LIMITATION"); }

struct RawRecord {
  std::string_view name;
  std::string_view record;
  std::string_view data;  ///< empty: as it came
  std::string changes;
};

std::vector<RawRecord> raw_records() {
  return {
      {"nothing wrong", R"({"id":1,  "a":["\u0041\\u0000",1.50]} )", "", ""},
      {"empty", "{}", "", ""},
      {"NUL in text", R"({"id":1,"a":"x\u0000"})", R"({"id":1,"a":"x"})", altered(R"("a")")},
      {"NUL deep inside", R"({"a":{"b":["\u0000"]}, "id":1})", R"({"a":{"b":[""]}, "id":1})", altered(R"("a")")},
      {"NUL in a name deep inside", R"({"a":[{"b\u0000":1}]})", R"({"a":[{"b":1}]})", altered(R"("a")")},
      {"lone surrogate", R"({"a":"\ud800"})", R"({"a":"\ufffd"})", altered(R"("a")")},
      {"number alone", R"({"a":10000,"b":1})", R"({"a":null,"b":1})", too_large(R"("a")")},
      {"number inside", R"({"a":[1,1e9]})", R"({"a":null})", too_large(R"("a")")},
      {"too deep", R"({"a":[[[[]]]]})", R"({"a":null})", too_large(R"("a")")},
      {"too long", R"({"a":"1234567890123456789012345678901"})", R"({"a":null})", too_large(R"("a")")},
      {"several", R"({"a":"\u0000","b":1,"c":9.999})", R"({"a":"","b":1,"c":null})",
       altered(R"("a")") + "," + too_large(R"("c")")},
      {"NUL in a name", R"({"n\u0000m":1})", R"({"nm":1})", altered(R"("nm")")},
      {"NUL in a name and its value", R"({"\u0000":"\u0000"})", R"({"":""})", altered(R"("")")},
      {"NUL in a name, its value too large", R"({"\u0000":10000})", R"({"":null})", too_large(R"("")")},
      {"name with escapes", R"({"\"\u0041":"\u0000"})", R"({"\"\u0041":""})", altered(R"("\"\u0041")")},
      {"long record", R"({"a":"123456789012345678901234567","b":"123456789012345678901234567"})", "", ""},
  };
}

TEST(TableRows, InTheRawLayoutWhatTheStoreCannotHaveIsGoneAndNoted) {
  TableRows rows(stream_of("{}"), TableLayout::raw, narrow(), std::nullopt);
  for (RawRecord const& expected : raw_records()) {
    SCOPED_TRACE(expected.name);
    RecordText const text(expected.record);
    TableRow const& row = rows.read(text.record());
    EXPECT_EQ(row.data, expected.data.empty() ? expected.record : expected.data);
    EXPECT_EQ(row.meta, meta_with(expected.changes));
    EXPECT_TRUE(row.cells.empty());
    EXPECT_EQ(row.data.data() == text.data().data(), expected.data.empty());  // not copied
  }
}

TEST(TableRows, InTheRawLayoutARecordIsRefusedWhenTwoNamesWouldBecomeOne) {
  TableRows rows(stream_of("{}"), TableLayout::raw, narrow(), std::nullopt);
  for (std::string_view const data :
       {R"({"a":1,"a\u0000":2})", R"({"\ud800":1,"\ud801":2})", R"({"x":[{"a":1,"a\u0000":2}]})"}) {
    SCOPED_TRACE(data);
    RecordText const text(data, "", 7);
    try {
      rows.read(text.record());
      ADD_FAILURE() << "it was read";
    } catch (RefusedRecord const& refused) {
      ASSERT_EQ(refused.records.size(), 1U);
      EXPECT_EQ(refused.records[0].number, 7U);
      EXPECT_NE(refused.records[0].reason.find("have the same name"), std::string::npos) << refused.records[0].reason;
    }
  }
  RecordText const next(R"({"a\u0000":1,"b":{"a":2}})");
  EXPECT_EQ(rows.read(next.record()).data, R"({"a":1,"b":{"a":2}})");
}

TEST(TableRows, OfAppendDedupKeysAndCursorsMustFit) {
  DestinationStream stream =
      stream_of(R"({"id":{"type":"integer"},"at":{"type":"integer"},"_ab_cdc_deleted_at":{"type":"string"}})");
  stream.primary_key = {{"id"}};
  stream.cursor_field = {"at"};
  RecordText const bad_key(R"({"id":"x","_ab_cdc_deleted_at":"now"})", "", 3);
  RecordText const bad_cursor(R"({"id":1,"at":"x"})", "", 4);
  RecordText const gone(R"({"id":1,"_ab_cdc_deleted_at":"now"})");
  stream.destination_sync_mode = DestinationSyncMode::append_dedup;
  TableRows dedup(stream, TableLayout::typed, ValueLimits(), 1000);
  EXPECT_THROW(dedup.read(bad_key.record()), RefusedRecord);
  EXPECT_THROW(dedup.read(bad_cursor.record()), RefusedRecord);
  EXPECT_EQ(dedup.read(gone.record()).deleted, true);
  stream.destination_sync_mode = DestinationSyncMode::append;
  TableRows append(stream, TableLayout::typed, ValueLimits(), std::nullopt);
  EXPECT_EQ(append.read(bad_key.record()).cells[0].kind, Cell::Kind::null);
  EXPECT_EQ(append.read(bad_cursor.record()).cells[1].kind, Cell::Kind::null);
  EXPECT_EQ(append.read(gone.record()).deleted, std::nullopt);
}

TEST(TableRows, AStoreThatTakesAllGetsTheRecordAsItCame) {
  TableRows rows(stream_of("{}"), TableLayout::raw, ValueLimits(), std::nullopt);
  for (RawRecord const& expected : raw_records()) {
    SCOPED_TRACE(expected.name);
    RecordText const text(expected.record);
    EXPECT_EQ(rows.read(text.record()).data.data(), text.data().data());
    EXPECT_EQ(rows.read(text.record()).meta, meta_with(""));
  }
}

TEST(TableRows, TheSourcesOwnChangesAreHeldInBothLayouts) {
  std::string_view const meta = R"({"changes":[{"field":"\u0000","change":"NULLED","reason":"x","n":1e9}]})";
  std::string const held = meta_with(R"({"field":"","change":"NULLED","reason":"x","n":null})");
  for (TableLayout const layout : {TableLayout::typed, TableLayout::raw}) {
    TableRows rows(stream_of(R"({"id":{"type":"integer"}})"), layout, narrow(), std::nullopt);
    RecordText const text(R"({"id":1})", meta);
    EXPECT_EQ(rows.read(text.record()).meta, held);
  }
}

TEST(TableRows, AFieldWithANulInItsNameIsHeldInTheChanges) {
  TableRows rows(stream_of(R"({"a\u0000b":{"type":"integer"}})"), TableLayout::typed, narrow(), std::nullopt);
  RecordText const text(R"({"a\u0000b":"x"})");
  EXPECT_EQ(rows.read(text.record()).meta, meta_with(no_such(R"("ab")")));
}

TEST(TableRows, ABrokenRecordIsNamedInBothLayouts) {
  for (TableLayout const layout : {TableLayout::typed, TableLayout::raw}) {
    TableRows rows(stream_of(R"({"id":{"type":"integer"}})"), layout, narrow(), std::nullopt);
    for (std::string_view const broken : {"[]", R"({"id":1} {})"}) {
      SCOPED_TRACE(broken);
      RecordText const text(broken, "", 7);
      try {
        rows.read(text.record());
        ADD_FAILURE() << "it was read";
      } catch (Error const& error) {
        EXPECT_NE(std::string_view(error.what()).find("record 7"), std::string_view::npos) << error.what();
      }
    }
  }
}

TEST(TableRows, HaveTheirOwnIdTheirGenerationAndTheirOrder) {
  TableRows rows(stream_of("{}"), TableLayout::raw, narrow(), 1000);
  RecordText const text("{}", "", 7);
  std::string const first(rows.read(text.record()).raw_id);
  TableRow const& second = rows.read(text.record());
  EXPECT_NE(first, second.raw_id);
  EXPECT_EQ(second.raw_id.size(), 36);
  EXPECT_EQ(second.generation, 5);
  EXPECT_EQ(second.read_order, 1007);
}

}  // namespace
}  // namespace landfall
