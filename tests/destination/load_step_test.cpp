#include <landfall/destination/load_step.hpp>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace landfall {
namespace {

class AnyStep final : public LoadStep {
 public:
  std::string name() const override { return "any"; }
  awaitable<Batch> process(StepInput&, std::size_t) override { co_return Batch::complete(); }
};

StepInput input_of(std::string name, BatchId id, std::optional<std::string> name_space = std::nullopt) {
  auto stream = std::make_shared<DestinationStream>();
  stream->descriptor = StreamDescriptor(std::move(name), std::move(name_space));
  return StepInput(nullptr, RecordBatch(std::move(stream), id));
}

TEST(LoadStep, HasOneWorkerUnlessItAsksForMore) { EXPECT_EQ(AnyStep().workers(), 1u); }

TEST(LoadStep, EveryStreamGoesToOneOfTheWorkers) {
  AnyStep const step;
  for (std::size_t workers : {1u, 2u, 3u, 7u, 64u}) {
    for (int stream = 0; stream < 200; ++stream) {
      EXPECT_LT(step.partition(input_of("stream" + std::to_string(stream), BatchId(1)), workers), workers);
    }
  }
}

TEST(LoadStep, BatchesOfOneStreamGoToOneWorkerAlsoWithoutTheirRecords) {
  AnyStep const step;
  std::size_t const worker = step.partition(input_of("users", BatchId(1), "public"), 5);
  StepInput later = input_of("users", BatchId(2), "public");
  EXPECT_EQ(step.partition(later, 5), worker);
  later.records.clear();
  EXPECT_EQ(step.partition(later, 5), worker);
}

TEST(LoadStep, ManyStreamsKeepEveryWorkerBusy) {
  AnyStep const step;
  std::set<std::size_t> used;
  for (int stream = 0; stream < 200; ++stream) {
    used.insert(step.partition(input_of("stream" + std::to_string(stream), BatchId(1)), 4));
  }
  EXPECT_EQ(used.size(), 4u);
}

}  // namespace
}  // namespace landfall
