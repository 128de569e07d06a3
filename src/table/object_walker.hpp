#pragma once

#include <cstddef>
#include <cstring>
#include <new>
#include <string_view>

#include <simdjson.h>

#include <landfall/runtime/error.hpp>

#include "table/json_text.hpp"
#include "table/json_value.hpp"
#include "table/text_arena.hpp"

namespace landfall {

/// A member of an object while it is walked over. Whatever is asked of it stays within the object, broken or not.
class Member {
 public:
  Member(char const* key, char const* end, simdjson::ondemand::value& value) noexcept
      : key_(key), end_(end), value_(value) {}

  /// `quoted_name` ends with its closing quote, has none in front, and is escaped as little as it can be. False also
  /// for the same name in other escapes.
  bool has_key(std::string_view quoted_name) const noexcept {
    return static_cast<std::size_t>(end_ - key_) >= quoted_name.size() &&
           std::memcmp(key_, quoted_name.data(), quoted_name.size()) == 0;
  }

  /// The name as it stands between its quotes. Errors: Error(system) when it has no end.
  std::string_view raw_key() const;

  /// The name; `no_text` when it has none in UTF-8. Errors: Error(system) when it is broken.
  Decoded decode_key(TextArena& arena, std::string_view& key) const;

  /// At most once. Errors: Error(system) when it is broken; what is deeper inside is not looked at.
  JsonValue value() const;

 private:
  char const* key_;  // behind its opening quote
  char const* end_;  // of the whole object
  simdjson::ondemand::value& value_;
};

/// Walks over the members of one object after the other.
class ObjectWalker {
 public:
  /// Calls take(Member) for each member of the object, of which 64 more bytes are readable.
  /// Errors: Error(system) when it is no object.
  template <class Take>
  void each_member(std::string_view object, Take&& take);

 private:
  static void check(simdjson::error_code error) {
    if (error == simdjson::MEMALLOC) throw std::bad_alloc();
    if (error) throw system_error("{}", simdjson::error_message(error));
  }

  simdjson::ondemand::parser parser_;
};

template <class Take>
void ObjectWalker::each_member(std::string_view object, Take&& take) {
  constexpr std::size_t largest_kept = 1 << 20;  // the parser holds several times the bytes of its largest record
  if (parser_.capacity() > largest_kept && object.size() <= largest_kept) parser_ = simdjson::ondemand::parser();

  simdjson::padded_string_view const padded(object.data(), object.size(), object.size() + simdjson::SIMDJSON_PADDING);
  simdjson::ondemand::document document;
  simdjson::ondemand::object members;
  check(parser_.iterate(padded).get(document));
  check(document.get_object().get(members));
  char const* const end = object.data() + object.size();
  for (auto result : members) {
    simdjson::ondemand::field field;
    check(std::move(result).get(field));
    take(Member(field.key().raw(), end, field.value()));
  }
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS)
    throw system_error("something stands behind the object");
}

}  // namespace landfall
