#pragma once

#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "table/sync_player.hpp"
#include "table/table_changes_contract.hpp"

namespace landfall {

/// What whole syncs do over every TableOperations: the fourth part of the contract.
class TableSyncContract : public TableChangesContract {
 protected:
  static TableSettings settings_for(TableStore& store) {
    TableSettings settings;
    settings.names = store.names();
    if (settings.names.has_schemas) settings.default_schema = "main";
    settings.limits = store.limits();
    return settings;
  }

  /// A sync of all streams, one after another, each with one record.
  void sync_all(std::vector<DestinationStream> const& streams, std::string const& value) {
    DestinationCatalog const catalog(streams);
    TableDestination destination(operations, settings_for(*store));
    run(destination.setup(catalog));
    for (auto const& one : catalog.streams()) {
      SCOPED_TRACE(to_string(one->descriptor));
      auto const loader = run(destination.open(*one));
      run(loader->start());
      std::string const field(one->json_schema.at("properties").as_object().begin()->key());
      run(loader->process_records(batch_of({{fmt::format(R"({{"{}":"{}"}})", field, value)}}, one, BatchId(1))));
      run(loader->close(StreamOutcome(StreamEnd::complete, 1)));
    }
    for (auto const& one : catalog.streams()) {
      last_rows[one->descriptor.name] = rows(destination.tables_of(one->descriptor).final_table);
    }
  }

  SyncPlayer player{operations, settings_for(*store)};
  std::map<std::string, Rows> last_rows;  // by stream, after sync_all()
};

// ---- words of the store ----

// The modes are dealt out to the words: each word in each of them would take a store with many words too long.
TEST_P(TableSyncContract, EveryReservedWordOfTheStoreMayBeAStreamItsKeyAndItsCursor) {
  struct Mode {
    DestinationSyncMode mode;
    std::int64_t minimum_generation;
  };
  constexpr Mode modes[] = {{DestinationSyncMode::append, 0},
                            {DestinationSyncMode::overwrite, 1},
                            {DestinationSyncMode::append_dedup, 0},
                            {DestinationSyncMode::append_dedup, 1}};
  std::set<std::string> words;
  for (std::string const& word : store->reserved_words()) words.insert(in_case(word, false));
  for (std::string const& word : store->names().reserved) words.insert(in_case(word, false));
  std::vector<DestinationStream> streams;
  for (std::string const& lower : words) {
    Mode const& dealt = modes[streams.size() % std::size(modes)];
    std::string const word = in_case(lower, streams.size() / std::size(modes) % 2 == 0);
    DestinationStream& one = streams.emplace_back();
    one.descriptor = StreamDescriptor(word);
    one.json_schema = {{"properties", {{word, {{"type", "string"}}}}}};
    one.primary_key = {{word}};
    one.cursor_field = {word};
    one.destination_sync_mode = dealt.mode;
    one.generation_id = 1;
    one.minimum_generation_id = dealt.minimum_generation;
  }
  sync_all(streams, "a");
  EXPECT_EQ(last_rows.size(), words.size());
  for (auto const& [stream_name, found] : last_rows) EXPECT_EQ(found, Rows{"a"}) << stream_name;
}

// ---- raw data ----

TEST_P(TableSyncContract, WithRawDataAloneAStreamOfAppendDedupFailsAndTheOthersAreLoaded) {
  DestinationStream appended = player.stream;
  appended.descriptor = StreamDescriptor("orders");
  appended.destination_sync_mode = DestinationSyncMode::append;
  DestinationCatalog const catalog({player.stream, appended});
  player.settings.layout = TableLayout::raw;
  TableDestination both(operations, player.settings);
  run(both.setup(catalog));
  auto const refused = run(both.open(*catalog.streams()[0]));
  auto const taken = run(both.open(*catalog.streams()[1]));
  try {
    run(refused->start());
    ADD_FAILURE() << "it was taken";
  } catch (Error const& error) {
    EXPECT_EQ(error.error_class(), ErrorClass::config);
    EXPECT_THAT(error.message(), ::testing::HasSubstr("stream users: append_dedup compares rows by columns, and with "
                                                      "raw data alone there are none: choose append, or typed"));
  }
  run(taken->start());
  run(taken->process_records(batch_of({{R"({"id":1})"}}, catalog.streams()[1], BatchId(1))));
  run(taken->close(StreamOutcome(StreamEnd::complete, 1)));
  EXPECT_FALSE(exists(both.tables_of(player.stream.descriptor).final_table)) << "something of the other was made";
  EXPECT_FALSE(exists(both.tables_of(player.stream.descriptor).work_table));
  EXPECT_EQ(rows(both.tables_of(appended.descriptor).final_table).size(), 1U);
}

}  // namespace landfall
