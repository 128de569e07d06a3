#include "table/raw_reader.hpp"

#include <fmt/format.h>

#include <landfall/runtime/error.hpp>

#include "table/json_fit.hpp"
#include "table/member_names.hpp"
#include "table/refusal.hpp"

namespace landfall {
namespace {

std::string_view with_quotes(std::string_view name) noexcept {
  return std::string_view(name.data() - 1, name.size() + 2);
}

}  // namespace

RawRow RawReader::read(Record const& record) try {
  constexpr std::size_t largest_kept = 1 << 20;
  if (copy_.capacity() > largest_kept) copy_ = std::string();
  copy_.clear();
  copied_ = 0;
  has_renamed_ = has_ambiguous_ = false;
  record_ = record.data();
  changes_.begin_row(record.meta());
  bool const is_long = limits_.longest_text_bytes != 0 && record_.size() > limits_.longest_text_bytes;
  if (is_long || !is_harmless(record_, limits_)) {
    walker_.each_member(record_, [this](Member const& member) { take(member); });
  } else {
    walker_.each_member(record_, [](Member const&) {});
  }
  RawRow row;
  if (has_ambiguous_ || (has_renamed_ && names_meet())) row.refused = names_meet_reason;
  row.data = copied_ == 0 ? record_ : std::string_view(copy_.append(record_.substr(copied_)));
  row.changes = changes_.json();
  return row;
} catch (Error& error) {
  error.add_context(fmt::format("record {}", record.number()));
  throw;
}

void RawReader::take(Member const& member) {
  std::string_view const name = with_quotes(member.raw_key());
  std::string_view const held_name = held_json(name, limits_, held_name_);
  bool const is_renamed = held_name.data() != name.data();
  if (is_renamed) replace(name, held_name);
  has_renamed_ = has_renamed_ || is_renamed;
  JsonValue const value = member.value();
  Fit const fit = fit_of_json(value, limits_);
  if (fit != Fit::whole)
    replace(value.json(), fit == Fit::altered ? held_json(value.json(), limits_, held_value_) : "null");
  has_ambiguous_ = has_ambiguous_ || fit == Fit::ambiguous;
  if (fit != Fit::whole || is_renamed) changes_.add(name, fit == Fit::whole ? Fit::altered : fit);
}

bool RawReader::names_meet() {
  MemberNames names(limits_);
  walker_.each_member(record_, [&names](Member const& member) { names.add(member.raw_key()); });
  return names.meet();
}

void RawReader::replace(std::string_view part, std::string_view by) {
  auto const place = static_cast<std::size_t>(part.data() - record_.data());
  copy_.append(record_.substr(copied_, place - copied_)).append(by);
  copied_ = place + part.size();
}

}  // namespace landfall
