#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <landfall/table/airbyte_type.hpp>
#include <landfall/table/row_reader.hpp>

namespace postgres {

// Values as COPY BINARY wants them: the length in bytes, then the bytes, in network order. All are appended.

/// What stands before the rows, and behind them. A row is its number of values (append_16()), and its values.
std::string copy_header();
std::string copy_end();

void append_16(std::string& bytes, std::uint16_t number);
void append_32(std::string& bytes, std::uint32_t number);
void append_64(std::string& bytes, std::uint64_t number);

void append_null(std::string& bytes);
void append_text(std::string& bytes, std::string_view text);
void append_json(std::string& bytes, std::string_view json);
void append_boolean(std::string& bytes, bool value);
/// Of a UUID in its usual spelling.
void append_uuid(std::string& bytes, std::string_view text);
void append_integer(std::string& bytes, std::int64_t number);
/// Of -12.50, as Cell::Kind::number has it.
void append_number(std::string& bytes, std::string_view decimal);
/// A timestamp with time zone. Beyond the years that the server knows: infinity.
void append_milliseconds(std::string& bytes, std::int64_t since_1970);
/// Of a date, time or timestamp in the form of RowReader.
void append_moment(std::string& bytes, landfall::ColumnType type, std::string_view moment);

/// A value of a column of this type.
void append_cell(std::string& bytes, landfall::ColumnType type, landfall::Cell const& cell);

}  // namespace postgres
