#include "spill/catalog_fingerprint.hpp"

#include <functional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

namespace landfall {
namespace {

DestinationStream some_stream() {
  DestinationStream stream;
  stream.descriptor = StreamDescriptor("users", "public");
  stream.json_schema = boost::json::parse(R"({"type":"object","properties":{"a":{"type":"string"}}})").as_object();
  stream.cursor_field = {"updated_at"};
  stream.primary_key = {{"id"}};
  stream.generation_id = 3;
  stream.minimum_generation_id = 0;
  stream.sync_id = 12;
  return stream;
}

std::uint64_t fingerprint_of_changed(std::function<void(DestinationStream&)> const& change) {
  auto stream = some_stream();
  change(stream);
  std::vector<DestinationStream> streams{std::move(stream)};
  return fingerprint_of(DestinationCatalog(std::move(streams)));
}

std::uint64_t unchanged() {
  return fingerprint_of_changed([](DestinationStream&) {});
}

TEST(CatalogFingerprint, TellsApartWhatIsLoadedInAnotherWay) {
  using Change = std::function<void(DestinationStream&)>;
  std::vector<std::pair<char const*, Change>> const changes = {
      {"name", [](auto& s) { s.descriptor.name = "user"; }},
      {"namespace", [](auto& s) { s.descriptor.name_space = "private"; }},
      {"no namespace", [](auto& s) { s.descriptor.name_space.reset(); }},
      {"empty namespace", [](auto& s) { s.descriptor.name_space = ""; }},
      {"schema", [](auto& s) { s.json_schema = boost::json::object{{"type", "array"}}; }},
      {"sync mode", [](auto& s) { s.sync_mode = SyncMode::incremental; }},
      {"destination sync mode", [](auto& s) { s.destination_sync_mode = DestinationSyncMode::overwrite; }},
      {"cursor", [](auto& s) { s.cursor_field = {"created_at"}; }},
      {"key", [](auto& s) { s.primary_key = {{"id", "part"}}; }},
      {"key of two columns", [](auto& s) { s.primary_key = {{"id"}, {"part"}}; }},
      {"generation", [](auto& s) { s.generation_id = 4; }},
      {"minimum generation", [](auto& s) { s.minimum_generation_id = 3; }},
      {"files", [](auto& s) { s.include_files = true; }},
  };
  std::vector<std::uint64_t> all{unchanged()};
  for (auto const& [name, change] : changes) {
    SCOPED_TRACE(name);
    auto const changed = fingerprint_of_changed(change);
    for (auto const other : all) EXPECT_NE(changed, other);
    all.push_back(changed);
  }
}

TEST(CatalogFingerprint, DoesNotDependOnTheSyncsIdNorOnTheOrderOfTheSchemasMembers) {
  EXPECT_EQ(fingerprint_of_changed([](auto& s) { s.sync_id = 13; }), unchanged());
  EXPECT_EQ(fingerprint_of_changed([](auto& s) {
              s.json_schema =
                  boost::json::parse(R"({"properties":{"a":{"type":"string"}},"type":"object"})").as_object();
            }),
            unchanged());
}

TEST(CatalogFingerprint, DependsOnTheOrderOfStreams) {
  auto other = some_stream();
  other.descriptor.name = "orders";
  EXPECT_NE(fingerprint_of(DestinationCatalog({some_stream(), other})),
            fingerprint_of(DestinationCatalog({other, some_stream()})));
}

}  // namespace
}  // namespace landfall
