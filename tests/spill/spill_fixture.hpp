#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <landfall/spill/spill_store.hpp>
#include <landfall/testing/simulated_disk.hpp>
#include <landfall/testing/simulation.hpp>
#include "runtime/spawned.hpp"

namespace landfall {

using Texts = std::vector<std::string>;

/// Streams called so, of one generation.
inline DestinationCatalog catalog_of(Texts const& names, std::int64_t generation = 1) {
  std::vector<DestinationStream> streams;
  for (auto const& name : names) {
    DestinationStream stream;
    stream.descriptor = StreamDescriptor(name, "public");
    stream.generation_id = generation;
    stream.minimum_generation_id = 0;
    streams.push_back(std::move(stream));
  }
  return DestinationCatalog(std::move(streams));
}

/// Records lie in blocks as the reader leaves them: with other bytes in between. Two records to a block.
inline RecordBatch batch_of(std::shared_ptr<DestinationStream const> const& stream, BatchId id,
                            RecordNumber first_number, Texts const& texts, std::string_view meta = {}) {
  constexpr std::size_t most_in_block = 2;
  RecordBatch batch(stream, id);
  for (std::size_t begin = 0; begin < texts.size(); begin += most_in_block) {
    auto const end = std::min(texts.size(), begin + most_in_block);
    std::string line;
    std::vector<std::size_t> offsets;
    for (std::size_t i = begin; i < end; ++i) {
      line += "{\"record\":";
      offsets.push_back(line.size());
      line += texts[i];
      line += meta;
      line += "}\n";
    }
    auto records = std::make_shared<RecordBlock>();
    records->block = std::make_shared<Block>(line.size(), Reservation());
    line.copy(records->block->data(), line.size());
    RecordRun run;
    for (std::size_t i = begin; i < end; ++i) {
      RecordSlice slice;
      slice.data = records->block->data() + offsets[i - begin];
      slice.data_size = static_cast<std::uint32_t>(texts[i].size());
      if (!meta.empty()) slice.meta = slice.data + slice.data_size;
      slice.meta_size = static_cast<std::uint32_t>(meta.size());
      slice.emitted_at_ms = static_cast<std::int64_t>(1000 + i);
      records->slices.push_back(slice);
      run.bytes += std::uint64_t{slice.data_size} + slice.meta_size;
    }
    run.end = static_cast<std::uint32_t>(records->slices.size());
    run.first_number = first_number + begin;
    run.block = std::move(records);
    batch.append(std::move(run));
  }
  return batch;
}

inline Texts texts_of(RecordBatch const& batch) {
  Texts texts;
  for (Record const record : batch) texts.emplace_back(record.data());
  return texts;
}

/// Settings that make much happen with little data.
inline SpillSettings small_settings() {
  SpillSettings settings;
  settings.policy = SpillPolicy::always;
  settings.directory = "disk";
  settings.segment_bytes = 4096;
  settings.full_deadline = std::chrono::seconds(30);
  return settings;
}

inline SpillSettings resume_settings() {
  SpillSettings settings = small_settings();
  settings.sync = SpillSync::group;
  settings.resume = true;
  return settings;
}

/// A store on a simulated disk, in virtual time.
class SpillStoreTest : public ::testing::Test {
 protected:
  SpillStore& make(SpillSettings const& settings) {
    store_ = std::make_unique<SpillStore>(settings, disk, simulation, catalog);
    return *store_;
  }
  SpillStore& open(SpillSettings const& settings) {
    make(settings);
    simulation.run_coroutine(store_->open());
    return *store_;
  }
  SpillStore& store() { return *store_; }

  RecordBatch batch(std::size_t stream, std::uint64_t id, RecordNumber first_number, Texts const& texts) const {
    return batch_of(catalog.streams()[stream], BatchId(id), first_number, texts);
  }
  SpilledBatch write(RecordBatch records) { return simulation.run_coroutine(store_->write(std::move(records))); }
  Texts read(SpilledBatch const& spilled) {
    return texts_of(simulation.run_coroutine(store_->read(spilled, Reservation())));
  }
  void release(SpilledBatch const& spilled) {
    store_->release(spilled);
    simulation.run_for(Duration::zero());
  }
  void acknowledge(std::size_t stream, RecordNumber position) {
    std::vector<SpillAcknowledgement> all{SpillAcknowledgement(stream, position)};
    simulation.run_coroutine(store_->acknowledge(std::move(all)));
  }
  void close() {
    simulation.run_coroutine(store_->close());
    store_.reset();
  }
  /// The process dies; the machine goes on.
  void kill() { store_.reset(); }

  /// What a call throws, as text with its class in front; empty when it throws nothing.
  template <class Call>
  static std::string error_of(Call call) {
    try {
      call();
    } catch (Error const& error) {
      return std::string(to_string(error.error_class())) + ": " + error.what();
    }
    return {};
  }

  testing::Simulation simulation;
  std::shared_ptr<testing::SimulatedDisk> disk = std::make_shared<testing::SimulatedDisk>();
  DestinationCatalog catalog = catalog_of({"users", "orders"});

 private:
  std::unique_ptr<SpillStore> store_;
};

}  // namespace landfall
