#include <landfall/landfall.hpp>

struct Printer : landfall::StreamLoader {
  landfall::awaitable<landfall::Batch> process_records(landfall::RecordBatch records) override {
    for (auto const& record : records) fmt::print(stderr, "{}\n", record.data());  // the record's own JSON
    co_return landfall::Batch::complete();
  }
};

struct PrinterDestination : landfall::Destination {
  landfall::awaitable<std::unique_ptr<landfall::StreamLoader>> open(landfall::DestinationStream const&) override {
    co_return std::make_unique<Printer>();
  }
};

int main(int argc, char** argv) { return landfall::run_connector<PrinterDestination>(argc, argv); }
