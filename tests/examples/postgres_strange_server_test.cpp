// What nobody's server should say: a proxy that mixes up sessions, bits that change on the way, texts without end.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connection.hpp"
#include "examples/tcp_proxy.hpp"
#include "server_error.hpp"

namespace postgres {
namespace {

using landfall::Error;
using landfall::ErrorClass;
using landfall::SqlLiteral;
using landfall::SqlText;
using ::testing::HasSubstr;
using namespace std::string_literals;

std::string message(char type, std::string const& content) {
  auto const size = static_cast<std::uint32_t>(content.size() + 4);
  std::string text(1, type);
  for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(size >> shift & 0xff);
  return text + content;
}

std::string complete(std::string const& tag) { return message('C', tag + '\0'); }
std::string ready(char state) { return message('Z', std::string(1, state)); }

std::string const takes_copy = message('G', "\0\0\0"s);
std::string const sends_copy = message('H', "\0\0\0"s);
std::string const empty_query = message('I', "");
std::string const one_row = message('T', "\0\0"s) + message('D', "\0\0"s) + complete("SELECT 1");

std::string error_of(std::string const& text) { return message('E', "SERROR\0VERROR\0C22000\0M"s + text + "\0\0"s); }

/// Answers a statement that begins with a word in its own way, and all others as they should be.
class StrangeServer {
  std::string const word_, answer_;  // go after the server's threads

 public:
  StrangeServer(std::string word, std::string answer) : word_(std::move(word)), answer_(std::move(answer)) {}

  Settings settings() const {
    Settings settings;
    settings.host = "127.0.0.1";
    settings.port = server_.port();
    settings.database = settings.username = "nobody";
    settings.tls.mode = "disable";
    return settings;
  }

 private:
  TcpServer server_{[this](int connection, int ended) { serve(connection, ended); }};

  void serve(int connection, int ended) const {
    std::string const greeting = message('R', "\0\0\0\0"s) + message('S', "server_version\00015.1\0"s) + ready('I');
    std::string waiting;
    bool is_greeted = false;
    for (std::array<char, 4096> bytes{};;) {
      std::array<pollfd, 2> waited = {{{connection, POLLIN, 0}, {ended, POLLIN, 0}}};
      ::poll(waited.data(), waited.size(), -1);
      if (waited[1].revents != 0) return;
      auto const count = ::recv(connection, bytes.data(), bytes.size(), 0);
      if (count <= 0) return;
      std::string_view const said(bytes.data(), static_cast<std::size_t>(count));
      send(connection, is_greeted ? answer_to(said) : greeting);
      is_greeted = true;
    }
  }

  /// What libpq sends at once fits into one read here.
  std::string answer_to(std::string_view said) const {
    std::string answers;
    while (said.size() >= 5) {
      std::size_t size = 1;
      for (int i = 1; i < 5; ++i) size += std::size_t{static_cast<unsigned char>(said[i])} << (8 * (4 - i));
      answers += answer_to(said.front(), said.substr(5, size - 5));
      said.remove_prefix(std::min(size, said.size()));
    }
    return answers;
  }

  std::string answer_to(char type, std::string_view statement) const {
    if (type == 'c') return (word_ == "end of COPY" ? answer_ : complete("COPY 0")) + ready('T');
    if (type != 'Q') return std::string();
    if (statement.starts_with(word_)) return answer_ + ready('T');
    if (statement.starts_with("COPY")) return takes_copy;
    std::string const tag(statement.substr(0, statement.find_first_of(" \0"s)));
    return complete(tag) + ready(tag == "BEGIN" ? 'T' : 'I');
  }

  static void send(int connection, std::string_view text) {
    while (!text.empty()) {
      auto const count = ::send(connection, text.data(), text.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(count));
    }
  }
};

SqlText sql_of(SqlLiteral text) {
  SqlText sql;
  sql << text;
  return sql;
}

/// A COPY and its COMMIT.
void load(Connection& connection) {
  Transaction transaction(connection);
  connection.begin_copy(sql_of("COPY users FROM STDIN"));
  connection.put("1\n");
  connection.end_copy();
  transaction.commit();
}

struct Answer {
  char const* name;
  std::string word;
  std::string answer;
  ErrorClass error_class;
};

TEST(PostgresStrangeServer, AnAnswerThatIsNotAllowedEndsTheConnectionAndNotTheProgram) {
  Answer const answers[] = {
      {"a command for a COPY", "COPY", complete("SELECT 0"), ErrorClass::transient},
      {"rows for a COPY", "COPY", one_row, ErrorClass::transient},
      {"nothing for a COPY", "COPY", empty_query, ErrorClass::transient},
      {"a COPY the other way", "COPY", sends_copy, ErrorClass::transient},
      {"another command for the end of a COPY", "end of COPY", complete("INSERT 0 1"), ErrorClass::transient},
      {"rows for the end of a COPY", "end of COPY", one_row, ErrorClass::transient},
      {"a COPY for the end of a COPY", "end of COPY", sends_copy, ErrorClass::transient},
      {"ROLLBACK for a COMMIT", "COMMIT", complete("ROLLBACK"), ErrorClass::unknown_outcome},
      {"rows for a COMMIT", "COMMIT", one_row, ErrorClass::unknown_outcome},
      {"nothing for a COMMIT", "COMMIT", empty_query, ErrorClass::unknown_outcome},
      {"a COPY for a COMMIT", "COMMIT", takes_copy, ErrorClass::unknown_outcome},
      {"a COPY the other way for a COMMIT", "COMMIT", sends_copy, ErrorClass::unknown_outcome},
      {"no message at all", "COMMIT", "\xff\xff\xff\xff\xff", ErrorClass::unknown_outcome},
  };
  for (Answer const& answer : answers) {
    SCOPED_TRACE(answer.name);
    StrangeServer const server(answer.word, answer.answer);
    Settings const settings = server.settings();
    SecretFiles const secrets(settings.tls);
    Connection connection(settings, secrets);
    try {
      load(connection);
      ADD_FAILURE() << "it is taken";
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), answer.error_class) << error.message();
      EXPECT_FALSE(error.message().empty());
    }
    EXPECT_FALSE(connection.is_reusable());
  }
}

TEST(PostgresStrangeServer, OfATextWithoutEndTheBeginningIsKept) {
  StrangeServer const server("COPY", error_of(std::string(30'000'000, 'x')));
  Settings const settings = server.settings();
  SecretFiles const secrets(settings.tls);
  Connection connection(settings, secrets);
  try {
    load(connection);
    ADD_FAILURE() << "it is taken";
  } catch (Error const& error) {
    EXPECT_THAT(error.message(), HasSubstr("xx [the first 16384 of 30000000 bytes] (SQLSTATE 22000)"));
    EXPECT_LT(error.message().size(), 17'000U);
  }
}

TEST(PostgresStrangeServer, ATextIsCutBetweenCharacters) {
  std::string text = "x";
  while (text.size() < 17'000) text += "\xc3\xa4";
  EXPECT_THAT(cut_text(text), HasSubstr("\xc3\xa4 [the first 16383 of 17001 bytes]"));
  EXPECT_EQ(cut_text(std::string(16'384, 'x')), std::string(16'384, 'x'));
}

}  // namespace
}  // namespace postgres
