#include <landfall/protocol/state_message.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "protocol/lines.hpp"
#include "protocol/message_parser.hpp"

namespace landfall {
namespace {

/// Streams of the catalog; what is not among them is outside.
std::vector<StreamDescriptor> const known{StreamDescriptor("a"), StreamDescriptor("b", "n"), StreamDescriptor("b")};

std::optional<std::size_t> place_of(StreamName const& name) {
  auto const found = std::ranges::find(known, descriptor_of(name));
  if (found == known.end()) return std::nullopt;
  return static_cast<std::size_t>(found - known.begin());
}

StateMessage state_of(std::string_view line) {
  PaddedLine const padded(line);
  MessageParser parser;
  EXPECT_EQ(parser.parse(padded.view()).kind, MessageKind::state);
  return parser.take_state(place_of);
}

std::string refusal(std::string_view line) {
  return text_of_error([&] { state_of(line); });
}

StateMessage::Stats stats(RecordCounts delta, RecordCounts total) {
  StateMessage::Stats stats;
  stats.delta = delta;
  stats.total = total;
  return stats;
}

/// The counts that every test below prints.
StateMessage::Stats some_stats() { return stats(RecordCounts(3, 30), RecordCounts(10, 100)); }

std::string const ours = R"("destinationStats":{"recordCount":3.0})";
std::string const committed = R"("committedRecordsCount":10,"committedBytesCount":100)";
std::string const source = R"("sourceStats":{"recordCount":3.0})";

/// The printed line, which must be JSON and one line.
std::string print(StateMessage const& state, StateMessage::Stats const& with = some_stats()) {
  std::string line;
  state.print_to(line, with);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_TRUE(boost::json::parse(line).is_object());
  return line;
}

TEST(StateMessage, AddsCountsBehindTheMembersOfTheState) {
  std::string const head =
      R"({"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"users"},"stream_state":{"c":1}},)"
      R"("sourceStats":{"recordCount":4.0})";
  StateMessage const state = state_of(head + "}}");
  EXPECT_EQ(state.kind, StateKind::stream);
  EXPECT_EQ(state.stream, StreamDescriptor("users"));
  EXPECT_TRUE(state.has_source_stats);
  EXPECT_EQ(print(state), head + "," + ours + "," + committed + "}}\n");
}

TEST(StateMessage, AddsSourceStatsOnlyWhenTheSourceSentNone) {
  std::string const head = R"({"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"s"}})";
  EXPECT_EQ(print(state_of(head + "}}")), head + "," + ours + "," + source + "," + committed + "}}\n");
  EXPECT_EQ(print(state_of(head + R"(,"sourceStats":null}})")),
            head + "," + ours + "," + source + "," + committed + "}}\n");
}

TEST(StateMessage, CountsRejectedRecordsApart) {
  std::string const line = print(state_of(R"({"type":"STATE","state":{"type":"LEGACY","data":{}}})"),
                                 stats(RecordCounts(3, 30, 2), RecordCounts(10, 100, 5)));
  EXPECT_EQ(line,
            R"({"type":"STATE","state":{"type":"LEGACY","data":{},)"
            R"("destinationStats":{"recordCount":3.0,"rejectedRecordCount":2.0},"sourceStats":{"recordCount":5.0},)"
            R"("committedRecordsCount":10,"committedBytesCount":100,"rejectedRecordsCount":5}})"
            "\n");
}

TEST(StateMessage, KeepsEveryOtherByte) {
  std::string const head =
      R"( { "new" : [1, 2] ,"type":"STATE" , "state" : {"id":12345678901234567890123, "type":"STREAM", "stream":)"
      R"({"extra":1.10,"stream_descriptor":{"name":"\u00e4ö","namespace":"","more":{}},"stream_state":)"
      R"({"n":1e400,"d":0.10000000000000000001,"s":"\u0041\/}{","k":1,"k":2}}, "partition_id" : "p")";
  std::string const tail = R"( } ,"sent":{"committedRecordsCount":1,"destinationStats":2}})";
  StateMessage const state = state_of(head + tail + " \r");
  EXPECT_EQ(state.stream, StreamDescriptor("äö", ""));
  EXPECT_EQ(print(state), head.substr(1) + " ," + ours + "," + source + "," + committed + tail.substr(1) + "\n");
}

TEST(StateMessage, DropsTheMembersThatItSetsItself) {
  struct Row {
    std::string name;
    std::string members;
    std::string kept;
  };
  std::string const type = R"("type":"LEGACY")";
  std::string const old_stats = R"("destinationStats":{"recordCount":9.0,"x":["}"]})";
  std::string const old_records = R"("committedRecordsCount":9)";
  std::string const old_bytes = R"("committedBytesCount" : 9)";
  std::string const old_rejected = R"("rejected\u0052ecordsCount":null)";
  Row const rows[] = {
      {"the first", old_stats + "," + type, type},
      {"the last", type + "," + old_stats, type},
      {"in the middle", type + "," + old_records + R"(,"data":{})", type + R"(,"data":{})"},
      {"several in front", old_stats + "," + old_bytes + " , " + type, type},
      {"several behind", type + " , " + old_stats + "," + old_bytes, type},
      {"all kinds between", old_stats + "," + type + "," + old_records + "," + old_bytes + R"(,"a":1,)" + old_rejected,
       type + R"(,"a":1)"},
      {"the same twice", old_records + "," + type + "," + old_records, type},
      {"nothing else", old_stats + "," + old_rejected, ""},
      {"nothing at all", "", ""},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    std::string const line = print(state_of(R"({"type":"STATE","state":{)" + row.members + "}}"));
    EXPECT_EQ(line, R"({"type":"STATE","state":{)" + row.kept + (row.kept.empty() ? "" : ",") + ours + "," + source +
                        "," + committed + "}}\n");
  }
}

TEST(StateMessage, PrintingAPrintedLineAgainChangesNothing) {
  std::vector<RecordCounts> const totals{RecordCounts(4, 40), RecordCounts(), RecordCounts()};
  StateMessage::Stats with = some_stats();
  with.stream_totals = totals;
  std::string const first = print(
      state_of(
          R"({"type":"STATE","state":{"type":"GLOBAL","global":{"stream_states":[{"stream_descriptor":{"name":"a"}}]}}})"),
      with);
  std::string const again = print(state_of(std::string_view(first).substr(0, first.size() - 1)), with);
  EXPECT_EQ(boost::json::parse(again), boost::json::parse(first));
}

TEST(StateMessage, AddsTotalsToTheInnerStatesOfAGlobalOne) {
  StateMessage const state = state_of(
      R"({"type":"STATE","state":{"type":"GLOBAL","global":{"shared_state":{"lsn":1},"stream_states":[)"
      R"({"stream_descriptor":{"name":"a"},"stream_state":null},)"
      R"({"committedRecordsCount":1,"stream_descriptor":{"name":"b","namespace":"n"},"rejectedRecordsCount":4,"id":7},)"
      R"({"stream_descriptor":{"name":"outside"},"committedBytesCount":5}]},"destinationStats":{},"id":3}})");
  EXPECT_EQ(state.kind, StateKind::global);
  EXPECT_EQ(state.stream, std::nullopt);
  ASSERT_EQ(state.inner_states.size(), 3u);
  EXPECT_EQ(state.inner_states[1].stream, 1u);
  EXPECT_EQ(state.inner_states[2].stream, std::nullopt);

  StateMessage::Stats with = some_stats();
  std::vector<RecordCounts> const totals{RecordCounts(4, 40), RecordCounts(6, 60, 1), RecordCounts(99, 99)};
  with.stream_totals = totals;
  EXPECT_EQ(
      print(state, with),
      R"({"type":"STATE","state":{"type":"GLOBAL","global":{"shared_state":{"lsn":1},"stream_states":[)"
      R"({"stream_descriptor":{"name":"a"},"stream_state":null,"committedRecordsCount":4,"committedBytesCount":40},)"
      R"({"stream_descriptor":{"name":"b","namespace":"n"},"id":7,"committedRecordsCount":6,)"
      R"("committedBytesCount":60,"rejectedRecordsCount":1},)"
      R"({"stream_descriptor":{"name":"outside"}}]},"id":3,)" +
          ours + "," + source + "," + committed + "}}\n");
}

TEST(StateMessage, PrintsBehindWhatIsThere) {
  StateMessage const state = state_of(R"({"type":"STATE","state":{}})");
  std::string text = "before\n";
  state.print_to(text, some_stats());
  EXPECT_EQ(text, "before\n" + print(state));
}

TEST(StateMessage, NamesWithEscapesAreTheStreamsThatTheyMean) {
  StateMessage const state =
      state_of(R"({"type":"STATE","state":{"global":{"stream_states":[{"stream_descriptor":{"n\u0061me":"\u0062",)"
               R"("names\u0070ace":"\u006e"}},{"stream_descriptor":{"name":"\u0061"}}]}}})");
  ASSERT_EQ(state.inner_states.size(), 2u);
  EXPECT_EQ(state.inner_states[0].stream, 1u);
  EXPECT_EQ(state.inner_states[1].stream, 0u);
}

TEST(StateMessage, InnerStatesMayComeAfterOurOwnMembers) {
  StateMessage::Stats with = some_stats();
  std::vector<RecordCounts> const totals{RecordCounts(4, 40), RecordCounts(), RecordCounts()};
  with.stream_totals = totals;
  EXPECT_EQ(print(state_of(R"({"state":{"destinationStats":{},"global":{"stream_states":[{"stream_descriptor":)"
                           R"({"name":"a"}}]},"committedBytesCount":1},"type":"STATE"})"),
                  with),
            R"({"state":{"global":{"stream_states":[{"stream_descriptor":{"name":"a"},"committedRecordsCount":4,)"
            R"("committedBytesCount":40}]},)" +
                ours + "," + source + "," + committed + R"(},"type":"STATE"})" + "\n");
}

TEST(StateMessage, AcceptsEveryShapeThatSourcesSend) {
  struct Row {
    std::string state;
    StateKind expected;
  };
  std::string const stream = R"("stream":{"stream_descriptor":{"name":"s"}})";
  Row const rows[] = {
      {R"({})", StateKind::legacy},
      {R"({"data":{"a":1}})", StateKind::legacy},
      {R"({"type":null,"data":null})", StateKind::legacy},
      {"{" + stream + "}", StateKind::stream},
      {R"({"type":null,"global":null,)" + stream + "}", StateKind::stream},
      {R"({"type":null,"global":{}})", StateKind::global},
      {R"({"global":{"stream_states":[]},"stream":null})", StateKind::global},
      {R"({"type":"STREAM",)" + stream + R"(,"data":{}})", StateKind::stream},
      {R"({"type":"STREAM","stream":{"stream_descriptor":{"name":""},"stream_state":null}})", StateKind::stream},
      {R"({"type":"STREAM","stream":{"stream_descriptor":{"name":"s","namespace":null},"stream_state":{}}})",
       StateKind::stream},
      {R"({"type":"GLOBAL","global":{"shared_state":null}})", StateKind::global},
      {R"({"type":"GLOBAL","global":{"stream_states":null}})", StateKind::global},
      {R"({"type":"GLOBAL"})", StateKind::global},
      {R"({"type":"LEGACY"})", StateKind::legacy},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.state);
    StateMessage const state = state_of(R"({"type":"STATE","state":)" + row.state + "}");
    EXPECT_EQ(state.kind, row.expected);
    print(state);
  }
}

TEST(StateMessage, RefusesAStateThatItCouldNotAcknowledge) {
  struct Row {
    std::string envelope;
    std::string expected;
  };
  Row const rows[] = {
      {R"({"type":"STATE"})", "system: STATE without a state object (byte 0)"},
      {R"({"type":"STATE","state":null})", "system: STATE without a state object (byte 0)"},
      {R"({"type":"STATE","state":{"type":"STREAM"}})", "system: STREAM state without a stream object (byte 24)"},
      {R"({"type":"STATE","state":{"type":"STREAM","stream":null}})",
       "system: STREAM state without a stream object (byte 24)"},
      {R"({"type":"STATE","state":{"type":"STREAM","stream":[]}})", "system: stream is no object (byte 50)"},
      {R"({"type":"STATE","state":{"type":"STREAM","stream":{}}})",
       "system: state without a stream_descriptor (byte 50)"},
      {R"({"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{}}}})",
       "system: stream_descriptor without a name (byte 71)"},
      {R"({"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":5}}}})",
       "system: stream_descriptor without a name (byte 71)"},
      {R"({"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"s","namespace":5}}}})",
       "system: namespace is no string (byte 95)"},
      {R"({"type":"STATE","state":{"type":"PARTITION"}})", "system: STATE of an unknown type (byte 32)"},
      {R"({"type":"STATE","state":{"type":1}})", "system: STATE of an unknown type (byte 32)"},
      {R"({"type":"STATE","state":{"type":"GLOBAL","global":7}})", "system: global is no object (byte 50)"},
      {R"({"type":"STATE","state":{"global":{"stream_states":{}}}})", "system: stream_states is no array (byte 51)"},
      {R"({"type":"STATE","state":{"global":{"stream_states":[5]}}})",
       "system: a state of stream_states is no object (byte 52)"},
      {R"({"type":"STATE","state":{"global":{"stream_states":[{}]}}})",
       "system: state without a stream_descriptor (byte 52)"},
      {R"({"type":"STATE","state":{},"state":{}})", "system: state twice in a STATE (byte 27)"},
      {R"({"type":"STATE","state":{"type":"LEGACY","type":"GLOBAL"}})", "system: type twice in a STATE (byte 41)"},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.envelope);
    EXPECT_EQ(refusal(row.envelope), row.expected);
  }
}

TEST(StateMessage, CountsBytesItHolds) {
  StateMessage const state = state_of(R"({"type":"STATE","state":{}})");
  EXPECT_GE(state.size_bytes(), state.line.size() + sizeof(StateMessage));
  std::string const long_name(1000, 'n');
  StateMessage const named =
      state_of(R"({"type":"STATE","state":{"stream":{"stream_descriptor":{"name":")" + long_name + R"("}}}})");
  EXPECT_GE(named.size_bytes(), named.line.size() + sizeof(StateMessage) + long_name.size());
  std::string const inner = R"({"stream_descriptor":{"name":"a"}})";
  StateMessage const global =
      state_of(R"({"type":"STATE","state":{"global":{"stream_states":[)" + inner + "," + inner + "]}}}");
  EXPECT_GE(global.size_bytes(), global.line.size() + sizeof(StateMessage) + 2 * sizeof(StateMessage::InnerState));
}

}  // namespace
}  // namespace landfall
