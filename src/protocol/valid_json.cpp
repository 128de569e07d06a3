#include "protocol/valid_json.hpp"

#include <cstring>

#include <boost/json/parse.hpp>

namespace landfall::valid_json {

std::size_t behind_space(std::string_view json, std::size_t begin) noexcept {
  while (json[begin] == ' ' || json[begin] == '\n' || json[begin] == '\r' || json[begin] == '\t') ++begin;
  return begin;
}

std::size_t behind_string(std::string_view json, std::size_t begin) noexcept {
  std::size_t at = begin + 1;
  while (json[at] != '"') at += json[at] == '\\' ? 2 : 1;
  return at + 1;
}

std::size_t behind_value(std::string_view json, std::size_t begin) noexcept {
  char const first = json[begin];
  if (first == '"') return behind_string(json, begin);
  if (first != '{' && first != '[') {
    std::size_t at = begin;
    while (at < json.size() && std::strchr(",]} \n\r\t", json[at]) == nullptr) ++at;
    return at;
  }
  std::size_t depth = 0;
  for (std::size_t at = begin;;) {
    char const c = json[at];
    if (c == '"') {
      at = behind_string(json, at);
      continue;
    }
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) return at + 1;
    ++at;
  }
}

std::string unquoted(std::string_view string) {
  if (string.find('\\') == std::string_view::npos) return std::string(string.substr(1, string.size() - 2));
  return std::string(boost::json::parse(string).as_string());
}

}  // namespace landfall::valid_json
