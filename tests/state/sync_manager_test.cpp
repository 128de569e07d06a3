#include <landfall/state/sync_manager.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "state/streams.hpp"

namespace landfall {
namespace {

using testing::ElementsAre;

StreamDescriptor const users("users");
StreamDescriptor const orders("orders");

class AnyLoader final : public StreamLoader {
 public:
  awaitable<Batch> process_records(RecordBatch) override { co_return Batch::complete(); }
};

class SyncManagerTest : public testing::Test {
 protected:
  void end(StreamDescriptor const& stream, StreamEnd how = StreamEnd::complete) {
    StreamManager& manager = sync.stream_manager(stream);
    if (how == StreamEnd::failed) {
      manager.mark_failed(system_error("stream {} is broken", to_string(stream)));
      return;
    }
    manager.mark_end_of_stream(EndOfStream(StreamStatus::complete, 0, true, true));
    manager.mark_succeeded(StreamOutcome(how, 0));
  }

  std::optional<SyncManager> made_sync{std::in_place, append_catalog({"users", "orders"})};
  SyncManager& sync = *made_sync;
};

TEST_F(SyncManagerTest, HasAManagerForEachStreamOfTheCatalog) {
  EXPECT_EQ(sync.catalog().streams().size(), 2u);
  sync.stream_manager(users).add_read(3, 1);
  EXPECT_EQ(sync.stream_manager(users).ledger().records_read(), 3u);
  EXPECT_EQ(std::as_const(sync).stream_manager(orders).ledger().records_read(), 0u);
}

TEST_F(SyncManagerTest, RefusesAStreamOutsideTheCatalog) {  // 44
  StreamDescriptor const other("users", "public");
  expect_system_error("stream public.users is not in the catalog", [&] { sync.stream_manager(other); });
  expect_system_error("is not in the catalog", [&] { std::as_const(sync).stream_manager(other); });
  expect_system_error("is not in the catalog",
                      [&] { sync.register_started_loader(other, std::make_shared<AnyLoader>()); });
  EXPECT_EQ(sync.loader(other), nullptr);
}

TEST_F(SyncManagerTest, TheFirstLoaderOfAStreamStays) {  // 53
  auto const first = std::make_shared<AnyLoader>();
  EXPECT_EQ(sync.loader(users), nullptr);
  EXPECT_TRUE(sync.register_started_loader(users, first));
  EXPECT_FALSE(sync.register_started_loader(users, std::make_shared<AnyLoader>()));
  EXPECT_EQ(sync.loader(users), first);
  EXPECT_EQ(sync.loader(orders), nullptr);  // 54: one that was never opened, or failed to
}

TEST_F(SyncManagerTest, EventsAreSetOnceAndStay) {  // 52, 55
  EXPECT_FALSE(sync.setup_complete());
  EXPECT_FALSE(sync.input_consumed());
  EXPECT_FALSE(sync.checkpoints_processed());
  for (int time = 0; time < 2; ++time) {
    sync.mark_setup_complete();
    sync.mark_input_consumed();
    sync.mark_checkpoints_processed();
    EXPECT_TRUE(sync.setup_complete());
    EXPECT_TRUE(sync.input_consumed());
    EXPECT_TRUE(sync.checkpoints_processed());
  }
}

struct EndsRow {
  std::string_view name;
  StreamEnd first;
  StreamEnd second;
  bool all_complete;
};

TEST_F(SyncManagerTest, AllStreamsEndedIsNotAllStreamsComplete) {  // 45, 46, 56
  EndsRow const rows[] = {
      {"both complete", StreamEnd::complete, StreamEnd::complete, true},
      {"one incomplete", StreamEnd::complete, StreamEnd::incomplete, false},
      {"one failed", StreamEnd::failed, StreamEnd::complete, false},
      {"both failed", StreamEnd::failed, StreamEnd::failed, false},
  };
  for (EndsRow const& row : rows) {
    for (bool const users_first : {true, false}) {
      SCOPED_TRACE(testing::Message() << row.name << (users_first ? ", users first" : ", orders first"));
      made_sync.emplace(append_catalog({"users", "orders"}));
      EXPECT_FALSE(sync.all_streams_ended());
      end(users_first ? users : orders, row.first);
      EXPECT_FALSE(sync.all_streams_ended());
      EXPECT_FALSE(sync.all_streams_complete());
      end(users_first ? orders : users, row.second);
      EXPECT_TRUE(sync.all_streams_ended());
      EXPECT_EQ(sync.all_streams_complete(), row.all_complete);
    }
  }
}

TEST_F(SyncManagerTest, ActiveStreamsComeInTheOrderOfTheCatalog) {
  EXPECT_THAT(sync.active_streams(), ElementsAre(users, orders));  // not in the order of their names
  end(users);
  EXPECT_THAT(sync.active_streams(), ElementsAre(orders));
  end(orders, StreamEnd::failed);
  EXPECT_TRUE(sync.active_streams().empty());
}

TEST_F(SyncManagerTest, IsActiveUntilTheDestinationEnded) {  // 47, 49
  end(users);
  end(orders, StreamEnd::failed);
  EXPECT_TRUE(sync.is_active());
  sync.mark_destination_ended();
  EXPECT_FALSE(sync.is_active());
}

TEST_F(SyncManagerTest, CannotEndWhileAStreamIsActive) {  // 48, 50
  end(users);
  expect_system_error("1 streams were active, the first of them orders", [&] { sync.mark_destination_ended(); });
  EXPECT_TRUE(sync.is_active());
  end(orders);
  sync.mark_destination_ended();
  EXPECT_FALSE(sync.is_active());
}

TEST_F(SyncManagerTest, EndsOnce) {
  end(users);
  end(orders);
  sync.mark_destination_ended();
  expect_system_error("the sync ended a second time", [&] { sync.mark_destination_ended(); });
  EXPECT_FALSE(sync.is_active());
}

// ---- errors ----

std::vector<std::string> texts(std::vector<Error> const& errors) {
  std::vector<std::string> result;
  for (Error const& error : errors) result.emplace_back(error.what());
  return result;
}

TEST_F(SyncManagerTest, TheFirstErrorIsTheCauseAndNoneIsLost) {
  EXPECT_EQ(sync.error(), std::nullopt);
  sync.add_error(config_error("no such table"));
  sync.add_error(transient_error("the server is gone"));
  sync.add_error(system_error("a bug"));
  EXPECT_STREQ(sync.error()->what(), "no such table");
  EXPECT_EQ(sync.error()->error_class(), ErrorClass::config);
  EXPECT_THAT(texts(sync.error()->attached()), ElementsAre("the server is gone", "a bug"));
}

TEST_F(SyncManagerTest, TheSameErrorAgainSaysNothingNew) {
  sync.add_error(transient_error("the server is gone"));
  sync.add_error(transient_error("the server is gone"));
  EXPECT_TRUE(sync.error()->attached().empty());
  sync.add_error(system_error("a bug"));
  sync.add_error(system_error("a bug"));
  sync.add_error(transient_error("the server is gone"));
  sync.add_error(config_error("a bug"));  // of another class: another error
  EXPECT_THAT(texts(sync.error()->attached()), ElementsAre("a bug", "a bug"));
}

TEST_F(SyncManagerTest, WhatIsAttachedToAKnownErrorIsKept) {
  sync.add_error(transient_error("the server is gone"));
  Error again = transient_error("the server is gone");
  again.attach(system_error("close failed too"));
  sync.add_error(again);
  sync.add_error(again);
  EXPECT_THAT(texts(sync.error()->attached()), ElementsAre("close failed too"));
}

// ---- outcome ----

TEST_F(SyncManagerTest, TheOutcomeOfAGoodSyncHasEveryStreamAndNoError) {
  end(users);
  end(orders);
  SyncOutcome const outcome = sync.outcome();
  EXPECT_TRUE(outcome.succeeded());
  ASSERT_EQ(outcome.streams.size(), 2u);
  EXPECT_TRUE(outcome.streams.at(users).succeeded());
  EXPECT_TRUE(outcome.streams.at(orders).succeeded());
}

TEST_F(SyncManagerTest, AStreamThatIsStillActiveCountsAsFailed) {
  end(users);
  sync.stream_manager(orders).add_read(4, 1);
  SyncOutcome const outcome = sync.outcome();
  EXPECT_EQ(outcome.streams.at(orders).end, StreamEnd::failed);
  EXPECT_EQ(outcome.streams.at(orders).record_count, 4u);
  EXPECT_STREQ(outcome.streams.at(orders).error->what(), "stream orders was not closed");
  EXPECT_TRUE(sync.stream_manager(orders).is_active());  // asking decides nothing
  ASSERT_FALSE(outcome.succeeded());
  EXPECT_STREQ(outcome.error->what(), "stream orders was not closed");
}

TEST_F(SyncManagerTest, ASyncWhoseStreamDidNotCompleteHasNotSucceeded) {
  end(users);
  end(orders, StreamEnd::incomplete);
  EXPECT_STREQ(sync.outcome().error->what(), "stream orders ended incomplete");
}

TEST_F(SyncManagerTest, TheOutcomeCarriesTheCause) {
  end(users, StreamEnd::failed);
  end(orders);
  sync.add_error(config_error("no such table"));
  SyncOutcome const outcome = sync.outcome();
  EXPECT_STREQ(outcome.error->what(), "no such table");
  EXPECT_STREQ(outcome.streams.at(users).error->what(), "stream users is broken");
}

}  // namespace
}  // namespace landfall
