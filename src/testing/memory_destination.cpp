#include <landfall/testing/memory_destination.hpp>

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include <landfall/runtime/assert.hpp>

namespace landfall::testing {

namespace {

std::uint64_t member(std::string_view data, std::string_view name) {
  auto const found = data.find(name);
  if (found == std::string_view::npos) throw system_error("a row without {}", name);
  std::uint64_t value = 0;
  std::from_chars(data.data() + found + name.size(), data.data() + data.size(), value);
  return value;
}

/// Puts the newest row of each key into `rows`.
void upsert(std::vector<MemoryRow>& rows, std::vector<MemoryRow> const& newer) {
  for (MemoryRow const& row : newer) {
    auto const found =
        std::find_if(rows.begin(), rows.end(), [&row](MemoryRow const& other) { return other.key == row.key; });
    if (found == rows.end()) {
      rows.push_back(row);
    } else if (found->number < row.number) {
      *found = row;
    }
  }
}

/// What a stream's sync mode means for its table.
struct TableRules {
  explicit TableRules(DestinationStream const& stream)
      : replaces(stream.replaces_old_data()),
        deduplicates(stream.destination_sync_mode == DestinationSyncMode::append_dedup) {
    if (stream.minimum_generation_id.value_or(0) > 0) generation = stream.generation_id;
  }
  bool replaces;
  bool deduplicates;
  std::optional<std::int64_t> generation;  ///< attempts of which go on with each other
};

}  // namespace

class MemoryDestination::Loader final : public StreamLoader {
 public:
  Loader(MemoryDestination& destination, DestinationStream const& stream, std::size_t place)
      : destination_(destination),
        rules_(stream),
        table_(destination.store_.tables_[stream.descriptor]),
        place_(place) {}

  bool needs_order() const override { return destination_.options_.needs_order; }

  awaitable<void> start() override {
    if (rules_.replaces && !is_unplugged()) open_table();
    co_return;
  }

  awaitable<Batch> process_records(RecordBatch records) override {
    BatchId const id = records.id();
    stage(records);
    co_return answer(id, 0);
  }

  awaitable<Batch> process_batch(Batch batch) override {
    auto const [id, place] = std::any_cast<std::pair<BatchId, std::size_t>>(batch.payload());
    co_return answer(id, place);
  }

  awaitable<ProbeResult> probe(BatchId batch) override {
    bool const known =
        durable_.contains(batch) || (destination_.options_.probes_earlier && table_.batches.contains(batch));
    co_return known ? ProbeResult::applied : ProbeResult::not_applied;
  }

  awaitable<void> close(StreamOutcome outcome) override {
    if (!late_.empty() && destination_.options_.defect == Defect::answers_too_early) store(std::exchange(late_, {}));
    bool const replaces_anyway = destination_.options_.defect == Defect::replaces_always;
    if (!is_unplugged() && (outcome.succeeded() || replaces_anyway)) commit();
    co_return;
  }

  /// Again for the same batch, it does the same.
  void stage(RecordBatch const& records) {
    Staged staged;
    for (Record const record : records) {
      staged.numbers.push_back(record.number());
      staged.rows.emplace_back(member(record.data(), R"("n":)"), member(record.data(), R"("k":)"));
    }
    staged_.insert_or_assign(records.id(), std::move(staged));
  }

  void make_durable(BatchId id) {
    if (durable_.contains(id)) return;
    auto const found = staged_.find(id);
    LANDFALL_ASSERT(found != staged_.end());
    Staged staged = std::move(found->second);
    staged_.erase(found);
    durable_.insert(id);
    Defect const defect = destination_.options_.defect;
    if (defect == Defect::forgets_a_row && staged.rows.front().number % 7 == 3) {
      staged.rows.erase(staged.rows.begin());
      staged.numbers.erase(staged.numbers.begin());
    }
    if (remembers()) remember(id, staged);
    if (defect == Defect::answers_too_early) staged = std::exchange(late_, std::move(staged));
    store(std::move(staged));
  }

 private:
  struct Staged {
    Staged() = default;
    bool empty() const noexcept { return numbers.empty(); }
    std::vector<RecordNumber> numbers;
    std::vector<MemoryRow> rows;
  };

  bool remembers() const noexcept { return destination_.options_.remembers_records; }

  // Leaves the rows that are new.
  void remember(BatchId id, Staged& staged) {
    if (is_unplugged()) return;
    table_.batches.insert(id);
    std::vector<MemoryRow> rows;
    for (std::size_t i = 0; i < staged.rows.size(); ++i) {
      bool const is_new = table_.batch_records.emplace(id.value, staged.numbers[i]).second;
      if (is_new) rows.push_back(staged.rows[i]);
    }
    staged.rows = std::move(rows);
  }

  bool is_unplugged() const noexcept { return destination_.store_.unplugged_; }
  bool is_replaced() const noexcept { return rules_.generation && table_.replaced_by == rules_.generation; }

  void open_table() {
    if (is_replaced()) return;
    if (rules_.generation && table_.aside_generation == rules_.generation) return;
    table_.aside.clear();
    table_.aside_generation = rules_.generation;
  }

  Batch answer(BatchId id, std::size_t place) {
    BatchState const state = destination_.options_.answers.at(place);
    if (state >= BatchState::persisted) make_durable(id);
    return Batch(state, std::make_pair(id, place + 1));
  }

  void store(Staged staged) {
    if (is_unplugged() || staged.numbers.empty()) return;
    bool const aside = rules_.deduplicates || (rules_.replaces && !is_replaced());
    auto& rows = aside ? table_.aside : table_.rows;
    rows.insert(rows.end(), staged.rows.begin(), staged.rows.end());
    if (destination_.trace_ == nullptr) return;
    TraceEvent& event = destination_.trace_->add(EventKind::durable, destination_.clock_.now());
    event.stream = place_;
    event.records = std::move(staged.numbers);
  }

  void commit() {
    std::vector<MemoryRow> const aside = std::exchange(table_.aside, {});
    if (rules_.replaces && !is_replaced()) {
      table_.rows.clear();
      table_.replaced_by = rules_.generation;
      note_replaced();
    }
    if (rules_.deduplicates) {
      upsert(table_.rows, aside);
    } else {
      table_.rows.insert(table_.rows.end(), aside.begin(), aside.end());
    }
  }

  void note_replaced() {
    if (destination_.trace_ == nullptr) return;
    destination_.trace_->add(EventKind::replaced, destination_.clock_.now()).stream = place_;
  }

  MemoryDestination& destination_;
  TableRules rules_;
  MemoryStore::Table& table_;
  std::size_t place_;
  std::map<BatchId, Staged> staged_;
  std::set<BatchId> durable_;
  Staged late_;
};

/// The first step: takes the records over.
class MemoryDestination::Stage final : public LoadStep {
 public:
  std::string name() const override { return "stage"; }
  std::size_t workers() const override { return 2; }
  std::size_t partition(StepInput const& input, std::size_t workers) const override {
    return input.records.id().value % workers;
  }
  awaitable<Batch> process(StepInput& input, std::size_t) override {
    static_cast<Loader&>(*input.loader).stage(input.records);
    input.records.clear();
    co_return Batch::staged();
  }
};

/// The second one: makes them durable.
class MemoryDestination::Apply final : public LoadStep {
 public:
  std::string name() const override { return "apply"; }
  awaitable<Batch> process(StepInput& input, std::size_t) override {
    static_cast<Loader&>(*input.loader).make_durable(input.records.id());
    co_return Batch::complete();
  }
};

std::vector<MemoryRow> const& MemoryStore::rows(StreamDescriptor const& stream) const {
  static std::vector<MemoryRow> const none;
  auto const found = tables_.find(stream);
  return found == tables_.end() ? none : found->second.rows;
}

MemoryDestination::MemoryDestination(MemoryStore& store, Options options, Trace* trace, Clock const& clock)
    : store_(store), options_(std::move(options)), trace_(trace), clock_(clock) {}

awaitable<void> MemoryDestination::setup(DestinationCatalog const& catalog) {
  places_.clear();
  for (auto const& stream : catalog.streams()) places_.emplace(stream->descriptor, places_.size());
  co_return;
}

awaitable<std::unique_ptr<StreamLoader>> MemoryDestination::open(DestinationStream const& stream) {
  co_return std::make_unique<Loader>(*this, stream, places_.at(stream.descriptor));
}

std::vector<std::unique_ptr<LoadStep>> MemoryDestination::load_steps() {
  std::vector<std::unique_ptr<LoadStep>> steps;
  if (!options_.load_steps) return steps;
  steps.push_back(std::make_unique<Stage>());
  steps.push_back(std::make_unique<Apply>());
  return steps;
}

}  // namespace landfall::testing
