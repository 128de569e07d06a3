#include "protocol/beginning_of_record.hpp"

#include <algorithm>
#include <cstddef>

#include <boost/json/basic_parser_impl.hpp>

#include "protocol/lone_surrogates.hpp"
#include "protocol/null_handler.hpp"

namespace landfall {
namespace {

/// Hears of the JSON as far as it is good, and notes what tells whose record it is.
class Listener : public NullHandler {
 public:
  std::optional<BeginningOfRecord> result() {
    if (is_ambiguous_ || type_ != "RECORD" || !has_stream_) return std::nullopt;
    return std::move(found_);
  }

  bool on_object_begin(Code&) {
    ++depth_;
    if (depth_ == in_record && key_of_envelope_ == "record") is_in_record_ = true;
    return true;
  }
  bool on_object_end(std::size_t, Code&) {
    if (depth_ == in_record && is_in_record_) {
      found_.knows_name_space = true;
      is_in_record_ = false;
    }
    --depth_;
    return true;
  }
  bool on_array_begin(Code&) {
    ++depth_;
    return true;
  }
  bool on_array_end(std::size_t, Code&) {
    --depth_;
    return true;
  }

  bool on_key_part(Text text, std::size_t, Code&) {
    text_ += text;
    return true;
  }
  bool on_key(Text text, std::size_t, Code&) {
    std::string key = take_text(text);
    if (depth_ == in_envelope) {
      key_of_envelope_ = std::move(key);
      if (key_of_envelope_ == "record") note_first(has_record_);
    } else if (depth_ == in_record && is_in_record_) {
      key_of_record_ = std::move(key);
    }
    return true;
  }
  bool on_string_part(Text text, std::size_t, Code&) {
    text_ += text;
    return true;
  }
  bool on_string(Text text, std::size_t, Code&) {
    std::string value = take_text(text);
    if (depth_ == in_envelope && key_of_envelope_ == "type") {
      note_first(has_type_);
      type_ = std::move(value);
    } else if (depth_ == in_record && is_in_record_ && key_of_record_ == "stream") {
      note_first(has_stream_);
      found_.stream = std::move(value);
    } else if (depth_ == in_record && is_in_record_ && key_of_record_ == "namespace") {
      note_first(found_.knows_name_space);
      found_.name_space = std::move(value);
    }
    return true;
  }
  bool on_null(Code&) {
    if (depth_ == in_record && is_in_record_ && key_of_record_ == "namespace") note_first(found_.knows_name_space);
    return true;
  }

 private:
  static constexpr std::size_t in_envelope = 1;
  static constexpr std::size_t in_record = 2;

  std::string take_text(Text last_part) {
    text_ += last_part;
    return std::exchange(text_, std::string());
  }
  void note_first(bool& seen) {
    is_ambiguous_ = is_ambiguous_ || seen;
    seen = true;
  }

  std::size_t depth_ = 0;
  bool is_in_record_ = false;
  bool is_ambiguous_ = false;
  bool has_type_ = false;
  bool has_record_ = false;
  bool has_stream_ = false;
  std::string text_;
  std::string key_of_envelope_;
  std::string key_of_record_;
  std::string type_;
  BeginningOfRecord found_;
};

bool is_white_space(char byte) noexcept { return byte == ' ' || byte == '\t' || byte == '\r'; }

std::string_view without_leading_space(std::string_view text) noexcept {
  while (!text.empty() && is_white_space(text.front())) text.remove_prefix(1);
  return text;
}

/// Takes `token` off the text, and white space before it.
bool take(std::string_view& text, std::string_view token) noexcept {
  text = without_leading_space(text);
  if (!text.starts_with(token)) return false;
  text.remove_prefix(token.size());
  return true;
}

/// Of the text behind a quote: `type": "STATE"`, or another type of the protocol.
bool is_type_of_message(std::string_view text) noexcept {
  if (!text.starts_with("type\"")) return false;
  text.remove_prefix(5);
  if (!take(text, ":")) return false;
  constexpr std::string_view types[] = {"\"RECORD\"",
                                        "\"STATE\"",
                                        "\"TRACE\"",
                                        "\"LOG\"",
                                        "\"CONTROL\"",
                                        "\"SPEC\"",
                                        "\"CATALOG\"",
                                        "\"CONNECTION_STATUS\"",
                                        "\"DESTINATION_CATALOG\""};
  return std::ranges::any_of(types, [text](std::string_view type) {
    std::string_view rest = text;
    return take(rest, type);
  });
}

/// Of the text behind a brace: `"state": {`, or the payload of another message.
bool begins_with_payload(std::string_view text) noexcept {
  constexpr std::string_view payloads[] = {"\"record\"", "\"state\"", "\"trace\"", "\"log\"", "\"control\""};
  return std::ranges::any_of(payloads, [text](std::string_view payload) {
    std::string_view rest = text;
    return take(rest, payload) && take(rest, ":") && take(rest, "{");
  });
}

/// Of the text behind a closing brace: an object begins.
bool begins_another_object(std::string_view text) noexcept {
  if (!take(text, "{")) return false;
  text = without_leading_space(text);
  return text.empty() || text.front() == '"' || text.front() == '}';
}

}  // namespace

std::optional<BeginningOfRecord> beginning_of_record(std::string_view broken_line) {
  std::string const text = without_lone_surrogates(broken_line);
  boost::json::parse_options options;
  options.max_depth = 4096;
  boost::json::basic_parser<Listener> parser(options);
  boost::json::error_code code;
  static_cast<void>(parser.write_some(false, text.data(), text.size(), code));
  return parser.handler().result();
}

bool may_hold_second_message(std::string_view broken_line) {
  int types = 0;
  for (std::size_t at = 1; at < broken_line.size(); ++at) {
    std::string_view const behind = broken_line.substr(at);
    switch (broken_line[at - 1]) {
      case '"':
        if (is_type_of_message(behind) && ++types > 1) return true;
        break;
      case '{':
        if (at > 1 && begins_with_payload(behind)) return true;
        break;
      case '}':
        if (begins_another_object(behind)) return true;
        break;
      default:
        break;
    }
  }
  return false;
}

}  // namespace landfall
