#pragma once

#include <libpq-fe.h>

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "../../copy_text.hpp"
#include "../../sample_records.hpp"
#include "../input.hpp"
#include "../row_files.hpp"
#include "columns.hpp"

namespace landfall::limits {

/// Errors: std::runtime_error with the server's message.
class Connection {
 public:
  explicit Connection(std::string const& conninfo) : connection_(PQconnectdb(conninfo.c_str())) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) fail();
    execute("SET client_min_messages = warning");
  }

  void execute(std::string const& sql) { expect(PQexec(connection_.get(), sql.c_str()), PGRES_COMMAND_OK); }

  void copy(std::string const& table, std::string_view rows) {
    constexpr std::size_t piece_bytes = 64 << 10;
    expect(PQexec(connection_.get(), fmt::format("COPY \"{}\" FROM STDIN", table).c_str()), PGRES_COPY_IN);
    while (!rows.empty()) {
      auto const piece = rows.substr(0, piece_bytes);
      if (PQputCopyData(connection_.get(), piece.data(), static_cast<int>(piece.size())) != 1) fail();
      rows.remove_prefix(piece.size());
    }
    if (PQputCopyEnd(connection_.get(), nullptr) != 1) fail();
    while (PGresult* const result = PQgetResult(connection_.get())) expect(result, PGRES_COMMAND_OK);
  }

 private:
  struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };

  void expect(PGresult* result, ExecStatusType wanted) {
    auto const got = PQresultStatus(result);
    PQclear(result);
    if (got != wanted) fail();
  }

  [[noreturn]] void fail() const { throw std::runtime_error(PQerrorMessage(connection_.get())); }

  std::unique_ptr<PGconn, Finish> connection_;
};

/// A connection with a thread of its own, which does what it is told in that order.
class Lane {
 public:
  explicit Lane(std::string const& conninfo) : connection_(conninfo), thread_(&Lane::run, this) {}
  ~Lane() {
    close();
    if (thread_.joinable()) thread_.join();
  }

  // Both wait while two orders are waiting already.
  void execute(std::string sql) { push({std::move(sql), {}, {}}); }
  void copy(std::string const& table, std::string rows) { push({{}, table, std::move(rows)}); }

  /// Nothing will follow.
  void close() {
    std::lock_guard const lock(mutex_);
    is_closed_ = true;
    changed_.notify_all();
  }

  /// After close(). Errors: what went wrong first.
  void join() {
    thread_.join();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  struct Order {
    std::string sql;  // or:
    std::string table;
    std::string rows;
  };

  void push(Order order) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return orders_.size() < 2; });
    orders_.push_back(std::move(order));
    changed_.notify_all();
  }

  std::optional<Order> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return is_closed_ || !orders_.empty(); });
    if (orders_.empty()) return std::nullopt;
    auto order = std::move(orders_.front());
    orders_.pop_front();
    changed_.notify_all();
    return order;
  }

  void run() {
    while (auto order = take()) {
      if (failure_) continue;  // so that nobody waits for us
      try {
        order->table.empty() ? connection_.execute(order->sql) : connection_.copy(order->table, order->rows);
      } catch (...) {
        failure_ = std::current_exception();
      }
    }
  }

  Connection connection_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Order> orders_;
  bool is_closed_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

enum class Layout {
  raw,      ///< the record as it came
  columns,  ///< a column for each member
  dedup,    ///< the same; of records with the same id the one with the latest updated_at
};

/// The rows of one stream, on their way to its table.
class Table {
 public:
  static constexpr std::size_t piece_bytes = 8 << 20;

  Table(std::string name, std::vector<Column> const* columns, Layout layout, Lane& lane)
      : name_(std::move(name)), columns_(columns), layout_(layout), lane_(lane) {
    std::string declared =
        "_airbyte_raw_id varchar NOT NULL, _airbyte_extracted_at timestamptz NOT NULL, _airbyte_meta jsonb NOT NULL, "
        "_airbyte_generation_id bigint";
    if (layout == Layout::raw) declared += ", _airbyte_data jsonb NOT NULL";
    for_each_column([&](Column const& column) { declared += fmt::format(", \"{}\" {}", column.name, column.type); });
    lane.execute(fmt::format("CREATE TABLE IF NOT EXISTS \"{}\" ({}{})", name_, declared,
                             layout == Layout::dedup ? ", PRIMARY KEY (id)" : ""));
    if (layout == Layout::dedup) lane.execute(fmt::format("CREATE TEMP TABLE \"{}\" ({})", target(), declared));
    make_room();
  }

  void append(Record const& record) {
    benchmarks::append_uuid(rows_, random_);
    rows_ += '\t';
    benchmarks::append_timestamp(rows_, record.emitted_at_ms);
    rows_ += "\t{\"sync_id\":1,\"changes\":[]}\t1";
    if (layout_ == Layout::raw) {
      rows_ += '\t';
      benchmarks::append_copy_text(rows_, record.data);
    } else {
      for_each_value(*columns_, *record.members, [this](Column const&, std::optional<std::string_view> text) {
        rows_ += '\t';
        text ? benchmarks::append_copy_text(rows_, *text) : void(rows_ += "\\N");
      });
    }
    rows_ += '\n';
    if (rows_.size() >= piece_bytes) send();
  }

  /// Everything is on its way.
  void finish() {
    if (!rows_.empty()) send();
    if (layout_ == Layout::dedup) lane_.execute(merge());
  }

 private:
  template <class Function>
  void for_each_column(Function const& function) const {
    if (layout_ != Layout::raw) std::for_each(columns_->begin(), columns_->end(), function);
  }

  /// Where the rows are copied to.
  std::string target() const { return layout_ == Layout::dedup ? name_ + "_new" : name_; }

  // In the order of the key: the index is then built from one end to the other.
  std::string merge() const {
    std::string set =
        "_airbyte_raw_id = excluded._airbyte_raw_id, _airbyte_extracted_at = excluded._airbyte_extracted_at, "
        "_airbyte_meta = excluded._airbyte_meta, _airbyte_generation_id = excluded._airbyte_generation_id";
    for_each_column([&](Column const& column) { set += fmt::format(", \"{0}\" = excluded.\"{0}\"", column.name); });
    return fmt::format(
        "INSERT INTO \"{0}\" SELECT DISTINCT ON (id) * FROM \"{1}\" ORDER BY id, updated_at DESC "
        "ON CONFLICT (id) DO UPDATE SET {2} WHERE excluded.updated_at >= \"{0}\".updated_at",
        name_, target(), set);
  }

  void send() {
    lane_.copy(target(), std::move(rows_));
    make_room();
  }

  void make_room() {
    rows_ = {};
    rows_.reserve(piece_bytes + (64 << 10));
  }

  std::string name_;
  std::vector<Column> const* columns_;
  Layout layout_;
  Lane& lane_;
  benchmarks::Random random_{42};
  std::string rows_;
};

/// Stdin to a table for each stream. Each stream has one of the connections, in turn.
inline void load_postgres(std::string const& conninfo, std::size_t connections, Layout layout, Catalog const* catalog) {
  std::vector<std::unique_ptr<Lane>> lanes;
  for (std::size_t i = 0; i < connections; ++i) lanes.push_back(std::make_unique<Lane>(conninfo));
  ByStream<Table> tables;
  std::size_t next_lane = 0;
  auto const make = [&](std::string_view stream) {
    auto const* columns = layout == Layout::raw ? nullptr : &catalog->columns_of(stream);
    return std::make_unique<Table>(std::string(stream), columns, layout, *lanes[next_lane++ % connections]);
  };
  for_each_record([&](Record const& record) { tables.find(record.stream, make).append(record); });
  tables.for_each([](Table& table) { table.finish(); });
  for (auto const& lane : lanes) lane->close();
  for (auto const& lane : lanes) lane->join();
}

}  // namespace landfall::limits
