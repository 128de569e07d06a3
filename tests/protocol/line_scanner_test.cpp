#include "protocol/line_scanner.hpp"

#include <optional>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "protocol/lines.hpp"

namespace landfall {
namespace {

std::string record_with(std::string const& data) {
  return R"({"type":"RECORD","record":{"stream":"users","data":)" + data + R"(,"emitted_at":1}})";
}

/// A line as the scanner showed it; what it points to was compared while it was there.
struct Seen {
  std::string line;
  bool cut = false;
  bool recognised = false;
  bool flawless = false;
};

void expect_same(ParsedMessage const& a, ParsedMessage const& b) {
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.type, b.type);
  EXPECT_EQ(a.stream, b.stream);
  EXPECT_EQ(a.data, b.data);
  EXPECT_EQ(a.data.data(), b.data.data());  // slices of the same text
  EXPECT_EQ(a.meta, b.meta);
  EXPECT_EQ(a.emitted_at_ms, b.emitted_at_ms);
  EXPECT_EQ(a.has_file, b.has_file);
  EXPECT_EQ(a.has_lone_surrogates, b.has_lone_surrogates);
}

/// What MessageParser makes of a line: the message, or what is wrong with it. A STATE is printed.
struct Parsed {
  std::optional<ParsedMessage> message;
  std::string text;
};
template <class Parse>
Parsed parsed(MessageParser& parser, Parse const& parse) {
  Parsed result;
  try {
    result.message = parse();
    if (result.message->kind != MessageKind::state) return result;
    StateMessage const state = parser.take_state([](StreamName const&) { return std::optional<std::size_t>(); });
    state.print_to(result.text, StateMessage::Stats());
  } catch (Error const& error) {
    result.text = error.what();
  }
  return result;
}

/// With the scanner's tokens the parser says of a line what it says without them.
void expect_same_with_tokens(LineScanner const& scanner) {
  MessageParser checked;
  MessageParser plain;
  Parsed const a = parsed(checked, [&] { return checked.parse_checked(scanner.line(), *scanner.tokens()); });
  Parsed const b = parsed(plain, [&] { return plain.parse(scanner.line()); });
  EXPECT_EQ(a.text, b.text) << scanner.line();
  ASSERT_EQ(a.message.has_value(), b.message.has_value()) << scanner.line();
  if (a.message) expect_same(*a.message, *b.message);
}

/// All lines of the text. What is recognised must be what MessageParser says of the same line.
std::vector<Seen> scan(std::string_view text, Validation validation = Validation::full, char behind = '}') {
  PaddedLine const padded(text, behind);
  LineScanner scanner(validation);
  MessageParser parser(validation);
  std::vector<Seen> all;
  scanner.begin(padded.view());
  while (scanner.next()) {
    ParsedMessage const* const record = scanner.record();
    all.push_back(Seen{std::string(scanner.line()), scanner.is_cut(), record != nullptr});
    EXPECT_EQ(all.back().line.find('\n'), std::string::npos);
    if (record == nullptr) {
      all.back().flawless = scanner.tokens() != nullptr;
      if (scanner.tokens()) expect_same_with_tokens(scanner);
      continue;
    }
    EXPECT_EQ(scanner.tokens(), nullptr);
    try {
      expect_same(*record, parser.parse(scanner.line()));
    } catch (Error const& error) {
      ADD_FAILURE() << "the parser refuses what was recognised: " << error.what() << "\n" << scanner.line();
    }
  }
  return all;
}

bool recognises(std::string const& line, Validation validation = Validation::full) {
  std::vector<Seen> const seen = scan(line + "\n", validation);
  EXPECT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen.at(0).line, line);
  return seen.at(0).recognised;
}

/// What lies behind the text must not matter.
char byte_behind(std::uint32_t seed) { return "}{\",: 1n"[seed % 8]; }

TEST(LineScanner, RecognisesPlainRecords) {
  for (
      std::string const& line : {
          record_with("{}"),
          record_with(
              R"({"a":1,"b":-0.5e+10,"c":"x","d":null,"e":true,"f":false,"g":{},"h":[],"i":[1,[2],{"j":[{}]}]})"),
          record_with(R"({"text":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00","ключ":"значение"})"),
          record_with(R"({"big":123456789012345678901234567890,"huge":1e400,"zero":0,"minus":-0})"),
          std::string(
              R"({"type":"RECORD","record":{"namespace":"crm","stream":"s","emitted_at":1710000000123,"data":{"a":1},"meta":{"changes":[]}}})"),
          std::string(
              R"({"record":{"stream":"s","data":{},"emitted_at":0,"namespace":null,"meta":null,"x":[1]},"y":"z","type":"RECORD"})"),
          std::string(R"({"type" : "RECORD" , "record" : { "stream" : "s" , "data" : { } , "emitted_at" : 1 } } )"),
          record_with("{}") + "\r",
      }) {
    EXPECT_TRUE(recognises(line)) << line;
  }
}

TEST(LineScanner, LeavesAllElseToTheParser) {
  for (std::string const& line : {
           std::string(R"({"type":"STATE","state":{"data":{}}})"),
           std::string(R"({"type":"LOG","log":{"level":"INFO","message":"x"}})"),
           std::string(),
           std::string("  "),
           std::string("[]"),
           " " + record_with("{}"),
           record_with("{}") + "x",
           record_with("{}") + record_with("{}"),
           std::string(R"({"type":"RECORD","record":{"stream":"s","data":{},"emitted_at":1},"trace":{}})"),
           std::string(R"({"type":"RECORD","record":{"stream":"s","data":{},"emitted_at":1,"file_reference":null}})"),
           std::string(R"({"type":"RECORD","record":{"stream":"s","data":{},"emitted_at":1,"file":null}})"),
           std::string(R"({"type":"RECORD","record":{"stream":"s","data":{},"emitted_at":1.5}})"),
           std::string(R"({"type":"RECORD","record":{"stream":"s","data":{},"emitted_at":01}})"),
           std::string(R"({"type":"RECORD","record":{"stream":"s","data":{},"emitted_at":1234567890123456789}})"),
           std::string(R"({"type":"RECORD","record":{"stream":"\u0073","data":{},"emitted_at":1}})"),
           std::string(R"({"type":"RECORD","record":{"str\u0065am":"s","stream":"s","data":{},"emitted_at":1}})"),
           std::string(R"({"type":"RECORD","record":{"stream":"s","data":{},"data":{},"emitted_at":1}})"),
           std::string(R"({"type":"RECORD","record":{"stream":"s","data":[],"emitted_at":1}})"),
           std::string(R"({"type":"RECORD","record":{"stream":"s","data":{}}})"),
           std::string(R"({"type":"RECORD","record":null})"),
           std::string(R"({"type":"RECORD"})"),
       }) {
    EXPECT_FALSE(recognises(line)) << line;
  }
}

TEST(LineScanner, GivesTheTokensOfOtherMessagesWithoutAFlaw) {
  struct Row {
    char const* line;
    bool flawless;
  };
  Row const rows[] = {
      {R"({"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"s"},"stream_state":{"a":[1]}}}})",
       true},
      {R"({"type" : "STATE", "state" : {"data":{"x":"\u00e9"}} } )", true},
      {R"({"type":"TRACE","trace":{"type":"STREAM_STATUS"}})", true},
      {"{}", true},
      {R"({"type":"STATE","state":{"data":{}}}x)", false},
      {R"({"type":"STATE","state":{"data":{}}}{})", false},
      {R"({"type":"STATE","state":{"data":{"a":01}}})", false},
      {R"({"type":"STATE","state":{"data":{"a":1,}}})", false},
      {R"({"type":"STATE","state":{"data":{})", false},
      {R"( {"type":"LOG"})", false},  // seldom: the parser looks
      {"[]", false},
      {"", false},
      {"7", false},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.line);
    // Alone, as the last line, and between others.
    for (std::string const& text : {std::string(row.line) + "\n", record_with("{}") + "\n" + row.line + "\n",
                                    row.line + ("\n" + record_with("{}") + "\n")}) {
      std::vector<Seen> const all = scan(text);
      bool any = false;
      for (Seen const& seen : all) any = any || seen.flawless;
      EXPECT_EQ(any, row.flawless) << text;
      EXPECT_EQ(scan(text, Validation::skipped).size(), all.size());
    }
  }
}

TEST(LineScanner, RecognisesNoDataThatIsNotJson) {
  for (char const* const data : {
           R"({"a":nul})",
           R"({"a":nulll})",
           R"({"a":truex})",
           R"({"a":True})",
           R"({"a":01})",
           R"({"a":1.})",
           R"({"a":.5})",
           R"({"a":1e})",
           R"({"a":1e2147483648})",
           R"({"a":+1})",
           R"({"a":-})",
           R"({"a":1x})",
           R"({"a":0x1})",
           R"({"a":})",
           R"({"a"})",
           R"({"a":1,})",
           R"({,})",
           R"({"a":1 "b":2})",
           R"({"a" 1})",
           R"({a:1})",
           R"({1:1})",
           R"({"a":[1,]})",
           R"({"a":[,1]})",
           R"({"a":[1 2]})",
           R"({"a":[1})",
           R"({"a":[1}]})",
           R"({"a":{]})",
           R"({"a":"\x"})",
           R"({"a":"\u12"})",
           R"({"a":"\u12g4"})",
           R"({"a":"\ud80"})",
           R"({"a":"\ud800\u004"})",
           R"({"a":"x"y})",
           R"({"a":"x""y"})",
           R"({"a":1}})",
           "{\"a\":\"\x01\"}",
           "{\"a\":\"\xff\"}",
           "{\"a\":\x01}",
           R"({"a":1:2})",
           R"({"a"::1})",
           R"({"a":'x'})",
           R"({"a":/**/1})",
           R"({"a":NaN})",
       }) {
    EXPECT_FALSE(recognises(record_with(data))) << data;
  }
}

TEST(LineScanner, KnowsWhichRecordsHaveLoneSurrogates) {
  struct Row {
    char const* data;
    bool expected;
  };
  Row const rows[] = {
      {R"({"a":"\ud800"})", true},
      {R"({"a":"\uDFFF"})", true},
      {R"({"a":"\ud83d\ud83d\ude00"})", true},
      {R"({"a":"\ud83d\ude00\ude00"})", true},
      {R"({"a":"\uD83D\\ude00"})", true},
      {R"({"a":["\ud83d","\ude00"]})", true},
      {R"({"\ud83d":1})", true},
      {R"({"a":"\ud83d\uDE00"})", false},
      {R"({"a":"\\ud800"})", false},
      {R"({"a":"\ud7ff\ue000"})", false},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.data);
    for (Validation const validation : {Validation::full, Validation::skipped}) {
      // Between others, which have none.
      std::string const good = record_with(R"({"a":"\\\n"})") + "\n";
      PaddedLine const text(good + record_with(row.data) + "\n\n" + good);
      LineScanner scanner(validation);
      scanner.begin(text.view());
      std::vector<bool> flags;
      while (scanner.next()) {
        if (scanner.record()) flags.push_back(scanner.record()->has_lone_surrogates);
      }
      EXPECT_EQ(flags, (std::vector<bool>{false, row.expected, false}));
    }
    EXPECT_EQ(scan(record_with(row.data) + "\n" + record_with("{}") + "\n").size(), 2U);
  }
}

TEST(LineScanner, LinesWithLoneSurrogatesThatAreNoRecordsAreLeftToTheParser) {
  std::string const state = R"({"type":"STATE","state":{"data":{"x":")";
  std::vector<Seen> const seen = scan(state + "\\ud83d\"}}}\n" + state + "\\\\ud83d\"}}}\n" + record_with("{}") + "\n");
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_FALSE(seen[0].flawless);
  EXPECT_TRUE(seen[1].flawless);
  EXPECT_TRUE(seen[2].recognised);
}

TEST(LineScanner, ARecordEndsWithItsLine) {
  std::string const record = record_with(R"({"a":1,"b":[2]})");
  for (std::size_t at = 1; at < record.size(); ++at) {
    std::string cut = record;
    cut.insert(at, 1, '\n');
    for (Seen const& seen : scan(cut + "\n")) EXPECT_FALSE(seen.recognised) << seen.line;
  }
}

TEST(LineScanner, SkippingValidationLooksAtBracketsAlone) {
  EXPECT_TRUE(recognises(record_with(R"({"a":nul,"b":[01]})"), Validation::skipped));
  EXPECT_FALSE(recognises(record_with(R"({"a":[1})"), Validation::skipped));
  EXPECT_FALSE(recognises(record_with(R"({"a":1]})"), Validation::skipped));
}

TEST(LineScanner, DeepValuesAreLeftToTheParser) {
  auto const nested = [](std::size_t depth) {
    return record_with(R"({"a":)" + std::string(depth, '[') + std::string(depth, ']') + "}");
  };
  EXPECT_TRUE(recognises(nested(200)));
  EXPECT_FALSE(recognises(nested(300)));
}

TEST(LineScanner, ABrokenLineTakesNothingFromItsNeighbours) {
  std::string const good = record_with(R"({"id":1})");
  for (std::string const& broken : {
           std::string(R"({"type":"RECORD","record":{"stream":"users","data":{"a":"unclosed)"),
           std::string(R"({"type":"RECORD","record":{"stream":"users","data":{"a":[1})"),
           std::string("\xff"),
           std::string(R"(")"),
           std::string(R"({)"),
           std::string(R"(}}}})"),
           std::string(),
           std::string(R"({"type":"STATE","state":{}})"),
       }) {
    std::vector<Seen> const seen = scan(good + "\n" + broken + "\n" + good + "\n" + good);
    ASSERT_EQ(seen.size(), 4U) << broken;
    EXPECT_EQ(seen[0].line, good);
    EXPECT_EQ(seen[1].line, broken);
    EXPECT_FALSE(seen[1].recognised);
    EXPECT_EQ(seen[2].line, good);
    EXPECT_EQ(seen[3].line, good);
    EXPECT_TRUE(seen[3].cut);
    EXPECT_FALSE(seen[3].recognised);
  }
}

TEST(LineScanner, AFlawlessNeighbourhoodStaysFastAroundOtherMessages) {
  std::string const good = record_with(R"({"id":1})");
  std::vector<Seen> const seen = scan(good + "\n" + R"({"type":"STATE","state":{"data":{}}})" + "\n\n" + good + "\n");
  ASSERT_EQ(seen.size(), 4U);
  EXPECT_TRUE(seen[0].recognised);
  EXPECT_FALSE(seen[1].recognised);
  EXPECT_FALSE(seen[2].recognised);
  EXPECT_TRUE(seen[3].recognised);
}

TEST(LineScanner, LinesLongerThanAWindowAndManyWindowsAreSeenWhole) {
  std::string text;
  std::vector<std::string> lines;
  for (std::size_t const size : {10, 200'000, 30, 64'000, 65'536, 65'000, 1, 500'000, 7}) {
    lines.push_back(record_with(R"({"x":")" + std::string(size, 'x') + R"("})"));
    text += lines.back() + "\n";
  }
  for (int i = 0; i < 1000; ++i) {
    lines.push_back(record_with(fmt::format(R"({{"i":{}}})", i)));
    text += lines.back() + "\n";
  }
  std::vector<Seen> const seen = scan(text);
  ASSERT_EQ(seen.size(), lines.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(seen[i].line, lines[i]);
    EXPECT_TRUE(seen[i].recognised);
  }
}

TEST(LineScanner, NothingIsNoLine) { EXPECT_TRUE(scan("").empty()); }

// Whatever happens to a good input, what is recognised reads as the parser reads it, and the lines stay the lines.
TEST(LineScanner, AgreesWithTheParserOnDamagedInput) {
  std::string const pieces[] = {
      record_with(R"({"a":1,"b":[true,null,{"c":"\u00e9\n"}],"d":-1.5e3})"),
      R"({"type":"RECORD","record":{"namespace":"n","stream":"s","data":{"k":"v"},"emitted_at":12,"meta":{"x":[]}}})",
      R"({"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"s"}}}})",
      R"({"record":{"data":{},"stream":"s","emitted_at":5},"type":"RECORD"})",
      "",
  };
  std::string const escapes[] = {R"(\ud83d)", R"(\uDE00)", R"(\ud83d\ude00)", R"(\\ud83d)", R"(\u00e9)"};
  std::string const alphabet = "{}[]\",:\\ \t\r\n0123456789.eE+-tfnulrasdx\x01\x80\xc3\xff";
  std::size_t recognised = 0;
  for (std::uint32_t seed = 1; seed <= 20'000; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    std::mt19937 random(seed);
    auto const below = [&random](std::size_t limit) { return static_cast<std::size_t>(random()) % limit; };
    std::string text;
    for (std::size_t i = 0, count = 1 + below(4); i < count; ++i) text += pieces[below(std::size(pieces))] + "\n";
    for (std::size_t i = 0, count = below(4); i < count; ++i) {
      std::size_t const at = below(text.size());
      char const byte = alphabet[below(alphabet.size())];
      switch (below(4)) {
        case 0:
          text[at] = byte;
          break;
        case 3:
          text.insert(text.find("\"", at) == text.npos ? at : text.find("\"", at), escapes[below(std::size(escapes))]);
          break;
        case 1:
          text.insert(at, 1, byte);
          break;
        default:
          text.erase(at, 1);
          break;
      }
      if (text.empty()) text = "\n";
    }
    std::vector<Seen> const seen =
        scan(text, seed % 4 == 0 ? Validation::skipped : Validation::full, byte_behind(seed));
    std::string joined;
    for (Seen const& one : seen) {
      joined += one.line + (one.cut ? "" : "\n");
      recognised += one.recognised ? 1 : 0;
    }
    EXPECT_EQ(joined, text);
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(recognised, 10'000U);
}

}  // namespace
}  // namespace landfall
