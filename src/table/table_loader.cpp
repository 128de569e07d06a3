#include "table/table_loader.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/blocking.hpp>
#include <landfall/runtime/error.hpp>
#include <landfall/table/column_names.hpp>

namespace landfall {

namespace {

TableNote note_for(DestinationStream const& stream, StreamTables const& tables, TableSchema const& schema,
                   std::string const& default_schema) {
  TableNote note;
  note.final_table = tables.final_table;
  note.owner = stream.descriptor;
  note.name_space = stream.descriptor.name_space.value_or(default_schema);
  for (auto const& [field, column] : tables.columns) {
    if (schema.find(column) != nullptr) note.fields.emplace(column, field);
  }
  return note;
}

/// Of a field's column that is not there nothing can be noted.
bool is_noted(ExistingTable const& found, TableNote const& note) {
  if (found.owner != note.owner) return false;
  return std::ranges::all_of(note.fields, [&](auto const& entry) {
    auto const noted = found.fields.find(entry.first);
    bool const is_noted = noted != found.fields.end() && noted->second == entry.second;
    return is_noted || found.schema.find(entry.first) == nullptr;
  });
}

/// A default that somebody has given to a column of ours is of that column's type.
void refuse_lost_defaults(TableName const& table, TableSchema const& actual, TableSchema const& wanted) {
  for (TableColumn const& column : wanted.columns) {
    TableColumn const* const there = actual.find(column.name);
    bool const has_default = there != nullptr && there->filled_by_store && there->foreign_type.empty();
    if (!has_default || there->type == column.type) continue;
    throw config_error(
        "the column {} of {} gets another type ({} instead of {}), and somebody has given it a default: drop the "
        "default, or the column",
        column.name.text(), to_string(table), to_string(column.type), to_string(there->type));
  }
}

bool is_replacement(LoadPlan::End end) noexcept {
  return end == LoadPlan::End::replace || end == LoadPlan::End::upsert_replace;
}

TableState state_of(std::optional<ExistingTable> const& found) noexcept { return found ? found->state : TableState(); }

}  // namespace

KeptColumns::KeptColumns(StreamTables const& tables, TableSchema const& schema, TableNote const& note,
                         TableNote const& usual_note) {
  for (auto const& [field, column] : tables.columns) {
    if (column.text() != field) renamed_.emplace(field, column);
  }
  constexpr std::size_t meta_columns = 4;  // the first ones
  for (TableColumn const& column : schema.columns) {
    bool const is_of_field = others_.size() >= meta_columns;
    if (!is_of_field || !column.nullable) others_.push_back(column);
  }
  for (auto const& [column, field] : note.fields) {
    if (!usual_note.fields.contains(column)) more_fields_.emplace(column, field);
  }
}

ColumnNames KeptColumns::names(DestinationStream const& stream) const {
  ColumnNames names;
  for (Field& field : fields_of(stream.json_schema)) {
    auto const renamed = renamed_.find(field.name);
    Identifier column = renamed == renamed_.end() ? Identifier(field.name) : renamed->second;
    names.emplace(std::move(field.name), std::move(column));
  }
  return names;
}

void KeptColumns::complete(TableSchema& schema) const {
  for (TableColumn const& other : others_) {
    std::ranges::find(schema.columns, other.name, &TableColumn::name)->nullable = other.nullable;
    std::ranges::find(schema.columns, other.name, &TableColumn::name)->stored_as = other.stored_as;
  }
}

void KeptColumns::complete(TableNote& note) const { note.fields.insert(more_fields_.begin(), more_fields_.end()); }

TableLoader::TableLoader(TableOperations& operations, TableSettings const& settings, DestinationStream const& stream,
                         StreamTables tables, std::string run, std::int64_t first_in_order,
                         std::shared_ptr<RowsKept> rows_kept)
    : operations_(operations),
      settings_(settings),
      stream_(stream),
      tables_(std::move(tables)),
      run_(std::move(run)),
      first_in_order_(first_in_order),
      rows_kept_(std::move(rows_kept)) {}

TableLoader::~TableLoader() {
  for (std::size_t i = 0; i < idle_rows_.size(); ++i) rows_kept_->let_go();
}

// ---- tables ----

awaitable<void> TableLoader::start() {
  // Once: when this is called again, a later sync may have taken over, and must not be taken over in turn.
  if (!has_begun_) {
    std::vector<TableName> tables = {tables_.final_table, tables_.work_table, tables_.attempt_table,
                                     tables_.swap_table};
    co_await operations_.begin_run(run(), std::move(tables));
    has_begun_ = true;
  }
  auto const final_table = co_await find(tables_.final_table);
  auto const work_table = co_await find(tables_.work_table);
  plan(final_table, work_table);
  auto alterations = alterations_of(final_table, work_table);
  if (!alterations.empty()) co_await operations_.alter_all(std::move(alterations));
  co_await operations_.drop(tables_.attempt_table);
  co_await operations_.drop(tables_.swap_table);
  if (work_table) co_await settle_leftover();
  // An empty stream has an empty table. Where the final one is to be replaced it stays as it is until then.
  if (!is_replacement(plan_.when_complete)) co_await ensure(tables_.final_table);
  co_await ensure(target());
  let_go_of_columns();
}

void TableLoader::let_go_of_columns() {
  kept_columns_.emplace(tables_, schema_, note_, note_for(stream_, tables_, schema_, settings_.default_schema));
  tables_.columns = ColumnNames();
  schema_ = TableSchema();
  note_ = TableNote();
}

void TableLoader::make_columns_again() {
  tables_.columns = kept_columns_->names(stream_);
  schema_ = landfall::schema_of(stream_, tables_, settings_.layout);
  kept_columns_->complete(schema_);
  note_ = note_for(stream_, tables_, schema_, settings_.default_schema);
  kept_columns_->complete(note_);
}

/// All that can be refused is refused here, before anything is changed.
void TableLoader::plan(std::optional<ExistingTable> const& final_table,
                       std::optional<ExistingTable> const& work_table) {
  plan_ = plan_load(stream_, state_of(final_table), state_of(work_table));
  ColumnsThere there;
  if (settings_.layout == TableLayout::typed) {
    there = ColumnsThere(final_table ? &*final_table : nullptr, work_table ? &*work_table : nullptr);
  }
  tables_.columns = column_names(stream_, settings_.names, there);
  schema_ = schema_of(stream_, tables_, settings_.layout);
  if (final_table) keep_what_is_there(schema_, final_table->schema);
  note_ = note_for(stream_, tables_, schema_, settings_.default_schema);
  for (auto const* const found : {&final_table, &work_table}) {
    if (*found) note_.fields.insert((*found)->fields.begin(), (*found)->fields.end());  // fields that left the schema
  }
  if (!final_table) return;
  refuse_what_users_have_made(*final_table);
  if (!is_replacement(plan_.when_complete)) warn_of_what_users_have_made(*final_table);
}

void TableLoader::warn_of_what_users_have_made(ExistingTable const& final_table) {
  if (final_table.may_keep_rows_out.empty() || std::exchange(has_warned_, true)) return;
  settings_.notices.warn(fmt::format("stream {}: {} has {}: where rows are left out by it, the sync fails",
                                     to_string(stream_.descriptor), to_string(tables_.final_table),
                                     fmt::join(final_table.may_keep_rows_out, ", ")));
}

void TableLoader::refuse_what_users_have_made(ExistingTable const& final_table) const {
  TableName const& name = tables_.final_table;
  std::string const stream = to_string(stream_.descriptor);
  if (settings_.layout == TableLayout::typed) refuse_unfit_columns(stream_, name, final_table, tables_.columns);
  if (TableColumn const* const unfilled = find_unfilled_column(final_table.schema, schema_)) {
    throw config_error(
        "stream {}: {} has a column {} that must not be null, and no field of the stream fills it: give it a default, "
        "or run {}",
        stream, to_string(name), unfilled->name.text(), operations_.allow_null_statement(name, *unfilled));
  }
  if (!is_replacement(plan_.when_complete)) {
    refuse_what_keeps_rows_out(stream_.descriptor, name, final_table.keeps_rows_out);
    change_between(name, final_table.schema, schema_for(name));  // refuses columns of foreign types
    return;
  }
  try {
    refuse_immovable(name, final_table.immovable);
    refuse_lost_defaults(name, final_table.schema, schema_);
  } catch (Error const& error) {
    throw config_error("stream {}: {}", stream, error.message());
  }
}

/// Of the tables whose rows stay, together: where a value of one does not fit, none is changed.
std::vector<TableAlteration> TableLoader::alterations_of(std::optional<ExistingTable> const& final_table,
                                                         std::optional<ExistingTable> const& work_table) const {
  std::vector<TableAlteration> alterations;
  auto const add = [&](TableName const& table, ExistingTable const& found) {
    TableSchema wanted = schema_for(table);
    SchemaChange change = change_of(table, found.schema, wanted);
    if (!change.empty()) alterations.emplace_back(table, std::move(change), std::move(wanted), note_);
  };
  if (final_table && !is_replacement(plan_.when_complete)) add(tables_.final_table, *final_table);
  if (work_table && plan_.leftover != LoadPlan::Leftover::drop) add(tables_.work_table, *work_table);
  return alterations;
}

SchemaChange TableLoader::change_of(TableName const& table, TableSchema const& actual,
                                    TableSchema const& wanted) const {
  SchemaChange change = change_between(table, actual, wanted);
  if (!dedups()) return change;
  UpsertRule const rule = upsert_rule();
  change.cursor = rule.cursor;
  if (is_looked_up(table)) return change;
  change.decisive = rule.primary_key;
  if (rule.cursor) change.decisive.push_back(*rule.cursor);
  // Rows of an earlier version say by their column alone that they were deleted.
  bool const is_noted = actual.find(Identifier(std::string(MetaColumns::deleted))) != nullptr;
  if (rule.deleted_at && !is_noted) change.decisive.push_back(*rule.deleted_at);
  return change;
}

awaitable<void> TableLoader::settle_leftover() {
  RowCounts counts;
  switch (plan_.leftover) {
    case LoadPlan::Leftover::keep:
      break;
    case LoadPlan::Leftover::drop:
      co_await operations_.drop(tables_.work_table);
      break;
    case LoadPlan::Leftover::merge:
      co_await ensure(tables_.work_table);
      co_await ensure(tables_.final_table);
      counts = co_await operations_.move_rows(tables_.work_table, tables_.final_table, schema_for(tables_.final_table));
      counts.require_whole(tables_.final_table);
      break;
  }
}

awaitable<std::optional<ExistingTable>> TableLoader::find(TableName table) {
  auto found = co_await operations_.find(table);
  if (!found) co_return found;
  if (!found->other_kind.empty()) {
    throw config_error("stream {}: {} is a {}, not a table: rename it, or choose another schema",
                       to_string(stream_.descriptor), to_string(table), found->other_kind);
  }
  refuse_foreign_table(table, found->schema);  // also where it would only be replaced
  co_return found;
}

/// Makes the table, or changes it to what this sync needs.
awaitable<void> TableLoader::ensure(TableName table) {
  TableSchema const wanted = schema_for(table);
  auto const found = co_await operations_.find(table);
  std::optional<TableNote> note = note_;
  if (!found) {
    co_await operations_.create(table, wanted, std::move(note));
    co_return;
  }
  SchemaChange change = change_of(table, found->schema, wanted);
  if (!change.empty()) {
    co_await operations_.alter(table, std::move(change), wanted, std::move(note));
  } else if (!is_noted(*found, note_)) {
    co_await operations_.claim(table, std::move(*note));
  }
}

TableName const& TableLoader::target() const noexcept {
  switch (plan_.target) {
    case LoadPlan::Target::final_table:
      return tables_.final_table;
    case LoadPlan::Target::work_table:
      return tables_.work_table;
    case LoadPlan::Target::attempt_table:
      return tables_.attempt_table;
  }
  LANDFALL_ASSERT(false);
}

bool TableLoader::dedups() const noexcept { return stream_.destination_sync_mode == DestinationSyncMode::append_dedup; }

// By key: only the final table, and the one that takes its place. In the others rows wait for their upsert.
bool TableLoader::is_looked_up(TableName const& table) const noexcept {
  return table == tables_.final_table || table == tables_.swap_table;
}

TableSchema TableLoader::schema_for(TableName const& table) const {
  return with_columns_of_waiting_rows(schema_, tables_, table);
}

TableSchema TableLoader::with_columns_of_waiting_rows(TableSchema schema, StreamTables const& tables,
                                                      TableName const& table) const {
  if (is_looked_up(table) || !dedups()) return schema;
  schema.primary_key.clear();
  schema.columns.emplace_back(Identifier(std::string(MetaColumns::read_order)), ColumnType::integer);
  if (tables.columns.contains(deleted_at_field))
    schema.columns.emplace_back(Identifier(std::string(MetaColumns::deleted)), ColumnType::boolean);
  return schema;
}

/// Of the target. Batches may be loaded side by side.
TableSchema TableLoader::schema_of_rows() const {
  StreamTables tables = tables_;
  tables.columns = kept_columns_->names(stream_);
  TableSchema schema = landfall::schema_of(stream_, tables, settings_.layout);
  kept_columns_->complete(schema);
  return with_columns_of_waiting_rows(std::move(schema), tables, target());
}

// ---- batches ----

namespace {

/// All of them, without the store: it was shown the first one only, and each attempt costs it a transaction.
RejectedRecords refused_records(TableRows& rows, RecordBatch const& records) {
  RejectedRecords all("");
  for (Record const& record : records) {
    try {
      rows.read(record);
    } catch (RefusedRecord const& refused) {
      all.records.insert(all.records.end(), refused.records.begin(), refused.records.end());
    }
  }
  LANDFALL_ASSERT(!all.records.empty());
  std::string const reason = all.records.front().reason;
  return RejectedRecords(reason, std::move(all.records));
}

}  // namespace

awaitable<Batch> TableLoader::process_records(RecordBatch records) {
  {
    std::lock_guard const lock(mutex_);
    asked_for_[records.id()] = numbers_in(records);
  }
  CopyIn rows;
  rows.table = target();
  rows.schema = std::make_shared<TableSchema const>(schema_of_rows());
  rows.rows = take_rows();
  rows.records = records;
  rows.mark = mark_of(records.id());
  std::shared_ptr<TableRows> const used = rows.rows;
  bool has_refused = false;
  try {
    RowCounts const counts = co_await operations_.copy_in(std::move(rows));
    require_all(records, counts);
  } catch (RefusedRecord const&) {
    has_refused = true;
  }
  if (has_refused) {
    auto look = [&] { return refused_records(*used, records); };
    RejectedRecords all = co_await run_blocking(look);
    give_back(used);
    throw all;
  }
  give_back(used);
  {
    std::lock_guard const lock(mutex_);
    asked_for_.erase(records.id());
  }
  co_return Batch::complete();
}

/// A store that has been content with fewer is not believed.
void TableLoader::require_all(RecordBatch const& records, RowCounts counts) const {
  counts.to_write = records.size();
  counts.require_whole(target());
}

// An earlier process's batch is looked up when it comes: only then its records are known.
awaitable<ProbeResult> TableLoader::probe(BatchId batch) {
  IntervalSet asked_for;
  {
    std::lock_guard const lock(mutex_);
    auto const found = asked_for_.find(batch);
    if (found == asked_for_.end()) co_return ProbeResult::not_applied;
    asked_for = found->second;
  }
  IntervalSet const loaded = co_await operations_.numbers_of(mark_of(batch));
  co_return loaded.contains_all(asked_for) ? ProbeResult::applied : ProbeResult::not_applied;
}

StreamRun TableLoader::run() const { return StreamRun(to_string(tables_.final_table), run_); }

BatchMark TableLoader::mark_of(BatchId batch) const {
  return BatchMark(to_string(tables_.final_table), batch.is_unique_over_processes() ? std::string() : run_,
                   batch.value);
}

std::shared_ptr<TableRows> TableLoader::take_rows() {
  std::lock_guard const lock(mutex_);
  if (idle_rows_.empty()) {
    auto const first_in_order = dedups() ? std::optional(first_in_order_) : std::nullopt;
    return std::make_shared<TableRows>(stream_, settings_.layout, settings_.limits, first_in_order);
  }
  auto rows = std::move(idle_rows_.back());
  idle_rows_.pop_back();
  rows_kept_->let_go();
  return rows;
}

void TableLoader::give_back(std::shared_ptr<TableRows> rows) {
  if (!rows_kept_->try_keep()) return;
  std::lock_guard const lock(mutex_);
  idle_rows_.push_back(std::move(rows));
}

// ---- the end ----

awaitable<void> TableLoader::close(StreamOutcome outcome) {
  if (!has_finished_) {
    LoadPlan::End const end = outcome.succeeded() ? plan_.when_complete : plan_.otherwise;
    if (end != LoadPlan::End::nothing && kept_columns_) make_columns_again();
    co_await finish(end);
    tables_.columns = ColumnNames();
    schema_ = TableSchema();
    note_ = TableNote();
    has_finished_ = true;  // when this is called again, the run may have ended
  }
  co_await operations_.end_run(run());
}

// May be called again when it failed on its way: each step leaves what is needed for doing it all once more.
awaitable<void> TableLoader::finish(LoadPlan::End end) {
  using Source = TableOperations::Source;
  RowCounts counts;
  switch (end) {
    case LoadPlan::End::nothing:
    case LoadPlan::End::keep:
      break;
    case LoadPlan::End::drop:
      co_await operations_.drop(target());
      break;
    case LoadPlan::End::upsert:
      counts = co_await operations_.upsert(target(), tables_.final_table, schema_, upsert_rule(), Source::is_dropped);
      counts.require_whole(tables_.final_table);
      break;
    case LoadPlan::End::replace:
      co_await operations_.replace(tables_.final_table, target(), std::nullopt);
      break;
    case LoadPlan::End::upsert_replace:
      co_await ensure(tables_.swap_table);
      // Until the final table is replaced nothing but the rows that were loaded is sure to be found again.
      counts = co_await operations_.upsert(target(), tables_.swap_table, schema_, upsert_rule(), Source::stays);
      counts.require_whole(tables_.swap_table);
      co_await operations_.replace(tables_.final_table, tables_.swap_table, target());
      break;
  }
}

UpsertRule TableLoader::upsert_rule() const {
  UpsertRule rule;
  rule.primary_key = schema_.primary_key;
  if (!stream_.cursor_field.empty()) rule.cursor = tables_.column(stream_.cursor_field.front());
  if (settings_.deletions == Deletions::hard) {
    auto const deleted = tables_.columns.find(deleted_at_field);
    if (deleted != tables_.columns.end()) rule.deleted_at = deleted->second;
    rule.from_says_deleted = rule.deleted_at.has_value();
  }
  return rule;
}

}  // namespace landfall
