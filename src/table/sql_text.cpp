#include <landfall/table/sql_text.hpp>

#include <fmt/format.h>

#include <landfall/protocol/stream_descriptor.hpp>
#include <landfall/runtime/error.hpp>

namespace landfall {
namespace {

// Of a word or a number; a byte of a UTF-8 sequence may be one of a word.
bool is_word(char character) {
  return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
         (character >= '0' && character <= '9') || character == '_' || static_cast<unsigned char>(character) >= 0x80;
}

bool is_quote(char character) { return character == '"' || character == '\''; }

// Whether two tokens would be one, or other ones, if they met: "a""b", 1 and 2, E'...', U&"...", --3, 1.5.
bool need_space_between(char last, char first) {
  bool const ends_open = is_word(last) || is_quote(last) || last == '&';
  if (is_quote(first)) return ends_open;
  if (is_word(first)) return ends_open || last == '.';
  return first == '-' && last == '-';
}

std::string quoted(std::string_view text, char quote) {
  if (text.find('\0') != std::string_view::npos) {
    throw system_error("a statement cannot hold U+0000: {}", to_string(StreamDescriptor(std::string(text))));
  }
  std::string result(1, quote);
  for (char const character : text) {
    if (character == quote) result += quote;
    result += character;
  }
  result += quote;
  return result;
}

}  // namespace

void SqlText::append_tokens(std::string_view tokens) {
  if (tokens.empty()) return;
  if (!text_.empty() && need_space_between(text_.back(), tokens.front())) text_ += ' ';
  text_ += tokens;
  ends_with_value_ = true;
}

SqlText& SqlText::operator<<(SqlLiteral literal) {
  if (literal.text().empty()) return *this;
  if (ends_with_value_)
    append_tokens(literal.text());
  else
    text_ += literal.text();
  ends_with_value_ = false;
  return *this;
}

SqlText& SqlText::operator<<(Identifier const& name) {
  append_tokens(quoted(name.text(), '"'));
  return *this;
}

SqlText& SqlText::operator<<(TableName const& name) {
  if (name.schema.empty()) return *this << name.table;
  return *this << name.schema << "." << name.table;
}

SqlText& SqlText::operator<<(std::int64_t number) {
  append_tokens(fmt::format("{}", number));
  return *this;
}

SqlText& SqlText::operator<<(SqlText const& other) {
  if (other.text_.empty()) return *this;
  bool const ends_with_value = other.ends_with_value_;
  append_tokens(std::string(other.text_));  // a copy: it may be this one
  ends_with_value_ = ends_with_value;
  return *this;
}

SqlText& SqlText::string(std::string_view text) {
  append_tokens(quoted(text, '\''));
  return *this;
}

SqlText& SqlText::list(std::span<Identifier const> names, SqlLiteral before) {
  bool is_first = true;
  for (Identifier const& name : names) {
    if (!is_first) *this << ", ";
    *this << before << name;
    is_first = false;
  }
  return *this;
}

}  // namespace landfall
