#include <landfall/runtime/message_queue.hpp>

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <landfall/testing/simulation.hpp>
#include "runtime/spawned.hpp"

namespace landfall {
namespace {

using Queue = MessageQueue<std::string>;
using Strings = std::vector<std::string>;

awaitable<void> push_one(Queue& queue, std::string element, std::uint64_t bytes, bool& accepted) {
  accepted = co_await queue.push(std::move(element), bytes);
}

awaitable<void> pop_until_end(Queue& queue, Strings& received) {
  while (auto element = co_await queue.pop()) received.push_back(*std::move(element));
}

awaitable<void> look_once(Queue& queue, bool& returned) {
  auto const drained = co_await queue.pop_all();
  EXPECT_TRUE(drained.elements.empty());
  EXPECT_FALSE(drained.ended);
  returned = true;
}

class MessageQueueTest : public ::testing::Test {
 protected:
  void push(std::string element, std::uint64_t bytes = 1) { EXPECT_TRUE(queue.push_now(std::move(element), bytes)); }
  std::optional<std::string> pop() { return simulation.run_coroutine(queue.pop()); }
  Queue::Drained pop_all() { return simulation.run_coroutine(queue.pop_all()); }
  Spawned spawn(awaitable<void> body) {
    Spawned spawned(simulation.get_executor(), std::move(body));
    simulation.run();
    return spawned;
  }

  testing::Simulation simulation;
  Queue queue{10};
};

TEST_F(MessageQueueTest, DeliversInOrder) {
  for (char const* element : {"a", "b", "c"}) push(element);
  EXPECT_EQ(pop(), "a");
  EXPECT_EQ(pop(), "b");
  EXPECT_EQ(pop(), "c");
}

TEST_F(MessageQueueTest, AConsumerWaitsForAnElement) {
  Strings received;
  auto const consumer = spawn(pop_until_end(queue, received));
  EXPECT_TRUE(received.empty());
  push("a");
  simulation.run();
  EXPECT_EQ(received, Strings{"a"});
  queue.close();
  simulation.run();
  EXPECT_TRUE(consumer.succeeded());
}

TEST_F(MessageQueueTest, ConsumersDrainWhatIsQueuedAfterClose) {
  push("a");
  push("b");
  queue.close();
  EXPECT_EQ(pop(), "a");
  EXPECT_EQ(pop(), "b");
  EXPECT_EQ(pop(), std::nullopt);
}

TEST_F(MessageQueueTest, AConsumerOfAClosedEmptyQueueSeesTheEnd) {
  queue.close();
  queue.close();
  EXPECT_EQ(pop(), std::nullopt);
  EXPECT_EQ(pop(), std::nullopt);
  EXPECT_TRUE(pop_all().ended);
}

TEST_F(MessageQueueTest, AProducerWaitsForRoom) {
  push("a", 6);
  bool accepted = false;
  auto const producer = spawn(push_one(queue, "b", 5, accepted));
  EXPECT_FALSE(producer.ended());
  EXPECT_EQ(queue.queued_bytes(), 6u);
  EXPECT_EQ(pop(), "a");
  simulation.run();
  EXPECT_TRUE(accepted);
  EXPECT_EQ(queue.queued_bytes(), 5u);
}

TEST_F(MessageQueueTest, FillsExactlyToItsCapacity) {
  push("a", 6);
  bool accepted = false;
  EXPECT_TRUE(spawn(push_one(queue, "b", 4, accepted)).succeeded());
  EXPECT_FALSE(spawn(push_one(queue, "c", 1, accepted)).ended());
}

TEST_F(MessageQueueTest, AnElementLargerThanTheCapacityIsLetInAlone) {
  bool accepted = false;
  EXPECT_TRUE(spawn(push_one(queue, "huge", 50, accepted)).succeeded());
  EXPECT_FALSE(spawn(push_one(queue, "next", 1, accepted)).ended());
  EXPECT_EQ(pop(), "huge");
  simulation.run();
  EXPECT_EQ(pop(), "next");
}

TEST_F(MessageQueueTest, PushNowGoesBeyondTheCapacity) {
  push("a", 10);
  push("b", 10);
  EXPECT_EQ(queue.queued_bytes(), 20u);
}

TEST_F(MessageQueueTest, AClosedQueueTakesNothing) {
  queue.close();
  bool accepted = true;
  EXPECT_TRUE(spawn(push_one(queue, "a", 1, accepted)).succeeded());
  EXPECT_FALSE(accepted);
  EXPECT_FALSE(queue.push_now("b", 1));
  EXPECT_EQ(queue.queued_bytes(), 0u);
}

TEST_F(MessageQueueTest, CloseAnswersTheProducersThatWait) {
  push("a", 10);
  bool accepted = true;
  auto const producer = spawn(push_one(queue, "b", 1, accepted));
  queue.close();
  simulation.run();
  EXPECT_TRUE(producer.succeeded());
  EXPECT_FALSE(accepted);
  EXPECT_EQ(pop(), "a");
  EXPECT_EQ(pop(), std::nullopt);
}

TEST_F(MessageQueueTest, DiscardDropsWhatIsQueuedAndCloses) {
  push("a", 10);
  bool accepted = true;
  auto const producer = spawn(push_one(queue, "b", 1, accepted));
  queue.discard();
  simulation.run();
  EXPECT_TRUE(producer.succeeded());
  EXPECT_FALSE(accepted);
  EXPECT_EQ(queue.queued_bytes(), 0u);
  EXPECT_EQ(pop(), std::nullopt);
}

TEST_F(MessageQueueTest, PopAllTakesEverything) {
  push("a", 4);
  push("b", 4);
  auto const drained = pop_all();
  EXPECT_EQ(drained.elements, (Strings{"a", "b"}));
  EXPECT_FALSE(drained.ended);
  EXPECT_EQ(queue.queued_bytes(), 0u);
  push("c");
  queue.close();
  auto const last = pop_all();
  EXPECT_EQ(last.elements, Strings{"c"});
  EXPECT_TRUE(last.ended);
}

TEST_F(MessageQueueTest, PopAllMakesRoomForProducers) {
  push("a", 10);
  bool accepted = false;
  spawn(push_one(queue, "b", 10, accepted));
  pop_all();
  simulation.run();
  EXPECT_TRUE(accepted);
}

TEST_F(MessageQueueTest, WhatJoinsTheLastElementIsQueuedAsAPartOfIt) {
  auto join_short = [](std::string& last, std::string const& next) {
    bool const joins = last.size() + next.size() <= 2;
    if (joins) last += next;
    return joins;
  };
  for (auto const* element : {"a", "b", "c"}) EXPECT_TRUE(queue.push_quietly(element, 1, join_short));
  EXPECT_EQ(queue.queued_bytes(), 3u);
  EXPECT_EQ(queue.take_queued().elements, (Strings{"ab", "c"}));
  EXPECT_EQ(queue.queued_bytes(), 0u);
  queue.close();
  EXPECT_FALSE(queue.push_quietly("d", 1, join_short));
}

TEST_F(MessageQueueTest, WakeMakesTheCurrentPopAllReturn) {
  bool returned = false;
  spawn(look_once(queue, returned));
  EXPECT_FALSE(returned);
  queue.wake();
  simulation.run();
  EXPECT_TRUE(returned);
}

TEST_F(MessageQueueTest, WakeIsRememberedForTheNextPopAllOnce) {
  queue.wake();
  queue.wake();
  EXPECT_TRUE(pop_all().elements.empty());
  EXPECT_THROW(pop_all(), std::runtime_error);  // a deadlock: nothing wakes it
}

TEST_F(MessageQueueTest, WakeDoesNotEndAPop) {
  Strings received;
  auto const consumer = spawn(pop_until_end(queue, received));
  queue.wake();
  simulation.run();
  EXPECT_FALSE(consumer.ended());
  EXPECT_TRUE(received.empty());
}

TEST_F(MessageQueueTest, AWaiterThatIsCancelledThrowsOperationAborted) {
  Strings received;
  auto const consumer = spawn(pop_until_end(queue, received));
  consumer.cancel();
  simulation.run();
  EXPECT_TRUE(consumer.was_cancelled());

  push("a", 10);
  bool accepted = false;
  auto const producer = spawn(push_one(queue, "b", 1, accepted));
  producer.cancel();
  simulation.run();
  EXPECT_TRUE(producer.was_cancelled());
  EXPECT_EQ(queue.queued_bytes(), 10u);
}

TEST(MessageQueue, CarriesWhatCanOnlyBeMoved) {
  testing::Simulation simulation;
  MessageQueue<std::unique_ptr<int>> queue(10);
  EXPECT_TRUE(queue.push_now(std::make_unique<int>(7), 1));
  EXPECT_EQ(**simulation.run_coroutine(queue.pop()), 7);
}

// ---- no element is lost, wherever a producer or a consumer is cancelled ----

using Numbers = std::vector<int>;

awaitable<void> produce(MessageQueue<int>& queue, int first, Numbers& sent) {
  for (int number = first; number < first + 6; ++number) {
    if (co_await queue.push(number, 4)) sent.push_back(number);
  }
}

awaitable<void> consume(MessageQueue<int>& queue, Numbers& received) {
  while (auto const number = co_await queue.pop()) received.push_back(*number);
}

awaitable<void> consume_all(MessageQueue<int>& queue, Numbers& received) {
  for (bool ended = false; !ended;) {
    auto const drained = co_await queue.pop_all();
    received.insert(received.end(), drained.elements.begin(), drained.elements.end());
    ended = drained.ended;
  }
}

TEST(MessageQueue, ACancellationAtAnyPointLosesNoElement) {
  for (std::uint64_t seed = 0; seed < 15; ++seed) {
    for (std::uint64_t point = 0; point < 90; ++point) {
      SCOPED_TRACE(::testing::Message() << "seed " << seed << ", cancelled after event " << point);
      testing::Simulation simulation(seed);
      MessageQueue<int> queue(10);
      Numbers sent;
      Numbers received;
      Spawned const first_producer(simulation.get_executor(), produce(queue, 100, sent));
      Spawned const second_producer(simulation.get_executor(), produce(queue, 200, sent));
      Spawned const cancelled_consumer(simulation.get_executor(), consume(queue, received));
      Spawned const other_consumer(simulation.get_executor(), consume_all(queue, received));
      while (simulation.events() < point && simulation.run_one()) continue;
      cancelled_consumer.cancel();
      first_producer.cancel();
      simulation.run();
      EXPECT_TRUE(second_producer.succeeded());
      EXPECT_TRUE(first_producer.ended());
      EXPECT_TRUE(cancelled_consumer.was_cancelled());
      queue.close();
      ASSERT_EQ(simulation.run(), 0u);
      EXPECT_TRUE(other_consumer.succeeded());
      std::sort(sent.begin(), sent.end());
      std::sort(received.begin(), received.end());
      EXPECT_EQ(sent, received);
      EXPECT_EQ(std::count_if(sent.begin(), sent.end(), [](int number) { return number >= 200; }), 6);
    }
  }
}

}  // namespace
}  // namespace landfall
