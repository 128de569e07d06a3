#include <landfall/destination/destination.hpp>

#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "destination/await.hpp"

namespace landfall {
namespace {

class CompletingLoader final : public StreamLoader {
 public:
  awaitable<Batch> process_records(RecordBatch) override { co_return Batch::complete(); }
};

/// The smallest destination there can be.
class SmallDestination final : public Destination {
 public:
  awaitable<std::unique_ptr<StreamLoader>> open(DestinationStream const&) override {
    co_return std::make_unique<CompletingLoader>();
  }
};

DestinationCatalog one_stream() {
  DestinationStream stream;
  stream.descriptor = StreamDescriptor("users");
  std::vector<DestinationStream> streams;
  streams.push_back(std::move(stream));
  return DestinationCatalog(std::move(streams));
}

TEST(Destination, NeedsNoMoreThanOpen) {
  SmallDestination destination;
  DestinationCatalog const catalog = one_stream();
  await(destination.check());
  await(destination.setup(catalog));
  EXPECT_NE(await(destination.open(*catalog.streams().front())), nullptr);
  await(destination.teardown(SyncOutcome()));
}

TEST(Destination, LeavesTheWorkToItsLoadersUnlessItHasSteps) { EXPECT_TRUE(SmallDestination().load_steps().empty()); }

TEST(ConnectorSpecification, IsAnEmptyFormForAppendUntilItIsFilledIn) {
  ConnectorSpecification const spec;
  EXPECT_EQ(spec.connection_specification.at("type").as_string(), "object");
  EXPECT_TRUE(spec.connection_specification.at("properties").as_object().empty());
  EXPECT_EQ(spec.supported_destination_sync_modes, std::vector{DestinationSyncMode::append});
}

}  // namespace
}  // namespace landfall
