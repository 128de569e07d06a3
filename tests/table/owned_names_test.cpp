// Names where tables are there already: whose they are, who goes on in them, who comes new.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <landfall/runtime/error.hpp>
#include <landfall/table/column_names.hpp>
#include <landfall/table/naming.hpp>

namespace landfall {
namespace {

using ::testing::MatchesRegex;
using Streams = std::vector<StreamDescriptor>;

NameRules rules_of(NameRules::LetterCase letter_case, bool has_schemas) {
  NameRules rules;
  rules.letter_case = letter_case;
  rules.has_schemas = has_schemas;
  return rules;
}
NameRules postgres_rules() { return rules_of(NameRules::LetterCase::kept, true); }
NameRules sqlite_rules() { return rules_of(NameRules::LetterCase::ignored, false); }
NameRules lower_rules() { return rules_of(NameRules::LetterCase::lower, true); }

constexpr char const* composed = "\u00e9";
constexpr char const* decomposed = "e\u0301";

/// A store: each sync leaves a noted table for each stream of its catalog.
struct NamedStore {
  NameRules rules;
  std::string default_schema = "public";
  TablesThere there;

  TableNames names(Streams const& streams) const {
    std::vector<DestinationStream> all;
    for (StreamDescriptor const& descriptor : streams) all.emplace_back().descriptor = descriptor;
    return TableNames(DestinationCatalog(std::move(all)), rules, default_schema, there);
  }

  std::map<StreamDescriptor, std::string> sync(Streams const& streams) {
    TableNames const given = names(streams);
    std::map<StreamDescriptor, std::string> tables;
    for (StreamDescriptor const& stream : streams) {
      note(given.of(stream).final_table, given.of(stream).final_table, stream);
      tables[stream] = given.of(stream).final_table.table.text();
    }
    return tables;
  }

  void note(TableName const& table, TableName const& final_table, StreamDescriptor const& owner) {
    TableNote note;
    note.final_table = final_table;
    note.owner = owner;
    note.name_space = owner.name_space.value_or(default_schema);
    there[table] = note;
  }

  void add_unowned(std::string const& table) { there[named(table)] = std::nullopt; }
  TableName named(std::string const& table) const {
    return TableName(Identifier(rules.has_schemas ? default_schema : ""), Identifier(table));
  }
  std::string table_of(StreamDescriptor const& stream, Streams const& streams) const {
    return names(streams).of(stream).final_table.table.text();
  }
};

struct Twins {
  char const* name;
  NameRules rules;
  std::string default_schema;
  Streams streams;
};

std::vector<Twins> all_twins() {
  return {
      {"case is ignored",
       sqlite_rules(),
       "",
       {StreamDescriptor("users"), StreamDescriptor("Users"), StreamDescriptor("USERS")}},
      {"lower case",
       lower_rules(),
       "public",
       {StreamDescriptor("users"), StreamDescriptor("Users"), StreamDescriptor("USERS")}},
      {"forms of Unicode",
       postgres_rules(),
       "public",
       {StreamDescriptor(composed), StreamDescriptor(decomposed), StreamDescriptor("E")}},
      {"names that join alike",
       sqlite_rules(),
       "",
       {StreamDescriptor("a__b"), StreamDescriptor("b", "a"), StreamDescriptor("B", "a")}},
      {"namespaces in another case",
       sqlite_rules(),
       "",
       {StreamDescriptor("a", "crm"), StreamDescriptor("a", "CRM"), StreamDescriptor("A", "Crm")}},
  };
}

std::vector<Streams> all_catalogs(Streams const& streams) {
  std::vector<Streams> catalogs;
  for (unsigned bits = 1; bits < 1U << streams.size(); ++bits) {
    Streams& some = catalogs.emplace_back();
    for (std::size_t i = 0; i < streams.size(); ++i) {
      if ((bits >> i & 1U) != 0) some.push_back(streams[i]);
    }
  }
  return catalogs;
}

TEST(OwnedNames, OfTwinsThatComeAndGoInAnyOrderNeverMove) {
  for (Twins const& twins : all_twins()) {
    auto const catalogs = all_catalogs(twins.streams);
    for (std::size_t round = 0; round < catalogs.size() * catalogs.size() * catalogs.size(); ++round) {
      SCOPED_TRACE(std::string(twins.name) + ", round " + std::to_string(round));
      NamedStore store{twins.rules, twins.default_schema, {}};
      std::map<StreamDescriptor, std::string> first;  // the name that each had when it came
      std::map<std::string, StreamDescriptor> owners;
      for (std::size_t sync = 0, rest = round; sync < 3; ++sync, rest /= catalogs.size()) {
        for (auto const& [stream, table] : store.sync(catalogs[rest % catalogs.size()])) {
          EXPECT_EQ(first.emplace(stream, table).first->second, table) << to_string(stream);
          EXPECT_EQ(owners.emplace(table, stream).first->second, stream) << table;
        }
      }
      if (::testing::Test::HasFailure()) return;
    }
  }
}

TEST(OwnedNames, ANamespaceAndNoneThatMeanTheDefaultSchemaAreOneStreamInTwoSpellings) {
  StreamDescriptor const none("users");
  StreamDescriptor const spelled("users", "public");
  for (auto const& [old, now] : {std::pair(none, spelled), std::pair(spelled, none)}) {
    NamedStore store{postgres_rules(), "public", {}};
    store.sync({old});
    EXPECT_EQ(store.table_of(now, {now}), "users");
    EXPECT_THAT(store.table_of(now, {now, old}), MatchesRegex("users_[0-9a-f]{10}"));
    EXPECT_EQ(store.table_of(old, {now, old}), "users");
    store.sync({now});  // it takes the table over
    EXPECT_THAT(store.table_of(old, {old, now}), MatchesRegex("users_[0-9a-f]{10}"));
    EXPECT_EQ(store.table_of(StreamDescriptor("Users"), {StreamDescriptor("Users")}), "Users");
  }
}

TEST(OwnedNames, OfAnotherDefaultSchemaAreOthers) {
  NamedStore store{postgres_rules(), "public", {}};
  store.sync({StreamDescriptor("users")});
  store.default_schema = "crm";
  EXPECT_EQ(to_string(store.names({StreamDescriptor("users")}).of(StreamDescriptor("users")).final_table), "crm.users");
  NamedStore joined{sqlite_rules(), "public", {}};
  EXPECT_EQ(joined.sync({StreamDescriptor("users")}).begin()->second, "public__users");
  joined.default_schema = "crm";
  EXPECT_EQ(joined.table_of(StreamDescriptor("users"), {StreamDescriptor("users")}), "crm__users");
}

TEST(OwnedNames, OfWorkTablesAreFoundAgainAndNobodyElses) {
  StreamDescriptor const none("users");
  StreamDescriptor const spelled("users", "public");
  NamedStore store{postgres_rules(), "public", {}};
  TableName const work = store.names({none}).of(none).work_table;
  store.note(work, store.named("users"), none);  // the first refresh was interrupted: there is no final table
  EXPECT_EQ(store.names({none}).of(none).work_table, work);
  EXPECT_EQ(store.table_of(none, {none}), "users");
  EXPECT_EQ(store.names({spelled}).of(spelled).work_table, work);
  EXPECT_EQ(store.table_of(spelled, {spelled}), "users");
  StreamDescriptor const look_alike(work.table.text());
  EXPECT_NE(store.names({look_alike}).of(look_alike).final_table, work);
  EXPECT_NE(store.names({none, look_alike}).of(look_alike).final_table, work);
}

TEST(OwnedNames, OfTablesWithoutANoteAreAdoptedWhereOnlyOneStreamMayHaveMadeThem) {
  StreamDescriptor const lower("users");
  StreamDescriptor const upper("Users");
  StreamDescriptor const spelled("users", "public");
  auto const hashed = [](StreamDescriptor const& stream, StreamDescriptor const& twin, NameRules const& rules,
                         std::string const& schema) {
    NamedStore store{rules, schema, {}};
    return store.table_of(stream, {stream, twin});
  };
  std::string const upper_hash = hashed(upper, lower, sqlite_rules(), "");
  std::string const spelled_hash = hashed(spelled, lower, postgres_rules(), "public");
  std::string const any_hash = "[Uu]sers_[0-9a-f]{10}";
  struct Row {
    char const* name;
    NameRules rules;
    std::vector<std::string> unowned;
    Streams streams;
    std::vector<std::string> expected;
  };
  Row const rows[] = {
      {"the natural name", postgres_rules(), {"users"}, {lower}, {"users"}},
      {"in another case, where it is kept", postgres_rules(), {"users"}, {upper}, {"Users"}},
      {"letter by letter, the other comes new", sqlite_rules(), {"users"}, {lower, upper}, {"users", any_hash}},
      {"the same the other way round", sqlite_rules(), {"Users"}, {lower, upper}, {any_hash, "Users"}},
      {"in another case", sqlite_rules(), {"Users"}, {lower}, {any_hash}},
      {"both of before", sqlite_rules(), {"users", upper_hash}, {lower, upper}, {"users", upper_hash}},
      {"the hashed one alone", sqlite_rules(), {upper_hash}, {upper}, {upper_hash}},
      {"of two that mean the same, each its own",
       postgres_rules(),
       {"users", spelled_hash},
       {lower, spelled},
       {"users", spelled_hash}},
      {"of two that mean the same, nobody knows whose",
       postgres_rules(),
       {"users"},
       {lower, spelled},
       {any_hash, any_hash}},
      {"of two of which only one is there", postgres_rules(), {"users"}, {spelled}, {"users"}},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    NamedStore store{row.rules, row.rules.has_schemas ? "public" : "", {}};
    for (std::string const& table : row.unowned) store.add_unowned(table);
    std::set<std::string> given;
    for (std::size_t i = 0; i < row.streams.size(); ++i) {
      std::string const table = store.table_of(row.streams[i], row.streams);
      EXPECT_TRUE(table == row.expected[i] ||
                  (row.expected[i] == any_hash && ::testing::Matches(MatchesRegex(any_hash))(table)))
          << table;
      EXPECT_TRUE(given.insert(table).second);
    }
  }
}

// ---- columns ----

DestinationStream stream_of(std::vector<std::string> const& fields) {
  DestinationStream stream;
  stream.descriptor = StreamDescriptor("users");
  boost::json::object properties;
  for (std::string const& field : fields) properties[field] = boost::json::object{{"type", "string"}};
  stream.json_schema = boost::json::object{{"properties", std::move(properties)}};
  return stream;
}

/// A table whose columns keep what a sync has noted.
struct NamedTable {
  NameRules rules;
  ExistingTable table;

  ColumnNames sync(std::vector<std::string> const& fields) {
    bool const is_new = table.schema.columns.empty();
    ColumnNames const names = column_names(stream_of(fields), rules, ColumnsThere(is_new ? nullptr : &table, nullptr));
    table.owner = StreamDescriptor("users");
    for (auto const& [field, column] : names) {
      if (table.schema.find(column) == nullptr) table.schema.columns.emplace_back(column, ColumnType::text);
      table.fields[column] = field;
    }
    return names;
  }
};

TEST(OwnedNames, OfColumnsThatComeAndGoInAnyOrderNeverMove) {
  for (auto const& [rules, fields] :
       {std::pair(sqlite_rules(), std::vector<std::string>{"note", "Note", "NOTE"}),
        std::pair(lower_rules(), std::vector<std::string>{"note", "Note", "NOTE"}),
        std::pair(postgres_rules(), std::vector<std::string>{composed, decomposed, "e"})}) {
    Streams as_streams;
    for (std::string const& field : fields) as_streams.emplace_back(field);
    auto const subsets = all_catalogs(as_streams);
    for (std::size_t round = 0; round < subsets.size() * subsets.size() * subsets.size(); ++round) {
      SCOPED_TRACE(round);
      NamedTable table{rules, {}};
      std::map<std::string, std::string> first;
      std::map<std::string, std::string> owners;
      for (std::size_t sync = 0, rest = round; sync < 3; ++sync, rest /= subsets.size()) {
        std::vector<std::string> some;
        for (auto const& stream : subsets[rest % subsets.size()]) some.push_back(stream.name);
        for (auto const& [field, column] : table.sync(some)) {
          EXPECT_EQ(first.emplace(field, column.text()).first->second, column.text());
          EXPECT_EQ(owners.emplace(column.text(), field).first->second, field);
        }
      }
      if (::testing::Test::HasFailure()) return;
    }
  }
}

TEST(OwnedNames, OfColumnsWithoutANoteAreAdoptedLetterByLetter) {
  ExistingTable table;
  table.schema.columns = {TableColumn(Identifier("note"), ColumnType::text),
                          TableColumn(Identifier("id"), ColumnType::text)};
  ColumnNames const names =
      column_names(stream_of({"note", "Note", "ID"}), sqlite_rules(), ColumnsThere(&table, nullptr));
  EXPECT_EQ(names.at("note").text(), "note");
  EXPECT_THAT(names.at("Note").text(), MatchesRegex("Note_[0-9a-f]{10}"));
  EXPECT_THAT(names.at("ID").text(), MatchesRegex("ID_[0-9a-f]{10}"));
}

TEST(OwnedNames, OfColumnsThatUsersHaveAddedAreTakenOverAsTheyAreSpelled) {
  NamedTable table{sqlite_rules(), {}};
  table.sync({"id"});
  table.table.schema.columns.emplace_back(Identifier("Note"), ColumnType::text);
  EXPECT_EQ(table.sync({"id", "note"}).at("note").text(), "Note");
  EXPECT_EQ(table.sync({"id"}).at("id").text(), "id");
  EXPECT_THAT(table.sync({"Note"}).at("Note").text(), MatchesRegex("Note_[0-9a-f]{10}"));  // it is a field's now
}

TEST(OwnedNames, OfColumnsAreTheSameWhereOnlyRowsThatWaitAreThere) {
  NamedTable work{sqlite_rules(), {}};
  work.sync({"note"});
  auto const of_work = [&work](std::vector<std::string> const& fields) {
    return column_names(stream_of(fields), sqlite_rules(), ColumnsThere(nullptr, &work.table));
  };
  EXPECT_EQ(of_work({"NOTE", "note"}).at("note").text(), "note");
  EXPECT_THAT(of_work({"NOTE"}).at("NOTE").text(), MatchesRegex("NOTE_[0-9a-f]{10}"));
}

TEST(OwnedNames, AColumnOfAUsersThatDoesNotFitIsRefused) {
  struct Row {
    char const* name;
    TableColumn column;
    char const* expected;  // null: it fits
  };
  TableColumn money(Identifier("note"), ColumnType::text);
  money.foreign_type = "money";
  TableColumn computed(Identifier("note"), ColumnType::text);
  computed.computed_by_store = computed.filled_by_store = true;
  TableColumn with_default(Identifier("note"), ColumnType::text);
  with_default.filled_by_store = true;
  Row const rows[] = {
      {"the same type", TableColumn(Identifier("note"), ColumnType::text), nullptr},
      {"with a default", with_default, nullptr},
      {"not null", TableColumn(Identifier("note"), ColumnType::text, false), nullptr},
      {"another type of ours", TableColumn(Identifier("note"), ColumnType::integer),
       "stream users: its new field note needs a column of type text, but t has a column note of type integer, "
       "which is not the stream's: somebody has added it, or its field was not in the schema when the table was "
       "adopted. Rename or drop that column, give the field that type, or deselect the field"},
      {"a foreign type", money, "of type money, which"},
      {"computed", computed, "of type text (computed by the database), which"},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    NamedTable table{postgres_rules(), {}};
    table.sync({"id"});
    table.table.schema.columns.push_back(row.column);
    DestinationStream const stream = stream_of({"id", "note"});
    ColumnNames const names = column_names(stream, postgres_rules(), ColumnsThere(&table.table, nullptr));
    EXPECT_EQ(names.at("note").text(), "note");
    std::string message;
    try {
      refuse_unfit_columns(stream, TableName(Identifier(), Identifier("t")), table.table, names);
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::config);
      message = error.message();
    }
    EXPECT_EQ(message.empty(), row.expected == nullptr) << message;
    if (row.expected != nullptr) {
      EXPECT_NE(message.find(row.expected), std::string::npos) << message;
    }
  }
}

}  // namespace
}  // namespace landfall
