#pragma once

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <boost/json/serialize.hpp>

#include <landfall/destination/configuration.hpp>
#include <landfall/runtime/error.hpp>
#include <landfall/table/naming.hpp>
#include <landfall/table/table_operations.hpp>

// What the readers of destinations with tables share: a reader prints the rows of a stream as JSON lines, the columns
// of Airbyte beside the fields of the record under their own names.
namespace table_reader {

/// The stream whose rows are wanted, from LANDFALL_CONFIG, LANDFALL_CATALOG (files, as for `write`), LANDFALL_STREAM
/// and LANDFALL_NAMESPACE (unset when there is none).
/// Errors: Error(config).
struct Question {
  Question()
      : configuration(landfall::Configuration::parse(file_named_by("LANDFALL_CONFIG"))),
        catalog(landfall::DestinationCatalog::parse(file_named_by("LANDFALL_CATALOG"))),
        stream(std::string(variable("LANDFALL_STREAM"))) {
    if (char const* const name_space = std::getenv("LANDFALL_NAMESPACE")) stream.name_space = name_space;
  }

  landfall::Configuration configuration;
  landfall::DestinationCatalog catalog;
  landfall::StreamDescriptor stream;

 private:
  static std::string_view variable(char const* name) {
    char const* const value = std::getenv(name);
    if (value == nullptr) throw landfall::config_error("{} is not set", name);
    return value;
  }

  static std::string file_named_by(char const* name) {
    std::string const path(variable(name));
    std::ifstream file(path);
    if (!file) throw landfall::config_error("{} cannot be read", path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
};

inline std::string quoted(std::string const& text) { return boost::json::serialize(boost::json::string(text)); }

/// A row that is put together column by column.
class RowLine {
 public:
  explicit RowLine(landfall::ExistingTable const& table) : table_(table) {}

  /// `value`: JSON. The members of `_airbyte_data` stand beside the other columns.
  void add(landfall::Identifier const& column, std::string_view value) {
    if (column.text() != landfall::MetaColumns::data)
      return append(fmt::format("{}:{}", quoted(field_of(column)), value));
    auto const last = value.rfind('}');
    bool const is_empty = value.find_first_not_of(" \t\r\n", 1) == last;
    if (!is_empty) append(value.substr(1, last - 1));
  }

  void print() const { std::cout << '{' << members_ << "}\n"; }

 private:
  /// What a column is called in the record; its own name, where no note says so.
  std::string field_of(landfall::Identifier const& column) const {
    auto const noted = table_.fields.find(column);
    return noted == table_.fields.end() ? column.text() : noted->second;
  }

  void append(std::string_view members) {
    if (!members_.empty()) members_ += ',';
    members_ += members;
  }

  landfall::ExistingTable const& table_;
  std::string members_;
};

/// The program: `print_rows(Question)`.
template <class PrintRows>
int run(PrintRows print_rows) {
  try {
    print_rows(Question());
    return 0;
  } catch (std::exception const& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

}  // namespace table_reader
