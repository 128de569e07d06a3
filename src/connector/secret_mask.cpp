#include "connector/secret_mask.hpp"

#include <algorithm>
#include <cstddef>

#include <fmt/format.h>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>

namespace landfall {

namespace {

namespace json = boost::json;

constexpr std::size_t least_part = 8;  // bytes of a secret that is masked as a part of a text

/// All texts and numbers in a value, as they are written.
void add_leaves(json::value const& value, std::vector<std::string>& secrets) {
  if (auto const* const object = value.if_object()) {
    for (auto const& member : *object) add_leaves(member.value(), secrets);
  } else if (auto const* const array = value.if_array()) {
    for (auto const& element : *array) add_leaves(element, secrets);
  } else if (auto const* const text = value.if_string()) {
    if (!text->empty()) secrets.emplace_back(*text);
  } else if (value.is_number()) {
    secrets.push_back(json::serialize(value));
  }
}

bool is_secret(json::object const& schema) {
  auto const* const mark = schema.if_contains("airbyte_secret");
  return mark != nullptr && mark->is_bool() && mark->get_bool();
}

/// What `schema`, a JSON schema, marks as secret in `value`.
void add_secrets(json::value const& schema, json::value const& value, std::vector<std::string>& secrets) {
  auto const* const members = schema.if_object();
  if (members == nullptr) return;
  if (is_secret(*members)) return add_leaves(value, secrets);
  for (char const* const choice : {"oneOf", "anyOf", "allOf"}) {
    auto const* const options = members->if_contains(choice);
    if (options == nullptr || !options->is_array()) continue;
    for (auto const& option : options->get_array()) add_secrets(option, value, secrets);
  }
  auto const* const items = members->if_contains("items");
  if (items != nullptr && value.is_array()) {
    for (auto const& element : value.get_array()) add_secrets(*items, element, secrets);
  }
  auto const* const properties = members->if_contains("properties");
  if (properties == nullptr || !properties->is_object() || !value.is_object()) return;
  for (auto const& property : properties->get_object()) {
    auto const* const member = value.get_object().if_contains(property.key());
    if (member != nullptr) add_secrets(property.value(), *member, secrets);
  }
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

std::string percent_encoded(std::string_view text, char const* byte_format) {
  std::string encoded;
  for (char const c : text) {
    if (is_unreserved(c)) {
      encoded += c;
    } else {
      encoded += fmt::format(fmt::runtime(byte_format), static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

std::string json_escaped(std::string_view text) {
  std::string const quoted = json::serialize(json::string(text));
  return quoted.substr(1, quoted.size() - 2);
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

/// scheme://user:password@host, wherever it stands. A password may hold any character but a blank or a quotation mark.
std::string without_users_of_urls(std::string text) {
  constexpr std::string_view begin = "://";
  std::size_t at = text.find(begin);
  while (at != std::string::npos) {
    std::size_t const user = at + begin.size();
    std::size_t const end = std::min(text.find_first_of(" \t\r\n\"'<>`", user), text.size());
    std::size_t const sign = text.substr(user, end - user).rfind('@');
    if (sign != std::string::npos && sign > 0) text.replace(user, sign, SecretMask::mask);
    at = text.find(begin, user);
  }
  return text;
}

}  // namespace

void SecretMask::learn(json::object const& configuration, json::object const& specification) {
  std::vector<std::string> secrets;
  add_secrets(specification, configuration, secrets);
  for (auto const& secret : secrets) {
    if (secret.size() < least_part) {
      short_.push_back(secret);
      continue;
    }
    for (auto const& spelling :
         {secret, json_escaped(secret), percent_encoded(secret, "%{:02X}"), percent_encoded(secret, "%{:02x}")}) {
      anywhere_.push_back(spelling);
    }
  }
  std::ranges::sort(anywhere_, [](auto const& a, auto const& b) { return a.size() > b.size(); });
}

std::string SecretMask::apply(std::string_view text) const {
  std::string masked(text);
  for (auto const& secret : anywhere_) masked = replaced(std::move(masked), secret, mask);
  for (auto const& secret : short_) {
    if (masked == secret) return std::string(mask);
    for (char const* const quotes : {"''", "\"\"", "``"}) {
      masked = replaced(std::move(masked), quotes[0] + secret + quotes[1], quotes[0] + std::string(mask) + quotes[1]);
    }
  }
  return without_users_of_urls(std::move(masked));
}

Error SecretMask::apply(Error const& error) const {
  Error masked(error.error_class(), apply(error.what()));
  for (auto const& later : error.attached()) masked.attach(apply(later));
  return masked;
}

}  // namespace landfall
