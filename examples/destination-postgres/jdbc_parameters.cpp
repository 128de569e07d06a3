#include "jdbc_parameters.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <landfall/runtime/error.hpp>

namespace postgres {

namespace {

using landfall::config_error;
using Words = std::vector<std::pair<std::string_view, std::string_view>>;

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && std::isxdigit(static_cast<unsigned char>(text[i + 1])) != 0 &&
        std::isxdigit(static_cast<unsigned char>(text[i + 2])) != 0) {
      decoded += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  return text.substr(0, text.find_last_not_of(blanks) + 1);
}

/// In the text of `options` a blank ends an option.
std::string escaped_option(std::string_view text) {
  std::string escaped;
  for (char const character : text) {
    if (character == '\\' || std::isspace(static_cast<unsigned char>(character)) != 0) escaped += '\\';
    escaped += character;
  }
  return escaped;
}

class Translation {
 public:
  explicit Translation(landfall::Notices const& notices) : notices_(notices) {}

  void add(std::string_view pair) {
    auto const equals = std::min(pair.find('='), pair.size());
    name_ = trimmed(pair.substr(0, equals));
    if (equals == pair.size()) return warn("it has no value");
    value_ = percent_decoded(trimmed(pair.substr(equals + 1)));
    translate();
  }

  JdbcParameters result() && {
    auto const options = fmt::format("{}", fmt::join(options_, " "));
    if (!options.empty()) made_.libpq.push_back(Parameter{"options", options});
    return std::move(made_);
  }

 private:
  void translate() {
    if (name_ == "ApplicationName") return pass_on("application_name", text());
    if (name_ == "sslrootcert") return pass_on("sslrootcert", text());
    if (name_ == "options") return options_.push_back(text());
    if (name_ == "currentSchema") return options_.push_back("-c search_path=" + escaped_option(text()));
    if (name_ == "tcpKeepAlive") return pass_on("keepalives", word({{"true", "1"}, {"false", "0"}}));
    if (name_ == "channelBinding") return pass_on("channel_binding", same_word({"disable", "prefer", "require"}));
    if (name_ == "gssEncMode") return translate_gss();
    if (name_ == "targetServerType") return translate_server_type();
    if (name_ == "sslmode") {
      made_.tls_mode = same_word({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"});
      return;
    }
    if (name_ == "ssl") return translate_ssl();
    if (name_ == "connectTimeout" || name_ == "loginTimeout") return translate_connect_timeout();
    if (name_ == "socketTimeout") {  // how long to wait for an answer
      made_.statement_timeout_seconds = seconds();
      return;
    }
    warn("it has no meaning here");
  }

  void translate_gss() {
    auto const mode = word({{"disable", "disable"}, {"allow", "prefer"}, {"prefer", "prefer"}, {"require", "require"}});
    pass_on("gssencmode", mode);
  }

  void translate_server_type() {
    constexpr std::string_view primary = "read-write";
    auto const type = word({{"any", "any"},
                            {"primary", primary},
                            {"master", primary},
                            {"preferPrimary", primary},  // no other one can be loaded
                            {"secondary", ""},
                            {"slave", ""},
                            {"preferSecondary", ""},
                            {"preferSlave", ""}});
    if (type.empty()) return warn("a server that cannot be written is of no use to a destination");
    pass_on("target_session_attrs", type);
  }

  void translate_ssl() {
    bool const is_on = value_.empty() || word({{"true", "1"}, {"false", "0"}}) == "1";
    if (!is_on) return warn("it has no meaning beside ssl_mode");
    if (!made_.tls_mode) made_.tls_mode = "require";
    notices_.warn(
        "jdbc_url_params: ssl=true encrypts the connection here, without looking at the server's certificate: choose "
        "verify-full in ssl_mode, with its ca_certificate, to have it verified");
  }

  void translate_connect_timeout() {
    int const timeout = seconds();
    if (timeout == 0) return warn("a connection is never waited for without an end: connect_timeout_seconds counts");
    made_.connect_timeout_seconds = std::max(timeout, made_.connect_timeout_seconds.value_or(0));
  }

  void pass_on(std::string_view libpq_name, std::string value) {
    made_.libpq.push_back(Parameter{std::string(libpq_name), std::move(value)});
  }

  std::string text() const {
    if (value_.find('\0') != std::string::npos)
      throw config_error("jdbc_url_params: {} has a NUL character in it", name_);
    return value_;
  }

  /// What the value means, which must be one of these words.
  std::string word(Words const& words) const {
    auto const found = std::ranges::find(words, std::string_view(value_), &Words::value_type::first);
    if (found != words.end()) return std::string(found->second);
    std::vector<std::string_view> known;
    for (auto const& entry : words) known.push_back(entry.first);
    throw config_error("jdbc_url_params: {} must be one of {}", name_, fmt::join(known, ", "));
  }

  std::string same_word(std::vector<std::string_view> const& known) const {
    Words words;
    for (auto const known_word : known) words.emplace_back(known_word, known_word);
    return word(words);
  }

  int seconds() const {
    constexpr int longest = std::numeric_limits<int>::max() / 1000;  // the server counts milliseconds
    int number = 0;
    char const* const end = value_.data() + value_.size();
    auto const [stop, error] = std::from_chars(value_.data(), end, number);
    if (error == std::errc() && stop == end && number >= 0 && number <= longest) return number;
    throw config_error("jdbc_url_params: {} must be a whole number of seconds from 0 to {}", name_, longest);
  }

  void warn(std::string_view reason) const {
    notices_.warn(fmt::format("jdbc_url_params: {} is ignored: {}", name_, reason));
  }

  landfall::Notices const& notices_;
  JdbcParameters made_;
  std::vector<std::string> options_;
  std::string name_;
  std::string value_;
};

}  // namespace

JdbcParameters jdbc_parameters(std::string_view pairs, landfall::Notices const& notices) {
  Translation translation(notices);
  while (!pairs.empty()) {
    std::size_t const end = std::min(pairs.find('&'), pairs.size());
    if (auto const pair = trimmed(pairs.substr(0, end)); !pair.empty()) translation.add(pair);
    pairs.remove_prefix(std::min(end + 1, pairs.size()));
  }
  return std::move(translation).result();
}

}  // namespace postgres
