// Whole syncs into stores that bear only so much: how many calls run at once, and how large batches are.
#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "connector/whole_sync.hpp"

namespace landfall {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// A store that works on `capacity` calls at once, each for `latency`; the others queue.
class BusyStore final : public Destination {
 public:
  explicit BusyStore(Simulation& clock) : clock_(clock) {}

  awaitable<std::unique_ptr<StreamLoader>> open(DestinationStream const& stream) override {
    co_return std::make_unique<Loader>(*this, to_string(stream.descriptor));
  }
  LoadLimits load_limits() const override { return limits; }

  std::size_t capacity = SIZE_MAX;
  Duration latency = seconds(1);
  bool in_order = true;
  LoadLimits limits;
  /// Before a call works; may throw.
  std::function<void(std::string const& stream, RecordBatch const& records)> before;
  ProbeResult probe_says = ProbeResult::unknown;

  std::size_t running = 0;
  std::size_t most_running = 0;
  std::map<std::string, std::size_t> most_of_stream;
  std::map<std::string, std::set<RecordNumber>> durable;
  std::map<std::string, TimePoint> last_loaded;
  std::vector<std::uint64_t> sizes;  // of the batches loaded, in bytes
  bool out_of_order = false;

 private:
  class Loader final : public StreamLoader {
   public:
    Loader(BusyStore& store, std::string name) : store_(store), name_(std::move(name)) {}
    bool needs_order() const override { return store_.in_order; }
    awaitable<ProbeResult> probe(BatchId) override { co_return store_.probe_says; }
    awaitable<Batch> process_records(RecordBatch records) override {
      Entry const entry(store_.running);
      Entry const of_stream(running_);
      store_.most_running = std::max(store_.most_running, store_.running);
      auto& most = store_.most_of_stream[name_];
      most = std::max(most, running_);
      if (store_.before) store_.before(name_, records);
      auto const queue = std::max(1.0, static_cast<double>(store_.running) / static_cast<double>(store_.capacity));
      co_await store_.clock_.sleep_for(std::chrono::duration_cast<Duration>(queue * store_.latency));
      auto& durable = store_.durable[name_];
      store_.out_of_order |= !durable.empty() && *durable.rbegin() > records.first_number();
      for (Record const record : records) durable.insert(record.number());
      store_.last_loaded[name_] = store_.clock_.now();
      store_.sizes.push_back(records.bytes());
      co_return Batch::complete();
    }

   private:
    struct Entry {
      explicit Entry(std::size_t& count) : count_(count) { ++count_; }
      ~Entry() { --count_; }
      std::size_t& count_;
    };
    BusyStore& store_;
    std::string name_;
    std::size_t running_ = 0;
  };

  Simulation& clock_;
};

Error throttled(milliseconds wait) {
  Error error = transient_error("429: slow down");
  error.set_retry_after(wait);
  return error;
}

/// STATE `id` of a stream stands behind so many of its records.
class CheckingSink final : public MessageSink {
 public:
  explicit CheckingSink(BusyStore& store) : store_(store) {}
  awaitable<void> write(std::string lines) override {
    std::size_t begin = 0;
    for (std::size_t end = lines.find('\n'); end != std::string::npos; end = lines.find('\n', begin)) {
      auto const state = boost::json::parse(lines.substr(begin, end - begin)).at("state");
      auto const name = std::string(state.at("stream").at("stream_descriptor").at("name").as_string());
      auto const count = state.at("id").to_number<std::uint64_t>();
      auto const& durable = store_.durable[name];
      auto const safe = std::distance(durable.begin(), durable.lower_bound(count));
      EXPECT_EQ(static_cast<std::uint64_t>(safe), count) << "a STATE outran its records";
      ids.push_back(count);
      begin = end + 1;
    }
    co_return;
  }
  std::vector<std::uint64_t> ids;

 private:
  BusyStore& store_;
};

class LoadSync {
 public:
  LoadSync(std::uint64_t seed, std::size_t stream_count) : simulation(seed), source(simulation), store(simulation) {
    for (std::size_t i = 0; i < stream_count; ++i) names.push_back(fmt::format("s{}", i));
    options.batch.records = 1;
    options.block_bytes = 4096;
    options.longest_line_bytes = 1 << 16;
    options.memory_budget_bytes = 8 << 20;
    options.jitter_seed = seed;
    options.on_load_change = [this](LoadChange const& change) { changes.push_back(to_string(change)); };
  }

  /// So many records of each stream, a STATE behind each fifth; with a pause now and then, so that not all of them are
  /// in batches before the first is loaded.
  void records(int count, Duration pause = {}) {
    for (int n = 0; n < count; ++n) {
      if (n % 100 == 99 && pause > Duration::zero()) source.pause(pause);
      for (auto const& name : names) {
        source.lines({record(name, n)});
        if (n % 5 == 4) source.lines({stream_state(name, n + 1)});
      }
    }
  }

  SyncReport run() {
    std::vector<DestinationStream> streams;
    for (auto const& name : names) streams.emplace_back().descriptor = StreamDescriptor(name);
    return simulation.run_coroutine(
        run_sync(store, source, sink, simulation, DestinationCatalog(std::move(streams)), options, stop));
  }

  double elapsed_seconds() const { return std::chrono::duration<double>(simulation.now().time_since_epoch()).count(); }

  Simulation simulation;
  ScriptedSource source;
  BusyStore store;
  CheckingSink sink{store};
  SyncOptions options;
  StopHandle stop;
  std::vector<std::string> names;
  std::vector<std::string> changes;
};

TEST(Load, AFewStreamsAllLoadAtOnceFromTheStart) {
  LoadSync sync(1, 4);
  std::size_t running_at_start = 0;
  sync.store.before = [&](auto const&, auto const&) {
    if (sync.simulation.now() < TimePoint(milliseconds(500))) running_at_start = sync.store.running;
  };
  sync.records(10);
  EXPECT_TRUE(sync.run().succeeded());
  EXPECT_EQ(running_at_start, 4U);
  EXPECT_EQ(sync.changes, std::vector<std::string>());
  EXPECT_EQ(sync.elapsed_seconds(), 10.0);
}

TEST(Load, AStreamIsLoadedInOrderUnlessItsLoaderNeedsNone) {
  for_each_seed([](std::uint64_t seed) {
    for (bool const in_order : {true, false}) {
      LoadSync sync(seed, 2);
      sync.store.in_order = in_order;
      std::uint64_t calls = 0;
      sync.store.before = [&](auto const&, auto const&) {
        sync.store.latency = milliseconds(100 + 70 * (++calls % 5));
      };
      sync.records(40);
      EXPECT_TRUE(sync.run().succeeded());
      EXPECT_EQ(sync.sink.ids.size(), 16U);
      EXPECT_EQ(sync.store.out_of_order, !in_order);
      EXPECT_EQ(sync.store.most_of_stream["s0"] == 1, in_order);
    }
  });
}

TEST(Load, AThrottlingStoreIsAskedForAboutAsMuchAsItGives) {
  for_each_seed([](std::uint64_t seed) {
    LoadSync sync(seed, 8);
    std::size_t throttles = 0;
    sync.store.before = [&](auto const&, auto const&) {
      if (sync.store.running <= 3) return;
      ++throttles;
      throw throttled(seconds(1));
    };
    sync.records(100);
    auto const report = sync.run();
    EXPECT_TRUE(report.succeeded());
    EXPECT_LT(sync.elapsed_seconds(), 1.5 * 800 / 3);
    EXPECT_LT(throttles, 80U) << "of 800 calls";
    EXPECT_EQ(report.load.count, sync.changes.size());
    EXPECT_EQ(sync.changes.at(0).rfind("concurrency 8 → ", 0), 0U) << sync.changes.at(0);
    EXPECT_NE(sync.changes.at(0).find("throttled (retry after 1.0 s)"), std::string::npos) << sync.changes.at(0);
  });
}

TEST(Load, OneStreamWithoutNeedOfOrderUsesWhatTheStoreBears) {
  for_each_seed([](std::uint64_t seed) {
    LoadSync sync(seed, 1);
    sync.store.in_order = false;
    sync.store.capacity = 10;
    sync.records(1000);
    EXPECT_TRUE(sync.run().succeeded());
    EXPECT_LT(sync.elapsed_seconds(), 1.3 * 100);
    EXPECT_LE(sync.store.most_running, 32U);
  });
}

TEST(Load, AnOutageIsOverSoonAfterItsEnd) {
  LoadSync sync(1, 1);
  sync.store.in_order = false;
  sync.options.retry[Phase::process].attempts = 100;
  sync.store.before = [&](auto const&, auto const&) {
    auto const now = sync.simulation.now().time_since_epoch();
    if (now > seconds(20) && now < seconds(120)) throw transient_error("503");
  };
  sync.records(2000);
  auto const report = sync.run();
  EXPECT_TRUE(report.succeeded());
  EXPECT_LT(sync.elapsed_seconds(), 120 + 150);
}

TEST(Load, NoStreamKeepsTheSlotsForItself) {
  for_each_seed([](std::uint64_t seed) {
    LoadSync sync(seed, 2);
    sync.store.in_order = false;
    sync.options.load_concurrency = LoadRange::fixed(2);
    for (int n = 0; n < 300; ++n) sync.source.lines({record("s0", n)});
    for (int n = 0; n < 20; ++n) sync.source.lines({record("s1", n)});
    EXPECT_TRUE(sync.run().succeeded());
    EXPECT_EQ(sync.store.most_running, 2U);
    EXPECT_LT(sync.store.last_loaded["s1"].time_since_epoch(), seconds(40));
  });
}

TEST(Load, AStoreThatThrottlesOneStreamForEverHoldsNoOtherUp) {
  for (Duration const wait : {Duration(seconds(1)), Duration(seconds(30)), Duration(hours(1))}) {
    SCOPED_TRACE(wait.count());
    for (bool const in_order : {true, false}) {
      LoadSync sync(1, 3);
      sync.store.in_order = in_order;
      sync.options.load_concurrency = LoadRange(std::nullopt, 2);
      sync.store.before = [&](std::string const& stream, auto const&) {
        if (stream == "s0") throw throttled(std::chrono::duration_cast<milliseconds>(wait));
      };
      sync.records(20);
      auto const report = sync.run();
      EXPECT_FALSE(report.succeeded());
      EXPECT_EQ(report.outcome.streams.at(StreamDescriptor("s0")).end, StreamEnd::failed);
      for (auto const* name : {"s1", "s2"}) {
        EXPECT_EQ(report.outcome.streams.at(StreamDescriptor(name)).end, StreamEnd::complete);
        EXPECT_LT(sync.store.last_loaded[name].time_since_epoch(), std::chrono::minutes(4));
      }
    }
  }
}

TEST(Load, AStopEndsWhatWaitsForASlot) {
  for (OnStop const on_stop : {OnStop::finish, OnStop::cancel}) {
    for_each_seed([on_stop](std::uint64_t seed) {
      LoadSync sync(seed, 5);
      sync.store.in_order = seed % 2 == 0;
      sync.options.load_concurrency = LoadRange::fixed(1);
      sync.options.launcher.on_stop = on_stop;
      sync.store.before = [&](std::string const& stream, auto const&) {
        if (stream == "s0") throw throttled(milliseconds(3'600'000));  // which is in line for its slot later
        if (sync.simulation.now().time_since_epoch() > seconds(10)) sync.stop.request_stop(transient_error("stopped"));
      };
      sync.records(200);
      auto const report = sync.run();
      EXPECT_FALSE(report.succeeded());
      EXPECT_TRUE(report.unjoined_tasks.empty());
      EXPECT_LT(sync.elapsed_seconds(), 10 + 2 * 20 + 5);
    });
  }
}

TEST(Load, BatchesThatTheStoreRefusesAsAWholeBecomeSmaller) {
  LoadSync sync(1, 1);
  sync.options.batch.records = 1000;
  sync.options.batch.bytes = 4000;
  std::size_t refusals = 0;
  sync.store.before = [&](auto const&, RecordBatch const& records) {
    if (records.bytes() <= 1000) return;
    ++refusals;
    throw RejectedRecords("413: too large");
  };
  sync.options.load_batch_bytes.min = 100;
  sync.options.batch.age = sync.options.batch.checkpoint_wait = hours(1);
  sync.records(5000, seconds(10));
  auto const report = sync.run();
  EXPECT_TRUE(report.succeeded());
  EXPECT_EQ(report.totals.streams[0].records_committed, 5000U);
  EXPECT_LT(refusals, 10U);
  EXPECT_NE(sync.changes.at(0).find("refused as a whole"), std::string::npos) << sync.changes.at(0);
}

TEST(Load, ABadRecordThatNobodyNamesIsNoReasonForSmallerBatches) {
  struct Kept final : RejectSink {
    explicit Kept(std::set<RecordNumber>& of_safe) : safe(of_safe) {}
    awaitable<void> write(RecordBatch const&, std::vector<RejectedRecord> const& rejected) override {
      for (RejectedRecord const& record : rejected) safe.insert(record.number);
      co_return;
    }
    std::set<RecordNumber>& safe;
  };
  LoadSync sync(1, 1);
  Kept kept(sync.store.durable["s0"]);
  sync.options.batch.records = 100;
  sync.options.reject_sink = &kept;
  sync.store.before = [&](auto const&, RecordBatch const& records) {
    if (records.first_number() <= 150 && 150 < records.end_number()) throw RejectedRecords("something is wrong");
  };
  sync.records(300);
  auto const report = sync.run();
  EXPECT_TRUE(report.succeeded());
  EXPECT_EQ(report.totals.streams[0].records_rejected, 1U);
  EXPECT_EQ(report.load.count, 0U);
}

TEST(Load, BatchesThatGetNoAnswerInTimeBecomeSmaller) {
  LoadSync sync(1, 1);
  sync.options.batch.records = 1000;
  sync.options.batch.bytes = 4000;
  sync.options.load_batch_bytes.min = 100;
  sync.options.retry[Phase::process].attempts = 2;
  sync.options.retry[Phase::process].attempt_deadline = seconds(10);
  sync.store.probe_says = ProbeResult::not_applied;
  int timed_out = 0;
  sync.store.before = [&](auto const&, RecordBatch const& records) {
    bool const is_lost = records.bytes() > 1000 && ++timed_out % 2 == 1;  // the first attempt of each
    sync.store.latency = is_lost ? Duration(hours(1)) : Duration(seconds(1));
  };
  sync.options.batch.age = sync.options.batch.checkpoint_wait = hours(1);
  sync.records(5000, seconds(20));
  EXPECT_TRUE(sync.run().succeeded());
  EXPECT_LT(timed_out, 20);
  EXPECT_LE(*std::max_element(sync.store.sizes.end() - 10, sync.store.sizes.end()), 1000U);
}

TEST(Load, ADestinationMaySayWhatItBearsAndAnOperatorHasTheLastWord) {
  LoadSync limited(1, 5);
  limited.store.limits.concurrency = LoadRange::fixed(2);
  limited.store.limits.batch_bytes = LoadRange::fixed(20);
  limited.options.batch.records = 1000;
  limited.records(20);
  EXPECT_TRUE(limited.run().succeeded());
  EXPECT_EQ(limited.store.most_running, 2U);
  EXPECT_LE(*std::ranges::max_element(limited.store.sizes), 20U);

  LoadSync overruled(1, 5);
  overruled.store.limits.concurrency = LoadRange::fixed(2);
  overruled.options.load_concurrency = LoadRange::fixed(3);
  overruled.records(20);
  EXPECT_TRUE(overruled.run().succeeded());
  EXPECT_EQ(overruled.store.most_running, 3U);
}

TEST(Load, LimitsThatContradictThemselvesAreRefusedByName) {
  LoadSync sync(1, 1);
  sync.store.limits.concurrency = LoadRange(5, 3);
  try {
    sync.run();
    ADD_FAILURE() << "accepted";
  } catch (Error const& error) {
    EXPECT_STREQ(error.what(), "the destination's load_limits().concurrency: min must not be more than max");
  }
}

}  // namespace
}  // namespace landfall
