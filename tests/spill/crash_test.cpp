// Every place in which a sync with resume can be cut off, and what the disk may be then.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "spill/spill_fixture.hpp"

namespace landfall {
namespace {

using boost::asio::experimental::awaitable_operators::operator&&;
using testing::SimulatedDisk;

constexpr std::size_t stream_count = 2;
constexpr std::uint64_t records_of_source[stream_count] = {13, 11};

/// One sending of one record: the source sends again what was not acknowledged, in a later run.
struct Sending {
  std::uint64_t record = 0;
  std::uint64_t run = 0;
  friend auto operator<=>(Sending const&, Sending const&) = default;
};

std::string text_of(Sending const& sending) {
  return fmt::format(R"({{"record":{},"run":{},"text":"{}"}})", sending.record, sending.run, std::string(400, 'x'));
}

Sending sending_of(std::string const& text) {
  unsigned record = 0;
  unsigned run = 0;
  EXPECT_EQ(std::sscanf(text.c_str(), R"({"record":%u,"run":%u)", &record, &run), 2);
  return {record, run};
}

/// Outlives the process: what the destination has, and what the platform has heard. A value, so that a history can be
/// gone on with in several ways.
struct World {
  struct Loaded {
    std::size_t stream = 0;
    std::vector<Sending> records;
  };
  std::map<BatchId, Loaded> loaded;               // the destination, idempotent by batch id
  std::uint64_t printed[stream_count] = {};       // records that the platform knows to be safe
  std::uint64_t acknowledged[stream_count] = {};  // the same, also where the STATE was never printed
  std::map<std::uint64_t, std::uint64_t> last_sending[stream_count];  // record -> run
  std::uint64_t run = 0;
  std::string complaint;

  void complain(std::string text) {
    if (complaint.empty()) complaint = fmt::format("run {}: {}", run, text);
  }

  void load(std::size_t stream, RecordBatch const& batch) {
    std::vector<Sending> records;
    for (auto const& text : texts_of(batch)) records.push_back(sending_of(text));
    auto const [place, is_new] = loaded.try_emplace(batch.id());
    auto& known = place->second;
    if (is_new) {
      known.stream = stream;
      known.records = std::move(records);
      return;
    }
    auto const common = std::min(known.records.size(), records.size());
    auto const end = records.begin() + static_cast<std::ptrdiff_t>(common);
    if (known.stream != stream || !std::equal(records.begin(), end, known.records.begin())) {
      complain(fmt::format("batch {} came with other records", to_string(batch.id())));
    }
  }

  void check_at_end() {
    for (std::size_t stream = 0; stream < stream_count; ++stream) {
      std::map<Sending, int> copies;
      for (auto const& [id, batch] : loaded) {
        if (batch.stream != stream) continue;
        for (auto const& sending : batch.records) ++copies[sending];
      }
      for (auto const& [sending, count] : copies) {
        if (count > 1)
          complain(fmt::format("record {} of run {} was loaded {} times", sending.record, sending.run, count));
      }
      for (std::uint64_t record = 0; record < records_of_source[stream]; ++record) {
        if (!copies.contains({record, last_sending[stream][record]})) {
          complain(fmt::format("record {} of stream {} is missing", record, stream));
        }
      }
      if (printed[stream] != records_of_source[stream]) complain("the sync has not ended");
    }
  }
};

/// One process: loads what an earlier one left, then plays the script from the last STATE on.
class Process {
 public:
  Process(World& world, SpillStore& store, DestinationCatalog const& catalog)
      : world_(world), store_(store), catalog_(catalog) {}

  awaitable<void> live() {
    co_await store_.open();
    co_await load_recovered();
    // `write(1, 2)`: a batch of so many records for each stream, both at once.
    co_await write(3, 2);
    co_await acknowledge(0, 2);  // inside of a batch
    co_await load(0, 0);
    co_await write(4, 0);
    co_await acknowledge(1, 2);  // at the end of one
    co_await write_beside_acknowledgement(1, 3, 0, 7);
    co_await load(0, 1);
    co_await write(3, 3);
    co_await acknowledge(1, 6);
    co_await load(1, 1);  // out of order
    co_await load(1, 0);
    co_await acknowledge(0, 9);
    co_await write(3, 3);
    co_await acknowledge(1, records_of_source[1]);
    co_await acknowledge(0, records_of_source[0]);
    co_await load_all();
    co_await store_.close();
  }

 private:
  struct Stream {
    std::uint64_t first_record = 0;  // what the source sends first
    RecordNumber first_number = 0;   // and the number that it gets
    std::uint64_t sent = 0;          // in this run
    std::vector<SpilledBatch> waiting;
    std::vector<bool> is_loaded;
  };

  awaitable<void> load_recovered() {
    auto const& recovered = store_.recovered();
    next_id_ = recovered.next_batch_id;
    for (std::size_t i = 0; i < stream_count; ++i) {
      streams_[i].first_record = world_.printed[i];
      streams_[i].first_number = recovered.positions[i];
    }
    for (auto const& [id, batch] : world_.loaded) {
      if (id.value >= next_id_) world_.complain(fmt::format("id {} may be used again", to_string(id)));
    }
    for (auto const& batch : recovered.batches) {
      auto const records = co_await store_.read(batch, Reservation());
      for (auto const& text : texts_of(records)) {
        auto const record = sending_of(text).record;
        if (record >= world_.acknowledged[batch.stream_index]) {
          world_.complain(fmt::format("record {} comes again, but nobody acknowledged it", record));
        }
      }
      world_.load(batch.stream_index, records);
      store_.release(batch);
    }
  }

  RecordBatch next_batch(std::size_t index, std::uint64_t count) {
    Stream& stream = streams_[index];
    Texts texts;
    auto const number = stream.first_number + stream.sent;
    for (; texts.size() < count; ++stream.sent) {
      Sending const sending{stream.first_record + stream.sent, world_.run};
      world_.last_sending[index][sending.record] = world_.run;
      texts.push_back(text_of(sending));
    }
    return batch_of(catalog_.streams()[index], BatchId(next_id_++), number, texts);
  }

  /// So many records that were not sent yet, as far as the source has any.
  std::uint64_t rest(std::size_t index, std::uint64_t wanted) const {
    auto const position = streams_[index].first_record + streams_[index].sent;
    return std::min(wanted, records_of_source[index] - std::min(records_of_source[index], position));
  }

  awaitable<void> write_one(std::size_t index, std::uint64_t wanted) {
    auto const count = rest(index, wanted);
    if (count == 0) co_return;
    auto const batch = next_batch(index, count);
    std::optional<SpilledBatch> spilled;
    for (int attempt = 0; !spilled; ++attempt) {
      try {
        spilled = co_await store_.write(batch);
      } catch (Error const&) {
        if (attempt > 0) throw;
      }
    }
    streams_[index].waiting.push_back(std::move(*spilled));
    streams_[index].is_loaded.push_back(false);
  }

  awaitable<void> write(std::uint64_t first, std::uint64_t second) {
    co_await (write_one(0, first) && write_one(1, second));
  }

  /// A STATE of the source behind that record; nothing when it was printed in an earlier run.
  awaitable<void> acknowledge(std::size_t index, std::uint64_t record) {
    Stream& stream = streams_[index];
    auto const last_sent = stream.first_record + stream.sent;
    if (record > last_sent) record = last_sent;
    if (record <= world_.printed[index]) co_return;
    world_.acknowledged[index] = std::max(world_.acknowledged[index], record);
    auto const position = stream.first_number + (record - stream.first_record);
    std::vector<SpillAcknowledgement> const all{SpillAcknowledgement(index, position)};
    bool told = false;
    for (int attempt = 0; !told; ++attempt) {
      try {
        co_await store_.acknowledge(all);
        told = true;
      } catch (Error const&) {
        if (attempt > 0) throw;
      }
    }
    world_.printed[index] = record;
  }

  awaitable<void> write_beside_acknowledgement(std::uint64_t first, std::uint64_t second, std::size_t index,
                                               std::uint64_t record) {
    co_await write(first, 0);
    co_await (write_one(1, second) && acknowledge(index, record));
  }

  /// The batch written as that many-th one, if this run has written so many.
  awaitable<void> load(std::size_t index, std::size_t which) {
    Stream& stream = streams_[index];
    if (which >= stream.waiting.size() || stream.is_loaded[which]) co_return;
    stream.is_loaded[which] = true;
    auto const records = co_await store_.read(stream.waiting[which], Reservation());
    world_.load(index, records);
    store_.release(stream.waiting[which]);
  }

  awaitable<void> load_all() {
    // The source has more only where an earlier run got further with one stream than with the other.
    for (std::size_t index = 0; index < stream_count; ++index) {
      co_await write_one(index, records_of_source[index]);
      co_await acknowledge(index, records_of_source[index]);
      for (std::size_t i = streams_[index].waiting.size(); i > 0; --i) co_await load(index, i - 1);
    }
  }

  World& world_;
  SpillStore& store_;
  DestinationCatalog const& catalog_;
  std::uint64_t next_id_ = 0;
  Stream streams_[stream_count];
};

class CrashTest : public ::testing::Test {
 protected:
  enum class End { finished, cut, failed };

  /// `steps`: after how many the power goes; all when empty.
  End run(World& world, std::shared_ptr<SimulatedDisk> const& disk, std::optional<std::uint64_t> steps) {
    ++world.run;
    ++runs_;
    auto const printed_before = std::vector<std::uint64_t>(world.printed, world.printed + stream_count);
    if (steps) disk->cut_power_after(disk->steps() + *steps);
    testing::Simulation simulation(world.run);
    simulation.run_for(std::chrono::hours(world.run));  // each process starts later than the one before
    SpillStore store(resume_settings(), disk, simulation, catalog_);
    Process process(world, store, catalog_);
    try {
      simulation.run_coroutine(process.live());
    } catch (...) {
      if (disk->power_is_cut()) return End::cut;
      try {
        throw;
      } catch (std::exception const& error) {
        if (!fault_expected_) world.complain(error.what());
        return End::failed;
      }
    }
    return End::finished;
  }

  void finish(World world, std::shared_ptr<SimulatedDisk> const& disk) {
    run(world, disk, std::nullopt);
    if (world.complaint.empty()) world.check_at_end();
    if (world.complaint.empty() && !disk->file_names().empty()) world.complain("files are left");
    if (world.complaint.empty()) return;
    ADD_FAILURE() << world.complaint;
    for (auto const& line : disk->journal()) std::printf("  %s\n", line.c_str());
  }

  DestinationCatalog catalog_ = catalog_of({"users", "orders"});
  std::uint64_t runs_ = 0;
  bool fault_expected_ = false;
};

/// The last STATE was printed, but the platform never got it.
World with_last_state_lost(World const& before_print, World world) {
  std::copy(before_print.printed, before_print.printed + stream_count, world.printed);
  return world;
}

TEST_F(CrashTest, ASyncWithoutACrashLoadsEverythingOnceAndLeavesNothing) {
  finish(World(), std::make_shared<SimulatedDisk>());
}

TEST_F(CrashTest, WhateverIsCutOffNoAcknowledgedRecordIsLostAndNoneIsLoadedTwice) {
  constexpr std::uint64_t variants = 40;
  constexpr std::uint64_t second_cuts = 14;
  constexpr std::uint64_t second_variants = 4;
  World world_without_print;
  std::uint64_t cuts = 0;
  for (std::uint64_t steps = 0;; ++steps) {
    World world;
    auto const disk = std::make_shared<SimulatedDisk>();
    if (run(world, disk, steps) == End::finished) break;
    ++cuts;
    for (std::uint64_t variant = 0; variant < variants && !HasFailure(); ++variant) {
      SCOPED_TRACE(fmt::format("cut after step {}, variant {}", steps, variant));
      finish(world, disk->after_crash(variant));
      finish(with_last_state_lost(world_without_print, world), disk->after_crash(variant));
    }
    for (std::uint64_t second = 0; second < second_cuts && !HasFailure(); ++second) {
      for (std::uint64_t variant = 0; variant < second_variants && !HasFailure(); ++variant) {
        SCOPED_TRACE(fmt::format("cut after step {}, then after step {}, variant {}", steps, second, variant));
        World again = world;
        auto const second_disk = disk->after_crash(variant + second * second_variants);
        if (run(again, second_disk, second) == End::cut) finish(again, second_disk->after_crash(variant * 7 + second));
      }
    }
    if (HasFailure()) return;
    world_without_print = world;
  }
  EXPECT_GT(cuts, 60u);
  std::printf("%llu cuts, %llu variants of each and of a second cut behind it: %llu runs\n",
              static_cast<unsigned long long>(cuts), static_cast<unsigned long long>(variants),
              static_cast<unsigned long long>(runs_));
}

// A step fails, what failed is tried once more, and then the power goes.
TEST_F(CrashTest, TheSameAfterAnyStepHasFailed) {
  constexpr std::uint64_t cuts_behind = 12;
  constexpr std::uint64_t variants = 8;
  std::uint64_t failed = 1;
  for (bool ended = false; !ended && !HasFailure(); ++failed) {
    for (std::uint64_t behind = 0; behind < cuts_behind && !HasFailure(); ++behind) {
      World world;
      auto const disk = std::make_shared<SimulatedDisk>();
      disk->fail_step(failed, testing::DiskFault::io_error);
      fault_expected_ = true;
      ended = run(world, disk, failed + behind) == End::finished;
      fault_expected_ = false;
      for (std::uint64_t variant = 0; variant < variants && !HasFailure(); ++variant) {
        SCOPED_TRACE(fmt::format("step {} failed, cut {} steps later, variant {}", failed, behind, variant));
        if (!ended) finish(world, disk->after_crash(variant));
      }
      if (ended) break;
    }
  }
  EXPECT_GT(failed, 60u);
  std::printf("%llu runs\n", static_cast<unsigned long long>(runs_));
}

// The process is killed, another one goes on with what the machine still knows, and only then the power goes.
TEST_F(CrashTest, WhatAKilledProcessLeftUnsyncedIsNotBelievedForLong) {
  constexpr std::uint64_t second_cuts = 40;
  constexpr std::uint64_t variants = 6;
  for (std::uint64_t steps = 0;; ++steps) {
    World world;
    auto const first_disk = std::make_shared<SimulatedDisk>();
    if (run(world, first_disk, steps) == End::finished) break;
    for (std::uint64_t second = 0; second < second_cuts; second += 1 + second / 8) {
      World again;
      auto const disk = std::make_shared<SimulatedDisk>();
      run(again, disk, steps);
      disk->restore_power();
      if (run(again, disk, second) == End::finished) break;
      for (std::uint64_t variant = 0; variant < variants && !HasFailure(); ++variant) {
        SCOPED_TRACE(fmt::format("killed after step {}, cut after step {}, variant {}", steps, second, variant));
        finish(again, disk->after_crash(variant + second));
      }
    }
    if (HasFailure()) return;
  }
  std::printf("%llu runs\n", static_cast<unsigned long long>(runs_));
}

}  // namespace
}  // namespace landfall
