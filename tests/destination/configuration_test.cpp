#include <landfall/destination/configuration.hpp>

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <landfall/runtime/error.hpp>

namespace landfall {
namespace {

using testing::HasSubstr;
using testing::Not;

template <class Action>
std::string refusal(Action const& action) {
  try {
    action();
    return "no error";
  } catch (Error const& error) {
    return std::string(to_string(error.error_class())) + ": " + error.what();
  }
}

Configuration example() {
  return Configuration::parse(
      R"({"host":"db","port":5432,"ssl":true,"empty":"","nothing":null,"ratio":1.5,"whole":8.0,"huge":1e300,)"
      R"("unsigned":18446744073709551615,"list":["secret"],"spill":{"directory":"/tmp","limit":{"bytes":10}}})");
}

TEST(Configuration, ReadsMembers) {
  Configuration const configuration = example();
  EXPECT_EQ(configuration.string("host"), "db");
  EXPECT_EQ(configuration.string("empty"), "");
  EXPECT_EQ(configuration.integer("port", 1), 5432);
  EXPECT_EQ(configuration.integer("whole", 1), 8);
  EXPECT_TRUE(configuration.boolean("ssl", false));
}

TEST(Configuration, FallsBackWhereAMemberIsAbsentOrNull) {
  Configuration const configuration = example();
  for (std::string const name : {"absent", "nothing"}) {
    SCOPED_TRACE(name);
    EXPECT_EQ(configuration.string(name, "x"), "x");
    EXPECT_EQ(configuration.integer(name, 7), 7);
    EXPECT_TRUE(configuration.boolean(name, true));
    EXPECT_TRUE(configuration.section(name).members().empty());
  }
  EXPECT_EQ(configuration.string("host", "x"), "db");
}

TEST(Configuration, ReadsSections) {
  Configuration const spill = example().section("spill");
  EXPECT_EQ(spill.string("directory"), "/tmp");
  EXPECT_EQ(spill.section("limit").integer("bytes", 0), 10);
}

TEST(Configuration, NamesTheMemberAndWhatWasExpected) {
  Configuration const configuration = example();
  EXPECT_EQ(refusal([&] { configuration.string("absent"); }),
            "config: configuration: absent is missing; it must be a string");
  EXPECT_EQ(refusal([&] { configuration.string("nothing"); }),
            "config: configuration: nothing is missing; it must be a string");
  EXPECT_EQ(refusal([&] { configuration.string("port"); }),
            "config: configuration: port must be a string, but is a number");
  EXPECT_EQ(refusal([&] { configuration.string("list", "x"); }),
            "config: configuration: list must be a string, but is an array");
  EXPECT_EQ(refusal([&] { configuration.integer("host", 1); }),
            "config: configuration: host must be an integer, but is a string");
  EXPECT_EQ(refusal([&] { configuration.boolean("host", true); }),
            "config: configuration: host must be a boolean, but is a string");
  EXPECT_EQ(refusal([&] { configuration.section("ssl"); }),
            "config: configuration: ssl must be an object, but is a boolean");
  for (std::string const name : {"ratio", "huge", "unsigned"}) {
    EXPECT_EQ(refusal([&] { configuration.integer(name, 1); }),
              "config: configuration: " + name + " must be an integer of 64 bits");
  }
}

TEST(Configuration, NamesTheSectionToo) {
  Configuration const configuration = example();
  EXPECT_EQ(refusal([&] { configuration.section("spill").string("file"); }),
            "config: configuration: spill.file is missing; it must be a string");
  EXPECT_EQ(refusal([&] { configuration.section("spill").section("limit").boolean("bytes", true); }),
            "config: configuration: spill.limit.bytes must be a boolean, but is a number");
  EXPECT_EQ(refusal([&] { configuration.section("absent").string("a"); }),
            "config: configuration: absent.a is missing; it must be a string");
  EXPECT_EQ(refusal([&] { configuration.section("spill").section("directory"); }),
            "config: configuration: spill.directory must be an object, but is a string");
}

TEST(Configuration, NamesLineAndColumnOfBrokenJson) {
  EXPECT_EQ(refusal([] { Configuration::parse("{\n  \"password\": \"hunter2\",\n  \"port\": 01\n}"); }),
            "config: the configuration is no valid JSON: syntax error (line 3, column 12)");
  EXPECT_EQ(refusal([] { Configuration::parse(""); }),
            "config: the configuration is no valid JSON: incomplete JSON (line 1, column 1)");
  EXPECT_EQ(refusal([] { Configuration::parse("{} {}"); }),
            "config: the configuration is no valid JSON: extra data (line 1, column 4)");
  EXPECT_EQ(refusal([] { Configuration::parse("\n [1]"); }),
            "config: the configuration must be a JSON object, but is an array (line 2, column 2)");
  EXPECT_EQ(refusal([] { Configuration::parse("{}\n"); }), "no error");
}

TEST(Configuration, NeverShowsAValue) {
  EXPECT_THAT(refusal([] { Configuration::parse(R"({"password":"hunter2",})"); }), Not(HasSubstr("hunter2")));
  EXPECT_THAT(refusal([] { Configuration::parse(R"({"password":"hunter2"})").integer("password", 1); }),
              Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace landfall
