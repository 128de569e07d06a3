#include <landfall/table/sql_text.hpp>

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <landfall/runtime/error.hpp>

namespace landfall {
namespace {

using testing::ElementsAre;

// ---- a reader of SQL, as the standard has it: what it sees is what a store would see ----

struct Token {
  enum class Kind { name, string, number, word, sign, comment };
  Kind kind = Kind::sign;
  std::string text;  // without quotes
  friend bool operator==(Token const&, Token const&) = default;
};

void PrintTo(Token const& token, std::ostream* out) {
  *out << fmt::format("{}:{}", static_cast<int>(token.kind), token.text);
}

class SqlReader {
 public:
  explicit SqlReader(std::string_view sql) : rest_(sql) {}

  std::vector<Token> read() {
    std::vector<Token> tokens;
    while (skip_spaces(), !rest_.empty()) tokens.push_back(next());
    return tokens;
  }

 private:
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c) ||
           static_cast<unsigned char>(c) >= 0x80;
  }

  void skip_spaces() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\n')) rest_.remove_prefix(1);
  }

  std::string take(std::size_t count) {
    std::string text(rest_.substr(0, count));
    rest_.remove_prefix(std::min(count, rest_.size()));
    return text;
  }

  Token next() {
    if (rest_[0] == '"') return {Token::Kind::name, take_quoted()};
    if (rest_[0] == '\'') return {Token::Kind::string, take_quoted()};
    if (rest_.starts_with("--")) return {Token::Kind::comment, take(rest_.find('\n'))};
    if (rest_.starts_with("/*")) return {Token::Kind::comment, take(rest_.find("*/"))};
    bool const is_negative = rest_[0] == '-' && rest_.size() > 1 && is_digit(rest_[1]);
    if (is_negative || is_digit(rest_[0])) return {Token::Kind::number, take_number()};
    if (!is_word(rest_[0])) return {Token::Kind::sign, take(1)};
    std::size_t size = 1;
    while (size < rest_.size() && is_word(rest_[size])) ++size;
    Token word{Token::Kind::word, take(size)};
    if (rest_.starts_with("'") || rest_.starts_with("&'") || rest_.starts_with("&\"")) word.text += " with a quote";
    return word;
  }

  std::string take_number() {
    std::size_t size = 1;
    while (size < rest_.size() && (is_word(rest_[size]) || rest_[size] == '.')) ++size;
    return take(size);
  }

  std::string take_quoted() {
    char const quote = rest_[0];
    take(1);
    std::string text;
    while (rest_.find(quote) != std::string_view::npos) {
      text += take(rest_.find(quote));
      take(1);
      if (!rest_.starts_with(quote)) return text;
      text += take(1);
    }
    ADD_FAILURE() << "a quote that does not end: " << rest_;
    rest_ = {};
    return text;
  }

  std::string_view rest_;
};

std::vector<Token> tokens_of(SqlText const& sql) { return SqlReader(sql.text()).read(); }

Token name(std::string text) { return {Token::Kind::name, std::move(text)}; }
Token string(std::string text) { return {Token::Kind::string, std::move(text)}; }
Token number(std::string text) { return {Token::Kind::number, std::move(text)}; }
Token word(std::string text) { return {Token::Kind::word, std::move(text)}; }
Token sign(std::string text) { return {Token::Kind::sign, std::move(text)}; }

/// What people try, and what happens by itself.
std::vector<std::string> const hostile_texts = {
    "",
    "a",
    "select",
    "\"",
    "'",
    "\"\"",
    "''",
    "a\"b",
    "a'b",
    "\\",
    "\\'",
    "\\\"",
    "a\\",
    "; DROP TABLE users; --",
    "\"; DROP TABLE users; --",
    "'; DROP TABLE users; --",
    "--",
    "/* not a comment",
    "*/",
    "$$",
    "$1",
    "?",
    ":name",
    "U&\"",
    "a.b",
    "\n",
    "\r\n\t",
    " ",
    "\xe2\x80\x8f right to left",
    "\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9",  // an emoji of three characters
    "\xc3",                                          // a sequence that does not end
    "\xc3'",
    "\xbf'",
    "\xca\xbc",  // an apostrophe that is a letter
    "`[]{}~!@#$%^&*()",
    std::string(300, '\''),
};

TEST(SqlText, AnyNameIsOneName) {
  for (std::string const& text : hostile_texts) {
    SCOPED_TRACE(text);
    SqlText sql;
    sql << "DROP TABLE " << Identifier(text) << ";";
    EXPECT_THAT(tokens_of(sql), ElementsAre(word("DROP"), word("TABLE"), name(text), sign(";")));
  }
}

TEST(SqlText, AnyStringIsOneString) {
  for (std::string const& text : hostile_texts) {
    SCOPED_TRACE(text);
    SqlText sql;
    (sql << "a = ").string(text) << " OR b";
    EXPECT_THAT(tokens_of(sql), ElementsAre(word("a"), sign("="), string(text), word("OR"), word("b")));
  }
}

TEST(SqlText, ATableIsItsSchemaAndItsName) {
  SqlText sql;
  sql << TableName(Identifier("s\".x"), Identifier("t")) << ", " << TableName(Identifier(), Identifier("alone"));
  EXPECT_EQ(sql.text(), R"("s"".x"."t", "alone")");
}

TEST(SqlText, PrintsNumbers) {
  SqlText sql;
  sql << 0 << "," << -7 << "," << std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(sql.text(), "0,-7,-9223372036854775808");
}

TEST(SqlText, ListsNames) {
  std::vector<Identifier> const names = {Identifier("a"), Identifier("b\"c")};
  SqlText sql;
  (sql << "SELECT ").list(names, "t.") << " FROM x";
  EXPECT_EQ(sql.text(), R"(SELECT t."a", t."b""c" FROM x)");
  EXPECT_EQ(SqlText().list(names).text(), R"("a", "b""c")");
  EXPECT_EQ(SqlText().list({}).text(), "");
}

TEST(SqlText, TakesAStatementThatIsPutTogetherElsewhere) {
  SqlText condition;
  (condition << "a = ").string("x'");
  SqlText sql;
  sql << "DELETE FROM " << Identifier("t") << " WHERE " << condition;
  EXPECT_EQ(sql.text(), R"(DELETE FROM "t" WHERE a = 'x''')");
  condition << condition;
  EXPECT_EQ(condition.text(), "a = 'x''' a = 'x'''");
}

TEST(SqlText, WhatMeetsStaysApart) {
  struct Row {
    char const* name;
    SqlText sql;
    std::vector<Token> expected;
  };
  Identifier const a("a");
  auto const with_string = [](SqlText sql) { return sql.string("x"); };
  Row const rows[] = {
      {"two names", SqlText() << a << a, {name("a"), name("a")}},
      {"two strings", with_string(SqlText().string("x")), {string("x"), string("x")}},
      {"two numbers", SqlText() << 1 << 2, {number("1"), number("2")}},
      {"a number and a word", SqlText() << 1 << "e5", {number("1"), word("e5")}},
      {"a word and a number", SqlText() << "LIMIT" << 5, {word("LIMIT"), number("5")}},
      {"a point and a number", SqlText() << "1." << 5, {number("1."), number("5")}},
      {"minus minus is a comment", SqlText() << "a -" << -3, {word("a"), sign("-"), number("-3")}},
      {"E'...' has escapes", with_string(SqlText() << "E"), {word("E"), string("x")}},
      {"U&\"...\" has escapes", SqlText() << "U&" << a, {word("U"), sign("&"), name("a")}},
      {"a name and a word", SqlText() << a << "AS" << a, {name("a"), word("AS"), name("a")}},
      {"a name and a quote", SqlText() << a << "\"b\"", {name("a"), name("b")}},
      {"a statement", SqlText() << a << (SqlText() << a), {name("a"), name("a")}},
      {"a parameter is one word", SqlText() << "$" << 1, {sign("$"), number("1")}},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(tokens_of(row.sql), row.expected) << row.sql.text();
  }
  EXPECT_EQ((SqlText() << "$" << 1).text(), "$1");
}

TEST(SqlText, ALiteralGoesInAsItIs) { EXPECT_EQ((SqlText() << "SEL" << "ECT '" << "'").text(), "SELECT ''"); }

TEST(SqlText, RefusesNul) {
  std::string const text("a\0b", 3);
  auto const expect_refusal = [](auto const& call) {
    try {
      call();
      ADD_FAILURE() << "accepted";
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::system);
      EXPECT_STREQ(error.what(), "a statement cannot hold U+0000: a\\u0000b");
    }
  };
  SqlText sql;
  sql << "x";
  expect_refusal([&] { sql.string(text); });
  expect_refusal([&] { sql << Identifier(text); });
  expect_refusal([&] { sql << TableName(Identifier(text), Identifier("t")); });
  EXPECT_EQ(sql.text(), "x");
}

template <class T>
concept GoesIntoSql = requires(SqlText sql, T value) { sql << value; };

TEST(SqlText, TextFromOutsideDoesNotCompile) {
  EXPECT_FALSE(GoesIntoSql<std::string>);
  EXPECT_FALSE(GoesIntoSql<std::string_view>);
  EXPECT_TRUE(GoesIntoSql<Identifier>);
}

class RandomStatement {
 public:
  explicit RandomStatement(unsigned seed) : random_(seed) {}

  void add_something() {
    std::string const& text = hostile_texts[below(hostile_texts.size())];
    switch (below(6)) {
      case 0:
        return expect(sql << Identifier(text), {name(text)});
      case 1:
        return expect(sql.string(text), {string(text)});
      case 2: {
        auto const value = static_cast<int>(below(200)) - 100;
        return expect(sql << value, {number(std::to_string(value))});
      }
      case 3:
        return expect(sql << "," << Identifier(text), {sign(","), name(text)});
      case 4:
        return expect((sql << "(N").string(text), {sign("("), word("N"), string(text)});
      case 5:
        return expect(sql << TableName(Identifier("s"), Identifier(text)), {name("s"), sign("."), name(text)});
    }
  }

  SqlText sql;
  std::vector<Token> expected;

 private:
  std::size_t below(std::size_t limit) { return random_() % limit; }
  void expect(SqlText const&, std::vector<Token> const& tokens) {
    expected.insert(expected.end(), tokens.begin(), tokens.end());
  }

  std::mt19937 random_;
};

TEST(SqlText, WhateverIsPutInComesOutAsItWas) {
  unsigned const first_seed = std::random_device{}();
  for (unsigned round = 0; round < 2000; ++round) {
    SCOPED_TRACE(testing::Message() << "RandomStatement(" << first_seed + round << ")");
    RandomStatement statement(first_seed + round);
    for (int i = 0; i < 12; ++i) statement.add_something();
    ASSERT_EQ(tokens_of(statement.sql), statement.expected) << statement.sql.text();
  }
}

}  // namespace
}  // namespace landfall
