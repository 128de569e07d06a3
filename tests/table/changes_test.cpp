#include "table/changes.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace landfall {
namespace {

constexpr std::string_view ours = R"({"field":"a","change":"NULLED","reason":"DESTINATION_SERIALIZATION_ERROR"})";

struct MetaRow {
  std::string_view name;
  std::string_view meta;
  std::string_view elements;  ///< of the source's array, as they are kept
};

constexpr MetaRow meta_rows[] = {
    {"no meta", "", ""},
    {"empty", "{}", ""},
    {"no changes", R"({"source":"mysql","nested":{"changes":[1]}})", ""},
    {"empty list", R"({"changes":[]})", ""},
    {"empty list with white space", "{\"changes\":[ \t]}", ""},
    {"null", R"({"changes":null})", ""},
    {"text", R"({"changes":"[1]"})", ""},
    {"object", R"({"changes":{"a":[1]}})", ""},
    {"number", R"({"changes":7})", ""},
    {"one", R"({"changes":[{"field":"b"}]})", R"({"field":"b"})"},
    {"two", R"({"changes":[{"field":"b"},{"field":"c"}]})", R"({"field":"b"},{"field":"c"})"},
    {"elements that are no objects", R"({"changes":[1,null,"],"]})", R"(1,null,"],")"},
    {"others before and behind", R"({"x":[{"y":1}],"changes":[1],"z":"\u0041"})", "1"},
    {"escaped name", R"({"ch\u0061nges":[1]})", "1"},
    {"other names with escapes", R"({"\"changes":[1],"\ud800":[2]})", ""},
    {"a name that goes on", R"({"changes ":[1],"change":[2]})", ""},
    {"twice: the last one", R"({"changes":[1],"changes":[2]})", "2"},
    {"twice, then none", R"({"changes":[1],"changes":null})", ""},
};

TEST(Changes, OfTheSourceComeFirst) {
  Changes changes;
  for (MetaRow const& row : meta_rows) {
    SCOPED_TRACE(row.name);
    changes.begin_row(row.meta);
    EXPECT_EQ(changes.json(), "[" + std::string(row.elements) + "]");
    changes.add(R"("a")", Fit::no_such_value);
    std::string const separator = row.elements.empty() ? "" : ",";
    EXPECT_EQ(changes.json(), "[" + std::string(row.elements) + separator + std::string(ours) + "]");
  }
}

TEST(Changes, WhiteSpaceOfTheSourceIsKeptWhereNothingIsAdded) {
  Changes changes;
  std::string_view const meta = "{ \"changes\" : [ 1 , 2 ] \n}";
  changes.begin_row(meta);
  EXPECT_EQ(changes.json(), "[ 1 , 2 ]");
  EXPECT_EQ(changes.json().data(), meta.data() + meta.find('['));  // and not copied
  changes.add(R"("a")", Fit::no_such_value);
  EXPECT_EQ(changes.json(), "[1 , 2," + std::string(ours) + "]");
}

TEST(Changes, SayWhatAndWhy) {
  Changes changes;
  changes.begin_row("");
  changes.add(R"("a")", Fit::no_such_value);
  changes.add(R"("\"")", Fit::too_large);
  changes.add(R"("c")", Fit::cut);
  changes.add(R"("d")", Fit::altered);
  EXPECT_EQ(changes.json(), R"([{"field":"a","change":"NULLED","reason":"DESTINATION_SERIALIZATION_ERROR"},)"
                            R"({"field":"\"","change":"NULLED","reason":"DESTINATION_FIELD_SIZE_LIMITATION"},)"
                            R"({"field":"c","change":"TRUNCATED","reason":"DESTINATION_FIELD_SIZE_LIMITATION"},)"
                            R"({"field":"d","change":"TRUNCATED","reason":"DESTINATION_SERIALIZATION_ERROR"}])");
  changes.begin_row("");
  EXPECT_EQ(changes.json(), "[]");
}

TEST(Changes, BrokenMetaIsAnError) {
  Changes changes;
  for (std::string_view const meta :
       {"[]", "7", "{", "{\"changes\":[}", "{\"changes\":[1]", "{\"changes\" [1]}", "{\"changes\":nul}", "{\"\\x\":1}",
        "{\"changes\":[1]} {}", "{\"changes\":[1]}}"}) {
    SCOPED_TRACE(meta);
    EXPECT_THROW(changes.begin_row(meta), Error);
  }
  changes.begin_row(R"({"changes":[1]})");
  EXPECT_EQ(changes.json(), "[1]");
}

}  // namespace
}  // namespace landfall
