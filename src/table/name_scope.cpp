#include "table/name_scope.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <xxhash.h>

#include <landfall/protocol/stream_descriptor.hpp>
#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/error.hpp>

#include "table/unicode.hpp"

namespace landfall {
namespace {

constexpr std::size_t least_longest = MetaColumns::generation_id.size();
constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();
constexpr unsigned most_attempts = 100;  // the second is rare already, where the rules leave any name

// What stands before a forbidden beginning. The last is for a store that forbids '_' itself.
constexpr std::string_view fronts[] = {"", "_", "x_"};

// 40 bits: in a catalog of ten thousand hashed names, all alike but for their hashes, two meet with one chance in
// 20,000.
std::uint64_t hash_of(std::string_view original, unsigned attempt) {
  std::string const text = fmt::format("{}:{}", attempt, original);
  return XXH3_64bits(text.data(), text.size()) >> 24;
}

}  // namespace

std::string field_original(std::string_view name) { return fmt::format("{}:{}", name.size(), name); }

NameSpelling::NameSpelling(NameRules rules) : rules_(std::move(rules)) {
  if (rules_.longest < least_longest) {
    throw system_error("names of {} are too short: the meta columns need {}", rules_.longest, least_longest);
  }
  for (std::string const& name : rules_.reserved) folded_reserved_.insert(folded_case(clean_text(name).text));
  for (std::string const& front : rules_.forbidden) folded_forbidden_.push_back(folded_case(clean_text(front).text));
}

NameWish NameSpelling::wish(std::string_view name, std::string original) const {
  CleanText const clean = clean_text(name);
  NameWish wish;
  wish.text = spelled(clean.text);
  wish.original = std::move(original);
  bool const is_kept_as_it_came = rules_.letter_case == NameRules::LetterCase::ignored;
  wish.is_spelled_so = name == (is_kept_as_it_came ? key(wish.text) : wish.text);
  wish.needs_hash = clean.lost_bytes || wish.text.empty() || is_too_long(wish.text) || !is_allowed(wish.text);
  return wish;
}

std::string NameSpelling::key(std::string_view name) const {
  return rules_.letter_case == NameRules::LetterCase::kept ? std::string(name) : folded_case(name);
}

bool NameSpelling::is_allowed(std::string_view name) const {
  return !folded_reserved_.contains(folded_case(name)) && !is_forbidden(name);
}

std::string NameSpelling::hashed(NameWish const& wish, std::string_view kind, unsigned attempt) const {
  std::string const end = spelled(fmt::format("{}_{:010x}", kind, hash_of(wish.original, attempt)));
  std::string name;
  for (std::string_view const front : fronts) {
    std::size_t const room = rules_.longest - end.size() - front.size();
    name = spelled(front).append(beginning(wish.text, room)).append(end);
    if (!is_forbidden(name)) break;
  }
  return name;
}

bool NameSpelling::is_too_long(std::string_view name) const { return beginning(name, rules_.longest) != name; }

std::string NameSpelling::spelled(std::string_view name) const {
  switch (rules_.letter_case) {
    case NameRules::LetterCase::kept:
    case NameRules::LetterCase::ignored:
      return std::string(name);
    case NameRules::LetterCase::lower:
      return lower_case(name);
    case NameRules::LetterCase::upper:
      return upper_case(name);
  }
  assertion_failed("a known letter case", __FILE__, __LINE__);
}

std::string_view NameSpelling::beginning(std::string_view name, std::size_t longest) const {
  bool const counts_bytes = rules_.unit == NameRules::Unit::bytes;
  return beginning_of(name, counts_bytes ? longest : unlimited, counts_bytes ? unlimited : longest);
}

bool NameSpelling::is_forbidden(std::string_view name) const {
  std::string const folded = folded_case(name);
  return std::ranges::any_of(folded_forbidden_, [&](std::string const& front) { return folded.starts_with(front); });
}

void NameScope::add_unowned(std::string const& name) {
  unowned_.insert(name);
  unowned_keys_.insert(spelling_->key(name));
}

void NameScope::adopt(std::vector<NameWish> const& wishes, std::vector<Identifier>& names) {
  std::map<std::string, std::vector<std::size_t>> claims;  // by natural name
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    if (!names[i].empty()) continue;
    std::string hashed = spelling_->hashed(wishes[i], "", 0);
    if (unowned_.contains(hashed) && keep_free(hashed)) {
      names[i] = Identifier(std::move(hashed));
    } else if (!wishes[i].needs_hash && unowned_.contains(wishes[i].text)) {
      claims[wishes[i].text].push_back(i);
    }
  }
  for (auto const& [name, claimants] : claims) {
    if (claimants.size() == 1 && keep_free(name)) names[claimants.front()] = Identifier(name);
  }
}

void NameScope::fill(std::vector<NameWish> const& wishes, std::vector<Identifier>& names) {
  std::map<std::string, std::size_t> keepers;  // by key: who keeps the natural name
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    std::string key = spelling_->key(wishes[i].text);
    bool const is_open = names[i].empty() && !wishes[i].needs_hash;
    if (!is_open || taken_.contains(key) || unowned_keys_.contains(key)) continue;
    auto const [keeper, is_first] = keepers.try_emplace(std::move(key), i);
    if (!is_first && wishes[i].is_spelled_so && !wishes[keeper->second].is_spelled_so) keeper->second = i;
  }
  for (auto const& [key, i] : keepers) {
    names[i] = Identifier(wishes[i].text);
    taken_.insert(key);
  }
  // Only now: a natural name that looks like a hashed one goes before it, whatever the order.
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    if (names[i].empty()) names[i] = hashed_name(wishes[i], "");
  }
}

Identifier NameScope::hashed_name(NameWish const& wish, std::string_view kind) {
  for (unsigned attempt = 0; attempt < most_attempts; ++attempt) {
    std::string name = spelling_->hashed(wish, kind, attempt);
    if (spelling_->is_allowed(name) && taken_.insert(spelling_->key(name)).second) return Identifier(std::move(name));
  }
  throw system_error("what the store reserves and forbids leaves no name for {}",
                     to_string(StreamDescriptor(wish.text)));
}

}  // namespace landfall
