#include <landfall/table/table_note.hpp>

#include <string>

#include <gtest/gtest.h>

#include <landfall/runtime/error.hpp>
#include <landfall/table/table_operations.hpp>

namespace landfall {
namespace {

TableName users() { return TableName(Identifier("main"), Identifier("users")); }

TEST(TableNote, IsReadBackWhateverItsNamesHaveInThem) {
  for (std::string const& name :
       {std::string(), std::string("users"), std::string("a\0b", 3), std::string("\"\\\n\x7f"), std::string("\xc3\xa4"),
        std::string("\xff"), std::string("a\xc3")}) {
    TableNote note;
    note.final_table = users();
    note.owner = StreamDescriptor(name, name);
    note.name_space = name;
    note.fields = {{Identifier("a"), name}, {Identifier(name), "b"}};
    EXPECT_EQ(note_of(users(), owner_text(note), fields_text(note)), note) << ::testing::PrintToString(name);
    EXPECT_EQ(owner_text(note).find('\0'), std::string::npos);
    EXPECT_EQ(fields_text(note).find('\0'), std::string::npos);
    note.owner.name_space.reset();
    note.fields.clear();
    EXPECT_EQ(note_of(users(), owner_text(note), ""), note);
  }
}

TEST(TableNote, OneThatSomebodyHasSpoiledIsNamed) {
  for (std::string const owner :
       {"", "{", "[]", R"({"stream":1,"namespace":null,"schema":"main"})", R"({"stream":"users"})"}) {
    try {
      note_of(users(), owner, "");
      FAIL() << owner;
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::config);
      EXPECT_NE(error.message().find("the note of the table main.users in _landfall_owners cannot be read"),
                std::string::npos)
          << error.message();
    }
  }
}

TEST(TableNote, WhatIsThereWinsOverTheNote) {
  ExistingTable found;
  found.schema.columns = {TableColumn(Identifier("id"), ColumnType::integer),
                          TableColumn(Identifier("theirs"), ColumnType::text)};
  TableNote note;
  note.owner = StreamDescriptor("users");
  note.fields = {{Identifier("id"), "ID"}, {Identifier("renamed"), "name"}};
  found.take_note(note);
  EXPECT_EQ(found.owner, StreamDescriptor("users"));
  EXPECT_EQ(found.fields, (std::map<Identifier, std::string>{{Identifier("id"), "ID"}}));
}

}  // namespace
}  // namespace landfall
