#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <landfall/destination/record_batch.hpp>
#include <landfall/protocol/catalog.hpp>
#include <landfall/runtime/awaitable.hpp>
#include <landfall/runtime/error.hpp>
#include <landfall/runtime/interval_set.hpp>
#include <landfall/table/identifier.hpp>
#include <landfall/table/load_plan.hpp>
#include <landfall/table/table_note.hpp>
#include <landfall/table/table_rows.hpp>
#include <landfall/table/table_schema.hpp>

namespace landfall {

/// What the store has under a name.
struct ExistingTable {
  ExistingTable() = default;

  TableSchema schema;
  TableState state;        ///< `exists` is true
  std::string other_kind;  ///< not empty: it is no table but this ("view"), and stands in the way

  /// Nothing: no note says whose it is. It was made before there were notes, or by somebody else.
  std::optional<StreamDescriptor> owner;
  /// Column -> the field that it was made for. With an owner, any other column but the meta columns is a user's.
  std::map<Identifier, std::string> fields;
  /// What another table that takes this one's place cannot have: "the generated column total", "the constraint
  /// users_pkey". For messages.
  std::vector<std::string> immovable;
  /// What keeps rows out of it, or hides them, without an error: "the rule audit", "row security". For messages.
  std::vector<std::string> keeps_rows_out;
  /// What somebody else has written that may do so: "the trigger check_users". For messages.
  std::vector<std::string> may_keep_rows_out;

  /// Sets owner and fields. The store wins over the note: a column that is not there is not in `fields`, since it was
  /// dropped, or is a user's under its new name.
  void take_note(TableNote note);
};

/// What is to be done to one table by TableOperations::alter_all().
struct TableAlteration {
  TableAlteration() = default;
  TableAlteration(TableName of_table, SchemaChange what_changes, TableSchema wanted_schema,
                  std::optional<TableNote> with_note)
      : table(std::move(of_table)),
        change(std::move(what_changes)),
        wanted(std::move(wanted_schema)),
        note(std::move(with_note)) {}

  TableName table;
  SchemaChange change;
  TableSchema wanted;
  std::optional<TableNote> note;  ///< takes the place of an earlier one
};

/// Errors: Error(config) which names the table and these parts of it (ExistingTable::immovable), if there are any.
void refuse_immovable(TableName const& table, std::vector<std::string> const& parts);

/// Errors: Error(config) which names the stream, the table and what keeps rows out of it, if there is any.
void refuse_what_keeps_rows_out(StreamDescriptor const& stream, TableName const& table,
                                std::vector<std::string> const& obstacles);

/// How many rows a call was to write and to delete, and how many the store says it has. They differ where somebody has
/// made a trigger or a rule that leaves rows out without an error.
struct RowCounts {
  RowCounts() = default;

  std::uint64_t to_write = 0;
  std::uint64_t written = 0;  ///< inserted, or updated in place
  std::uint64_t to_delete = 0;
  std::uint64_t deleted = 0;

  /// To be called in the transaction, before it is committed: rows that are not there must not be marked, and those
  /// that they came from must not be dropped. Errors: Error(config) which names the table, where the counts differ.
  void require_whole(TableName const& table) const;
  friend bool operator==(RowCounts const&, RowCounts const&) = default;
};

/// Which batch some rows came with. Kept in the store in the same transaction as the rows, so that a batch whose
/// outcome nobody knows, or that an earlier process may have loaded, is loaded once.
struct BatchMark {
  BatchMark() = default;
  BatchMark(std::string of_stream, std::string of_run, std::uint64_t batch_id)
      : stream(std::move(of_stream)), run(std::move(of_run)), batch(batch_id) {}

  std::string stream;       ///< its name in the store
  std::string run;          ///< of the process; empty where batch ids are unique over all processes (spill.resume)
  std::uint64_t batch = 0;  ///< BatchId::value
  friend bool operator==(BatchMark const&, BatchMark const&) = default;
};

/// What a mark says of a batch, which may lack some of its records: one row for each interval.
IntervalSet numbers_in(RecordBatch const& records);

/// Those whose numbers are not in `loaded`.
RecordBatch not_loaded_of(RecordBatch const& records, IntervalSet const& loaded);

/// One sync of a stream: of two that work on the same tables only the later one counts.
struct StreamRun {
  StreamRun() = default;
  StreamRun(std::string of_stream, std::string run_id) : stream(std::move(of_stream)), id(std::move(run_id)) {}

  std::string stream;  ///< its name in the store
  std::string id;      ///< of the process
  friend bool operator==(StreamRun const&, StreamRun const&) = default;
};

/// Errors: is one, of class config, for a call of a run that is over because a later one has begun.
Error run_is_over(StreamRun const& run);

/// For a store: which of this process's runs changes a table.
///
/// Threads: any.
class StreamRuns {
 public:
  void begin(StreamRun const& run, std::vector<TableName> const& tables);
  void end(StreamRun const& run);
  /// Nothing: the table belongs to no run, and whoever calls may change it.
  std::optional<StreamRun> of(TableName const& table) const;

 private:
  mutable std::mutex mutex_;
  std::map<TableName, StreamRun> runs_;
  std::map<std::string, std::vector<TableName>> tables_;  // of each stream that has a run
};

/// Rows to be appended to a table.
struct CopyIn {
  CopyIn() = default;

  TableName table;
  std::shared_ptr<TableSchema const> schema;  ///< of the table, in the order of TableRow
  std::shared_ptr<TableRows> rows;            ///< reads `records`
  RecordBatch records;
  BatchMark mark;
};

/// How rows of one key are compared, and which of them mean that the key is gone.
struct UpsertRule {
  UpsertRule() = default;

  std::vector<Identifier> primary_key;
  /// Null is less than any value. Numbers are compared by value, moments as moments, text by its bytes in UTF-8
  /// (whatever collation the store has), JSON as compare_json() says.
  std::optional<Identifier> cursor;
  /// The column of deleted_at_field. A row that says so deletes its key, if it is the one that stays: one of `from` by
  /// MetaColumns::deleted, where it is not null; any other row by this column, unless that is null, false, or empty
  /// text (in JSON, too).
  std::optional<Identifier> deleted_at;
  bool from_says_deleted = false;  ///< `from` has MetaColumns::deleted
};

/// What a SQL store has to do for a TableDestination: this interface is all that a new store needs.
///
/// Atomic:  each call is applied whole or not at all, and when it returned it is durable.
/// Notes:   a table's TableNote is written in the transaction that makes or changes the table: after a failure there
/// are
///          both or neither. It lives as long as the table, and goes where the table goes. It is kept beside the table
///          ("_landfall_owners" in its schema), so that another default schema finds other notes.
/// Counts:  what a store answers of the rows it has written is compared with what it was to write, here too: nothing is
///          acknowledged that a store has left out in silence. RowCounts::require_whole() is for the store itself.
/// Repeats: a call whose outcome nobody knows is made again: create() of what is there with this schema already, and
///          drop() of what is not, do nothing but to write the note.
/// Runs:    a call that changes tables of a run (begin_run()) changes nothing once the run is over: not even one that
/// was
///          sent by a process which is gone, and that the store has been working on since.
/// Threads: any number of calls at once, of different streams; one at a time for a stream, but for copy_in().
/// Errors:  by class, as StreamLoader's: transient_error when it was not applied and may work later,
///          unknown_outcome_error when nobody knows, config_error when the user must change something.
/// Source:  base design 1.17, table operations; behaviours 261-271.
class TableOperations {
 public:
  virtual ~TableOperations() = default;

  /// Whether the store can be reached and used as configured.
  virtual awaitable<void> check() = 0;

  virtual awaitable<void> create_schema(Identifier schema) = 0;
  virtual awaitable<std::optional<ExistingTable>> find(TableName table) = 0;

  /// All tables that are there in these schemas, with their notes, but without the fields of these; nothing for a table
  /// that has none. A schema that is missing has none;
  /// a store without schemas has the one that is called "".
  virtual awaitable<TablesThere> owners(std::vector<Identifier> schemas) = 0;

  /// For a user: the SQL by which a column of theirs may be null.
  virtual std::string allow_null_statement(TableName const& table, TableColumn const& column) const;

  /// Without a note nothing is written down.
  virtual awaitable<void> create(TableName table, TableSchema schema, std::optional<TableNote> note) = 0;
  /// Changes tables, all of them or none. Old rows stay: those of an added column are null, a retyped one keeps what
  /// can be read as the new type, and null for what cannot. So do columns that are not wanted, with their values.
  /// Errors: Error(config) where a value of the key, or of a decisive column, cannot be read as the new type.
  virtual awaitable<void> alter_all(std::vector<TableAlteration> alterations) = 0;
  /// The same with one table.
  awaitable<void> alter(TableName table, SchemaChange change, TableSchema wanted, std::optional<TableNote> note);
  /// Writes the note of a table that is there, in the place of an earlier one.
  virtual awaitable<void> claim(TableName table, TableNote note) = 0;
  virtual awaitable<void> drop(TableName table) = 0;

  /// Appends rows and their mark. Those of records that came with this mark before are there already: they are looked
  /// up in the transaction, where nobody else can load the batch meanwhile, and not appended again. Errors: also what
  /// TableRows::read() throws, as it is; RejectedRecords for those that a constraint of somebody else's does not let
  /// in; RowCounts::require_whole(). Then nothing was appended. Returns: of how many records the rows are there.
  virtual awaitable<RowCounts> copy_in(CopyIn rows) = 0;
  /// The numbers of the records that came with this batch.
  virtual awaitable<IntervalSet> numbers_of(BatchMark mark) = 0;

  /// From now on these tables are changed by this run, and by no earlier one of the stream, of whatever process: what
  /// of those is under way is ended, or waited for. Their marks are dropped, but for those without a run. A store whose
  /// files one process at a time has may refuse instead.
  /// Errors: Error(config) where another process is at it, and must not be disturbed.
  virtual awaitable<void> begin_run(StreamRun run, std::vector<TableName> tables) = 0;
  /// Nothing of the run is applied any more. Of one that is over, or has not begun, nothing is done.
  virtual awaitable<void> end_run(StreamRun run) = 0;

  /// Appends all rows of `from`, of the columns of `schema`, to `to`, and drops `from`. Errors:
  /// RowCounts::require_whole(), and both tables stay as they are.
  virtual awaitable<RowCounts> move_rows(TableName from, TableName to, TableSchema schema) = 0;
  /// What becomes of the table that rows were taken from.
  enum class Source { stays, is_dropped };

  /// For each key in `from`: of all its rows in both tables the newest stays in `to`, by (cursor, extracted at, order
  /// read). `from` has the columns of `schema`, which is that of `to`, and MetaColumns::read_order (and ::deleted, see
  /// UpsertRule); what is in `to` was read before. Keys are equal when their nulls are, too. Columns of `from` beside
  /// the schema, of fields that left it while rows waited, go along: a null there takes no value away, neither one of
  /// `to` nor one of an older row that waits. Rows of other keys stay as they are. Its cost is that of `from`, not of
  /// `to`. Errors: RowCounts::require_whole(), and both tables stay as they are.
  /// Returns: rows to be written are those that were chosen, rows to be deleted those in whose place they come.
  virtual awaitable<RowCounts> upsert(TableName from, TableName to, TableSchema schema, UpsertRule rule,
                                      Source source) = 0;
  /// `source` becomes `target`, with its note, and `done_with`, if it is named, is dropped. Readers of `target` see all
  /// old rows until they see all new ones. Errors: as refuse_immovable(), also where somebody has made such a part
  /// after `target` was found; both tables stay as they are.
  virtual awaitable<void> replace(TableName target, TableName source, std::optional<TableName> done_with) = 0;
};

}  // namespace landfall
