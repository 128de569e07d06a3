// A whole connector, for the tests of the process contract. Its configuration says how it behaves.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <landfall/landfall.hpp>
#include <landfall/runtime/clock.hpp>

namespace {

using landfall::awaitable;

struct Behaviour {
  explicit Behaviour(landfall::Configuration const& configuration)
      : check(configuration.string("check", "")),
        check_fails_times(configuration.integer("check_fails_times", 0)),
        load_fails_times(configuration.integer("load_fails_times", 0)),
        load(configuration.string("load", "")),
        close(configuration.string("close", "")),
        tells(configuration.boolean("tells", false)),
        password(configuration.string("password", "")) {
    if (configuration.boolean("make_throws", false)) throw landfall::config_error("the region is unknown");
  }
  std::string check;               // "waits", "hangs", "throws"
  std::int64_t check_fails_times;  // it throws so often, then it works
  std::int64_t load_fails_times;   // the same
  std::string load;                // "hangs", "throws", "names_bad_records", "finds_bad_records", "fails_beside"
  std::string close;               // "throws"
  bool tells;                      // notices, of its making and of its last call
  std::string password;            // a secret; not empty: everything that it says has it in it
};

// Nothing ends it, not even its cancellation.
awaitable<void> hang() {
  co_await landfall::run_blocking([] {
    for (;;) ::pause();
  });
}

class TinyLoader final : public landfall::StreamLoader {
 public:
  TinyLoader(Behaviour behaviour, std::string stream)
      : behaviour_(std::move(behaviour)), stream_(std::move(stream)), failures_left_(behaviour_.load_fails_times) {}

  bool needs_order() const override { return behaviour_.load != "fails_beside"; }

  awaitable<landfall::Batch> process_records(landfall::RecordBatch records) override {
    std::printf("loading %zu records\n", records.size());  // as a careless library would
    std::fflush(stdout);
    if (failures_left_-- > 0) throw landfall::transient_error("the line is busy{}", behaviour_.password);
    if (!behaviour_.password.empty()) reject_first(records);
    if (behaviour_.load == "throws") throw std::runtime_error("no table for " + stream_);
    if (behaviour_.load == "hangs") co_await hang();
    if (behaviour_.load == "fails_beside") co_await fail_beside(records.first_number() == 0);
    if (auto bad = bad_records(records); !bad.empty()) {
      if (behaviour_.load == "names_bad_records") throw landfall::RejectedRecords("bad records", std::move(bad));
      if (behaviour_.load == "finds_bad_records") throw landfall::RejectedRecords("some record is bad");
    }
    co_return landfall::Batch::complete();
  }

  awaitable<void> close(landfall::StreamOutcome outcome) override {
    if (behaviour_.close == "throws" && outcome.succeeded()) {
      throw std::runtime_error("the merge of " + stream_ + behaviour_.password);
    }
    co_return;
  }

 private:
  static std::vector<landfall::RejectedRecord> bad_records(landfall::RecordBatch const& records) {
    std::vector<landfall::RejectedRecord> bad;
    for (auto const& record : records) {
      if (record.data().find("bad") != std::string_view::npos) bad.emplace_back(record.number(), "it is bad");
    }
    return bad;
  }

  void reject_first(landfall::RecordBatch const& records) const {
    if (records.first_number() != 0 || was_rejected_.exchange(true)) return;
    throw landfall::RejectedRecords("bad", {landfall::RejectedRecord(0, "refused to " + behaviour_.password)});
  }

  // The call for the first record is about to return when the one for the second record throws.
  awaitable<void> fail_beside(bool is_first) {
    auto wait = [this, is_first] {
      if (!is_first) second_began_ = true;
      std::atomic<bool> const& awaited = is_first ? second_began_ : first_ends_;
      while (!awaited) std::this_thread::yield();
    };
    co_await landfall::run_blocking(std::move(wait));
    first_ends_ = true;
    if (!is_first) throw landfall::config_error("no table for the second record");
  }

  Behaviour behaviour_;
  std::string stream_;
  std::atomic<std::int64_t> failures_left_;
  std::atomic<bool> second_began_ = false;
  std::atomic<bool> first_ends_ = false;
  mutable std::atomic<bool> was_rejected_ = false;
};

class TinyDestination final : public landfall::Destination {
 public:
  explicit TinyDestination(landfall::Configuration const& configuration) : behaviour_(configuration) {
    if (behaviour_.tells) notices().warn("made from a configuration" + behaviour_.password);
  }

  static landfall::ConnectorSpecification spec() {
    landfall::ConnectorSpecification specification;
    specification.documentation_url = "https://example.com/tiny";
    boost::json::object const password{{"type", "string"}, {"airbyte_secret", true}};
    specification.connection_specification["properties"] = boost::json::object{{"password", password}};
    return specification;
  }

  awaitable<void> check() override {
    std::printf("checking\n");
    if (behaviour_.tells) notices().info("checked" + behaviour_.password);
    if (behaviour_.check == "throws") throw landfall::config_error("no user with {}", behaviour_.password);
    if (check_count_++ < behaviour_.check_fails_times) throw landfall::transient_error("nobody answers");
    if (behaviour_.check == "hangs") co_await hang();
    if (behaviour_.check == "waits") {
      landfall::SystemClock clock;
      co_await clock.sleep_for(std::chrono::hours(1));
    }
  }

  awaitable<std::unique_ptr<landfall::StreamLoader>> open(landfall::DestinationStream const& stream) override {
    co_return std::make_unique<TinyLoader>(behaviour_, stream.descriptor.name);
  }

  awaitable<void> teardown(landfall::SyncOutcome) override {
    if (behaviour_.tells) notices().info("torn down");
    co_return;
  }

 private:
  Behaviour behaviour_;
  std::atomic<std::int64_t> check_count_ = 0;
};

}  // namespace

int main(int argc, char** argv) { return landfall::run_connector<TinyDestination>(argc, argv); }
