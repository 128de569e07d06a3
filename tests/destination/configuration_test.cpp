#include <landfall/destination/configuration.hpp>

#include <string>
#include <vector>

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

TEST(Configuration, LoneSurrogatesAreReadAsTheReplacementCharacter) {
  EXPECT_EQ(Configuration::parse(R"({"a\ud83d":"\ude00"})").string("a\ufffd"), "\ufffd");
}

TEST(Configuration, MayBeginWithAByteOrderMarkButMustBeText) {
  EXPECT_EQ(Configuration::parse("\xef\xbb\xbf{\"a\":\"b\"}").string("a"), "b");
  EXPECT_EQ(
      refusal([] { Configuration::parse("\xff\xfe{"); }),
      "config: the configuration is text in UTF-16, and must be JSON in UTF-8: convert it first, as with: iconv -f "
      "UTF-16 -t UTF-8 FILE | ...");
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

struct Told {
  std::vector<std::string> infos;
  std::vector<std::string> warnings;
};

Told told_by(Configuration const& configuration) {
  Told told;
  configuration.notices().listen([&told](Notice const& notice) {
    (notice.level == Notice::Level::info ? told.infos : told.warnings).push_back(notice.text);
  });
  configuration.notices().listen(nullptr);
  return told;
}

TEST(Configuration, WarnsOfMembersThatNobodyHasAskedFor) {
  auto const configuration = Configuration::parse(
      R"({"host":"db","soft_delete":true,"nothing":null,"spill":{"directory":"/tmp","polcy":"x"},"other":{"a":1}})");
  auto const copy = configuration;
  copy.string("host");
  configuration.boolean("soft_deletes", false);
  configuration.section("spill").string("directory", "");
  configuration.section("spill").section("more").string("in it", "");
  configuration.warn_of_unknown_members({});
  EXPECT_THAT(told_by(configuration).warnings,
              testing::ElementsAre(
                  "configuration: soft_delete is not a setting of this connector and is ignored; the configuration may "
                  "hold host, soft_deletes, spill",
                  "configuration: spill.polcy is not a setting of this connector and is ignored; spill may hold "
                  "directory, more",
                  "configuration: other is not a setting of this connector and is ignored; the configuration may hold "
                  "host, soft_deletes, spill"));
}

TEST(Configuration, WarnsOfNothingThatTheSpecificationDescribes) {
  auto const configuration = Configuration::parse(R"({"read later":1,"unknown":{"a":1}})");
  configuration.warn_of_unknown_members({{"properties", {{"read later", {{"type", "integer"}}}}}});
  auto const told = told_by(configuration);
  ASSERT_EQ(told.warnings.size(), 1U);
  EXPECT_THAT(told.warnings[0], HasSubstr("configuration: unknown is not a setting"));
}

TEST(Configuration, AllMembersAreAskedForAtOnce) {
  auto const configuration = Configuration::parse(R"({"a":1,"b":{"c":1}})");
  EXPECT_EQ(configuration.members().size(), 2U);
  configuration.warn_of_unknown_members({});
  EXPECT_TRUE(told_by(configuration).warnings.empty());
}

TEST(Configuration, TellsOfASettingWithoutMeaningWhereItIsSet) {
  auto const configuration =
      Configuration::parse(R"({"set":"x","empty":"","nothing":null,"off":false,"on":true,"section":{"set":0}})");
  for (auto const* const name : {"set", "empty", "nothing", "off", "on", "absent"}) {
    configuration.without_meaning(name, "there is none");
  }
  configuration.section("section").without_meaning("set", "there is none");
  configuration.warn_of_unknown_members({});
  auto const told = told_by(configuration);
  EXPECT_THAT(told.infos, testing::ElementsAre("configuration: set has no meaning here: there is none",
                                               "configuration: on has no meaning here: there is none",
                                               "configuration: section.set has no meaning here: there is none"));
  EXPECT_TRUE(told.warnings.empty());
}

TEST(Configuration, KnowsWhatIsGiven) {
  auto const configuration = Configuration::parse(R"({"a":false,"b":null})");
  EXPECT_TRUE(configuration.has("a"));
  EXPECT_FALSE(configuration.has("b"));
  EXPECT_FALSE(configuration.has("c"));
}

}  // namespace
}  // namespace landfall
