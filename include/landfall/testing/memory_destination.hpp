#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include <landfall/destination/destination.hpp>
#include <landfall/testing/trace.hpp>

namespace landfall::testing {

/// A row of a scenario: what its `data` says under "n" and "k".
struct MemoryRow {
  MemoryRow() = default;
  MemoryRow(std::uint64_t row_number, std::uint64_t row_key) : number(row_number), key(row_key) {}

  std::uint64_t number = 0;  ///< grows with its age: of two rows with one key the higher one wins
  std::uint64_t key = 0;
  friend bool operator==(MemoryRow const&, MemoryRow const&) = default;
};

/// The durable side of a MemoryDestination: it survives a crash of the process.
///
/// Tables:   one for each stream, by the rules of its sync mode. Rows of a stream that replaces old data, or that is
///           deduplicated, are kept aside until its close() ends well; aside they survive a crash as well. With a
///           minimum generation, attempts of one generation go on with each other.
/// Threads:  one.
/// Lifetime: outlives the destinations over it.
class MemoryStore {
 public:
  /// Rows that are there before any sync.
  void fill(StreamDescriptor const& stream, std::vector<MemoryRow> rows) { tables_[stream].rows = std::move(rows); }

  /// What a reader sees of a stream.
  std::vector<MemoryRow> const& rows(StreamDescriptor const& stream) const;

  /// Changes are lost while it is unplugged: the process that makes them is gone.
  void unplug() noexcept { unplugged_ = true; }
  void plug_in() noexcept { unplugged_ = false; }

 private:
  friend class MemoryDestination;
  struct Table {
    Table() = default;
    std::vector<MemoryRow> rows;
    std::vector<MemoryRow> aside;
    std::optional<std::int64_t> aside_generation;
    std::optional<std::int64_t> replaced_by;  ///< the generation whose good end replaced the rows
    std::set<BatchId> batches;                ///< that it knows
    std::set<std::pair<std::uint64_t, RecordNumber>> batch_records;  ///< by the id of their whole batch
  };
  std::map<StreamDescriptor, Table> tables_;
  bool unplugged_ = false;
};

/// A Destination that keeps every promise, over a MemoryStore: the reference in simulated syncs.
class MemoryDestination final : public Destination {
 public:
  /// What goes wrong in it, to see whether that is found.
  enum class Defect {
    none,
    answers_too_early,  ///< complete, although the records are stored with the next batch only
    forgets_a_row,      ///< now and then
    replaces_always,    ///< old rows go at any close()
  };

  struct Options {
    Options() = default;
    std::vector<BatchState> answers{BatchState::complete};  ///< of a loader, one after the other; the last: complete
    bool needs_order = true;                                ///< of a loader
    bool load_steps = false;                                ///< two steps do the work instead
    bool remembers_records = false;  ///< one of a batch that comes again after a crash is not stored twice
    bool probes_earlier = false;     ///< says of such a batch that it was applied: not where records are rejected
    Defect defect = Defect::none;
  };

  /// `trace` (may be null) is told what becomes durable, at the time of `clock`. Store, trace and clock outlive it.
  MemoryDestination(MemoryStore& store, Options options, Trace* trace, Clock const& clock);

  awaitable<void> setup(DestinationCatalog const& catalog) override;
  awaitable<std::unique_ptr<StreamLoader>> open(DestinationStream const& stream) override;
  std::vector<std::unique_ptr<LoadStep>> load_steps() override;

 private:
  class Loader;
  class Stage;
  class Apply;

  MemoryStore& store_;
  Options options_;
  Trace* trace_;
  Clock const& clock_;
  std::map<StreamDescriptor, std::size_t> places_;  // in the catalog
};

}  // namespace landfall::testing
