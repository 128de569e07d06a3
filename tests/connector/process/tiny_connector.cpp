// A whole connector, for the tests of the process contract. Its configuration says how it behaves.
#include <unistd.h>

#include <cstdio>

#include <landfall/landfall.hpp>

namespace {

using landfall::awaitable;

struct Behaviour {
  explicit Behaviour(landfall::Configuration const& configuration)
      : check_fails(configuration.boolean("check_fails", false)), hangs(configuration.boolean("hangs", false)) {
    if (configuration.boolean("make_throws", false)) throw landfall::config_error("the region is unknown");
  }
  bool check_fails;
  bool hangs;
};

class TinyLoader final : public landfall::StreamLoader {
 public:
  explicit TinyLoader(Behaviour behaviour) : behaviour_(behaviour) {}

  awaitable<landfall::Batch> process_records(landfall::RecordBatch records) override {
    std::printf("loading %zu records\n", records.size());  // as a careless library would
    std::fflush(stdout);
    if (behaviour_.hangs) {
      co_await landfall::run_blocking([] {
        for (;;) ::pause();
      });
    }
    co_return landfall::Batch::complete();
  }

 private:
  Behaviour behaviour_;
};

class TinyDestination final : public landfall::Destination {
 public:
  explicit TinyDestination(landfall::Configuration const& configuration) : behaviour_(configuration) {}

  static landfall::ConnectorSpecification spec() {
    landfall::ConnectorSpecification specification;
    specification.documentation_url = "https://example.com/tiny";
    return specification;
  }

  awaitable<void> check() override {
    std::printf("checking\n");
    if (behaviour_.check_fails) throw landfall::transient_error("nobody answers");
    co_return;
  }

  awaitable<std::unique_ptr<landfall::StreamLoader>> open(landfall::DestinationStream const&) override {
    co_return std::make_unique<TinyLoader>(behaviour_);
  }

 private:
  Behaviour behaviour_;
};

}  // namespace

int main(int argc, char** argv) { return landfall::run_connector<TinyDestination>(argc, argv); }
