#include "table/object_walker.hpp"

#include <utility>

namespace landfall {
namespace {

Error broken(std::string_view what) { return system_error("a {} is no valid JSON", what); }

JsonValue string_of(std::string_view token) {
  token = trimmed(token);
  if (token.size() < 2 || token.back() != '"') throw broken("string");
  return JsonValue{JsonValue::Kind::string, token.substr(1, token.size() - 2)};
}

JsonValue literal_of(std::string_view token, std::string_view expected, JsonValue::Kind kind) {
  token = trimmed(token);
  if (token != expected) throw broken("value");
  return JsonValue{kind, token};
}

JsonValue number_of(std::string_view token) {
  token = trimmed(token);
  if (!is_json_number(token)) throw broken("number");
  return JsonValue{JsonValue::Kind::number, token};
}

/// An object or array that begins with `open`. What is skipped may be broken: it is looked at no further than that it
/// ends with the right bracket.
template <class Container>
JsonValue container_of(simdjson::simdjson_result<Container> result, char close) {
  Container container;
  std::string_view text;
  if (std::move(result).get(container) || container.raw_json().get(text)) throw broken("container");
  text = trimmed(text);
  if (text.size() < 2 || text.back() != close) throw broken("container");
  return JsonValue{JsonValue::Kind::container, text};
}

/// The text of a string whose opening quote stands before `begin`, up to its closing quote.
std::string_view raw_string(char const* begin, char const* end) {
  for (char const* at = begin; at < end; ++at) {
    if (*at == '"') return std::string_view(begin, static_cast<std::size_t>(at - begin));
    if (*at == '\\') ++at;
  }
  throw broken("name");
}

}  // namespace

std::string_view Member::raw_key() const { return raw_string(key_, end_); }

Decoded Member::decode_key(TextArena& arena, std::string_view& key) const {
  Decoded const decoded = decode_string(raw_key(), arena, key);
  if (decoded == Decoded::broken) throw broken("name");
  return decoded;
}

JsonValue Member::value() const {
  std::string_view const token = value_.raw_json_token();
  switch (token.empty() ? '\0' : token.front()) {
    case '"':
      return string_of(token);
    case '{':
      return container_of(value_.get_object(), '}');
    case '[':
      return container_of(value_.get_array(), ']');
    case 't':
      return literal_of(token, "true", JsonValue::Kind::boolean);
    case 'f':
      return literal_of(token, "false", JsonValue::Kind::boolean);
    case 'n':
      return literal_of(token, "null", JsonValue::Kind::null);
    default:
      return number_of(token);
  }
}

}  // namespace landfall
