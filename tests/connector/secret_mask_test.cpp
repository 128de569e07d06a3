#include "connector/secret_mask.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace landfall {
namespace {

namespace json = boost::json;

SecretMask mask_of(std::string_view configuration, std::string_view specification) {
  SecretMask mask;
  mask.learn(json::parse(configuration).as_object(), json::parse(specification).as_object());
  return mask;
}

SecretMask mask_of_password(std::string const& password) {
  return mask_of(json::serialize(json::object{{"password", password}}),
                 R"({"properties":{"user":{},"password":{"type":"string","airbyte_secret":true}}})");
}

struct Row {
  std::string_view name;
  std::string password;
  std::string_view text;
  std::string_view masked;
};

TEST(SecretMask, ASecretIsMaskedInEverySpelling) {
  Row const rows[] = {
      {"as a part", "correct horse", "no user correct horse, or correct horse", "no user ******, or ******"},
      {"in another case it is another", "correct horse", "Correct Horse", "Correct Horse"},
      {"percent-encoded", "p\xc3\xa4ss w/rd", "?p=p%C3%A4ss%20w%2Frd&q=p%c3%a4ss%20w%2frd", "?p=******&q=******"},
      {"as in JSON", "a\"quoted\"\nline", R"({"p":"a\"quoted\"\nline"})", R"({"p":"******"})"},
      {"of seven bytes, as a part", "1234567", "a1234567b", "a1234567b"},
      {"of seven bytes, in quotation marks", "1234567", R"(user "1234567", '1234567', `1234567`)",
       R"(user "******", '******', `******`)"},
      {"of one byte, alone", "s", "s", "******"},
      {"of eight bytes", "12345678", "a12345678b", "a******b"},
      {"twice in a row", "12345678", "1234567812345678", "************"},
      {"empty", "", "nothing", "nothing"},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(mask_of_password(row.password).apply(row.text), row.masked);
  }
}

TEST(SecretMask, FindsSecretsWhereverTheSpecificationHasThem) {
  auto const mask = mask_of(
      R"({"ssl": {"mode": "verify", "key": "key-0123456789"}, "hosts": [{"token": "token-0123"}, {"token": "token-4567"}],
          "headers": {"X-Auth": ["header-012345"]}, "port": 1234567890, "name": "not-a-secret", "more": null})",
      R"({"properties": {
           "ssl": {"oneOf": [{"properties": {"mode": {}}}, {"properties": {"key": {"airbyte_secret": true}}}]},
           "hosts": {"items": {"properties": {"token": {"airbyte_secret": true}}}},
           "headers": {"airbyte_secret": true},
           "port": {"airbyte_secret": true},
           "name": {"airbyte_secret": false},
           "more": {"airbyte_secret": true},
           "missing": {"airbyte_secret": true}}})");
  EXPECT_EQ(mask.apply("key-0123456789 token-0123 token-4567 header-012345 1234567890 not-a-secret verify"),
            "****** ****** ****** ****** ****** not-a-secret verify");
}

TEST(SecretMask, TheUserOfAUrlIsNeverShown) {
  struct UrlRow {
    std::string_view text, masked;
  };
  constexpr UrlRow rows[] = {
      {"no host postgresql://ada:secret@db.example:5432/x", "no host postgresql://******@db.example:5432/x"},
      {"s3://key@bucket and http://a:b@c", "s3://******@bucket and http://******@c"},
      {"a password with signs: http://u:p@/:w@host/", "a password with signs: http://******@host/"},
      {"'http://u:p@h' \"http://u@h\"", "'http://******@h' \"http://******@h\""},
      {"https://example.com/a mail@example.com", "https://example.com/a mail@example.com"},
      {"http://@host ://", "http://@host ://"},
  };
  for (auto const& [text, masked] : rows) EXPECT_EQ(SecretMask().apply(text), masked);
}

TEST(SecretMask, OfAnErrorAllTextsAreMasked) {
  Error error(ErrorClass::transient, "no user correct horse");
  error.attach(Error(ErrorClass::config, "and correct horse"));
  Error const masked = mask_of_password("correct horse").apply(error);
  EXPECT_EQ(masked.error_class(), ErrorClass::transient);
  EXPECT_STREQ(masked.what(), "no user ******");
  ASSERT_EQ(masked.attached().size(), 1U);
  EXPECT_STREQ(masked.attached()[0].what(), "and ******");
}

}  // namespace
}  // namespace landfall
