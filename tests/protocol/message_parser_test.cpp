#include "protocol/message_parser.hpp"

#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/lines.hpp"

namespace landfall {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string record_with(std::string const& data) {
  return R"({"type":"RECORD","record":{"stream":"users","data":)" + data + R"(,"emitted_at":1}})";
}

std::string status_of(std::string const& status) {
  return R"({"type":"TRACE","trace":{"type":"STREAM_STATUS","emitted_at":1.0,"stream_status":{"stream_descriptor":)"
         R"({"name":"users","namespace":"crm"},"status":")" +
         status + R"("}}})";
}

class MessageParserTest : public testing::Test {
 protected:
  ParsedMessage const& parse(std::string_view line) { return parse(line, parser); }

  ParsedMessage const& parse(std::string_view line, MessageParser& with) {
    lines.push_back(std::make_unique<PaddedLine>(line));
    return with.parse(lines.back()->view());
  }

  std::string refusal(std::string_view line) {
    return text_of_error([&] { parse(line, parser); });
  }

  std::string refusal_when_skipping(std::string_view line) {
    return text_of_error([&] { parse(line, skipping_parser); });
  }

  MessageParser parser;
  MessageParser skipping_parser{Validation::skipped};
  std::vector<std::unique_ptr<PaddedLine>> lines;
};

TEST_F(MessageParserTest, ReadsARecordAsSlicesOfTheLine) {
  PaddedLine const line(
      R"({"type":"RECORD","record":{"stream":"users","namespace":"crm","data":{"id":1,"tags":["a","}"]},)"
      R"("emitted_at":1710000000123,"meta":{"changes":[]}}})");
  ParsedMessage const& message = parser.parse(line.view());
  EXPECT_EQ(message.kind, MessageKind::record);
  EXPECT_EQ(message.type, "RECORD");
  EXPECT_EQ(message.stream, (StreamName{"users", "crm"}));
  EXPECT_EQ(message.data, R"({"id":1,"tags":["a","}"]})");
  EXPECT_EQ(message.meta, R"({"changes":[]})");
  EXPECT_EQ(message.emitted_at_ms, 1710000000123);
  EXPECT_FALSE(message.has_file);
  EXPECT_EQ(message.data.data(), line.view().data() + line.view().find(R"({"id")"));
}

TEST_F(MessageParserTest, ReadsMembersInAnyOrder) {
  ParsedMessage const& message = parse(
      R"( { "record" : { "emitted_at" : 5 , "meta" : null , "data" : { "id" : 1 } , "x" : [ { } ] , "stream" : "s" } , "type" : "RECORD" } )");
  EXPECT_EQ(message.kind, MessageKind::record);
  EXPECT_EQ(message.stream, (StreamName{"s", std::nullopt}));
  EXPECT_EQ(message.data, R"({ "id" : 1 })");
  EXPECT_EQ(message.meta, "");
  EXPECT_EQ(message.emitted_at_ms, 5);
}

TEST_F(MessageParserTest, BothValidationsReadTheSame) {
  std::string const line = record_with(R"({"id":[1,{"a":[]}]})");
  EXPECT_EQ(parse(line, skipping_parser).data, R"({"id":[1,{"a":[]}]})");
  EXPECT_EQ(parse(line).data, R"({"id":[1,{"a":[]}]})");
}

TEST_F(MessageParserTest, AllowsACarriageReturnAtTheEnd) { EXPECT_EQ(parse(record_with("{}") + "\r").data, "{}"); }

TEST_F(MessageParserTest, KeepsNoNamespaceApartFromTheEmptyOne) {
  auto const line = [](std::string const& name_space) {
    return R"({"type":"RECORD","record":{"stream":"s",)" + name_space + R"("data":{},"emitted_at":1}})";
  };
  EXPECT_EQ(parse(line("")).stream.name_space, std::nullopt);
  EXPECT_EQ(parse(line(R"("namespace":null,)")).stream.name_space, std::nullopt);
  EXPECT_EQ(parse(line(R"("namespace":"",)")).stream.name_space, "");
}

TEST_F(MessageParserTest, AnEmptyStreamNameIsAName) {
  EXPECT_EQ(parse(R"({"type":"RECORD","record":{"stream":"","data":{},"emitted_at":1}})").stream.name, "");
}

TEST_F(MessageParserTest, UndoesEscapesInKeysAndNames) {
  ParsedMessage const& message = parse(
      R"({"typ\u0065":"RECO\u0052D","rec\u006frd":{"str\u0065am":"a\"\u00e4\n\ud83d\ude00","n\u0061mespace":"\\",)"
      R"("d\u0061ta":{"k":"\u00e4"},"\u0065mitted_at":7}})");
  EXPECT_EQ(message.kind, MessageKind::record);
  EXPECT_EQ(message.type, "RECORD");
  EXPECT_EQ(message.stream, (StreamName{"a\"ä\n😀", "\\"}));
  EXPECT_EQ(message.data, R"({"k":"\u00e4"})");
  EXPECT_EQ(message.emitted_at_ms, 7);
}

TEST_F(MessageParserTest, ReadsEmittedAtAsAnyNumber) {
  struct Row {
    std::string text;
    std::int64_t expected;
  };
  for (Row const& row : {Row{"1710000000000", 1710000000000}, Row{"1710000000000.0", 1710000000000},
                         Row{"1.71e12", 1710000000000}, Row{"1500.9", 1500}, Row{"-1", -1}, Row{"-0.5", -1},
                         Row{"0", 0}, Row{"9223372036854775807", 9223372036854775807}}) {
    SCOPED_TRACE(row.text);
    std::string const line = R"({"type":"RECORD","record":{"stream":"s","data":{},"emitted_at":)" + row.text + "}}";
    EXPECT_EQ(parse(line).emitted_at_ms, row.expected);
    EXPECT_EQ(parse(line, skipping_parser).emitted_at_ms, row.expected);
  }
}

TEST_F(MessageParserTest, NoticesAFileInBothForms) {
  struct Row {
    char const* members;
    bool has_file;
  };
  Row const rows[] = {
      {R"("file_reference":{"staging_file_url":"staged/x"})", true},
      {R"("file":{"file_url":"/staging/x"})", true},
      {R"("file":{"file_url":"/staging/x"},"file_reference":null)", true},
      {R"("fil\u0065":{})", true},
      {R"("file":null,"file_reference":null)", false},
      {R"("file_reference":null)", false},
      {R"("files":{})", false},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.members);
    std::string const line = R"({"type":"RECORD","record":{"stream":"s","data":{"file":{}},"emitted_at":1,)" +
                             std::string(row.members) + "}}";
    EXPECT_EQ(parse(line).has_file, row.has_file);
    EXPECT_EQ(parse(line, skipping_parser).has_file, row.has_file);
  }
}

TEST_F(MessageParserTest, SaysWhatIsWrongWithARecordAndWhere) {
  struct Row {
    std::string line;
    std::string expected;
  };
  Row const rows[] = {
      {R"({"type":"RECORD"})", "system: RECORD without a record object (byte 0)"},
      {R"({"type":"RECORD","record":null})", "system: RECORD without a record object (byte 0)"},
      {R"({"type":"RECORD","record":[]})", "system: RECORD whose record is no object (byte 26)"},
      {R"({"type":"RECORD","record":{}})", "system: RECORD without a stream name (byte 26)"},
      {R"({"type":"RECORD","record":{"stream":1,"data":{},"emitted_at":1}})",
       "system: RECORD whose stream is no string (byte 36)"},
      {R"({"type":"RECORD","record":{"stream":null,"data":{},"emitted_at":1}})",
       "system: RECORD whose stream is no string (byte 36)"},
      {R"({"type":"RECORD","record":{"stream":"s","emitted_at":1}})", "system: RECORD without data (byte 26)"},
      {R"({"type":"RECORD","record":{"stream":"s","data":null,"emitted_at":1}})",
       "system: RECORD whose data is no object (byte 47)"},
      {R"({"type":"RECORD","record":{"stream":"s","data":[{}],"emitted_at":1}})",
       "system: RECORD whose data is no object (byte 47)"},
      {R"({"type":"RECORD","record":{"stream":"s","data":{}}})", "system: RECORD without emitted_at (byte 26)"},
      {R"({"type":"RECORD","record":{"stream":"s","data":{},"emitted_at":"1"}})",
       "system: RECORD whose emitted_at is no number (byte 63)"},
      {R"({"type":"RECORD","record":{"stream":"s","data":{},"emitted_at":null}})",
       "system: RECORD whose emitted_at is no number (byte 63)"},
      {R"({"type":"RECORD","record":{"stream":"s","data":{},"emitted_at":1e300}})",
       "system: RECORD whose emitted_at is out of range (byte 63)"},
      {R"({"type":"RECORD","record":{"stream":"s","data":{},"emitted_at":1e400}})",
       "system: RECORD whose emitted_at is out of range (byte 63)"},
      {R"({"type":"RECORD","record":{"stream":"s","data":{},"emitted_at":99999999999999999999}})",
       "system: RECORD whose emitted_at is out of range (byte 63)"},
      {R"({"type":"RECORD","record":{"stream":"s","data":{},"emitted_at":1,"namespace":5}})",
       "system: a namespace that is no string (byte 77)"},
      {R"({"type":"RECORD","record":{"stream":"s","data":{},"emitted_at":1,"meta":[]}})",
       "system: RECORD whose meta is no object (byte 72)"},
      {R"({"type":"RECORD","record":{"stream":"s","data":{},"emitted_at":1},"trace":{"type":"ERROR"}})",
       "system: RECORD with a trace (byte 74)"},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.line);
    EXPECT_EQ(refusal(row.line), row.expected);
    EXPECT_EQ(refusal_when_skipping(row.line), row.expected);
  }
}

TEST_F(MessageParserTest, RefusesASecondMemberOfTheSameName) {
  std::string const head = R"({"type":"RECORD","record":{"stream":"s","data":{},"emitted_at":1)";
  EXPECT_THAT(refusal(head + R"(,"stream":"t"}})"), StartsWith("system: RECORD with the member stream twice (byte "));
  EXPECT_THAT(refusal(head + R"(,"data":{}}})"), StartsWith("system: RECORD with the member data twice (byte "));
  EXPECT_THAT(refusal(head + R"(,"d\u0061ta":{}}})"), StartsWith("system: RECORD with the member data twice"));
  EXPECT_THAT(refusal(head + R"(,"emitted_at":1}})"), StartsWith("system: RECORD with the member emitted_at twice"));
  EXPECT_THAT(refusal(head + R"(},"record":{}})"), StartsWith("system: the member record twice (byte "));
  EXPECT_THAT(refusal(head + R"(},"type":"LOG"})"), StartsWith("system: the member type twice (byte "));
  EXPECT_EQ(refusal(head + R"(,"other":1,"other":2}})"), "no error");
}

TEST_F(MessageParserTest, LoneSurrogatesAreNoFlawOfAnyMessage) {
  for (std::string const& line : {
           record_with(R"({"a":"\ud800"})"),
           record_with(R"({"\uDC00":[{"b":"x\ud83dy\ud83d\ude00"}]})"),
           std::string(R"({"type":"LOG","log":{"level":"INFO","message":"cut \ud83d"}})"),
           std::string(R"({"type":"TRACE","trace":{"type":"ERROR","error":{"message":"\ude00"}}})"),
           std::string(R"({"type":"CONTROL","control":{"\ud800":1}})"),
           std::string(R"({"type":"\ud800"})"),
           std::string(R"({"type":"STATE","state":{"data":{"\ud800":"\ud800"}},"\udfff":1})"),
       }) {
    SCOPED_TRACE(line);
    EXPECT_EQ(refusal(line), "no error");
    EXPECT_EQ(refusal_when_skipping(line), "no error");
    EXPECT_TRUE(parse(line).has_lone_surrogates);
  }
  EXPECT_FALSE(parse(record_with(R"({"a":"\\ud800\ud83d\ude00"})")).has_lone_surrogates);
}

TEST_F(MessageParserTest, NamesAreReadWithAReplacementAndDataStaysAsItIs) {
  ParsedMessage const& message = parse(
      R"({"type":"RECORD","record":{"stream":"a\ud83d","namespace":"\udc00b","data":{"\ud800":1},"emitted_at":1,"meta":{"x":"\ud800"}}})");
  EXPECT_EQ(message.stream, (StreamName{"a\ufffd", "\ufffdb"}));
  EXPECT_EQ(message.data, R"({"\ud800":1})");
  EXPECT_EQ(message.meta, R"({"x":"\ud800"})");
  EXPECT_EQ(parse(status_of("COMPLETE\"},\"\\ud800\":{\"x\":\"")).stream, (StreamName{"users", "crm"}));
}

TEST_F(MessageParserTest, AStateIsEchoedWithItsLoneSurrogates) {
  std::string const line =
      R"({"\ud800":"\ud801","type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"a\ud83d"},)"
      R"("stream_state":{"\udc00":"x\ud83d"}},"destinationStats":{"recordCount":1.0},"id":7}})";
  ASSERT_EQ(parse(line).kind, MessageKind::state);
  StateMessage const state = parser.take_state([](StreamName const&) { return std::optional<std::size_t>(); });
  EXPECT_EQ(state.stream, StreamDescriptor("a\ufffd"));
  std::string printed;
  state.print_to(printed, StateMessage::Stats());
  EXPECT_THAT(printed,
              StartsWith(R"({"\ud800":"\ud801","type":"STATE","state":{"type":"STREAM","stream":)"
                         R"({"stream_descriptor":{"name":"a\ud83d"},"stream_state":{"\udc00":"x\ud83d"}},"id":7,)"));
}

TEST_F(MessageParserTest, DuplicateKeysInsideDataAreTheLoadersBusiness) {
  EXPECT_EQ(parse(record_with(R"({"a":1,"a":2})")).data, R"({"a":1,"a":2})");
}

TEST_F(MessageParserTest, RefusesALineThatIsNoMessage) {
  for (std::string const line : {"[]", "1", "null", "\"RECORD\"", "true"}) {
    SCOPED_TRACE(line);
    EXPECT_EQ(refusal(line), "system: a message that is no JSON object (byte 0)");
  }
  EXPECT_EQ(refusal("{}"), "system: a message without a type (byte 0)");
  EXPECT_EQ(refusal(R"({"record":{"stream":"s","data":{},"emitted_at":1}})"),
            "system: a message without a type (byte 0)");
  EXPECT_EQ(refusal(R"({"type":null})"), "system: a message whose type is no string (byte 8)");
  EXPECT_EQ(refusal(R"({"type":{"a":1}})"), "system: a message whose type is no string (byte 8)");
  EXPECT_THAT(refusal("Exception in thread main"), StartsWith("system: no valid JSON: syntax error (byte "));
}

TEST_F(MessageParserTest, IgnoresOtherMessagesAndWhatIsInThem) {
  for (std::string const line : {
           R"({"type":"LOG","log":{"level":"INFO","message":"x"}})",
           R"({"type":"SOMETHING_NEW","record":5,"trace":[]})",
           R"({"type":"","record":{"stream":1}})",
           R"({"type":"CONTROL","control":{}})",
           R"({"type":"LOG","record":{"data":{},"data":{}}})",
       }) {
    SCOPED_TRACE(line);
    EXPECT_EQ(parse(line).kind, MessageKind::ignored);
    EXPECT_EQ(parse(line, skipping_parser).kind, MessageKind::ignored);
  }
}

TEST_F(MessageParserTest, ReadsNullMembersOfTheEnvelopeAsAbsent) {
  EXPECT_EQ(parse(R"({"type":"RECORD","log":null,"state":null,"trace":null,"record":{"stream":"s","data":{},)"
                  R"("emitted_at":1,"namespace":null,"meta":null,"file_reference":null}})")
                .kind,
            MessageKind::record);
}

TEST_F(MessageParserTest, ReadsTheStatusOfAStream) {
  EXPECT_EQ(parse(status_of("COMPLETE")).kind, MessageKind::stream_complete);
  EXPECT_EQ(parse(status_of("COMPLETE")).stream, (StreamName{"users", "crm"}));
  EXPECT_EQ(parse(status_of("INCOMPLETE")).kind, MessageKind::stream_incomplete);
  EXPECT_EQ(parse(status_of("COMPL\\u0045TE")).kind, MessageKind::stream_complete);
}

TEST_F(MessageParserTest, OtherStatusesAndTracesDoNotEndAStream) {
  for (std::string const status : {"STARTED", "RUNNING", "complete", "COMPLETED", ""}) {
    SCOPED_TRACE(status);
    EXPECT_EQ(parse(status_of(status)).kind, MessageKind::ignored);
  }
  for (
      std::string const line : {
          R"({"type":"TRACE","trace":{"type":"ERROR","error":{"message":"x"}}})",
          R"({"type":"TRACE","trace":{"type":"ESTIMATE","stream_status":{"stream_descriptor":{"name":"s"},"status":"COMPLETE"}}})",
          R"({"type":"TRACE","trace":{"type":1,"stream_status":{"stream_descriptor":{"name":"s"},"status":"COMPLETE"}}})",
          R"({"type":"TRACE","trace":{"type":"STREAM_STATUS"}})",
          R"({"type":"TRACE","trace":{"type":"STREAM_STATUS","stream_status":{"status":5}}})",
          R"({"type":"TRACE","trace":{}})",
          R"({"type":"TRACE","trace":[]})",
          R"({"type":"TRACE"})",
      }) {
    SCOPED_TRACE(line);
    EXPECT_EQ(parse(line).kind, MessageKind::ignored);
  }
}

TEST_F(MessageParserTest, ATraceWithoutATypeButWithAStatusIsAStatus) {
  for (std::string const type : {"", R"("type":null,)"}) {
    SCOPED_TRACE(type);
    std::string const line = R"({"type":"TRACE","trace":{)" + type +
                             R"("stream_status":{"status":"COMPLETE","stream_descriptor":{"name":"s"}}}})";
    EXPECT_EQ(parse(line).kind, MessageKind::stream_complete);
    EXPECT_EQ(parse(line).stream, (StreamName{"s", std::nullopt}));
  }
}

TEST_F(MessageParserTest, RefusesAnEndOfAStreamThatItCannotName) {
  auto const line = [](std::string const& descriptor) {
    return R"({"type":"TRACE","trace":{"type":"STREAM_STATUS","stream_status":{"status":"COMPLETE")" + descriptor +
           "}}}";
  };
  EXPECT_EQ(refusal(line("")), "system: stream status without a stream name (byte 24)");
  EXPECT_EQ(refusal(line(R"(,"stream_descriptor":"s")")), "system: stream status without a stream name (byte 24)");
  EXPECT_EQ(refusal(line(R"(,"stream_descriptor":{"namespace":"n"})")),
            "system: stream status without a stream name (byte 24)");
  EXPECT_THAT(refusal(line(R"(,"stream_descriptor":{"name":1})")),
              StartsWith("system: a stream_descriptor whose name is no string"));
  EXPECT_THAT(refusal(line(R"(,"stream_descriptor":{"name":"a","name":"b"})")),
              StartsWith("system: a stream_descriptor with the member name twice"));
  EXPECT_THAT(refusal(line(R"(,"stream_descriptor":{"name":"a"},"status":"INCOMPLETE")")),
              StartsWith("system: a stream status with the member status twice"));
}

TEST_F(MessageParserTest, RefusesEveryKindOfBrokenJsonInsideData) {
  for (std::string const data : {
           R"({"a":nul})",
           R"({"a":truE})",
           R"({"a":01})",
           R"({"a":1.})",
           R"({"a":1.e5})",
           R"({"a":.5})",
           R"({"a":+1})",
           R"({"a":-})",
           R"({"a":1e})",
           R"({"a":NaN})",
           R"({"a":Infinity})",
           R"({"a":1 "b":2})",
           R"({"a":1,})",
           R"({,"a":1})",
           R"({"a":[1 2]})",
           R"({"a":[1,]})",
           R"({"a":[,1]})",
           R"({"a":[1})",
           R"({"a":[1}])",
           R"({"a"})",
           R"({"a":})",
           R"({"a" 1})",
           R"({a:1})",
           R"({'a':1})",
           R"({1:1})",
           R"({"a":"\x"})",
           R"({"a":"\u12"})",
           R"({"a":"\u12g4"})",
           R"({"a":"\ud80"})",
           R"({"a":"\ud800\u004"})",
           R"({"a":\ud800})",
           R"({"a":1/*c*/})",
           "{\"a\":\"\x01\"}",
           "{\"a\":\"\t\"}",
           "{\"a\":\x01}",
           "{\"a\":\"\xff\"}",
           "{\"a\":\"\xc3\"}",
           "{\"a\":\"\xed\xa0\x80\"}",
           "{\"a\":\"\xc0\x80\"}",
           R"({"a":"b"c"})",
           R"({"a":""b})",
           R"({"a":1]})",
           R"({"a":1)",
           R"({"a":"1)",
       }) {
    SCOPED_TRACE(data);
    EXPECT_THAT(refusal(record_with(data)), HasSubstr(" (byte "));
    EXPECT_THAT(refusal(record_with(data)), StartsWith("system: no valid JSON: "));
    text_of_error([&] { parse(record_with(data), skipping_parser); });  // may pass, but must not crash
  }
}

TEST_F(MessageParserTest, RefusesNulInAString) {
  using namespace std::string_literals;
  EXPECT_THAT(refusal(record_with("{\"a\":\"\0\"}"s)), StartsWith("system: no valid JSON: "));
  EXPECT_THAT(refusal(record_with("{\"a\":1\0}"s)), StartsWith("system: no valid JSON: "));
  EXPECT_EQ(refusal(record_with(R"({"a":"\u0000"})")), "no error");  // what a store can hold is the loader's business
}

TEST_F(MessageParserTest, NamesTheByteWhereTheLineBreaks) {
  std::string const line = record_with(R"({"a":nul})");
  EXPECT_EQ(refusal(line), fmt::format("system: no valid JSON: syntax error (byte {})", line.find("nul")));
}

TEST_F(MessageParserTest, NeverShowsContentInAnError) {
  for (std::string const data : {R"({"password":"hunter2","a":nul})", R"({"password":"hunter2)",
                                 "{\"password\":\"hunter2\xff\"}", R"(["hunter2"])"}) {
    SCOPED_TRACE(data);
    EXPECT_THAT(refusal(record_with(data)), Not(HasSubstr("hunter2")));
  }
}

TEST_F(MessageParserTest, RefusesEveryRealPrefixOfAMessage) {
  std::string const line =
      R"({"type":"RECORD","record":{"stream":"users","data":{"a":[{"b":"c\n"}]},"emitted_at":1710000000000.0}} )";
  for (std::size_t size = 1; size < line.size() - 1; ++size) {
    for (char const behind : {'}', ']', '"', ' ', ',', '\0'}) {
      PaddedLine const prefix(std::string_view(line).substr(0, size), behind);
      ASSERT_NE(text_of_error([&] { parser.parse(prefix.view()); }), "no error") << prefix.view();
      ASSERT_NE(text_of_error([&] { skipping_parser.parse(prefix.view()); }), "no error") << prefix.view();
    }
  }
  EXPECT_EQ(refusal(line), "no error");
}

TEST_F(MessageParserTest, RefusesTextAfterTheObject) {
  for (std::string const behind : {"}", "{}", " x", ",", "null", "\"\"", "1"}) {
    SCOPED_TRACE(behind);
    std::string const line = record_with("{}");
    EXPECT_EQ(refusal(line + behind),
              fmt::format("system: text after the JSON object (byte {})",
                          line.size() + std::min(behind.find_first_not_of(' '), behind.size())));
    EXPECT_THAT(refusal_when_skipping(line + behind), StartsWith("system: text after the JSON object"));
  }
  EXPECT_THAT(refusal(record_with("{}}")), StartsWith("system: text after the JSON object"));
  EXPECT_THAT(refusal(record_with("{}") + record_with("{}")), StartsWith("system: text after the JSON object"));
}

TEST_F(MessageParserTest, RefusesAMissingBraceAlsoWhenDataIsNotValidated) {
  std::string line = record_with(R"({"a":1})");
  line.pop_back();
  EXPECT_THAT(refusal(line), StartsWith("system: no valid JSON: incomplete JSON (byte "));
  EXPECT_THAT(refusal_when_skipping(line), StartsWith("system: no valid JSON: incomplete JSON (byte "));
}

TEST_F(MessageParserTest, RefusesRubbishInMembersThatItSkips) {
  std::string const head = R"({"type":"RECORD","record":{"stream":"s","data":{},"emitted_at":1,"x":)";
  EXPECT_THAT(refusal(head + "nul}}"), StartsWith("system: no valid JSON: "));
  EXPECT_THAT(refusal(head + "[1 2]}}"), StartsWith("system: no valid JSON: "));
}

TEST_F(MessageParserTest, ControlLinesAreAlwaysValidatedWhole) {
  for (std::string const line :
       {R"({"type":"STATE","state":{"type":"STREAM","stream":{"x":nul}}})",
        R"({"type":"TRACE","trace":{"type":"ERROR","x":[1,]}})", R"({"type":"LOG","log":{"x":01}})"}) {
    SCOPED_TRACE(line);
    EXPECT_THAT(refusal(line), StartsWith("system: no valid JSON: "));
    EXPECT_THAT(refusal_when_skipping(line), StartsWith("system: no valid JSON: "));
  }
}

TEST_F(MessageParserTest, SkippedValidationLooksOnlyAtTheEnvelope) {
  EXPECT_EQ(parse(record_with(R"({"a":nul})"), skipping_parser).data, R"({"a":nul})");
  EXPECT_THAT(refusal_when_skipping(record_with("{\"a\":\"\xff\"}")), StartsWith("system: no valid JSON: "));
}

TEST_F(MessageParserTest, AcceptsValidNumbersOfAnySize) {
  for (std::string const number :
       {"123456789012345678901234567890", "-99999999999999999999", "18446744073709551616", "1e400", "-1E+400", "1e-400",
        "0.1234567890123456789012345678901234567890", "100000000000000000000000000000000000000000000000000.5"}) {
    SCOPED_TRACE(number);
    std::string const data = R"({"a":)" + number + "}";
    EXPECT_EQ(parse(record_with(data)).data, data);
  }
  EXPECT_THAT(refusal(record_with(R"({"a":123456789012345678901234567890,"b":nul})")),
              StartsWith("system: no valid JSON: "));
}

TEST_F(MessageParserTest, AcceptsDeepDataUpToALimit) {
  auto const nested = [](std::size_t levels) {
    return R"({"a":)" + std::string(levels, '[') + std::string(levels, ']') + "}";
  };
  for (std::size_t const levels : {1000u, 1022u, 1025u, 2000u, 4000u}) {
    SCOPED_TRACE(levels);
    EXPECT_EQ(parse(record_with(nested(levels))).data, nested(levels));
  }
  EXPECT_THAT(refusal(record_with(std::string(100'000, '['))), StartsWith("system: "));
  EXPECT_EQ(refusal_when_skipping(record_with(nested(100'000))), "no error");
}

TEST_F(MessageParserTest, KnowsARecordThatIsTooDeepAndNothingElse) {
  std::string const open(5000, '[');
  std::string const close(5000, ']');
  auto const too_deep = [&](std::string const& inside) {
    return record_with(R"({"a":)" + open + inside + close + "}");
  };
  for (std::string const& inside : {std::string(), std::string(R"({"b":[1,-0.5e3,"\u00e9\ud83d",null,{}]},true)")}) {
    EXPECT_TRUE(parse(too_deep(inside)).is_too_deep);
    EXPECT_EQ(parse(too_deep(inside)).stream.name, "users");
  }
  EXPECT_FALSE(parse(record_with(R"({"a":[]})")).is_too_deep);
  for (std::string const inside :
       {"nul", "01", "1,", ",1", "1 2", "{1:2}", R"({"a"})", R"({"a":1,})", R"("\x")", "]", "}"}) {
    SCOPED_TRACE(inside);
    EXPECT_THAT(refusal(too_deep(inside)), StartsWith("system: "));
    EXPECT_NE(refusal(too_deep(inside)), "no error");
  }
  EXPECT_NE(refusal(too_deep("") + "x"), "no error");
  std::string const value = open + close;
  EXPECT_EQ(parse(R"({"type":"LOG","log":)" + value + "}").kind, MessageKind::ignored);
  EXPECT_EQ(parse(R"({"type":"LOG","log":)" + value + "}", skipping_parser).kind, MessageKind::ignored);
  std::string const state = R"({"type":"STATE","state":{"data":)" + value + "}}";
  EXPECT_THAT(refusal(state), StartsWith("system: JSON nested deeper than 4096 levels (byte "));
  EXPECT_THAT(refusal_when_skipping(state), StartsWith("system: JSON nested deeper than 4096 levels (byte "));
}

TEST_F(MessageParserTest, SaysWhenALineIsNoJson) {
  auto const is_json = [this](std::string const& line) {
    try {
      parse(line);
    } catch (NotJson const&) {
      return false;
    } catch (Error const&) {
      return true;
    }
    return true;
  };
  for (std::string const& line :
       {std::string("x"), std::string("{"), record_with("{}") + "x", record_with(R"({"a":nul})"),
        record_with("{\"a\":\"\xff\"}"), record_with("{\"a\":\"\t\"}")}) {
    EXPECT_FALSE(is_json(line)) << line;
  }
  for (std::string const& line : {std::string("[]"), std::string(R"({"type":"RECORD"})"), record_with("[]"),
                                  std::string(R"({"a":1})"), record_with("{}")}) {
    EXPECT_TRUE(is_json(line)) << line;
  }
}

TEST_F(MessageParserTest, GoesOnAfterABrokenLine) {
  EXPECT_NE(refusal(record_with("{\"a\":\"\xff\"}")), "no error");
  EXPECT_NE(refusal("{"), "no error");
  EXPECT_EQ(parse(record_with(R"({"id":2})")).data, R"({"id":2})");
  EXPECT_NE(refusal(R"({"type":"RECORD","record":{"stream":"s","namespace":"n","data":5}})"), "no error");
  EXPECT_EQ(parse(record_with("{}")).stream, (StreamName{"users", std::nullopt}));
}

TEST_F(MessageParserTest, ReadsLinesOfEverySize) {
  for (std::size_t size = 0; size < 300; ++size) {
    std::string const data = R"({"a":")" + std::string(size, 'x') + "\"}";
    ASSERT_EQ(parse(record_with(data)).data, data);
  }
  std::string const large = R"({"a":")" + std::string(3'000'000, 'x') + "\"}";
  EXPECT_EQ(parse(record_with(large)).data, large);
}

TEST_F(MessageParserTest, SurvivesRandomDamage) {
  std::string const good[] = {record_with(R"({"id":1,"n":null,"t":[true,false,{"x":"\u00e4\\"}],"f":-1.5e3})"),
                              status_of("COMPLETE"),
                              R"({"type":"STATE","state":{"type":"GLOBAL","global":{"stream_states":[]}}})"};
  std::string const letters = "{}[]:,\"\\ \t0e-.ntfu\x01\xc3\xff";
  constexpr unsigned seed = 20240131;
  std::mt19937 random(seed);
  for (int round = 0; round < 30'000; ++round) {
    std::string line = good[random() % 3];
    for (auto changes = 1 + random() % 3; changes > 0 && !line.empty(); --changes) {
      std::size_t const at = random() % line.size();
      switch (random() % 3) {
        case 0:
          line[at] = letters[random() % letters.size()];
          break;
        case 1:
          line.erase(at, 1 + random() % 4);
          break;
        default:
          line.insert(at, 1, letters[random() % letters.size()]);
      }
    }
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    PaddedLine const padded(line, letters[random() % letters.size()]);
    std::string const checked = text_of_error([&] {
      if (parser.parse(padded.view()).kind == MessageKind::state) {
        parser.take_state([](StreamName const&) { return std::nullopt; });
      }
    });
    std::string const skipped = text_of_error([&] { skipping_parser.parse(padded.view()); });
    // Whoever looks less must not refuse more; only a STATE's own content is looked at later.
    if (checked != "no error") continue;
    ASSERT_EQ(skipped, "no error") << "seed " << seed << ", round " << round;
  }
}

TEST(GuessStream, FindsTheNameInARecordThatBreaksLater) {
  EXPECT_EQ(guess_stream(R"({"type":"RECORD","record":{"stream":"users","data":{"a":nul)"), StreamDescriptor("users"));
  EXPECT_EQ(guess_stream(R"({"type":"RECORD","record":{"namespace" : "crm", "stream" : "us\u0065rs","data":{{{)"),
            StreamDescriptor("users", "crm"));
}

TEST(GuessStream, DoesNotTakeTheRecordsOwnFieldsForIt) {
  EXPECT_EQ(guess_stream(R"({"type":"RECORD","record":{"data":{"stream":"private","x":nul},"emitted_at":01}})"),
            std::nullopt);
  EXPECT_EQ(guess_stream(R"({"type":"RECORD","record":{"data":{"x":"stream"},"stream":"s","emitted_at":01}})"),
            StreamDescriptor("s"));
}

TEST(GuessStream, SaysNothingWhereNothingCanBeSeen) {
  for (std::string const line :
       {"", "{", "\"", "rubbish", R"({"type":"RECORD","record":{"stream":"us)",
        R"({"type":"RECORD","record":{"stream")", R"({"type":"RECORD","record":{"stream":)",
        R"({"type":"RECORD","record":{"stream":5,"data":{}})", "{\"type\":\"RECORD\",\"record\":{\"stream\":\"\xff\"}}",
        R"({"type":"RECORD","record":{"stream":"\)"}) {
    SCOPED_TRACE(line);
    EXPECT_EQ(guess_stream(line), std::nullopt);
  }
}

}  // namespace
}  // namespace landfall
