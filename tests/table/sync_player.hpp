#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

#include <landfall/runtime/error.hpp>
#include <landfall/table/table_destination.hpp>
#include <landfall/testing/simulation.hpp>

#include "table/record_batches.hpp"

namespace landfall {

/// Syncs of one stream, played call by call, over one store. Outlived by the operations.
class SyncPlayer {
 public:
  SyncPlayer(TableOperations& operations, TableSettings table_settings)
      : settings(std::move(table_settings)), operations_(operations) {
    stream.descriptor = StreamDescriptor("users");
    stream.primary_key = {{"id"}};
    stream.cursor_field = {"at"};
    set_fields(R"("id":{"type":"integer"},"at":{"type":"integer"},"name":{"type":"string"})");
    in(DestinationSyncMode::append_dedup);
  }

  void set_fields(std::string const& properties) {
    stream.json_schema = boost::json::parse(R"({"properties":{)" + properties + "}}").as_object();
  }
  void in(DestinationSyncMode mode, std::optional<std::int64_t> generation = 1,
          std::optional<std::int64_t> minimum = 0) {
    stream.destination_sync_mode = mode;
    stream.generation_id = generation;
    stream.minimum_generation_id = minimum;
  }

  /// A process: setup, open, start. Keeps the loader.
  void begin() {
    DestinationCatalog catalog({stream});
    destination = std::make_unique<TableDestination>(operations_, settings);
    run(destination->setup(catalog));
    of_ = catalog.streams()[0];
    loader_ = run(destination->open(*of_));
    run(loader_->start());
    next_id_ = 1;
    next_number_ = 0;
  }
  void load(std::vector<SentRecord> const& sent) {
    run(loader_->process_records(batch_of(sent, of_, BatchId(next_id_++), next_number_)));
    next_number_ += sent.size();
  }
  void close(StreamEnd end = StreamEnd::complete) { run(loader_->close(StreamOutcome(end, next_number_))); }
  void sync(std::vector<SentRecord> const& sent) {
    begin();
    if (!sent.empty()) load(sent);
    close();
  }

  /// The message with which a sync of this stream is refused as the configuration's fault, before it is loaded.
  std::string refusal() {
    try {
      begin();
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::config) << error.what();
      return error.message();
    }
    return "it was taken";
  }

  StreamTables const& names() const { return destination->tables_of(stream.descriptor); }

  TableSettings settings;
  DestinationStream stream;
  std::unique_ptr<TableDestination> destination;

 private:
  template <class T>
  T run(awaitable<T> call) {
    return simulation_.run_coroutine(std::move(call));
  }

  testing::Simulation simulation_;
  TableOperations& operations_;
  std::shared_ptr<DestinationStream const> of_;
  std::unique_ptr<StreamLoader> loader_;
  std::uint64_t next_id_ = 1;
  RecordNumber next_number_ = 0;
};

}  // namespace landfall
