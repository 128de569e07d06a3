#include "record_format.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <set>
#include <string>
#include <vector>

#include <landfall/runtime/utc_text.hpp>

#include "record_maker.hpp"

namespace jsonl {
namespace {

landfall::DestinationStream users() {
  landfall::DestinationStream stream;
  stream.descriptor = landfall::StreamDescriptor("users");
  return stream;
}

Milliseconds at(std::int64_t ms) { return Milliseconds(std::chrono::milliseconds(ms)); }

std::vector<std::string> lines_of(std::string const& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    auto const end = text.find('\n', begin);
    EXPECT_NE(end, std::string::npos) << "the last line has no end";
    if (end == std::string::npos) break;
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

class RecordFormatTest : public ::testing::Test {
 protected:
  std::string write(RecordMaker& records, RecordFormat format, std::size_t buffer_size = 4096) {
    std::string text;
    RowBuffer out(buffer_size, [&](std::string_view bytes) { text += bytes; });
    RecordFormatter formatter(format, records.stream(), 1);
    formatter.write(records.batch(), at(1'700'000'000'000), out);
    out.flush();
    return text;
  }

  boost::json::object row(std::string const& meta, std::int64_t emitted_at = 0) {
    RecordMaker records(stream_);
    records.add(R"({"a":1})", emitted_at, meta);
    return boost::json::parse(lines_of(write(records, RecordFormat::airbyte)).at(0)).as_object();
  }

  landfall::DestinationStream stream_ = users();
};

TEST_F(RecordFormatTest, DataIsTheRecordByteForByte) {
  std::vector<std::string> const rows{R"({"id": 1,  "x":"\u00e9\/"})", "{}", "{\"a\"\r:\t1E400}",
                                      R"({"n":123456789012345678901234567890.10})"};
  RecordMaker records(users());
  for (auto const& row : rows) records.add(row);
  EXPECT_EQ(lines_of(write(records, RecordFormat::data)), rows);
}

TEST_F(RecordFormatTest, AnAirbyteRowHasTheColumnsInOrder) {
  stream_.sync_id = 42;
  stream_.generation_id = 7;
  RecordMaker records(stream_);
  records.add(R"({"id":1})", 1'700'000'000'123);
  auto const text = write(records, RecordFormat::airbyte);
  EXPECT_EQ(text.substr(0, 18), R"({"_airbyte_raw_id")");
  EXPECT_EQ(text.substr(text.find("\",\"_airbyte_ext") + 2),
            R"("_airbyte_extracted_at":"2023-11-14T22:13:20.123Z","_airbyte_meta":{"sync_id":42,"changes":[]},)"
            R"("_airbyte_generation_id":7,"_airbyte_data":{"id":1}})"
            "\n");
}

TEST_F(RecordFormatTest, AbsentIdsAreNull) {
  auto const row = this->row("");
  EXPECT_TRUE(row.at("_airbyte_generation_id").is_null());
  EXPECT_EQ(boost::json::serialize(row.at("_airbyte_meta")), R"({"sync_id":null,"changes":[]})");
}

TEST_F(RecordFormatTest, ChangesOfTheSourceAreKept) {
  struct Row {
    char const* name;
    std::string meta;
    std::string changes;
  };
  std::string const change = R"([{"field":"a","change":"NULLED","reason":"SOURCE_FIELD_SIZE_LIMITATION"}])";
  Row const rows[] = {
      {"none", "", "[]"},
      {"empty object", "{ }", "[]"},
      {"the usual", "{\"changes\":" + change + "}", change},
      {"white space", " { \"changes\" : " + change + " , \"x\":1}", change},
      {"not the first", R"({"x":{"changes":[1]},"y":["}",{"changes":[2]}],"changes":)" + change + "}", change},
      {"quotes and brackets in strings", R"({"x":"\"]}{[","changes":[{"field":"a\"]}"}]})", R"([{"field":"a\"]}"}])"},
      {"escaped key", R"({"ch\u0061nges":[1]})", "[1]"},
      {"null", R"({"changes":null})", "[]"},
      {"no array", R"({"changes":"[]x"})", "[]"},
      {"other members only", R"({"x":[],"y":1.5,"z":true})", "[]"},
  };
  for (auto const& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(changes_of(row.meta), row.changes);
    EXPECT_EQ(boost::json::serialize(this->row(row.meta).at("_airbyte_meta").at("changes")), row.changes);
  }
}

TEST_F(RecordFormatTest, ABrokenMetaIsSurvived) {
  for (std::string const meta : {"{", "{\"", "{\"changes", "{\"changes\"", "{\"changes\":", "{\"changes\":[", "[1]",
                                 "x", "{\"changes\":\"\\", "{,}", "{:}"}) {
    SCOPED_TRACE(meta);
    EXPECT_EQ(changes_of(meta), "[]");
  }
}

TEST_F(RecordFormatTest, TimesOfNeighboursDoNotMix) {
  RecordMaker records(users());
  std::vector<std::int64_t> const times{1'700'000'000'123, 1'700'000'000'004, 253'402'300'800'000, 0, -1, 59'999};
  for (auto const time : times) records.add("{}", time);
  auto const lines = lines_of(write(records, RecordFormat::airbyte));
  for (std::size_t i = 0; i < times.size(); ++i) {
    EXPECT_EQ(boost::json::parse(lines[i]).at("_airbyte_extracted_at").as_string(), landfall::UtcText(times[i]).text());
  }
}

TEST_F(RecordFormatTest, RawIdsAreDistinctOrderedVersion7) {
  RawIds ids(1);
  std::string before;
  std::int64_t const times[] = {1000, 1000, 999, 1001, 5};
  for (auto const time : times) {
    ids.set_time(at(time));
    for (int i = 0; i < 5000; ++i) {
      std::string id(RawIds::text_size, ' ');
      ids.write_next(id.data());
      ASSERT_LT(before, id);
      ASSERT_EQ(id[14], '7');
      ASSERT_NE(std::string("89ab").find(id[19]), std::string::npos);
      for (std::size_t const dash : {8U, 13U, 18U, 23U}) ASSERT_EQ(id[dash], '-');
      ASSERT_EQ(id.find_first_not_of("0123456789abcdef-"), std::string::npos);
      before = id;
    }
  }
  EXPECT_EQ(before.substr(0, 13), "00000000-03e9");  // 1001: time never goes back
}

TEST_F(RecordFormatTest, IdsOfTwoStreamsDiffer) {
  std::set<std::string> ids;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    RawIds source(seed);
    source.set_time(at(1000));
    std::string id(RawIds::text_size, ' ');
    source.write_next(id.data());
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 100U);
}

TEST_F(RecordFormatTest, TheBufferSizeChangesNothing) {
  auto const make = [&](std::size_t buffer_size) {
    RecordMaker records(users());
    for (std::size_t i = 0; i < 300; ++i) records.add("{\"x\":\"" + std::string(i, 'x') + "\"}", static_cast<int>(i));
    return write(records, RecordFormat::airbyte, buffer_size);
  };
  auto const whole = make(1 << 20);
  for (std::size_t const size : {1, 2, 100, 255, 256, 1000}) EXPECT_EQ(make(size), whole) << size;
}

}  // namespace
}  // namespace jsonl
