#include <landfall/destination/stream_loader.hpp>

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "destination/await.hpp"

namespace landfall {
namespace {

using testing::HasSubstr;

/// The smallest loader there can be.
class CompletingLoader final : public StreamLoader {
 public:
  awaitable<Batch> process_records(RecordBatch) override { co_return Batch::complete(); }
};

TEST(StreamLoader, NeedsNoMoreThanProcessRecords) {
  CompletingLoader loader;
  await(loader.start());
  EXPECT_EQ(await(loader.process_records(RecordBatch())).state(), BatchState::complete);
  await(loader.close(StreamOutcome(StreamEnd::failed, 0, system_error("broken"))));
}

TEST(StreamLoader, CannotTellTheFateOfABatchUnlessItSaysSo) {
  CompletingLoader loader;
  EXPECT_EQ(await(loader.probe(BatchId(1))), ProbeResult::unknown);
}

TEST(StreamLoader, SaysWhatToOverrideWhenABatchIsLeftIncomplete) {
  for (BatchState const state :
       {BatchState::processed, BatchState::staged, BatchState::loaded, BatchState::persisted}) {
    SCOPED_TRACE(to_string(state));
    CompletingLoader loader;
    try {
      await(loader.process_batch(Batch(state)));
      FAIL() << "no error";
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::system);
      EXPECT_THAT(error.what(), HasSubstr("'" + std::string(to_string(state)) + "'"));
      EXPECT_THAT(error.what(), HasSubstr("override StreamLoader::process_batch"));
    }
  }
}

TEST(StreamLoader, ThrowsOnlyWhereTheAnswerIsAwaited) {
  CompletingLoader loader;
  EXPECT_NO_THROW(static_cast<void>(loader.process_batch(Batch::staged())));
}

}  // namespace
}  // namespace landfall
