#include "protocol/line_scanner.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

#include <simdjson.h>

#include <landfall/runtime/assert.hpp>

#include "protocol/json_escapes.hpp"
#include "protocol/json_scalars.hpp"

namespace landfall {
namespace {

/// Lines are taken together up to so many bytes, so that all of it stays in the nearest caches.
constexpr std::size_t window_bytes = 64 << 10;

/// Deeper values are left to the parser.
constexpr std::size_t max_depth = 256;

/// True when the string literal at `at` is `name`, written without escapes. `name` ends with the closing quote.
template <std::size_t size>
bool is_string(char const* at, char const (&name)[size]) noexcept {
  return std::memcmp(at + 1, name, size - 1) == 0;
}

enum Seen : unsigned {
  seen_type = 1u << 0,
  seen_record = 1u << 1,
  seen_stream = 1u << 2,
  seen_namespace = 1u << 3,
  seen_data = 1u << 4,
  seen_meta = 1u << 5,
  seen_emitted_at = 1u << 6,
};
constexpr unsigned needed = seen_type | seen_record | seen_stream | seen_data | seen_emitted_at;

}  // namespace

struct LineScanner::Implementation {
  using Token = std::uint32_t const*;  // points to the place of a token in the window

  explicit Implementation(Validation chosen) : checks_values(chosen == Validation::full) {
    allocate(window_bytes);
    message.kind = MessageKind::record;
    message.type = "RECORD";
  }

  bool checks_values;
  std::unique_ptr<simdjson::internal::dom_parser_implementation> simd;
  std::size_t capacity = 0;
  int small_windows = 0;  // since the last longer line

  std::string_view text;
  std::size_t at = 0;                          // of the next line, in text
  std::size_t window_end = 0;                  // in text
  char const* base = nullptr;                  // of the window
  Token token = nullptr;                       // of the window, the first one that was not used
  bool usable = false;                         // the window has passed the first stage
  std::vector<std::uint32_t> lone_surrogates;  // their places in the window
  std::size_t next_lone_surrogate = 0;         // the first one that does not stand before this line

  std::string_view line;
  bool is_cut = false;
  bool has_record = false;
  bool has_tokens = false;
  Tokens line_tokens;
  std::vector<std::uint32_t> places;  // of line_tokens, from the beginning of the line
  unsigned seen = 0;
  ParsedMessage message;
  std::array<bool, max_depth> is_object{};

  // ---- windows and lines ----

  void allocate(std::size_t bytes) {
    simdjson::implementation const* const kind_of_machine = simdjson::get_active_implementation();
    capacity = 0;
    if (kind_of_machine->create_dom_parser_implementation(bytes, 1, simd) != simdjson::SUCCESS) throw std::bad_alloc();
    capacity = bytes;
  }

  /// Room for a longer line is kept while such lines come.
  void make_room_for(std::size_t bytes) {
    constexpr int windows_kept = 64;
    if (bytes > window_bytes) {
      small_windows = 0;
    } else if (capacity > window_bytes && ++small_windows == windows_kept) {
      return allocate(window_bytes);
    }
    if (bytes > capacity) allocate(std::bit_ceil(bytes));
  }

  bool next() {
    has_record = has_tokens = false;
    if (at == text.size()) return false;
    if (at == window_end) open_window();
    if (usable && read_record()) return true;
    take_line();
    return true;
  }

  /// As many whole lines as fit, at least one.
  void open_window() {
    std::string_view const rest = text.substr(at);
    std::size_t size = rest.substr(0, window_bytes).rfind('\n');
    if (size == std::string_view::npos) size = rest.find('\n');
    if (size == std::string_view::npos) {  // the cut line at the end of the input
      window_end = text.size();
      usable = false;
      return;
    }
    ++size;
    window_end = at + size;
    find_tokens(rest.substr(0, size));
  }

  void find_tokens(std::string_view window) {
    usable = false;
    make_room_for(window.size());
    auto const* const bytes = reinterpret_cast<std::uint8_t const*>(window.data());
    // Among other things: no string holds a line end, so where strings are in a line does not depend on other lines.
    if (simd->stage1(bytes, window.size(), simdjson::stage1_mode::regular) != simdjson::SUCCESS) return;
    if (!check_escapes(window)) return;
    // Behind the last token stands one that no walk accepts: the window's last line end.
    LANDFALL_ASSERT(window.back() == '\n');
    for (std::size_t i = 0; i < 3; ++i) {
      simd->structural_indexes[simd->n_structural_indexes + i] = static_cast<std::uint32_t>(window.size() - 1);
    }
    base = window.data();
    token = simd->structural_indexes.get();
    usable = true;
  }

  /// Every backslash of the window begins an escape, or is part of one. Where the strings are does not matter: a
  /// backslash outside of them is no token that the walk accepts.
  bool check_escapes(std::string_view window) {
    lone_surrogates.clear();
    next_lone_surrogate = 0;
    char const* place = window.data();
    char const* const end = place + window.size();
    while (place < end) {
      place = static_cast<char const*>(std::memchr(place, '\\', static_cast<std::size_t>(end - place)));
      if (place == nullptr) return true;
      Escape const escape = escape_at(place);
      if (escape.size == 0) return false;
      if (escape.is_lone_surrogate) lone_surrogates.push_back(static_cast<std::uint32_t>(place - window.data()));
      place += escape.size;
    }
    return true;
  }

  /// Called for each line of the window, in order.
  bool has_lone_surrogate_before(char const* line_end) {
    std::size_t const first = next_lone_surrogate;
    auto const end = static_cast<std::size_t>(line_end - base);
    while (next_lone_surrogate < lone_surrogates.size() && lone_surrogates[next_lone_surrogate] < end) {
      ++next_lone_surrogate;
    }
    return next_lone_surrogate > first;
  }

  /// A line that is left to the parser.
  void take_line() {
    std::string_view const rest = text.substr(at);
    std::size_t const size = rest.find('\n');
    is_cut = size == std::string_view::npos;
    line = rest.substr(0, size);
    at += is_cut ? line.size() : line.size() + 1;
    if (!usable) return;
    auto const line_end = static_cast<std::uint32_t>(text.data() + at - base);
    Token const first = token;
    // The tokens behind the last one of the window stand at its last byte: a line end.
    while (*token < line_end && base[*token] != '\n') ++token;
    if (!has_lone_surrogate_before(line.data() + line.size())) check_line(first);
  }

  /// Sets line_tokens if the line, which begins with the token `first`, is one flawless object.
  void check_line(Token first) {
    if (base + *first != line.data() || *line.data() != '{') return;
    Token behind = first;
    if (!check_container(behind) || behind != token) return;
    auto const begin = static_cast<std::uint32_t>(line.data() - base);
    places.resize(static_cast<std::size_t>(token - first));
    std::transform(first, token, places.begin(), [begin](std::uint32_t place) { return place - begin; });
    line_tokens = Tokens(line, places.data(), places.size());
    has_tokens = true;
  }

  // ---- one record; each function is false where the parser has to decide ----

  char kind(Token place) const noexcept { return base[*place]; }

  bool read_record() {
    Token here = token;
    std::size_t const begin = *here;
    if (base + begin != text.data() + at || base[begin] != '{') return false;
    seen = 0;
    // The other members are set by whatever is needed.
    message.stream.name_space.reset();
    message.meta = {};
    if (!read_envelope(here) || (seen & needed) != needed) return false;

    char const* end = base + here[-1] + 1;  // behind the closing brace
    while (*end == ' ' || *end == '\t' || *end == '\r') ++end;
    if (*end != '\n') return false;
    char const* const begin_of_line = base + begin;
    auto const size = static_cast<std::size_t>(end - begin_of_line);
    // Between tokens a line end is white space like any other: so far it may have been several lines.
    if (std::memchr(begin_of_line, '\n', size) != nullptr) return false;
    line = std::string_view(begin_of_line, size);
    message.has_lone_surrogates = has_lone_surrogate_before(end);
    at += line.size() + 1;
    token = here;
    is_cut = false;
    has_record = true;
    return true;
  }

  /// Calls read(key, value) for each member of the object at `here`, which it moves behind the object. read() moves
  /// `here` from the member's value to the token behind it.
  template <class Read>
  [[gnu::always_inline]] bool each_member(Token& here, Read const& read) {
    ++here;
    if (kind(here) == '}') {
      ++here;
      return true;
    }
    for (;;) {
      if (kind(here) != '"' || kind(here + 1) != ':') return false;
      char const* const key = base + *here;
      here += 2;
      if (!read(key)) return false;
      char const separator = kind(here++);
      if (separator == '}') return true;
      if (separator != ',') return false;
    }
  }

  bool read_envelope(Token& here) {
    return each_member(here, [&](char const* key) {
      if (is_string(key, "type\""))
        return first(seen_type) && is_string(base + *here, "RECORD\"") && kind(here++) == '"';
      if (is_string(key, "record\"")) return first(seen_record) && kind(here) == '{' && read_members(here);
      if (is_string(key, "trace\"")) return false;
      return is_plain_key(key) && skip_value(here);
    });
  }

  bool read_members(Token& here) {
    return each_member(here, [&](char const* key) {
      switch (key[1]) {
        case 's':
          if (is_string(key, "stream\"")) return first(seen_stream) && read_name(here, message.stream.name);
          break;
        case 'd':
          if (is_string(key, "data\"")) return first(seen_data) && read_object(here, message.data);
          break;
        case 'e':
          if (is_string(key, "emitted_at\"")) return first(seen_emitted_at) && read_emitted_at(here);
          break;
        case 'n':
          if (is_string(key, "namespace\"")) return first(seen_namespace) && read_namespace(here);
          break;
        case 'm':
          if (is_string(key, "meta\"")) return first(seen_meta) && read_meta(here);
          break;
        case 'f':
          if (is_string(key, "file_reference\"") || is_string(key, "file\"")) return false;
          break;
        default:
          break;
      }
      return is_plain_key(key) && skip_value(here);
    });
  }

  bool first(Seen member) noexcept {
    bool const is_first = (seen & member) == 0;
    seen |= member;
    return is_first;
  }

  /// Without an escape: then it is what it looks like.
  static bool is_plain_key(char const* key) noexcept {
    for (++key; *key != '"'; ++key) {
      if (*key == '\\') return false;
    }
    return true;
  }

  bool read_name(Token& here, std::string_view& name) {
    if (kind(here) != '"') return false;
    char const* const begin = base + *here + 1;
    char const* end = begin;
    while (*end != '"') {
      if (*end == '\\') return false;
      ++end;
    }
    name = std::string_view(begin, static_cast<std::size_t>(end - begin));
    ++here;
    return true;
  }

  bool read_namespace(Token& here) {
    if (kind(here) == 'n') return is_null(base + *here++);
    return read_name(here, message.stream.name_space.emplace());
  }

  bool read_object(Token& here, std::string_view& object) {
    if (kind(here) != '{') return false;
    std::size_t const begin = *here;
    if (!skip_container(here)) return false;
    object = std::string_view(base + begin, here[-1] + 1 - begin);
    return true;
  }

  bool read_meta(Token& here) {
    if (kind(here) == 'n') return is_null(base + *here++);
    return read_object(here, message.meta);
  }

  /// At most 18 digits, so that it cannot overflow; all else is left to the parser.
  bool read_emitted_at(Token& here) {
    char const* digit = base + *here;
    char const* const last = digit + 18;
    if (!is_digit(*digit) || (*digit == '0' && is_digit(digit[1]))) return false;
    std::int64_t value = 0;
    for (; is_digit(*digit); ++digit) {
      if (digit == last) return false;
      value = value * 10 + (*digit - '0');
    }
    if (!is_end_of_scalar(*digit)) return false;
    message.emitted_at_ms = value;
    ++here;
    return true;
  }

  /// Moves `here` behind the value there.
  bool skip_value(Token& here) {
    char const* const place = base + *here;
    switch (*place) {
      case '"':
        ++here;
        return true;
      case '{':
      case '[':
        return skip_container(here);
      default:
        ++here;
        return is_scalar(place);
    }
  }

  bool skip_container(Token& here) { return checks_values ? check_container(here) : count_brackets(here); }

  /// Only as far as the number of brackets balances: for loaders that decode every value.
  bool count_brackets(Token& here) const noexcept {
    char const end = kind(here) == '{' ? '}' : ']';
    std::size_t depth = 0;
    for (;;) {
      switch (kind(here++)) {
        case '{':
        case '[':
          ++depth;
          break;
        case '}':
        case ']':
          if (--depth == 0) return kind(here - 1) == end;
          break;
        case '\n':
          return false;
        default:
          break;
      }
    }
  }

  /// The whole grammar of an object or array. Strings, their characters and escapes were checked before.
  bool check_container(Token& here) {
    Token t = here;
    std::size_t depth = 0;
    bool in_object = kind(t) == '{';

  begin_container:
    if (depth == max_depth) return false;
    is_object[depth++] = in_object;
    ++t;
    if (in_object) {
      if (kind(t) == '}') goto end_container;
    } else {
      if (kind(t) == ']') goto end_container;
    }

  next_element:
    if (in_object) {
      if (kind(t) != '"' || kind(t + 1) != ':') return false;
      t += 2;
    }
    {
      char const* const place = base + *t;
      if (*place == '{' || *place == '[') {
        in_object = *place == '{';
        goto begin_container;
      }
      if (*place != '"' && !is_scalar(place)) return false;
    }
    ++t;

  end_element: {
    char const separator = kind(t);
    if (separator == ',') {
      ++t;
      goto next_element;
    }
    if (separator != (in_object ? '}' : ']')) return false;
  }

  end_container:
    ++t;
    if (--depth == 0) {
      here = t;
      return true;
    }
    in_object = is_object[depth - 1];
    goto end_element;
  }
};

LineScanner::LineScanner(Validation validation) : implementation_(std::make_unique<Implementation>(validation)) {}
LineScanner::~LineScanner() = default;
LineScanner::LineScanner(LineScanner&&) noexcept = default;
LineScanner& LineScanner::operator=(LineScanner&&) noexcept = default;

void LineScanner::begin(std::string_view text) {
  Implementation& scan = *implementation_;
  scan.text = text;
  scan.at = 0;
  scan.window_end = 0;
  scan.usable = false;
}

bool LineScanner::next() { return implementation_->next(); }
std::string_view LineScanner::line() const noexcept { return implementation_->line; }
bool LineScanner::is_cut() const noexcept { return implementation_->is_cut; }

Tokens const* LineScanner::tokens() const noexcept {
  return implementation_->has_tokens ? &implementation_->line_tokens : nullptr;
}

ParsedMessage const* LineScanner::record() const noexcept {
  return implementation_->has_record ? &implementation_->message : nullptr;
}

}  // namespace landfall
