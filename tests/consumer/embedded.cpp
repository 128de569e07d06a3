#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <landfall/connector/run_sync.hpp>
#include <landfall/landfall.hpp>

constexpr std::string_view catalog = R"({"streams": [{"stream": {"name": "users", "json_schema": {}},
  "sync_mode": "full_refresh", "destination_sync_mode": "append"}]})";
constexpr std::string_view messages =
    R"({"type":"RECORD","record":{"stream":"users","data":{"id":1},"emitted_at":1700000000000}}
{"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"users"},"stream_state":{"id":1}}}}
)";

// Where the input comes from.
struct TextSource : landfall::ByteSource {
  landfall::awaitable<std::size_t> read(std::span<char> room) override {
    auto const taken = rest.copy(room.data(), room.size());
    rest.remove_prefix(taken);
    co_return taken;  // 0 is the end
  }
  std::string_view rest = messages;
};

// Where STATE messages go once the records before them are safe.
struct PrintingSink : landfall::MessageSink {
  landfall::awaitable<void> write(std::string lines) override {
    fmt::print("{}", lines);
    co_return;
  }
};

struct Counter : landfall::StreamLoader {
  landfall::awaitable<landfall::Batch> process_records(landfall::RecordBatch records) override {
    count += records.size();
    co_return landfall::Batch::complete();
  }
  landfall::awaitable<void> close(landfall::StreamOutcome outcome) override {
    fmt::print("{} records, {}\n", count, to_string(outcome.end));
    co_return;
  }
  std::uint64_t count = 0;
};

struct CountingDestination : landfall::Destination {
  landfall::awaitable<std::unique_ptr<landfall::StreamLoader>> open(landfall::DestinationStream const&) override {
    co_return std::make_unique<Counter>();
  }
};

int main() {
  boost::asio::thread_pool pool(2);
  CountingDestination destination;
  TextSource source;
  PrintingSink sink;
  landfall::SystemClock clock;
  auto sync = landfall::run_sync(destination, source, sink, clock, landfall::DestinationCatalog::parse(catalog));
  auto report = boost::asio::co_spawn(pool, std::move(sync), boost::asio::use_future).get();
  pool.join();
  return report.succeeded() ? 0 : 1;
}
