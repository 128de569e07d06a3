#include <landfall/table/load_plan.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <landfall/runtime/error.hpp>

namespace landfall {
namespace {

DestinationStream stream_of(DestinationSyncMode mode, std::optional<std::int64_t> generation = std::nullopt,
                            std::optional<std::int64_t> minimum = std::nullopt) {
  DestinationStream stream;
  stream.descriptor = StreamDescriptor("users");
  stream.destination_sync_mode = mode;
  stream.generation_id = generation;
  stream.minimum_generation_id = minimum;
  return stream;
}

constexpr auto append = DestinationSyncMode::append;
constexpr auto overwrite = DestinationSyncMode::overwrite;
constexpr auto dedup = DestinationSyncMode::append_dedup;

TEST(PlanLoad, Table) {
  TableState const nothing;
  TableState const empty = TableState::empty();
  TableState const old = TableState::with_rows(4);
  TableState const ours = TableState::with_rows(5);
  TableState const newer = TableState::with_rows(6);  // its counter was reset since
  struct Row {
    char const* name;
    DestinationStream stream;
    TableState final_table, work_table;
    std::string plan;
  };
  std::string const into_final = "into the final table; leftover rows: {}; complete: nothing; otherwise: nothing";
  auto const direct = [&](char const* leftover) { return fmt::format(fmt::runtime(into_final), leftover); };
  auto const work = [](char const* leftover, char const* complete, char const* otherwise) {
    return fmt::format("into the work table; leftover rows: {}; complete: {}; otherwise: {}", leftover, complete,
                       otherwise);
  };
  auto const anew = [](char const* complete) {
    return fmt::format("into the attempt table; leftover rows: drop; complete: {}; otherwise: drop", complete);
  };
  Row const rows[] = {
      {"append", stream_of(append, 5, 0), old, nothing, direct("merge")},
      {"append without generations", stream_of(append), old, nothing, direct("merge")},
      {"append behind a refresh that was given up", stream_of(append, 6, 0), old, ours, direct("merge")},
      {"dedup", stream_of(dedup, 5, 0), old, nothing, work("keep", "upsert", "upsert")},
      {"dedup without generations", stream_of(dedup), old, old, work("keep", "upsert", "upsert")},
      {"dedup behind a refresh that was given up", stream_of(dedup, 6, 0), old, ours, work("keep", "upsert", "upsert")},

      {"refresh of nothing", stream_of(append, 5, 5), nothing, nothing, work("drop", "replace", "keep")},
      {"refresh of an empty table", stream_of(append, 5, 5), empty, nothing, work("drop", "replace", "keep")},
      {"refresh", stream_of(append, 5, 5), old, nothing, work("drop", "replace", "keep")},
      {"overwrite is a refresh", stream_of(overwrite, 5, 5), old, nothing, work("drop", "replace", "keep")},
      {"rows of a newer generation are old, too", stream_of(append, 5, 5), newer, nothing,
       work("drop", "replace", "keep")},
      {"second attempt", stream_of(append, 5, 5), old, ours, work("keep", "replace", "keep")},
      {"it was complete before", stream_of(append, 5, 5), ours, nothing, direct("drop")},
      {"second attempt, the first one was of another kind", stream_of(append, 5, 5), nothing, ours,
       work("keep", "replace", "keep")},
      {"rows of this refresh in both", stream_of(append, 5, 5), ours, ours, direct("merge")},
      {"another refresh behind a failed one", stream_of(append, 5, 5), old, old, work("drop", "replace", "keep")},
      {"the same, where it was the first", stream_of(append, 5, 5), nothing, old, work("drop", "replace", "keep")},
      {"an attempt that has read nothing", stream_of(append, 5, 5), old, empty, work("drop", "replace", "keep")},

      {"dedup refresh of nothing", stream_of(dedup, 5, 5), nothing, nothing,
       work("drop", "upsert and replace", "keep")},
      {"dedup refresh", stream_of(dedup, 5, 5), old, nothing, work("drop", "upsert and replace", "keep")},
      {"second attempt of it", stream_of(dedup, 5, 5), old, ours, work("keep", "upsert and replace", "keep")},
      {"it is complete already", stream_of(dedup, 5, 5), ours, nothing, work("drop", "upsert", "keep")},
      {"rows of it in both", stream_of(dedup, 5, 5), ours, ours, work("keep", "upsert", "keep")},
      {"a stale work table", stream_of(dedup, 5, 5), old, newer, work("drop", "upsert and replace", "keep")},

      {"overwrite without generations", stream_of(overwrite), old, old, anew("replace")},
      {"overwrite whose generations keep everything", stream_of(overwrite, 5, 0), old, nothing, anew("replace")},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(to_string(plan_load(row.stream, row.final_table, row.work_table)), row.plan);
  }
}

TEST(PlanLoad, WhatTablesCannotDoIsRefusedWithTheStreamsName) {
  for (DestinationStream const& stream :
       {stream_of(DestinationSyncMode::update), stream_of(DestinationSyncMode::soft_delete, 1, 0),
        stream_of(append, 5, 3), stream_of(dedup, 5, 3)}) {
    try {
      plan_load(stream, TableState(), TableState());
      ADD_FAILURE() << "it was accepted";
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::config);
      EXPECT_NE(error.message().find("stream users"), std::string::npos) << error.message();
    }
  }
}

// ---- a model: what readers see after any sequence of syncs ----

/// Tables as bags of rows; a row is the generation and the sync that has sent it.
struct Store {
  using SentBy = int;
  struct Row {
    std::int64_t generation;
    SentBy sync;
    friend auto operator<=>(Row const&, Row const&) = default;
  };
  using Table = std::optional<std::multiset<Row>>;

  static TableState state_of(Table const& table) {
    if (!table) return TableState();
    return table->empty() ? TableState::empty() : TableState::with_rows(table->begin()->generation);
  }

  void move_rows(Table& from, Table& to) {
    if (!to) to.emplace();
    if (from) to->merge(*from);
    from.reset();
  }

  /// One sync of one row.
  void sync(DestinationStream const& stream, int number, bool complete) {
    LoadPlan const plan = plan_load(stream, state_of(final_table), state_of(work_table));
    Table attempt;
    if (plan.leftover == LoadPlan::Leftover::merge && work_table) move_rows(work_table, final_table);
    if (plan.leftover == LoadPlan::Leftover::drop) work_table.reset();
    Table& target = plan.target == LoadPlan::Target::final_table  ? final_table
                    : plan.target == LoadPlan::Target::work_table ? work_table
                                                                  : attempt;
    if (!target) target.emplace();
    target->insert(Row{stream.generation_id.value_or(0), number});
    switch (complete ? plan.when_complete : plan.otherwise) {
      case LoadPlan::End::nothing:
      case LoadPlan::End::keep:
        break;
      case LoadPlan::End::drop:
        target.reset();
        break;
      case LoadPlan::End::upsert:
        move_rows(target, final_table);
        break;
      case LoadPlan::End::replace:
      case LoadPlan::End::upsert_replace:
        final_table.reset();
        move_rows(target, final_table);
        break;
    }
  }

  std::set<SentBy> seen() const {
    std::set<SentBy> syncs;
    if (final_table) {
      for (Row const& row : *final_table) syncs.insert(row.sync);
    }
    return syncs;
  }

  Table final_table;
  Table work_table;
};

struct Sync {
  DestinationSyncMode mode;
  bool refresh;
  bool new_generation;
  bool complete;
};

// Every sequence of four syncs, each of which sends one row that the source never sends again in the same generation.
TEST(PlanLoad, NoSequenceOfSyncsLosesRowsOrShowsThemTooEarly) {
  std::vector<Sync> kinds;
  for (auto const mode : {append, dedup}) {
    for (bool const refresh : {false, true}) {
      for (bool const new_generation : {false, true}) {
        for (bool const complete : {false, true}) kinds.push_back({mode, refresh, new_generation, complete});
      }
    }
  }
  std::size_t const sequences = kinds.size() * kinds.size() * kinds.size() * kinds.size();
  for (std::size_t sequence = 0; sequence < sequences; ++sequence) {
    Store store;
    std::int64_t generation = 1;
    bool refreshing = false;
    std::map<int, std::int64_t> kept;  // rows that no refresh of another generation has followed: by sync, generation
    std::size_t rest = sequence;
    std::string story;
    for (int number = 1; number <= 4; ++number) {
      Sync const& sync = kinds[rest % kinds.size()];
      rest /= kinds.size();
      // A refresh begins with a generation that no row has; its later attempts, and what follows it, may have the same.
      bool const begins = sync.refresh && !refreshing;
      if (sync.new_generation || begins) ++generation;
      refreshing = sync.refresh;
      story += fmt::format("{}{}{} generation {}; ", sync.refresh ? "refreshing " : "", to_string(sync.mode),
                           sync.complete ? "" : ", incomplete,", generation);
      if (sync.refresh) std::erase_if(kept, [&](auto const& row) { return row.second != generation; });
      kept.emplace(number, generation);
      std::set<int> const before = store.seen();
      store.sync(stream_of(sync.mode, generation, sync.refresh ? generation : 0), number, sync.complete);
      std::set<int> const after = store.seen();
      SCOPED_TRACE(story);

      bool const replaces = sync.refresh && sync.complete;
      // Readers see what they saw before until a refresh is complete.
      if (!replaces) {
        EXPECT_TRUE(std::includes(after.begin(), after.end(), before.begin(), before.end()));
      }
      // Whatever the failed syncs before it have left where nobody sees it, a complete one shows.
      if (sync.complete) {
        for (auto const& [sent_by, of_generation] : kept) EXPECT_TRUE(after.contains(sent_by)) << sent_by;
      }
      // After a complete refresh there is nothing of another generation.
      if (replaces && store.final_table) {
        for (auto const& row : *store.final_table) EXPECT_EQ(row.generation, generation);
      }
      if (::testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace landfall
