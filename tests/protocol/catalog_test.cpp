#include <landfall/protocol/catalog.hpp>
#include <landfall/protocol/dedup_columns.hpp>

#include <memory>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "protocol/lines.hpp"

namespace landfall {
namespace {

using testing::ElementsAre;

/// One entry of the catalog; `more` are further members of it, each with a comma in front.
std::string entry(std::string const& name, std::string const& more = "", std::string const& mode = "append") {
  return R"({"stream":{"name":")" + name +
         R"(","json_schema":{"type":"object"},"supported_sync_modes":["full_refresh"]},)" +
         R"("sync_mode":"full_refresh","destination_sync_mode":")" + mode + "\"" + more + "}";
}

std::string catalog_of(std::string const& entries) { return R"({"streams":[)" + entries + "]}"; }

DestinationStream only_stream(std::string const& json) {
  DestinationCatalog const catalog = DestinationCatalog::parse(json);
  EXPECT_EQ(catalog.streams().size(), 1u);
  return *catalog.streams().front();
}

std::string refusal(std::string const& json) {
  return text_of_error([&] { DestinationCatalog::parse(json); });
}

TEST(Catalog, ReadsEveryMemberOfAStream) {
  DestinationStream const stream = only_stream(
      R"({"streams":[{"stream":{"name":"users","namespace":"crm","json_schema":{"properties":{"id":{},"a":{},"updated":{}}},)"
      R"("supported_sync_modes":["incremental"],"is_resumable":true,"unknown":1},"sync_mode":"incremental",)"
      R"("destination_sync_mode":"append_dedup","cursor_field":["updated","at"],"primary_key":[["id"],["a","b"]],)"
      R"("generation_id":7,"minimum_generation_id":7,"sync_id":42,"include_files":true,"unknown":{}}],"unknown":[]})");
  EXPECT_EQ(stream.descriptor, StreamDescriptor("users", "crm"));
  EXPECT_EQ(stream.json_schema.text(), R"({"properties":{"id":{},"a":{},"updated":{}}})");
  EXPECT_EQ(stream.sync_mode, SyncMode::incremental);
  EXPECT_EQ(stream.destination_sync_mode, DestinationSyncMode::append_dedup);
  EXPECT_THAT(stream.cursor_field, ElementsAre("updated", "at"));
  EXPECT_THAT(stream.primary_key, ElementsAre(ElementsAre("id"), ElementsAre("a", "b")));
  EXPECT_EQ(stream.generation_id, 7);
  EXPECT_EQ(stream.minimum_generation_id, 7);
  EXPECT_EQ(stream.sync_id, 42);
  EXPECT_TRUE(stream.include_files);
  EXPECT_TRUE(stream.has_generations());
  EXPECT_TRUE(stream.replaces_old_data());
}

TEST(Catalog, NamesAreReadWithAReplacementForLoneSurrogates) {
  EXPECT_EQ(only_stream(catalog_of(entry(R"(a\ud83d\ud83d\ude00)"))).descriptor, StreamDescriptor("a\ufffd😀"));
  EXPECT_EQ(refusal(catalog_of(entry(R"(a\ud83d)") + "," + entry(R"(a\ude00)"))),
            "config: the catalog is ambiguous: stream a\ufffd occurs twice");
}

TEST(Catalog, MayBeginWithAByteOrderMarkButMustBeText) {
  EXPECT_EQ(only_stream("\xef\xbb\xbf" + catalog_of(entry("a"))).descriptor, StreamDescriptor("a"));
  EXPECT_EQ(refusal("\x1f\x8b\x08"),
            "config: the catalog is compressed with gzip, and must be JSON in UTF-8: convert it first, as with: zcat "
            "FILE | ...");
}

TEST(Catalog, WhatIsNullOrAbsentIsEmpty) {
  std::string const nulls =
      R"(,"cursor_field":null,"primary_key":null,"generation_id":null,"minimum_generation_id":null,"sync_id":null,)"
      R"("include_files":null)";
  for (std::string const& more : {std::string(), nulls}) {
    SCOPED_TRACE(more);
    DestinationStream const stream = only_stream(catalog_of(entry("users", more)));
    EXPECT_EQ(stream.descriptor, StreamDescriptor("users"));
    EXPECT_TRUE(stream.cursor_field.empty());
    EXPECT_TRUE(stream.primary_key.empty());
    EXPECT_EQ(stream.sync_id, std::nullopt);
    EXPECT_FALSE(stream.has_generations());
    EXPECT_FALSE(stream.replaces_old_data());
  }
}

TEST(Catalog, ReadsEverySyncMode) {
  for (DestinationSyncMode const mode :
       {DestinationSyncMode::append, DestinationSyncMode::overwrite, DestinationSyncMode::append_dedup,
        DestinationSyncMode::update, DestinationSyncMode::soft_delete}) {
    SCOPED_TRACE(to_string(mode));
    EXPECT_EQ(only_stream(catalog_of(entry("s", "", std::string(to_string(mode))))).destination_sync_mode, mode);
  }
}

TEST(Catalog, OldDataIsReplacedByOverwriteOrATruncatingGeneration) {
  EXPECT_TRUE(only_stream(catalog_of(entry("s", "", "overwrite"))).replaces_old_data());
  auto const appended = [](std::string const& ids) { return only_stream(catalog_of(entry("s", ids))); };
  EXPECT_TRUE(appended(R"(,"generation_id":2,"minimum_generation_id":2)").replaces_old_data());
  EXPECT_TRUE(appended(R"(,"generation_id":2,"minimum_generation_id":1)").replaces_old_data());
  EXPECT_FALSE(appended(R"(,"generation_id":2,"minimum_generation_id":0)").replaces_old_data());
}

TEST(Catalog, AMissingMinimumKeepsEverything) {
  DestinationStream const stream = only_stream(catalog_of(entry("s", R"(,"generation_id":5)")));
  EXPECT_EQ(stream.minimum_generation_id, 0);
  EXPECT_TRUE(stream.has_generations());
}

TEST(Catalog, RefusesIdsThatCannotBe) {
  EXPECT_EQ(refusal(catalog_of(entry("s", R"(,"generation_id":1,"minimum_generation_id":2)"))),
            "config: stream s: minimum_generation_id 2 is greater than generation_id 1");
  EXPECT_EQ(refusal(catalog_of(entry("s", R"(,"minimum_generation_id":0)"))),
            "config: stream s: minimum_generation_id without generation_id");
}

TEST(Catalog, KeepsTheOrderOfTheFileAndFindsStreams) {
  DestinationCatalog const catalog = DestinationCatalog::parse(catalog_of(entry("b") + "," + entry("a")));
  ASSERT_EQ(catalog.streams().size(), 2u);
  EXPECT_EQ(catalog.streams()[0]->descriptor, StreamDescriptor("b"));
  EXPECT_EQ(catalog.find(StreamDescriptor("a")), catalog.streams()[1]);
  EXPECT_EQ(catalog.find(StreamDescriptor("a", "")), nullptr);
}

TEST(Catalog, NeedsAStream) {
  EXPECT_EQ(refusal(catalog_of("")), "config: the catalog must have at least one stream");
  EXPECT_EQ(text_of_error([] { DestinationCatalog({}); }), "config: the catalog must have at least one stream");
}

TEST(Catalog, ListsAllStreamsThatOccurTwice) {
  std::string const entries = entry("users") + "," + entry("a") + "," + entry("users") + "," + entry("a") + "," +
                              entry("users") + "," + entry("b");
  EXPECT_EQ(refusal(catalog_of(entries)),
            "config: the catalog is ambiguous: stream users occurs twice; stream a occurs twice");
}

TEST(Catalog, NoNamespaceAndTheEmptyOneAreTwoStreams) {
  std::string const with_empty = R"({"stream":{"name":"users","namespace":"","json_schema":{}},)"
                                 R"("sync_mode":"full_refresh","destination_sync_mode":"append"})";
  EXPECT_EQ(DestinationCatalog::parse(catalog_of(entry("users") + "," + with_empty)).streams().size(), 2u);
}

TEST(Catalog, NamesWhatIsMissingOrWrong) {
  struct Row {
    std::string json;
    std::string expected;
  };
  Row const rows[] = {
      {"[]", "config: the catalog must be a JSON object"},
      {"{}", "config: the catalog: streams is missing"},
      {R"({"streams":{}})", "config: the catalog: streams must be an array"},
      {catalog_of("5"), "config: stream 1 of the catalog must be an object"},
      {catalog_of("{}"), "config: stream 1 of the catalog: stream is missing"},
      {catalog_of(entry("a") + R"(,{"stream":{}})"), "config: stream 2 of the catalog: name is missing"},
      {catalog_of(R"({"stream":{"name":1}})"), "config: stream 1 of the catalog: name must be a string"},
      {catalog_of(R"({"stream":{"name":"a","namespace":1}})"),
       "config: stream 1 of the catalog: namespace must be a string"},
      {catalog_of(R"({"stream":{"name":"a","namespace":"n"}})"), "config: stream n.a: json_schema is missing"},
      {catalog_of(R"({"stream":{"name":"a","json_schema":[]}})"), "config: stream a: json_schema must be an object"},
      {catalog_of(R"({"stream":{"name":"a","json_schema":{}}})"), "config: stream a: sync_mode is missing"},
      {catalog_of(R"({"stream":{"name":"a","json_schema":{}},"sync_mode":null})"),
       "config: stream a: sync_mode is missing"},
      {catalog_of(R"({"stream":{"name":"a","json_schema":{}},"sync_mode":"full"})"),
       R"(config: stream a: sync_mode is "full", which is not known)"},
      {catalog_of(R"({"stream":{"name":"a","json_schema":{}},"sync_mode":"incremental"})"),
       "config: stream a: destination_sync_mode is missing"},
      {catalog_of(entry("a", "", "overwrite_dedup")),
       R"(config: stream a: destination_sync_mode is "overwrite_dedup", which is not known)"},
      {catalog_of(entry("a", R"(,"cursor_field":"id")")), "config: stream a: cursor_field must be an array of strings"},
      {catalog_of(entry("a", R"(,"cursor_field":[1])")), "config: stream a: cursor_field must be an array of strings"},
      {catalog_of(entry("a", R"(,"primary_key":["id"])")),
       "config: stream a: primary_key must be an array of arrays of strings"},
      {catalog_of(entry("a", R"(,"primary_key":{})")),
       "config: stream a: primary_key must be an array of arrays of strings"},
      {catalog_of(entry("a", R"(,"generation_id":"1")")), "config: stream a: generation_id must be an integer"},
      {catalog_of(entry("a", R"(,"sync_id":1.5)")), "config: stream a: sync_id must be an integer"},
      {catalog_of(entry("a", R"(,"include_files":1)")), "config: stream a: include_files must be a boolean"},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.json);
    EXPECT_EQ(refusal(row.json), row.expected);
  }
}

TEST(Catalog, DeduplicationNeedsItsColumnsInTheSchemaAndWithoutThemItsStreamIsRefusedAlone) {
  auto const refused = [](std::string const& schema, std::string const& mode, std::string const& columns) {
    DestinationCatalog const catalog = DestinationCatalog::parse(
        catalog_of(R"({"stream":{"name":"a","json_schema":)" + schema + R"(},"sync_mode":"incremental",)" +
                   R"("destination_sync_mode":")" + mode + "\"," + columns + "}"));
    try {
      require_dedup_columns(*catalog.streams()[0]);
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::config);
      return error.message();
    }
    return std::string("no error");
  };
  std::string const schema = R"({"properties":{"id":{}}})";
  EXPECT_EQ(refused(schema, "append_dedup", R"("primary_key":[["id"],["other"]])"),
            "stream a: the schema has no column other, which primary_key names: choose a column that it has");
  EXPECT_EQ(refused(schema, "append_dedup", R"("cursor_field":["at"])"),
            "stream a: the schema has no column at, which cursor_field names: choose a column that it has");
  EXPECT_EQ(refused(schema, "append_dedup", R"("primary_key":[["id","x"]],"cursor_field":["id"])"), "no error");
  EXPECT_EQ(refused(schema, "append", R"("cursor_field":["at"])"), "no error");
  EXPECT_EQ(refused("{}", "append_dedup", R"("cursor_field":["at"])"), "no error");
}

TEST(Catalog, NamesTheByteWhereTheFileBreaks) {
  EXPECT_EQ(refusal(R"({"streams":nul})"), "config: the catalog is no valid JSON: syntax error (byte 11)");
  EXPECT_EQ(refusal(R"({"streams":[)"), "config: the catalog is no valid JSON: incomplete JSON (byte 12)");
  EXPECT_EQ(refusal(""), "config: the catalog is no valid JSON: incomplete JSON (byte 0)");
  EXPECT_EQ(refusal(catalog_of(entry("a")) + "}"),
            fmt::format("config: the catalog is no valid JSON: extra data (byte {})", catalog_of(entry("a")).size()));
  EXPECT_EQ(refusal(catalog_of(entry("a")) + " \n"), "no error");
}

TEST(Catalog, ASchemaIsAPartOfTheTextThatTheLastStreamFrees) {
  auto text = std::make_shared<std::string>(catalog_of(entry("a") + "," + entry("b")));
  std::weak_ptr<std::string> const watched = text;
  std::shared_ptr<DestinationStream const> last;
  {
    DestinationCatalog const catalog = DestinationCatalog::parse(std::move(text));
    ASSERT_FALSE(watched.expired());
    for (auto const& stream : catalog.streams()) {
      std::string_view const schema = stream->json_schema.text();
      EXPECT_EQ(schema, R"({"type":"object"})");
      EXPECT_GE(schema.data(), watched.lock()->data());
      EXPECT_LE(schema.data() + schema.size(), watched.lock()->data() + watched.lock()->size());
    }
    last = catalog.streams().back();
  }
  EXPECT_EQ(last->json_schema.parse().at("type").as_string(), "object");
  last.reset();
  EXPECT_TRUE(watched.expired());
}

TEST(Catalog, OfAMemberThatOccursTwiceTheLastValueCountsAndEscapesInNamesAreRead) {
  DestinationStream const stream =
      only_stream(R"( { "streams" : 1, "streams" : [ {"stream":5, "stream" : {"name":"no","n\u0061me" : "a\"]}",)"
                  R"("json_schema":{"a":"}\""}, "json_schema" : { "properties" : {} } } , "sync_mode":"incremental",)"
                  R"("destination_sync_mode":"append", "sync_id" : 7 } ] } )");
  EXPECT_EQ(stream.descriptor, StreamDescriptor("a\"]}"));
  EXPECT_EQ(stream.json_schema.text(), R"({ "properties" : {} })");
  EXPECT_EQ(stream.sync_id, 7);
}

TEST(Catalog, ReadsDeepSchemas) {
  std::string schema = "{}";
  for (int level = 0; level < 100; ++level) schema = R"({"properties":{"a":)" + schema + "}}";
  EXPECT_EQ(refusal(catalog_of(R"({"stream":{"name":"a","json_schema":)" + schema +
                               R"(},"sync_mode":"full_refresh","destination_sync_mode":"append"})")),
            "no error");
}

}  // namespace
}  // namespace landfall
