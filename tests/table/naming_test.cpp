#include <landfall/table/naming.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <utf8proc.h>
#include <boost/json/parse.hpp>

#include <landfall/runtime/error.hpp>
#include <landfall/table/column_names.hpp>

namespace landfall {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::MatchesRegex;

using Streams = std::vector<StreamDescriptor>;

NameRules postgres_rules() {
  NameRules rules;
  rules.forbidden = {"pg_"};
  return rules;
}

NameRules sqlite_rules() {
  NameRules rules;
  rules.longest = 200;
  rules.unit = NameRules::Unit::characters;
  rules.letter_case = NameRules::LetterCase::ignored;
  rules.has_schemas = false;
  rules.forbidden = {"sqlite_"};
  return rules;
}

NameRules short_rules(NameRules::LetterCase letter_case) {
  NameRules rules;
  rules.longest = 30;
  rules.unit = NameRules::Unit::characters;
  rules.letter_case = letter_case;
  rules.reserved = {"Table", "rowid"};
  rules.forbidden = {"sys_", "_"};
  return rules;
}
NameRules lower_rules() { return short_rules(NameRules::LetterCase::lower); }
NameRules upper_rules() { return short_rules(NameRules::LetterCase::upper); }

DestinationStream stream_of(StreamDescriptor descriptor, std::vector<std::string> const& fields = {}) {
  DestinationStream stream;
  stream.descriptor = std::move(descriptor);
  boost::json::object properties;
  for (std::string const& field : fields) properties[field] = boost::json::object();
  stream.json_schema = boost::json::object{{"properties", std::move(properties)}};
  return stream;
}

DestinationCatalog catalog_of(Streams const& descriptors) {
  std::vector<DestinationStream> streams;
  for (StreamDescriptor const& descriptor : descriptors) streams.push_back(stream_of(descriptor));
  return DestinationCatalog(std::move(streams));
}

TableNames names_of(Streams const& streams, NameRules rules, std::string const& default_schema = "public") {
  return TableNames(catalog_of(streams), std::move(rules), default_schema);
}

/// The table of the first of these streams.
std::string table_of(Streams const& streams, NameRules rules, std::string const& default_schema = "public") {
  return to_string(names_of(streams, std::move(rules), default_schema).of(streams.front()).final_table);
}

std::string column_of(std::vector<std::string> const& fields, NameRules rules) {
  return column_names(stream_of(StreamDescriptor("s"), fields), rules).at(fields.front()).text();
}

std::string repeated(std::string const& text, std::size_t count) {
  std::string result;
  for (std::size_t i = 0; i < count; ++i) result += text;
  return result;
}

std::string const with_nul("a\0b", 3);
constexpr char const* composed = "\u00e9";     // é
constexpr char const* decomposed = "e\u0301";  // the same, as letter and accent
constexpr char const* family = "\U0001F468\u200D\U0001F469\u200D\U0001F467\u200D\U0001F466";

// ---- names of one stream alone ----

TEST(TableNames, Natural) {
  struct Row {
    char const* name;
    StreamDescriptor stream;
    NameRules rules;
    std::string expected;
  };
  Row const rows[] = {
      {"plain", StreamDescriptor("users", "crm"), postgres_rules(), "crm.users"},
      {"no namespace", StreamDescriptor("users"), postgres_rules(), "public.users"},
      {"case is kept", StreamDescriptor("Users", "CRM"), postgres_rules(), "CRM.Users"},
      {"lower case", StreamDescriptor("\u00c9t\u00e9", "CRM"), lower_rules(), "crm.\u00e9t\u00e9"},
      {"upper case", StreamDescriptor("\u00e9t\u00e9", "crm"), upper_rules(), "CRM.\u00c9T\u00c9"},
      {"case is ignored", StreamDescriptor("Users"), sqlite_rules(), "public__Users"},
      {"no schemas", StreamDescriptor("users", "crm"), sqlite_rules(), "crm__users"},
      {"no schemas, __ in the name", StreamDescriptor("Foo__c", "crm"), sqlite_rules(), "crm__Foo__c"},
      {"no schemas, _ before the name", StreamDescriptor("_b", "a"), sqlite_rules(), "a___b"},
      {"normalised", StreamDescriptor(decomposed), postgres_rules(), std::string("public.") + composed},
      {"quotes", StreamDescriptor("a\"b'c`d"), postgres_rules(), "public.a\"b'c`d"},
      {"a statement", StreamDescriptor("\"; DROP TABLE x; --"), postgres_rules(), "public.\"; DROP TABLE x; --"},
      {"backslash", StreamDescriptor("a\\b"), postgres_rules(), "public.a\\b"},
      {"dots", StreamDescriptor("...", "."), postgres_rules(), "....."},
      {"spaces", StreamDescriptor("  ", " "), postgres_rules(), " .  "},
      {"leading digit", StreamDescriptor("1a"), postgres_rules(), "public.1a"},
      {"a word of SQL", StreamDescriptor("select"), postgres_rules(), "public.select"},
      {"right to left", StreamDescriptor("\u200f\u05d0"), postgres_rules(), "public.\u200f\u05d0"},
      {"an emoji of seven characters", StreamDescriptor(family), postgres_rules(), std::string("public.") + family},
      {"as long as may be", StreamDescriptor(std::string(63, 'a')), postgres_rules(), "public." + std::string(63, 'a')},
      {"as long as may be, in characters", StreamDescriptor(repeated("\u05d0", 30)), lower_rules(),
       "public." + repeated("\u05d0", 30)},
      {"a beginning that is not forbidden", StreamDescriptor("pgx"), postgres_rules(), "public.pgx"},
      {"U+FFFD that was there already", StreamDescriptor("\ufffd"), postgres_rules(), "public.\ufffd"},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(table_of({row.stream}, row.rules), row.expected);
  }
}

TEST(TableNames, Hashed) {
  struct Row {
    char const* name;
    StreamDescriptor stream;
    NameRules rules;
    std::string expected;  // H: ten digits
  };
  Row const rows[] = {
      {"empty", StreamDescriptor(""), postgres_rules(), "public\\._H"},
      {"an empty namespace", StreamDescriptor("a", ""), postgres_rules(), "_H\\.a"},
      {"an empty namespace without schemas", StreamDescriptor("a", ""), sqlite_rules(), "__a_H"},
      {"empty, without schemas", StreamDescriptor("", "a"), sqlite_rules(), "a___H"},
      {"too long", StreamDescriptor(std::string(64, 'a')), postgres_rules(), "public\\.a{52}_H"},
      {"too long, in a short store", StreamDescriptor(std::string(31, 'a')), lower_rules(), "public\\.a{19}_H"},
      {"long namespace", StreamDescriptor("a", std::string(300, 'n')), postgres_rules(), "n{52}_H\\.a"},
      {"long namespace without schemas", StreamDescriptor("a", std::string(300, 'n')), sqlite_rules(), "n{189}_H"},
      {"NUL", StreamDescriptor(with_nul), postgres_rules(), "public\\.a_b_H"},
      {"newline", StreamDescriptor("a\nb"), postgres_rules(), "public\\.a_b_H"},
      {"a control character beyond ASCII", StreamDescriptor("a\u0085b"), postgres_rules(), "public\\.a_b_H"},
      {"no UTF-8", StreamDescriptor("a\xc3\xff"), postgres_rules(), "public\\.a\ufffd\ufffd_H"},
      {"a surrogate", StreamDescriptor("\xed\xa0\x80"), postgres_rules(), "public\\.\ufffd\ufffd\ufffd_H"},
      {"reserved", StreamDescriptor("tAbLe"), lower_rules(), "public\\.table_H"},
      {"reserved, upper", StreamDescriptor("table"), upper_rules(), "PUBLIC\\.TABLE_H"},
      {"a reserved namespace", StreamDescriptor("a", "ROWID"), lower_rules(), "rowid_H\\.a"},
      {"forbidden beginning", StreamDescriptor("PG_class"), postgres_rules(), "public\\._PG_class_H"},
      {"forbidden beginning, where _ is one too", StreamDescriptor("sys_a"), upper_rules(), "PUBLIC\\.X_SYS_A_H"},
      {"empty, where _ is forbidden", StreamDescriptor(""), lower_rules(), "public\\.x__H"},
      {"forbidden beginning of a namespace", StreamDescriptor("a", "pg_a"), postgres_rules(), "_pg_a_H\\.a"},
      {"__ in the namespace", StreamDescriptor("c", "a__b"), sqlite_rules(), "a__b__c_H"},
      {"_ behind the namespace", StreamDescriptor("b", "a_"), sqlite_rules(), "a___b_H"},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    std::string expected = row.expected;
    bool const is_upper = row.rules.letter_case == NameRules::LetterCase::upper;
    expected.replace(expected.rfind("_H") + 1, 1, is_upper ? "[0-9A-F]{10}" : "[0-9a-f]{10}");
    EXPECT_THAT(table_of({row.stream}, row.rules), MatchesRegex(expected));
  }
}

TEST(TableNames, StayTheSameInEveryVersion) {
  StreamDescriptor const stream("users\n", "crm");
  StreamTables const tables = names_of({stream}, postgres_rules()).of(stream);
  EXPECT_EQ(to_string(tables.final_table), "crm.users__86220d9a0d");
  EXPECT_EQ(to_string(tables.work_table), "crm.users__work_86220d9a0d");
  EXPECT_EQ(to_string(tables.swap_table), "crm.users__swap_86220d9a0d");
  EXPECT_EQ(column_of({"a\n"}, postgres_rules()), "a__4c2b8a8975");
  EXPECT_EQ(table_of({StreamDescriptor("a", "n\n")}, postgres_rules()), "n__ac9a6d00d4.a");
}

TEST(TableNames, WithoutADefaultSchemaAndWithoutSchemasTheNameIsTheStreamsAlone) {
  EXPECT_EQ(table_of({StreamDescriptor("users")}, sqlite_rules(), ""), "users");
  EXPECT_THAT(names_of({StreamDescriptor("users")}, sqlite_rules(), "").schemas(), IsEmpty());
}

TEST(TableNames, ACutNeverDividesAGrapheme) {
  struct Row {
    char const* name;
    std::string grapheme;
    NameRules rules;
    std::size_t expected_count;  // how many are left
  };
  Row const rows[] = {
      {"two bytes", "\u00e9", postgres_rules(), 26},
      {"three bytes", "\u20ac", postgres_rules(), 17},
      {"a family: 25 bytes", family, postgres_rules(), 2},
      {"a family: 7 characters", family, lower_rules(), 2},
      {"a flag: 8 bytes", "\U0001F1E9\U0001F1EA", postgres_rules(), 6},
      {"a flag: 2 characters", "\U0001F1E9\U0001F1EA", lower_rules(), 9},
      {"letters with an accent that stays one: 3 bytes", "x\u0301", postgres_rules(), 17},
      {"a letter with more accents than fit", "x" + repeated("\u0301", 100), postgres_rules(), 0},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    std::string const expected = "public\\." + repeated(row.grapheme, row.expected_count) + "_[0-9a-f]{10}";
    std::string const table = table_of({StreamDescriptor(repeated(row.grapheme, 40))}, row.rules);
    EXPECT_THAT(table, MatchesRegex(expected));
  }
}

// ---- streams that meet ----

TEST(TableNames, WhoKeepsTheNaturalName) {
  struct Row {
    char const* name;
    NameRules rules;
    StreamDescriptor keeper;
    StreamDescriptor other;
    std::string default_schema = "public";
  };
  Row const rows[] = {
      {"lower: spelled so", lower_rules(), StreamDescriptor("users"), StreamDescriptor("Users")},
      {"upper: spelled so", upper_rules(), StreamDescriptor("USERS"), StreamDescriptor("USErS")},
      {"ignored: folded", sqlite_rules(), StreamDescriptor("users"), StreamDescriptor("Users"), ""},
      {"neither: by bytes", lower_rules(), StreamDescriptor("USERS"), StreamDescriptor("Users")},
      {"ignored, neither: by bytes", sqlite_rules(), StreamDescriptor("USERS"), StreamDescriptor("Users"), ""},
      {"normalised already", postgres_rules(), StreamDescriptor(composed), StreamDescriptor(decomposed)},
      {"no namespace, and the default one", postgres_rules(), StreamDescriptor("a"), StreamDescriptor("a", "public")},
      {"the same, the other spelled so", lower_rules(), StreamDescriptor("a", "public"), StreamDescriptor("A")},
      {"namespaces: spelled so", lower_rules(), StreamDescriptor("a", "crm"), StreamDescriptor("a", "CRM")},
      {"no schemas: no namespace", sqlite_rules(), StreamDescriptor("a__b"), StreamDescriptor("b", "a"), ""},
      {"no schemas: namespaces by case", sqlite_rules(), StreamDescriptor("a", "crm"), StreamDescriptor("a", "Crm")},
      {"what some stores take for one", lower_rules(), StreamDescriptor("strasse"), StreamDescriptor("stra\u00dfe")},
      {"dotless i", upper_rules(), StreamDescriptor("I"), StreamDescriptor("\u0131")},
      {"a capital i with its dot", lower_rules(), StreamDescriptor("i"), StreamDescriptor("\u0130")},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    std::string const alone = table_of({row.keeper}, row.rules, row.default_schema);
    for (Streams const& order : {Streams{row.keeper, row.other}, Streams{row.other, row.keeper}}) {
      TableNames const names = names_of(order, row.rules, row.default_schema);
      EXPECT_EQ(to_string(names.of(row.keeper).final_table), alone);
      EXPECT_THAT(to_string(names.of(row.other).final_table), MatchesRegex(".*_[0-9A-Fa-f]{10}"));
    }
  }
}

TEST(TableNames, WhoseNamesDifferKeepThem) {
  struct Row {
    char const* name;
    NameRules rules;
    Streams streams;
    std::vector<std::string> expected;
  };
  Row const rows[] = {
      {"by case, where it is kept",
       postgres_rules(),
       {StreamDescriptor("a"), StreamDescriptor("A")},
       {"public.a", "public.A"}},
      {"by namespace",
       postgres_rules(),
       {StreamDescriptor("a", "x"), StreamDescriptor("a", "y"), StreamDescriptor("a")},
       {"x.a", "y.a", "public.a"}},
      {"by where the namespace ends",
       sqlite_rules(),
       {StreamDescriptor("b_c", "a"), StreamDescriptor("c", "a_b")},
       {"a__b_c", "a_b__c"}},
      {"by punctuation",
       lower_rules(),
       {StreamDescriptor("a-1"), StreamDescriptor("a_1")},
       {"public.a-1", "public.a_1"}},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    TableNames const names = names_of(row.streams, row.rules);
    for (std::size_t i = 0; i < row.streams.size(); ++i) {
      EXPECT_EQ(to_string(names.of(row.streams[i]).final_table), row.expected[i]);
    }
  }
}

TEST(TableNames, AHashTellsNamespaceAndNameApart) {
  // All of them have the natural name "a____b".
  Streams const streams = {StreamDescriptor("b", "a__"), StreamDescriptor("__b", "a"), StreamDescriptor("_b", "a_"),
                           StreamDescriptor("a____b")};
  TableNames const names = names_of(streams, sqlite_rules(), "");
  std::set<std::string> tables;
  for (StreamDescriptor const& stream : streams) tables.insert(names.of(stream).final_table.table.text());
  EXPECT_EQ(tables.size(), streams.size());
}

TEST(TableNames, ANaturalNameThatLooksLikeAHashedOneKeepsIt) {
  StreamDescriptor const long_one(std::string(100, 'a'));
  std::string const hashed = names_of({long_one}, postgres_rules()).of(long_one).final_table.table.text();
  StreamDescriptor const look_alike(hashed);
  TableNames const names = names_of({long_one, look_alike}, postgres_rules());
  EXPECT_EQ(names.of(look_alike).final_table.table.text(), hashed);
  EXPECT_THAT(names.of(long_one).final_table.table.text(), MatchesRegex("a{52}_[0-9a-f]{10}"));
  EXPECT_NE(names.of(long_one).final_table.table.text(), hashed);
}

TEST(TableNames, AWorkTableIsNoOthersFinalTable) {
  StreamDescriptor const users("users");
  StreamTables const alone = names_of({users}, postgres_rules()).of(users);
  EXPECT_THAT(to_string(alone.work_table), MatchesRegex("public\\.users_work_[0-9a-f]{10}"));
  EXPECT_THAT(to_string(alone.swap_table), MatchesRegex("public\\.users_swap_[0-9a-f]{10}"));

  StreamDescriptor const work(alone.work_table.table.text());
  StreamDescriptor const swap(alone.swap_table.table.text());
  TableNames const names = names_of({users, work, swap}, postgres_rules());
  EXPECT_EQ(names.of(work).final_table, alone.work_table);
  EXPECT_EQ(names.of(swap).final_table, alone.swap_table);
  EXPECT_NE(names.of(users).work_table, alone.work_table);
  EXPECT_NE(names.of(users).swap_table, alone.swap_table);
}

TEST(TableNames, ListsEachSchemaOnce) {
  Streams const streams = {StreamDescriptor("a", "crm"), StreamDescriptor("b", "CRM"), StreamDescriptor("c"),
                           StreamDescriptor("d", "public")};
  EXPECT_THAT(names_of(streams, lower_rules()).schemas(), ElementsAre(Identifier("crm"), Identifier("public")));
  EXPECT_THAT(names_of(streams, postgres_rules()).schemas(),
              ElementsAre(Identifier("CRM"), Identifier("crm"), Identifier("public")));
  EXPECT_THAT(names_of(streams, sqlite_rules()).schemas(), IsEmpty());
}

TEST(TableNames, SchemasThatMayBeOneKeepTheirSpellingAndTheirTablesDiffer) {
  NameRules rules = sqlite_rules();
  rules.has_schemas = true;
  StreamDescriptor const upper("a", "STRASSE");
  StreamDescriptor const lower("a", "stra\u00dfe");
  TableNames const names = names_of({upper, lower}, rules);
  EXPECT_THAT(names.schemas(), ElementsAre(Identifier("STRASSE"), Identifier("stra\u00dfe")));
  EXPECT_EQ(to_string(names.of(upper).final_table), "STRASSE.a");
  EXPECT_THAT(to_string(names.of(lower).final_table), MatchesRegex("stra\u00dfe\\.a_[0-9a-f]{10}"));
}

// ---- columns ----

TEST(TableNames, Columns) {
  struct Row {
    char const* name;
    std::vector<std::string> fields;
    NameRules rules;
    std::string expected;  // of the first field; H: ten digits
  };
  Row const rows[] = {
      {"plain", {"id"}, postgres_rules(), "id"},
      {"punctuation", {"~!@#$%^&*`|;':\",<>/"}, sqlite_rules(), "~!@#\\$%\\^&\\*`\\|;':\",<>/"},
      {"a meta column", {"_airbyte_raw_id"}, postgres_rules(), "_airbyte_raw_id_H"},
      {"a meta column, in a store that ignores case", {"_Airbyte_Meta"}, sqlite_rules(), "_Airbyte_Meta_H"},
      {"where case is kept it is another one", {"_Airbyte_Meta"}, postgres_rules(), "_Airbyte_Meta"},
      {"that of a raw table", {"_airbyte_data"}, sqlite_rules(), "_airbyte_data_H"},
      {"the other one", {"_airbyte_loaded_at"}, postgres_rules(), "_airbyte_loaded_at_H"},
      {"the longest meta column", {"_airbyte_generation_id"}, postgres_rules(), "_airbyte_generation_id_H"},
      {"by case", {"ID", "id"}, sqlite_rules(), "ID_H"},
      {"by case, the one spelled so", {"id", "ID"}, sqlite_rules(), "id"},
      {"by case, where it is kept", {"ID", "id"}, postgres_rules(), "ID"},
      {"by normalisation", {decomposed, composed}, postgres_rules(), std::string(composed) + "_H"},
      {"empty", {""}, postgres_rules(), "_H"},
      {"reserved", {"rowid"}, upper_rules(), "ROWID_H"},
      {"too long", {std::string(300, 'c')}, lower_rules(), "c{19}_H"},
      {"newline", {"a\nb"}, postgres_rules(), "a_b_H"},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    std::string expected = row.expected;
    if (expected.ends_with("_H")) expected.replace(expected.size() - 1, 1, "[0-9a-fA-F]{10}");
    EXPECT_THAT(column_of(row.fields, row.rules), MatchesRegex(expected));
  }
}

TEST(TableNames, ASchemaWithoutPropertiesHasNoColumns) {
  for (char const* const schema : {"{}", R"({"properties":null})", R"({"properties":[]})", R"({"properties":{}})"}) {
    SCOPED_TRACE(schema);
    DestinationStream stream;
    stream.descriptor = StreamDescriptor("s");
    stream.json_schema = boost::json::parse(schema).as_object();
    EXPECT_THAT(column_names(stream, postgres_rules()), IsEmpty());
  }
}

TEST(StreamTables, NamesTheFieldThatIsNotThere) {
  StreamDescriptor const stream("users");
  TableNames const names = names_of({stream}, postgres_rules());
  try {
    static_cast<void>(names.of(stream).column("a\nb"));
    ADD_FAILURE() << "found";
  } catch (Error const& error) {
    EXPECT_EQ(error.error_class(), ErrorClass::config);
    EXPECT_STREQ(error.what(), "table public.users: the stream's schema has no field a\\u000ab");
  }
}

TEST(TableName, IsShownToPeople) {
  EXPECT_EQ(to_string(TableName(Identifier("s"), Identifier("t\n"))), "s.t\\u000a");
  EXPECT_EQ(to_string(TableName(Identifier(), Identifier("t"))), "t");
}

// ---- rules that cannot be kept ----

TEST(TableNames, RefusesRulesThatLeaveNoName) {
  NameRules too_short;
  too_short.longest = 21;
  NameRules all_forbidden;
  all_forbidden.forbidden = {""};
  struct Row {
    NameRules rules;
    char const* expected;
  };
  Row const rows[] = {
      {too_short, "names of 21 are too short: the meta columns need 22"},
      {all_forbidden, "what the store reserves and forbids leaves no name for public"},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.expected);
    try {
      names_of({StreamDescriptor("a")}, row.rules);
      ADD_FAILURE() << "accepted";
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::system);
      EXPECT_STREQ(error.what(), row.expected);
    }
  }
}

TEST(TableNamesDeathTest, AStreamThatIsNotInTheCatalogIsOurBug) {
  TableNames const names = names_of({StreamDescriptor("a")}, postgres_rules());
  EXPECT_DEATH(static_cast<void>(names.of(StreamDescriptor("b"))), "found != tables_.end");
}

// ---- any names at all ----

/// Ways in which stores compare names without case. Not those of the code under test.
std::vector<std::string> folded_ways(std::string const& name) {
  std::string ascii = name;
  for (char& character : ascii) {
    if (character >= 'A' && character <= 'Z') character = static_cast<char>(character - 'A' + 'a');
  }
  std::string upper;
  std::string lower;
  for (std::string_view rest = name; !rest.empty();) {
    utf8proc_int32_t code = 0;
    auto const* const bytes = reinterpret_cast<utf8proc_uint8_t const*>(rest.data());
    auto const size = utf8proc_iterate(bytes, static_cast<utf8proc_ssize_t>(rest.size()), &code);
    if (size <= 0) return {ascii};
    upper += std::to_string(utf8proc_toupper(code)) + " ";
    lower += std::to_string(utf8proc_tolower(code)) + " ";
    rest.remove_prefix(static_cast<std::size_t>(size));
  }
  return {ascii, upper, lower};
}

struct NameChecker {
  NameRules rules;

  void expect_name(Identifier const& name) const {
    SCOPED_TRACE(name.text());
    auto const* const bytes = reinterpret_cast<utf8proc_uint8_t const*>(name.text().c_str());
    std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> const nfc(utf8proc_NFC(bytes), &std::free);
    ASSERT_NE(nfc, nullptr) << "no UTF-8";
    EXPECT_STREQ(reinterpret_cast<char const*>(nfc.get()), name.text().c_str()) << "no NFC";
    std::size_t characters = 0;
    for (char const character : name.text()) {
      auto const byte = static_cast<unsigned char>(character);
      EXPECT_FALSE(byte < 0x20 || byte == 0x7f) << "a control character";
      if ((byte & 0xc0) != 0x80) ++characters;
    }
    EXPECT_FALSE(name.empty());
    EXPECT_LE(rules.unit == NameRules::Unit::bytes ? name.text().size() : characters, rules.longest);
    std::string const folded = folded_ways(name.text()).front();
    for (std::string const& reserved : rules.reserved) EXPECT_NE(folded, folded_ways(reserved).front());
    for (std::string const& forbidden : rules.forbidden) EXPECT_FALSE(folded.starts_with(forbidden));
  }

  void expect_different(std::vector<std::string> const& names) const {
    bool const keeps_case = rules.letter_case == NameRules::LetterCase::kept;
    std::vector<std::set<std::string>> seen(3);
    for (std::string const& name : names) {
      auto const ways = keeps_case ? std::vector<std::string>{name} : folded_ways(name);
      for (std::size_t i = 0; i < ways.size(); ++i) {
        EXPECT_TRUE(seen[i].insert(ways[i]).second) << "there are two of " << name;
      }
    }
  }

  void expect_tables(TableNames const& names, std::vector<DestinationStream> const& streams) const {
    std::vector<std::string> tables;
    for (DestinationStream const& stream : streams) {
      StreamTables const& of_stream = names.of(stream.descriptor);
      for (TableName const* table : {&of_stream.final_table, &of_stream.work_table, &of_stream.swap_table}) {
        EXPECT_EQ(table->schema.empty(), !rules.has_schemas);
        if (rules.has_schemas) expect_name(table->schema);
        expect_name(table->table);
        tables.push_back(table->schema.text() + "\n" + table->table.text());
      }
      EXPECT_EQ(std::ranges::count(names.schemas(), of_stream.final_table.schema), rules.has_schemas ? 1 : 0);
      expect_columns(stream);
    }
    expect_different(tables);
  }

  void expect_columns(DestinationStream const& stream) const {
    ColumnNames const names = column_names(stream, rules);
    std::vector<std::string> columns = {"_airbyte_raw_id",        "_airbyte_extracted_at", "_airbyte_meta",
                                        "_airbyte_generation_id", "_airbyte_data",         "_airbyte_loaded_at"};
    boost::json::object const schema = stream.json_schema.parse();
    for (auto const& property : schema.at("properties").as_object()) {
      expect_name(names.at(property.key()));
      columns.push_back(names.at(property.key()).text());
    }
    expect_different(columns);
  }
};

class RandomNames {
 public:
  explicit RandomNames(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t limit) { return random_() % limit; }

  std::string name() {
    static std::vector<std::string> const pieces = {"a",
                                                    "A",
                                                    "b",
                                                    "_",
                                                    "__",
                                                    "1",
                                                    " ",
                                                    ".",
                                                    "\"",
                                                    "'",
                                                    "\\",
                                                    ";",
                                                    "--",
                                                    "\n",
                                                    std::string(1, '\0'),
                                                    "\x7f",
                                                    composed,
                                                    decomposed,
                                                    "\u00c9",
                                                    "E\u0301",
                                                    "\u0301",
                                                    "ss",
                                                    "\u00df",
                                                    "\u1e9e",
                                                    "i",
                                                    "I",
                                                    "\u0130",
                                                    "\u0131",
                                                    "s",
                                                    "\u017f",
                                                    "k",
                                                    "\u212a",
                                                    "\u03c3",
                                                    "\u03c2",
                                                    "\u03a3",
                                                    "\u0345",
                                                    "\u01c5",
                                                    "\ufb01",
                                                    family,
                                                    "\u200d",
                                                    "\U0001F1E9",
                                                    "\u200f",
                                                    "\u2028",
                                                    "\u0085",
                                                    "\ufffd",
                                                    "\xff",
                                                    "\xc3",
                                                    "\xed\xa0\x80",
                                                    "\u1100",
                                                    "\u1161",
                                                    "\uac00",
                                                    "\u11a8",
                                                    "pg_",
                                                    "SQLITE_",
                                                    "sys_",
                                                    "table",
                                                    "_airbyte_meta",
                                                    "_AIRBYTE_RAW_ID",
                                                    "_work_",
                                                    "_swap_"};
    std::size_t const sizes[] = {0, 1, 1, 1, 2, 2, 3, 25, 300};
    std::string text;
    for (std::size_t left = sizes[below(std::size(sizes))]; left > 0; --left) {
      text += below(10) == 0 ? any_character() : pieces[below(pieces.size())];
    }
    return text;
  }

  std::optional<std::string> name_space() {
    static std::vector<std::optional<std::string>> const few = {std::nullopt, "", "a", "A", "a_", "public", "Public"};
    return below(4) == 0 ? name() : few[below(few.size())];
  }

  std::vector<DestinationStream> streams() {
    std::set<StreamDescriptor> descriptors;
    for (std::size_t left = 1 + below(40); left > 0; --left) descriptors.insert(StreamDescriptor(name(), name_space()));
    std::vector<DestinationStream> all;
    for (StreamDescriptor const& descriptor : descriptors) {
      std::vector<std::string> fields;
      for (std::size_t left = below(20); left > 0; --left) fields.push_back(name());
      all.push_back(stream_of(descriptor, fields));
    }
    std::ranges::shuffle(all, random_);
    return all;
  }

  void shuffle(std::vector<DestinationStream>& streams) { std::ranges::shuffle(streams, random_); }

 private:
  std::string any_character() {
    auto const code = static_cast<utf8proc_int32_t>(below(below(2) == 0 ? 0x3000 : 0x110000));
    if (!utf8proc_codepoint_valid(code)) return "?";
    utf8proc_uint8_t bytes[4];
    auto const size = utf8proc_encode_char(code, bytes);
    return std::string(reinterpret_cast<char const*>(bytes), static_cast<std::size_t>(size));
  }

  std::mt19937 random_;
};

TableNames random_names_of(std::vector<DestinationStream> const& streams, NameRules const& rules) {
  return TableNames(DestinationCatalog(streams), rules, "public");
}

void expect_equal(StreamTables const& one, StreamTables const& other) {
  EXPECT_EQ(to_string(one.final_table), to_string(other.final_table));
  EXPECT_EQ(to_string(one.work_table), to_string(other.work_table));
  EXPECT_EQ(to_string(one.swap_table), to_string(other.swap_table));
}

struct RulesRow {
  char const* name;
  NameRules rules;
};

std::vector<RulesRow> all_rules() {
  return {
      {"postgres", postgres_rules()}, {"sqlite", sqlite_rules()}, {"lower", lower_rules()}, {"upper", upper_rules()}};
}

/// Calls `check(random names, rules)` in many rounds. LANDFALL_NAMES_SEED=n repeats one of them.
template <class Check>
void with_random_names(unsigned rounds, Check check) {
  char const* const wanted = std::getenv("LANDFALL_NAMES_SEED");
  unsigned const first_seed =
      wanted ? static_cast<unsigned>(std::strtoul(wanted, nullptr, 10)) : std::random_device{}();
  for (unsigned round = 0; round < (wanted ? 1 : rounds); ++round) {
    SCOPED_TRACE(testing::Message() << "LANDFALL_NAMES_SEED=" << first_seed + round);
    for (RulesRow const& row : all_rules()) {
      SCOPED_TRACE(row.name);
      RandomNames random(first_seed + round);
      check(random, row.rules);
    }
    if (testing::Test::HasFailure()) return;
  }
}

TEST(AnyNames, CanBeHadAndDiffer) {
  with_random_names(40, [](RandomNames& random, NameRules const& rules) {
    std::vector<DestinationStream> const streams = random.streams();
    NameChecker{rules}.expect_tables(random_names_of(streams, rules), streams);
  });
}

TEST(AnyNames, AreTheSameInAnyOrderOfTheCatalog) {
  with_random_names(15, [](RandomNames& random, NameRules const& rules) {
    std::vector<DestinationStream> streams = random.streams();
    TableNames const names = random_names_of(streams, rules);
    std::map<StreamDescriptor, ColumnNames> columns;
    for (DestinationStream const& stream : streams) columns[stream.descriptor] = column_names(stream, rules);
    random.shuffle(streams);
    TableNames const again = random_names_of(streams, rules);
    for (DestinationStream const& stream : streams) {
      expect_equal(names.of(stream.descriptor), again.of(stream.descriptor));
      EXPECT_EQ(column_names(stream, rules), columns.at(stream.descriptor));
    }
    EXPECT_EQ(names.schemas(), again.schemas());
  });
}

TEST(AnyNames, DependOnTheStreamAloneButForCollisions) {
  with_random_names(15, [](RandomNames& random, NameRules const& rules) {
    std::vector<DestinationStream> const streams = random.streams();
    TableNames const names = random_names_of(streams, rules);
    std::set<TableName> finals;
    for (DestinationStream const& stream : streams) finals.insert(names.of(stream.descriptor).final_table);
    for (DestinationStream const& stream : streams) {
      TableNames const alone = random_names_of({stream}, rules);
      StreamTables const& tables = names.of(stream.descriptor);
      EXPECT_EQ(to_string(tables.work_table), to_string(alone.of(stream.descriptor).work_table));
      TableName const& wanted = alone.of(stream.descriptor).final_table;
      if (tables.final_table == wanted) continue;
      EXPECT_THAT(tables.final_table.table.text(), MatchesRegex("(.|\n)*_[0-9a-fA-F]{10}"));
      bool const keeps_case = rules.letter_case == NameRules::LetterCase::kept;  // else another spelling may be there
      EXPECT_TRUE(finals.contains(wanted) || !keeps_case);
    }
  });
}

}  // namespace
}  // namespace landfall
