#include <landfall/table/table_destination.hpp>

#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <boost/uuid/random_generator.hpp>
#include <boost/uuid/uuid_io.hpp>

#include <landfall/runtime/assert.hpp>

#include "table/table_loader.hpp"

namespace landfall {

namespace {

/// A process that begins later counts from further on: none reads a record in a nanosecond.
std::int64_t nanoseconds_of_today() {
  auto const since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::nanoseconds(since_epoch).count();
}

}  // namespace

TableDestination::TableDestination(TableOperations& operations, TableSettings settings)
    : Destination(settings.notices),
      operations_(operations),
      settings_(std::move(settings)),
      run_(boost::uuids::to_string(boost::uuids::random_generator_mt19937()())),
      first_in_order_(nanoseconds_of_today()),
      rows_kept_(std::make_shared<RowsKept>()) {}

TableDestination::~TableDestination() = default;

void TableDestination::warn_of_empty_tables(DestinationCatalog const& catalog) {
  if (std::exchange(has_warned_, true) || settings_.layout != TableLayout::typed) return;
  for (auto const& stream : catalog.streams()) {
    if (!fields_of(stream->json_schema).empty()) continue;
    notices().warn(
        fmt::format("stream {}: its schema has no properties, so its table gets no columns but metadata, and nothing "
                    "that is in its "
                    "records is stored. With raw_data_only whole records are",
                    to_string(stream->descriptor)));
  }
}

awaitable<void> TableDestination::check() { co_await operations_.check(); }

awaitable<void> TableDestination::setup(DestinationCatalog const& catalog) {
  closed_schemas_.clear();
  TableNames const natural(catalog, settings_.names, settings_.default_schema);
  TablesThere there;
  for (Identifier const& schema : natural.schemas()) there.merge(co_await open_schema(schema));
  if (!settings_.names.has_schemas) {
    std::vector<Identifier> only(1);
    there = co_await operations_.owners(std::move(only));
  }
  warn_of_empty_tables(catalog);
  names_.emplace(catalog, settings_.names, settings_.default_schema, there);
}

/// Makes it when it is missing, and looks what is there. One that cannot be used is a fault of its own streams.
awaitable<TablesThere> TableDestination::open_schema(Identifier schema) {
  try {
    co_await operations_.create_schema(schema);
    std::vector<Identifier> schemas = {schema};
    co_return co_await operations_.owners(std::move(schemas));
  } catch (Error const& error) {
    if (error.error_class() != ErrorClass::config) throw;
    closed_schemas_.insert_or_assign(schema, error);
  }
  co_return TablesThere();
}

awaitable<std::unique_ptr<StreamLoader>> TableDestination::open(DestinationStream const& stream) {
  StreamTables const& tables = names_->of(stream.descriptor);
  auto const closed = closed_schemas_.find(tables.final_table.schema);
  if (closed != closed_schemas_.end()) throw closed->second;
  co_return std::make_unique<TableLoader>(operations_, settings_, stream, tables, run_, first_in_order_, rows_kept_);
}

StreamTables const& TableDestination::tables_of(StreamDescriptor const& stream) const {
  LANDFALL_ASSERT(names_.has_value());
  return names_->of(stream);
}

}  // namespace landfall
