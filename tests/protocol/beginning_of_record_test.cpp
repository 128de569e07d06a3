#include "protocol/beginning_of_record.hpp"

#include <string>

#include <gtest/gtest.h>

#include "protocol/lines.hpp"

namespace landfall {
namespace {

struct BeginningRow {
  char const* name;
  std::string line;
  std::string expected;  // as describe() says it
};

std::string describe(std::string const& line) {
  PaddedLine const padded(line);
  auto const beginning = beginning_of_record(padded.view());
  if (!beginning) return "nothing";
  std::string const name_space = beginning->name_space ? *beginning->name_space : "null";
  return beginning->stream + (beginning->knows_name_space ? " of " + name_space : "");
}

TEST(BeginningOfRecord, TellsWhoseRecordItIsAsFarAsTheLineIsGood) {
  std::string const head = R"({"type":"RECORD","record":{"stream":"users",)";
  BeginningRow const rows[] = {
      {"broken data", head + R"("data":{"a":nul},"emitted_at":1}})", "users"},
      {"broken data behind the namespace", head + R"("namespace":"crm","data":{"a":nul}}})", "users of crm"},
      {"broken data behind a null namespace", head + R"("namespace":null,"data":{"a":nul}}})", "users of null"},
      {"broken behind the record", head + R"("data":{},"emitted_at":1}}x)", "users of null"},
      {"cut", head + R"("data":{"a":"x)", "users"},
      {"bytes that are no UTF-8", head + "\"data\":{\"a\":\"\xff\"}}}", "users"},
      {"a lone surrogate before the break", head + R"("x":"\ud83d","data":{"a":nul}}})", "users"},
      {"escaped names", R"({"typ\u0065":"RECORD","record":{"stre\u0061m":"\u00e9",nul}})", "\u00e9"},
      {"members of those names deeper",
       R"({"type":"RECORD","record":{"data":{"stream":"x","type":"STATE"},"stream":"s",nul}})", "s"},
      {"members of those names in an array",
       R"({"type":"RECORD","record":{"stream":"s","x":[{"stream":"y","namespace":"z"}],nul}})", "s"},
      {"the type behind the record", R"({"record":{"stream":"s","data":{}},"type":"RECORD",nul})", "s of null"},
      {"broken before the type", R"({"record":{"stream":"s","data":nul},"type":"RECORD"})", "nothing"},
      {"broken before the stream", R"({"type":"RECORD","record":{"data":{"a":nul},"stream":"s"}})", "nothing"},
      {"broken in the stream", R"({"type":"RECORD","record":{"stream":"us)", "nothing"},
      {"a STATE", R"({"type":"STATE","state":{"stream":"s","data":nul}})", "nothing"},
      {"a STATE with a record", R"({"type":"STATE","record":{"stream":"s","data":nul}})", "nothing"},
      {"two types", R"({"type":"RECORD","type":"RECORD","record":{"stream":"s",nul}})", "nothing"},
      {"two records", R"({"type":"RECORD","record":{"stream":"s"},"record":{nul}})", "nothing"},
      {"two streams", R"({"type":"RECORD","record":{"stream":"s","stream":"t",nul}})", "nothing"},
      {"two namespaces", R"({"type":"RECORD","record":{"stream":"s","namespace":null,"namespace":"a",nul}})",
       "nothing"},
      {"a record that is an array", R"({"type":"RECORD","record":[{"stream":"s"},nul]})", "nothing"},
      {"a stream that is no text", R"({"type":"RECORD","record":{"stream":1,"data":nul}})", "nothing"},
      {"text before it", R"(x{"type":"RECORD","record":{"stream":"s","data":nul}})", "nothing"},
      {"an array around it", R"([{"type":"RECORD","record":{"stream":"s","data":nul}}])", "nothing"},
      {"nothing", "", "nothing"},
  };
  for (BeginningRow const& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(describe(row.line), row.expected);
  }
}

TEST(BeginningOfRecord, ASecondMessageIsSeenWhereverTheFirstOneBreaks) {
  std::string const record =
      R"({"type":"RECORD","record":{"stream":"users","data":{"id":1,"name":"Ann"},"emitted_at":1}})";
  std::string const others[] = {
      record,
      R"({"type": "STATE", "state": {"type": "STREAM"}})",
      R"({ "state" : {"data":{}},"type":"STATE"})",
      R"({"type":"TRACE","trace":{"type":"STREAM_STATUS"}})",
      R"({"type":"LOG","log":{}})",
      R"({"type":"CONTROL","control":{}})",
  };
  EXPECT_FALSE(may_hold_second_message(record));
  for (std::string const& other : others) {
    for (std::size_t size = 1; size <= record.size(); ++size) {
      if (size < std::string_view(R"({"type":"RECORD")").size()) continue;  // it does not begin as a record
      EXPECT_TRUE(may_hold_second_message(record.substr(0, size) + other)) << record.substr(0, size) + other;
      EXPECT_TRUE(may_hold_second_message(record.substr(0, size) + " " + other)) << size;
    }
  }
}

TEST(BeginningOfRecord, WhatARecordHoldsIsNoSecondMessage) {
  for (char const* const data : {
           R"({"type":"user","state":"CA","trace":1,"log":[],"record":null})",
           R"({"text":"}{x","template":"{a}{b}"})",
           R"({"json":"{\"type\":\"STATE\",\"state\":{}}"})",
           R"({"a":[{},{}],"b":{"c":{}}})",
       }) {
    EXPECT_FALSE(
        may_hold_second_message(R"({"type":"RECORD","record":{"stream":"s","data":)" + std::string(data) + ",x}}"))
        << data;
  }
}

}  // namespace
}  // namespace landfall
