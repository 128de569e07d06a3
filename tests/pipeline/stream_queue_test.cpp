#include "pipeline/stream_queue.hpp"

#include <gtest/gtest.h>

#include <landfall/testing/simulation.hpp>

namespace landfall {
namespace {

DestinationCatalog catalog_of(std::vector<StreamDescriptor> const& names) {
  std::vector<DestinationStream> streams;
  for (StreamDescriptor const& name : names) {
    DestinationStream stream;
    stream.descriptor = name;
    streams.push_back(std::move(stream));
  }
  return DestinationCatalog(std::move(streams));
}

struct StreamQueuesTest : ::testing::Test {
  bool was_woken(StreamQueue& queue) {
    bool woken = false;
    auto look = [](StreamQueue& q, bool& answer) -> awaitable<void> {
      (void)co_await q.queue.pop_all();
      answer = true;
    };
    try {
      simulation.run_coroutine(look(queue, woken));
    } catch (std::runtime_error const&) {  // parked: nobody woke it
    }
    return woken;
  }

  testing::Simulation simulation;
  StreamQueues queues{catalog_of({StreamDescriptor("a"), StreamDescriptor("b"), StreamDescriptor("a", "x")})};
};

TEST_F(StreamQueuesTest, EveryStreamOfTheCatalogHasOneInItsOrder) {
  ASSERT_EQ(queues.all().size(), 3U);
  EXPECT_EQ(queues.all()[2]->stream->descriptor, StreamDescriptor("a", "x"));
  EXPECT_EQ(queues.find(StreamDescriptor("a", "x")), queues.all()[2].get());
  EXPECT_EQ(queues.find(StreamDescriptor("a", "")), nullptr);
}

TEST_F(StreamQueuesTest, AFlushIsAskedOfThoseThatHoldRecords) {
  StreamQueue& holding = *queues.find(StreamDescriptor("b"));
  holding.accumulated_bytes = 10;
  holding.queued_until = 4;
  queues.request_flush_of_all();
  EXPECT_EQ(holding.flush_until.load(), 4U);
  EXPECT_TRUE(was_woken(holding));
  EXPECT_FALSE(was_woken(*queues.find(StreamDescriptor("a"))));
}

TEST_F(StreamQueuesTest, AllAreWokenToLookAtTheirAge) {
  queues.check_age_of_all();
  for (auto const& queue : queues.all()) EXPECT_TRUE(was_woken(*queue));
}

}  // namespace
}  // namespace landfall
