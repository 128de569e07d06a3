#include <landfall/table/json_order.hpp>

#include "table/json_number.hpp"
#include "table/json_text.hpp"
#include "table/text_arena.hpp"

namespace landfall {
namespace {

enum class Rank { none, null, number, string, boolean, container };

std::string_view without_white_space(std::string_view json) noexcept {
  json = trimmed(json);
  while (!json.empty() && is_white_space(json.front())) json.remove_prefix(1);
  return json;
}

bool is_string(std::string_view json) noexcept { return json.size() >= 2 && json.front() == '"' && json.back() == '"'; }

Rank rank_of(std::string_view json) noexcept {
  if (json == "null") return Rank::null;
  if (json == "true" || json == "false") return Rank::boolean;
  if (is_string(json)) return Rank::string;
  if (json.starts_with('[') || json.starts_with('{')) return Rank::container;
  return is_json_number(json) ? Rank::number : Rank::none;
}

/// Half of a surrogate pair counts as nothing.
std::string_view text_of(std::string_view json, TextArena& arena) {
  std::string_view const raw = json.substr(1, json.size() - 2);
  std::string_view text;
  return decode_string(raw, arena, text) == Decoded::broken ? raw : text;
}

}  // namespace

int compare_json(std::string_view a, std::string_view b) {
  a = without_white_space(a);
  b = without_white_space(b);
  Rank const rank = rank_of(a);
  if (rank != rank_of(b)) return rank < rank_of(b) ? -1 : 1;
  switch (rank) {
    case Rank::number:
      return JsonNumber(a).compare(JsonNumber(b));
    case Rank::string: {
      TextArena arena;
      return text_of(a, arena).compare(text_of(b, arena));
    }
    case Rank::boolean:
      return static_cast<int>(a == "true") - static_cast<int>(b == "true");
    case Rank::none:
      return a.compare(b);
    case Rank::null:
    case Rank::container:
      return 0;
  }
  return 0;
}

}  // namespace landfall
