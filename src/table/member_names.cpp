#include "table/member_names.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

#include "table/json_text.hpp"
#include "table/text_arena.hpp"

namespace landfall {
namespace {

/// `at` is behind the opening quote. The place of the closing one, or the end.
std::size_t end_of_string(std::string_view json, std::size_t at) noexcept {
  while (at < json.size() && json[at] != '"') at += json[at] == '\\' ? 2 : 1;
  return std::min(at, json.size());
}

bool is_before_colon(std::string_view json, std::size_t at) noexcept {
  while (at < json.size() && is_white_space(json[at])) ++at;
  return at < json.size() && json[at] == ':';
}

char lower_case(char byte) noexcept { return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte; }

}  // namespace

void MemberNames::add(std::string_view raw_name) {
  Name name;
  for (std::size_t at = 0; at < raw_name.size();) {
    std::size_t const escape = std::min(raw_name.find('\\', at), raw_name.size());
    name.held.append(raw_name.substr(at, escape - at));
    name.original.append(raw_name.substr(at, escape - at));
    at = escape;
    if (at == raw_name.size()) break;
    std::size_t const size = escape_at(raw_name.substr(at)).size;
    if (size == 0) break;  // no JSON
    append(name, raw_name.substr(at, size));
    at += size;
  }
  names_.push_back(std::move(name));
}

void MemberNames::append(Name& name, std::string_view escape) const {
  JsonEscape const found = escape_at(escape);
  if (found.character < 0) {
    // There is no UTF-8 for it: a byte that UTF-8 does not have tells it from every text.
    std::string half = "\xff";
    std::ranges::transform(escape, std::back_inserter(half), lower_case);
    name.original += half;
    name.held += limits_.json_takes_lone_surrogates ? half : std::string("\xef\xbf\xbd");
    return;
  }
  TextArena arena;
  std::string_view text;
  decode_string(escape, arena, text);
  name.original += text;
  if (found.character != 0 || limits_.json_takes_nul) name.held += text;
}

bool MemberNames::meet() {
  std::ranges::sort(names_);
  auto const are_one = [](Name const& a, Name const& b) { return a.held == b.held && a.original != b.original; };
  return std::ranges::adjacent_find(names_, are_one) != names_.end();
}

bool names_meet_in(std::string_view json, ValueLimits const& limits) {
  std::vector<MemberNames> open;  // objects, and arrays, which have no names
  for (std::size_t at = 0; at < json.size(); ++at) {
    switch (json[at]) {
      case '"': {
        std::size_t const end = end_of_string(json, at + 1);
        bool const is_name = !open.empty() && is_before_colon(json, end + 1);
        if (is_name) open.back().add(json.substr(at + 1, end - at - 1));
        at = end;
        break;
      }
      case '{':
      case '[':
        open.emplace_back(limits);
        break;
      case '}':
      case ']':
        if (open.empty()) return false;
        if (open.back().meet()) return true;
        open.pop_back();
        break;
      default:
        break;
    }
  }
  return false;
}

}  // namespace landfall
