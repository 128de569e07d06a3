#include "protocol/message_parser.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <new>
#include <string>

#include <simdjson.h>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <landfall/runtime/assert.hpp>

#include "protocol/lone_surrogates.hpp"
#include "protocol/null_handler.hpp"
#include "protocol/state_reader.hpp"
#include "protocol/tokens.hpp"
#include "protocol/whole_object.hpp"

namespace landfall {
namespace {

constexpr std::size_t padding = 64;  // Block::padding
static_assert(simdjson::SIMDJSON_PADDING <= padding);

constexpr std::size_t max_depth = MessageParser::max_depth;

/// What is wrong with a message, and where in the line.
struct Problem {
  constexpr Problem() = default;
  constexpr Problem(std::string_view what, std::size_t at) : text(what), offset(at) {}
  std::string_view text;  // of static storage
  std::size_t offset = 0;

  explicit operator bool() const noexcept { return !text.empty(); }
  Error error() const { return system_error("{} (byte {})", text, offset); }
};

/// The slower and more patient check: throws when `line` is no valid JSON. It accepts what simdjson refuses although it
/// is valid: integers beyond 64 bits, numbers beyond a double, more than 1024 levels. Returns where it has more levels
/// than max_depth: what lies there was not looked at.
std::optional<std::size_t> look_closer(std::string_view line) {
  boost::json::parse_options options;
  options.max_depth = max_depth;
  boost::json::basic_parser<NullHandler> parser(options);
  boost::json::error_code code;
  std::size_t const offset = parser.write_some(false, line.data(), line.size(), code);
  if (code == boost::json::error::too_deep) return offset;
  if (code) throw NotJson(fmt::format("no valid JSON: {} (byte {})", code.message(), offset));
  if (offset < line.size()) throw NotJson(fmt::format("text after the JSON object (byte {})", offset));
  return std::nullopt;
}

enum Seen : unsigned {
  seen_type = 1u << 0,
  seen_record = 1u << 1,
  seen_trace = 1u << 2,
  seen_stream = 1u << 3,
  seen_namespace = 1u << 4,
  seen_data = 1u << 5,
  seen_meta = 1u << 6,
  seen_emitted_at = 1u << 7,
  seen_trace_type = 1u << 8,
  seen_stream_status = 1u << 9,
  seen_status = 1u << 10,
  seen_descriptor = 1u << 11,
  seen_name = 1u << 12,
};

/// An integer, or a number that some sources write as 1710000000000.0. Nothing when it does not fit.
std::optional<std::int64_t> parse_milliseconds(std::string_view text) {
  char const* const end = text.data() + text.size();
  std::int64_t integer = 0;
  if (auto const result = std::from_chars(text.data(), end, integer); result.ec == std::errc() && result.ptr == end) {
    return integer;
  }
  double number = 0;
  auto const result = std::from_chars(text.data(), end, number);
  if (result.ec != std::errc() || result.ptr != end || std::abs(number) >= 0x1p63) return std::nullopt;
  return static_cast<std::int64_t>(std::floor(number));
}

enum class TraceType { none, stream_status, other };

}  // namespace

struct MessageParser::Implementation {
  explicit Implementation(Validation chosen) : validation(chosen) {}

  Validation validation;
  simdjson::dom::parser parser;

  std::string_view line;
  std::string_view readable;  // the same, or a copy of it without lone surrogates
  std::string copy;
  Tokens tokens;  // of what is readable
  ParsedMessage message;
  std::optional<std::size_t> too_deep_at;  // in the line
  unsigned seen = 0;                       // members of this line, to refuse the second
  // What is wrong with a payload counts only if the type, which may come later, says that it is one of ours.
  Problem envelope_problem;
  Problem record_problem;
  Problem trace_problem;
  std::size_t record_offset = 0;
  std::size_t trace_offset = 0;
  TraceType trace_type = TraceType::none;
  std::string_view status;
  // Room for what has escapes.
  std::string key_text;
  std::string type_text;
  std::string name_text;
  std::string name_space_text;
  std::string status_text;

  void parse(std::string_view new_line) {
    start(new_line);
    make_readable();
    find_tokens();
    if (validation == Validation::full) check_whole();
    read();
    if (validation == Validation::skipped && message.kind != MessageKind::record) check_whole();
    decide_depth();
  }

  void parse_checked(std::string_view new_line, Tokens const& found) {
    start(new_line);
    tokens = found;
    read();
  }

  void read() {
    read_envelope();
    decide();
  }

  void start(std::string_view new_line) {
    line = readable = new_line;
    // One by one: a whole new one is built elsewhere and copied, which takes longer.
    message.kind = MessageKind::ignored;
    message.type = message.data = message.meta = message.stream.name = {};
    message.stream.name_space.reset();
    message.emitted_at_ms = 0;
    message.has_file = message.has_lone_surrogates = false;
    message.is_too_deep = false;
    too_deep_at.reset();
    seen = 0;
    envelope_problem = record_problem = trace_problem = Problem();
    trace_type = TraceType::none;
    status = {};
  }

  /// No parser likes them, and not every message may be changed.
  void make_readable() {
    constexpr std::size_t usual_bytes = 64 << 10;
    if (copy.capacity() > usual_bytes) copy = std::string();  // of a long line
    message.has_lone_surrogates = has_lone_surrogate(line);
    if (!message.has_lone_surrogates) return;
    copy.assign(line);
    copy.append(padding, ' ');
    replace_lone_surrogates(copy.data(), line.size());
    readable = std::string_view(copy).substr(0, line.size());
  }

  /// simdjson's first stage: also checks UTF-8, control characters in strings and that the last string ends.
  void find_tokens() {
    if (parser.capacity() < readable.size()) grow();
    auto& stage = *parser.implementation;
    auto const bytes = reinterpret_cast<std::uint8_t const*>(readable.data());
    if (auto const code = stage.stage1(bytes, readable.size(), simdjson::stage1_mode::regular)) refuse(code);
    tokens = Tokens(readable, stage.structural_indexes.get(), stage.n_structural_indexes);
  }

  /// In powers of two, so that lines of slowly growing length do not allocate each.
  void grow() {
    std::size_t const capacity = std::bit_ceil(std::max<std::size_t>(readable.size(), 4096));
    if (auto const code = parser.allocate(capacity)) refuse(code);
    if (auto const code = parser.doc.allocate(capacity)) refuse(code);
  }

  /// simdjson's second stage: the whole syntax. Its 'no' is none yet: it refuses some valid numbers and depths.
  void check_whole() {
    if (parser.implementation->stage2(parser.doc) == simdjson::SUCCESS) return;
    too_deep_at = look_closer(readable);
    if (!too_deep_at || is_whole_object(readable, tokens)) return;
    throw NotJson(fmt::format("no valid JSON behind its {} levels (byte {})", max_depth, *too_deep_at));
  }

  /// Reports what stopped us, with the place if the closer look finds it.
  [[noreturn]] void refuse(simdjson::error_code code) const {
    if (code == simdjson::MEMALLOC) throw std::bad_alloc();
    static_cast<void>(look_closer(readable));
    throw NotJson(fmt::format("no valid JSON: {}", simdjson::error_message(code)));
  }

  /// Calls read(key, value) for each member of the object that begins with `token`; `value` is the first token of the
  /// member's value, and read() returns the token behind it. Returns the token behind the object.
  template <class F>
  [[gnu::always_inline]] std::size_t each_member(std::size_t token, F const& read) {
    if (tokens.kind(++token) == '}') return token + 1;
    for (;;) {
      if (tokens.kind(token) != '"' || tokens.kind(token + 1) != ':') refuse(simdjson::TAPE_ERROR);
      token = read(string(token, key_text), token + 2);
      char const separator = tokens.kind(token++);
      if (separator == '}') return token;
      if (separator != ',') refuse(simdjson::TAPE_ERROR);
    }
  }

  /// The token behind a value of any kind.
  std::size_t behind(std::size_t value) const {
    switch (tokens.kind(value)) {
      case '{':
      case '[':
        return tokens.behind_container(value);
      case '}':
      case ']':
      case ',':
      case ':':
      case '\0':
        refuse(simdjson::TAPE_ERROR);
      default:
        return value + 1;
    }
  }

  /// The string without its quotes: a slice of the line, or in `room` when it has escapes.
  std::string_view string(std::size_t token, std::string& room) const {
    std::string_view const literal = tokens.text(token);
    if (literal.size() < 2 || literal.back() != '"') refuse(simdjson::TAPE_ERROR);
    std::string_view const content = literal.substr(1, literal.size() - 2);
    if (content.find('\\') == content.npos) return content;
    boost::json::error_code code;
    boost::json::value const unescaped = boost::json::parse(literal, code);
    if (code || !unescaped.is_string()) refuse(simdjson::STRING_ERROR);
    room.assign(unescaped.get_string());
    return room;
  }

  void read_envelope() {
    if (tokens.kind(0) != '{') {
      static_cast<void>(look_closer(readable));
      throw system_error("a message that is no JSON object (byte 0)");
    }
    std::size_t const end = each_member(0, [this](std::string_view key, std::size_t value) {
      if (key == "type") return read_type(value);
      if (key == "record") return read_record(value);
      if (key == "trace") return read_trace(value);
      return behind(value);
    });
    if (end != tokens.count()) refuse(simdjson::TAPE_ERROR);
  }

  std::size_t read_type(std::size_t value) {
    refuse_second(seen_type, value, envelope_problem, "the member type twice");
    return read_string(value, message.type, type_text, envelope_problem, "a message whose type is no string");
  }

  std::size_t read_record(std::size_t value) {
    if (is_null(value)) return behind(value);  // some sources print every member of the envelope
    refuse_second(seen_record, value, envelope_problem, "the member record twice");
    record_offset = tokens.offset(value);
    if (!expect_object(value, record_problem, "RECORD whose record is no object")) return behind(value);
    return each_member(value, [this](std::string_view key, std::size_t member) {
      if (key == "stream") return read_stream(member);
      if (key == "data") return read_data(member);
      if (key == "emitted_at") return read_emitted_at(member);
      if (key == "namespace") return read_namespace(member, record_problem);
      if (key == "meta") return read_meta(member);
      if (key == "file_reference" || key == "file") message.has_file |= !is_null(member);
      return behind(member);
    });
  }

  std::size_t read_stream(std::size_t value) {
    refuse_second(seen_stream, value, record_problem, "RECORD with the member stream twice");
    return read_string(value, message.stream.name, name_text, record_problem, "RECORD whose stream is no string");
  }

  std::size_t read_namespace(std::size_t value, Problem& problem) {
    refuse_second(seen_namespace, value, problem, "the member namespace twice");
    if (is_null(value)) return behind(value);
    return read_string(value, message.stream.name_space.emplace(), name_space_text, problem,
                       "a namespace that is no string");
  }

  std::size_t read_data(std::size_t value) {
    refuse_second(seen_data, value, record_problem, "RECORD with the member data twice");
    if (!expect_object(value, record_problem, "RECORD whose data is no object")) return behind(value);
    return read_object_text(value, message.data);
  }

  std::size_t read_meta(std::size_t value) {
    refuse_second(seen_meta, value, record_problem, "RECORD with the member meta twice");
    if (is_null(value)) return behind(value);
    if (!expect_object(value, record_problem, "RECORD whose meta is no object")) return behind(value);
    return read_object_text(value, message.meta);
  }

  std::size_t read_object_text(std::size_t value, std::string_view& object) {
    std::size_t const next = tokens.behind_container(value);
    if (tokens.kind(next - 1) != '}') refuse(simdjson::TAPE_ERROR);
    object = line.substr(tokens.offset(value), tokens.offset(next - 1) + 1 - tokens.offset(value));
    return next;
  }

  std::size_t read_emitted_at(std::size_t value) {
    refuse_second(seen_emitted_at, value, record_problem, "RECORD with the member emitted_at twice");
    std::string_view const number = tokens.text(value);
    char const first = tokens.kind(value);
    if (first != '-' && (first < '0' || first > '9')) {
      note(record_problem, "RECORD whose emitted_at is no number", value);
    } else if (auto const milliseconds = parse_milliseconds(number)) {
      message.emitted_at_ms = *milliseconds;
    } else {
      note(record_problem, "RECORD whose emitted_at is out of range", value);
    }
    return behind(value);
  }

  std::size_t read_trace(std::size_t value) {
    if (is_null(value)) return behind(value);
    refuse_second(seen_trace, value, envelope_problem, "the member trace twice");
    trace_offset = tokens.offset(value);
    if (tokens.kind(value) != '{') return behind(value);
    return each_member(value, [this](std::string_view key, std::size_t member) {
      if (key == "type") return read_trace_type(member);
      if (key == "stream_status") return read_stream_status(member);
      return behind(member);
    });
  }

  std::size_t read_trace_type(std::size_t value) {
    refuse_second(seen_trace_type, value, trace_problem, "TRACE with the member type twice");
    if (is_null(value)) return behind(value);
    bool const is_status = tokens.kind(value) == '"' && string(value, status_text) == "STREAM_STATUS";
    trace_type = is_status ? TraceType::stream_status : TraceType::other;
    return behind(value);
  }

  std::size_t read_stream_status(std::size_t value) {
    refuse_second(seen_stream_status, value, trace_problem, "TRACE with the member stream_status twice");
    if (tokens.kind(value) != '{') return behind(value);
    return each_member(value, [this](std::string_view key, std::size_t member) {
      if (key == "status") return read_status(member);
      if (key == "stream_descriptor") return read_descriptor(member);
      return behind(member);
    });
  }

  std::size_t read_status(std::size_t value) {
    refuse_second(seen_status, value, trace_problem, "a stream status with the member status twice");
    if (tokens.kind(value) == '"') status = string(value, status_text);
    return behind(value);
  }

  std::size_t read_descriptor(std::size_t value) {
    refuse_second(seen_descriptor, value, trace_problem, "a stream status with two descriptors");
    if (tokens.kind(value) != '{') return behind(value);
    // A record beside the trace would mix its own name in: decide_*() refuses such a line.
    return each_member(value, [this](std::string_view key, std::size_t member) {
      if (key == "namespace") return read_namespace(member, trace_problem);
      if (key != "name") return behind(member);
      refuse_second(seen_name, member, trace_problem, "a stream_descriptor with the member name twice");
      return read_string(member, message.stream.name, name_text, trace_problem,
                         "a stream_descriptor whose name is no string");
    });
  }

  /// What the line is, now that all of it was seen.
  void decide() {
    if (envelope_problem) throw envelope_problem.error();
    if (!has(seen_type)) throw system_error("a message without a type (byte 0)");
    if (message.type == "RECORD") {
      decide_record();
    } else if (message.type == "STATE") {
      message.kind = MessageKind::state;
    } else if (message.type == "TRACE") {
      decide_trace();
    }
  }

  /// Of what is ignored nobody reads the depths.
  void decide_depth() {
    if (!too_deep_at || message.kind == MessageKind::ignored) return;
    message.is_too_deep = message.kind == MessageKind::record;
    if (message.is_too_deep) return;
    throw system_error("JSON nested deeper than {} levels (byte {})", max_depth, *too_deep_at);
  }

  void decide_record() {
    if (!has(seen_record)) throw system_error("RECORD without a record object (byte 0)");
    if (has(seen_trace)) throw system_error("RECORD with a trace (byte {})", trace_offset);
    if (record_problem) throw record_problem.error();
    if (!has(seen_stream)) throw system_error("RECORD without a stream name (byte {})", record_offset);
    if (!has(seen_data)) throw system_error("RECORD without data (byte {})", record_offset);
    if (!has(seen_emitted_at)) throw system_error("RECORD without emitted_at (byte {})", record_offset);
    message.kind = MessageKind::record;
  }

  void decide_trace() {
    bool const is_status =
        trace_type == TraceType::stream_status || (trace_type == TraceType::none && has(seen_stream_status));
    if (!is_status) return;
    if (trace_problem) throw trace_problem.error();
    if (status != "COMPLETE" && status != "INCOMPLETE") return;
    if (has(seen_record)) throw system_error("TRACE with a record (byte {})", record_offset);
    if (!has(seen_name)) throw system_error("stream status without a stream name (byte {})", trace_offset);
    message.kind = status == "COMPLETE" ? MessageKind::stream_complete : MessageKind::stream_incomplete;
  }

  std::size_t read_string(std::size_t value, std::string_view& text, std::string& room, Problem& problem,
                          std::string_view otherwise) {
    if (tokens.kind(value) == '"') {
      text = string(value, room);
    } else {
      note(problem, otherwise, value);
    }
    return behind(value);
  }

  bool expect_object(std::size_t value, Problem& problem, std::string_view otherwise) const {
    bool const is_object = tokens.kind(value) == '{';
    if (!is_object) note(problem, otherwise, value);
    return is_object;
  }

  void refuse_second(Seen member, std::size_t value, Problem& problem, std::string_view text) {
    if (has(member)) note(problem, text, value);
    seen |= member;
  }

  bool has(Seen member) const noexcept { return (seen & member) != 0; }

  void note(Problem& problem, std::string_view text, std::size_t value) const {
    if (!problem) problem = Problem(text, tokens.offset(value));
  }

  bool is_null(std::size_t value) const { return tokens.kind(value) == 'n' && tokens.text(value) == "null"; }
};

MessageParser::MessageParser(Validation validation) : implementation_(std::make_unique<Implementation>(validation)) {}
MessageParser::~MessageParser() = default;
MessageParser::MessageParser(MessageParser&&) noexcept = default;
MessageParser& MessageParser::operator=(MessageParser&&) noexcept = default;

ParsedMessage const& MessageParser::parse(std::string_view line) {
  LANDFALL_ASSERT(implementation_ != nullptr);
  implementation_->parse(line);
  return implementation_->message;
}

ParsedMessage const& MessageParser::parse_checked(std::string_view line, Tokens const& tokens) {
  LANDFALL_ASSERT(implementation_ != nullptr);
  LANDFALL_ASSERT(tokens.kind(0) == '{');
  implementation_->parse_checked(line, tokens);
  return implementation_->message;
}

StateMessage MessageParser::take_state(FindStream const& find_stream) {
  LANDFALL_ASSERT(implementation_ != nullptr);
  LANDFALL_ASSERT(implementation_->message.kind == MessageKind::state);
  return read_state(implementation_->line, implementation_->tokens, find_stream);
}

namespace {

/// Looks for the name in text that may be broken anywhere.
class StreamGuess {
 public:
  explicit StreamGuess(std::string_view text) : text_(text) {}

  std::optional<StreamDescriptor> guess() {
    constexpr std::size_t inside_record = 2;
    std::size_t depth = 0;
    while (offset_ < text_.size()) {
      char const next = text_[offset_];
      if (next == '"') {
        std::string_view const token = take_string();
        if (token.empty()) break;
        if (depth != inside_record) continue;
        if (token == R"("stream")" && !name_) name_ = value_behind();
        if (token == R"("namespace")" && !name_space_) name_space_ = value_behind();
        continue;
      }
      if (next == '{' || next == '[') ++depth;
      if ((next == '}' || next == ']') && depth > 0) --depth;
      ++offset_;
    }
    if (!name_) return std::nullopt;
    return StreamDescriptor(std::move(*name_), std::move(name_space_));
  }

 private:
  /// The string that begins here, with its quotes; empty when it has no end.
  std::string_view take_string() {
    std::size_t const begin = offset_;
    for (++offset_; offset_ < text_.size(); ++offset_) {
      if (text_[offset_] == '\\') {
        ++offset_;
      } else if (text_[offset_] == '"') {
        return text_.substr(begin, ++offset_ - begin);
      }
    }
    return {};
  }

  std::optional<std::string> value_behind() {
    skip_white_space();
    if (offset_ >= text_.size() || text_[offset_] != ':') return std::nullopt;
    ++offset_;
    skip_white_space();
    if (offset_ >= text_.size() || text_[offset_] != '"') return std::nullopt;
    boost::json::error_code code;
    boost::json::value const value = boost::json::parse(without_lone_surrogates(take_string()), code);
    if (code || !value.is_string()) return std::nullopt;
    return std::string(value.get_string());
  }

  void skip_white_space() { offset_ = std::min(text_.find_first_not_of(" \t\r\n", offset_), text_.size()); }

  std::string_view text_;
  std::size_t offset_ = 0;
  std::optional<std::string> name_;
  std::optional<std::string> name_space_;
};

}  // namespace

std::optional<StreamDescriptor> guess_stream(std::string_view broken_line) { return StreamGuess(broken_line).guess(); }

}  // namespace landfall
