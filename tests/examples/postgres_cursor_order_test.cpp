// Which row of a key is the newest, where the database's language has an order of its own.

#include "examples/postgres_fixture.hpp"

namespace postgres {
namespace {

using landfall::SentRecord;

/// In which "a" < "B" < "c", and "\u00e4" is beside "a".
class PostgresCursorOrder : public PostgresFixture {
 protected:
  PostgresCursorOrder() : PostgresFixture(" TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'") {}

  static SentRecord record(std::string const& cursor, std::string const& name) {
    return {R"({"id":1,"at":)" + cursor + R"(,"name":")" + name + "\"}"};
  }

  /// Which of two cursors stays, whatever comes first, and whether both come in one sync.
  void expect_later(std::string const& earlier, std::string const& later) {
    SCOPED_TRACE(earlier + " < " + later);
    SentRecord const first = record(earlier, "earlier");
    SentRecord const second = record(later, "later");
    for (auto const& syncs : std::vector<std::vector<std::vector<SentRecord>>>{
             {{first, second}}, {{second, first}}, {{first}, {second}}, {{second}, {first}}}) {
      run(tables.drop(users));
      make(users, schema({"id"}));
      for (auto const& sync : syncs) run(merge(sync));
      EXPECT_EQ(ask("SELECT name FROM users"), Rows{"later"});
    }
  }
};

TEST_F(PostgresCursorOrder, OfJsonIsByKindAndThenByValue) {
  std::vector<std::string> const ascending = {"null",   "-2",     "9",           "10",     "10.5",
                                              "1e3",    R"("")",  R"("10")",     R"("9")", R"("B")",
                                              R"("a")", R"("b")", R"("\u00e4")", "false",  "true"};
  for (std::size_t i = 0; i + 1 < ascending.size(); ++i) {
    expect_later(ascending[i], ascending[i + 1]);
    expect_later(ascending[i], ascending.back());
  }
  expect_later("true", "[1]");
  expect_later("true", R"({"a":1})");
}

TEST_F(PostgresCursorOrder, EqualJsonLeavesTheWordToWhatIsReadLater) {
  for (auto const& [one, same] : std::vector<std::pair<std::string, std::string>>{{"1", "1.0"},
                                                                                  {"100", "1e2"},
                                                                                  {R"("a")", R"("\u0061")"},
                                                                                  {"null", "null"},
                                                                                  {R"({"b":2})", R"({"a":1})"},
                                                                                  {R"({"a":1})", "[2]"}}) {
    SCOPED_TRACE(one + " = " + same);
    run(tables.drop(users));
    make(users, schema({"id"}));
    run(merge({record(one, "first"), record(same, "second")}));
    EXPECT_EQ(ask("SELECT name FROM users"), Rows{"second"});
    run(merge({record(one, "third")}));
    EXPECT_EQ(ask("SELECT name FROM users"), Rows{"third"});
  }
}

TEST_F(PostgresCursorOrder, OfTextIsByBytes) {
  landfall::UpsertRule by_name = rule();
  by_name.cursor = Identifier("name");
  std::vector<std::string> const ascending = {"", "B", "a", "b", "z", "\xc3\xa4"};
  for (std::size_t i = 0; i + 1 < ascending.size(); ++i) {
    SCOPED_TRACE(ascending[i]);
    run(tables.drop(users));
    make(users, schema({"id"}));
    for (std::size_t const turn : {i + 1, i}) {
      make(named("waiting"), waiting(schema()));
      copy(named("waiting"), {record("1", ascending[turn])}, waiting(schema()));
      run(tables.upsert(named("waiting"), users, schema({"id"}), by_name, Source::is_dropped));
    }
    EXPECT_EQ(ask("SELECT name FROM users"), Rows{ascending[i + 1]});
  }
}

}  // namespace
}  // namespace postgres
