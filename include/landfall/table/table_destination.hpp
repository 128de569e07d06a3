#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include <landfall/destination/destination.hpp>
#include <landfall/destination/notices.hpp>
#include <landfall/runtime/error.hpp>
#include <landfall/table/naming.hpp>
#include <landfall/table/row_reader.hpp>
#include <landfall/table/table_operations.hpp>
#include <landfall/table/table_schema.hpp>

namespace landfall {

class RowsKept;

/// What becomes of a key whose newest row says that it was deleted at the source (`_ab_cdc_deleted_at`).
enum class Deletions {
  hard,  ///< it goes
  soft,  ///< the row stays, with the time of its deletion
};

/// What a TableDestination needs to know of its store and of what its user wants.
struct TableSettings {
  TableSettings() = default;

  NameRules names;
  std::string default_schema;  ///< of streams without a namespace
  TableLayout layout = TableLayout::typed;
  ValueLimits limits;
  Deletions deletions = Deletions::hard;
  Notices notices;  ///< of the destination; the store may tell what it does through a copy
};

/// A destination for any store with tables: names, schemas, sync modes and generations over TableOperations.
///
/// Meaning:  append, overwrite, append_dedup and refreshes, as LoadPlan says. Readers of a final table see old rows
/// until
///           the new ones are whole. Each batch is loaded once, also when it is repeated after a failure or a restart
///           (BatchMark).
/// Threads:  as Destination's.
/// Lifetime: the operations outlive it.
/// Source:   base design 1.17.
class TableDestination : public Destination {
 public:
  TableDestination(TableOperations& operations, TableSettings settings);
  ~TableDestination() override;

  awaitable<void> check() override;

  /// Warns of streams whose schema has no properties: of their records nothing would be stored but metadata.
  /// Settings of one stream that tables do not have fail that stream, when it is opened and started.
  awaitable<void> setup(DestinationCatalog const& catalog) override;
  awaitable<std::unique_ptr<StreamLoader>> open(DestinationStream const& stream) override;

  /// Where the rows of a stream are, without the columns. After setup().
  StreamTables const& tables_of(StreamDescriptor const& stream) const;

 private:
  void warn_of_empty_tables(DestinationCatalog const& catalog);
  awaitable<TablesThere> open_schema(Identifier schema);

  TableOperations& operations_;
  TableSettings settings_;
  std::string run_;              // of this process, for BatchMark
  std::int64_t first_in_order_;  // of this process, for MetaColumns::read_order
  std::shared_ptr<RowsKept> rows_kept_;
  std::optional<TableNames> names_;
  bool has_warned_ = false;                     // setup() may be called again
  std::map<Identifier, Error> closed_schemas_;  // and why they cannot be used
};

}  // namespace landfall
