#include "protocol/message_printer.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

namespace landfall {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

std::chrono::system_clock::time_point const moment(1710000000123ms);

boost::json::value parsed(std::string const& line) {
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  return boost::json::parse(line);
}

TEST(MessagePrinter, PrintsALogLine) {
  EXPECT_EQ(print_log(LogLevel::info, "say \"hi\"\nthen\tgo"),
            R"({"type":"LOG","log":{"level":"INFO","message":"say \"hi\"\nthen\tgo"}})"
            "\n");
  EXPECT_EQ(print_log(LogLevel::fatal, ""), "{\"type\":\"LOG\",\"log\":{\"level\":\"FATAL\",\"message\":\"\"}}\n");
}

TEST(MessagePrinter, EscapesEveryControlCharacter) {
  std::string text;
  for (char byte = 0; byte < 0x20; ++byte) text += byte;
  EXPECT_EQ(parsed(print_log(LogLevel::debug, text)).at("log").at("message").as_string(), text);
}

TEST(MessagePrinter, RepairsWhatIsNoUtf8) {
  struct Row {
    std::string text;
    std::string expected;
  };
  for (Row const& row : {
           Row{"plain äö€😀", "plain äö€😀"},
           Row{"a\xff"s + "b", "a\ufffdb"},
           Row{"cut \xe2\x82", "cut \ufffd\ufffd"},
           Row{"overlong \xc0\x80", "overlong \ufffd\ufffd"},
           Row{"overlong \xe0\x80\x80", "overlong \ufffd\ufffd\ufffd"},
           Row{"surrogate \xed\xa0\x80", "surrogate \ufffd\ufffd\ufffd"},
           Row{"too large \xf4\x90\x80\x80", "too large \ufffd\ufffd\ufffd\ufffd"},
           Row{"largest \xf4\x8f\xbf\xbf", "largest \xf4\x8f\xbf\xbf"},
           Row{"\x80 alone", "\ufffd alone"},
       }) {
    SCOPED_TRACE(row.expected);
    EXPECT_EQ(parsed(print_log(LogLevel::warn, row.text)).at("log").at("message").as_string(), row.expected);
  }
}

TEST(MessagePrinter, PrintsAnErrorWithItsText) {
  Error error = config_error("no such table");
  error.add_context("open");
  EXPECT_EQ(print_trace_error(error, moment),
            R"({"type":"TRACE","trace":{"type":"ERROR","emitted_at":1710000000123,"error":{)"
            R"("message":"open: no such table","internal_message":"open: no such table",)"
            R"("failure_type":"config_error"}}})"
            "\n");
}

TEST(MessagePrinter, ListsAttachedErrorsInTheInternalMessage) {
  Error error = transient_error("connection lost");
  error.attach(system_error("close failed"));
  error.attach(config_error("teardown failed"));
  boost::json::value const details = parsed(print_trace_error(error, moment)).at("trace").at("error");
  EXPECT_EQ(details.at("message").as_string(), "connection lost");
  EXPECT_EQ(details.at("internal_message").as_string(), "connection lost\nclose failed\nteardown failed");
}

TEST(MessagePrinter, NamesTheStreamOfAnError) {
  auto const descriptor = [](StreamDescriptor stream) {
    return boost::json::serialize(
        parsed(print_trace_error(system_error("x"), moment, stream)).at("trace").at("error").at("stream_descriptor"));
  };
  EXPECT_EQ(descriptor(StreamDescriptor("users")), R"({"name":"users"})");
  EXPECT_EQ(descriptor(StreamDescriptor("users", "")), R"({"name":"users","namespace":""})");
}

TEST(MessagePrinter, EveryErrorClassHasAFailureType) {
  EXPECT_EQ(failure_type(ErrorClass::config), "config_error");
  EXPECT_EQ(failure_type(ErrorClass::transient), "transient_error");
  EXPECT_EQ(failure_type(ErrorClass::unknown_outcome), "transient_error");
  EXPECT_EQ(failure_type(ErrorClass::system), "system_error");
  EXPECT_EQ(failure_type(ErrorClass::rejected_records), "system_error");
}

TEST(MessagePrinter, PrintsTheOutcomeOfACheck) {
  EXPECT_EQ(print_connection_status(true, ""),
            "{\"type\":\"CONNECTION_STATUS\",\"connectionStatus\":{\"status\":\"SUCCEEDED\"}}\n");
  EXPECT_EQ(print_connection_status(false, "wrong password"),
            R"({"type":"CONNECTION_STATUS","connectionStatus":{"status":"FAILED","message":"wrong password"}})"
            "\n");
}

TEST(MessagePrinter, PrintsTheSpecification) {
  boost::json::object const schema = boost::json::parse(R"({"type":"object","properties":{"p":{}}})").as_object();
  EXPECT_EQ(
      print_spec(schema, {DestinationSyncMode::append, DestinationSyncMode::append_dedup}, "https://docs", "", true),
      R"({"type":"SPEC","spec":{"documentationUrl":"https://docs",)"
      R"("connectionSpecification":{"type":"object","properties":{"p":{}}},"supportsIncremental":true,)"
      R"("supportsNormalization":false,"supportsDBT":false,)"
      R"("supported_destination_sync_modes":["append","append_dedup"]}})"
      "\n");
}

}  // namespace
}  // namespace landfall
