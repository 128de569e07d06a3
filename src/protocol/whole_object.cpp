#include "protocol/whole_object.hpp"

#include <cstddef>
#include <vector>

#include "protocol/json_escapes.hpp"
#include "protocol/json_scalars.hpp"

namespace landfall {
namespace {

/// Where the strings are does not matter: a backslash outside of them is no token that the grammar has.
bool has_good_escapes(std::string_view text) noexcept {
  for (std::size_t at = text.find('\\'); at < text.size(); at = text.find('\\', at)) {
    Escape const escape = escape_at(text.data() + at);
    if (escape.size == 0) return false;
    at += escape.size;
  }
  return true;
}

/// Goes from token to token; each function is false where the grammar has something else.
class Walk {
 public:
  Walk(std::string_view text, Tokens const& tokens) : text_(text), tokens_(tokens) {}

  bool is_one_object() {
    if (kind() != '{') return false;
    do {
      if (!step()) return false;
    } while (!is_object_.empty());
    return at_ == tokens_.count();
  }

 private:
  char kind() const noexcept { return tokens_.kind(at_); }

  /// One value, or the beginning of one, with what must stand behind it.
  bool step() {
    char const first = kind();
    if (first == '{' || first == '[') {
      is_object_.push_back(first == '{');
      ++at_;
      return kind() == (is_object_.back() ? '}' : ']') ? close() : name_if_needed();
    }
    if (first != '"' && (first == '\0' || !is_scalar(text_.data() + tokens_.offset(at_)))) return false;
    ++at_;
    return behind_value();
  }

  bool close() {
    is_object_.pop_back();
    ++at_;
    return is_object_.empty() || behind_value();
  }

  bool behind_value() {
    while (!is_object_.empty()) {
      if (kind() == ',') {
        ++at_;
        return name_if_needed();
      }
      if (kind() != (is_object_.back() ? '}' : ']')) return false;
      is_object_.pop_back();
      ++at_;
    }
    return true;
  }

  bool name_if_needed() {
    if (!is_object_.back()) return true;
    if (kind() != '"' || tokens_.kind(at_ + 1) != ':') return false;
    at_ += 2;
    return true;
  }

  std::string_view text_;
  Tokens const& tokens_;
  std::size_t at_ = 0;
  std::vector<bool> is_object_;  // what is open
};

}  // namespace

bool is_whole_object(std::string_view text, Tokens const& tokens) {
  return has_good_escapes(text) && Walk(text, tokens).is_one_object();
}

}  // namespace landfall
