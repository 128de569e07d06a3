// A destination without a store: what landfall itself costs. It drops every batch at once.
//
//   landfall-bench-destination write --config FILE --catalog FILE < INPUT
//
// Configuration:
//   "check_records": false      says that the loaders decode every value, so that landfall does not check the records
//   "stuck_stream": "orders_1"  this stream answers nothing until every other stream has been closed

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include <landfall/landfall.hpp>
#include <landfall/runtime/message_queue.hpp>

namespace landfall::benchmarks {
namespace {

/// Opens when all streams but the stuck one have been closed.
class Gate {
 public:
  void set_stream_count(std::size_t count) {
    open_streams_ = count;
    if (count == 0) opened_.close();
  }

  void stream_closed() {
    if (--open_streams_ == 0) opened_.close();
  }

  awaitable<void> wait() { co_await opened_.pop(); }

 private:
  std::atomic<std::size_t> open_streams_ = 0;
  MessageQueue<int> opened_{1};  // nothing is ever in it
};

class DroppingLoader : public StreamLoader {
 public:
  explicit DroppingLoader(Gate& gate) : gate_(gate) {}

  awaitable<Batch> process_records(RecordBatch) override { co_return Batch::complete(); }

  awaitable<void> close(StreamOutcome) override {
    gate_.stream_closed();
    co_return;
  }

 private:
  Gate& gate_;
};

class StuckLoader : public StreamLoader {
 public:
  explicit StuckLoader(Gate& gate) : gate_(gate) {}

  awaitable<Batch> process_records(RecordBatch) override {
    co_await gate_.wait();
    co_return Batch::complete();
  }

 private:
  Gate& gate_;
};

class BenchDestination : public Destination {
 public:
  explicit BenchDestination(Configuration const& configuration)
      : check_records_(configuration.boolean("check_records", true)),
        stuck_stream_(configuration.string("stuck_stream", "")) {}

  awaitable<void> setup(DestinationCatalog const& catalog) override {
    std::size_t others = 0;
    for (auto const& stream : catalog.streams()) others += is_stuck(*stream) ? 0 : 1;
    gate_.set_stream_count(others);
    co_return;
  }

  awaitable<std::unique_ptr<StreamLoader>> open(DestinationStream const& stream) override {
    if (is_stuck(stream)) co_return std::make_unique<StuckLoader>(gate_);
    co_return std::make_unique<DroppingLoader>(gate_);
  }

  bool decodes_every_value() const override { return !check_records_; }

 private:
  bool is_stuck(DestinationStream const& stream) const { return stream.descriptor.name == stuck_stream_; }

  bool check_records_;
  std::string stuck_stream_;
  Gate gate_;
};

}  // namespace
}  // namespace landfall::benchmarks

int main(int argc, char** argv) { return landfall::run_connector<landfall::benchmarks::BenchDestination>(argc, argv); }
