#pragma once

#include <new>

#include <simdjson.h>

#include <landfall/destination/record_batch.hpp>
#include <landfall/runtime/error.hpp>

namespace landfall {

/// Typed access to the fields of records, by simdjson's on-demand parser and without a copy.
///
/// Use:      one reader for many records, one after the other: RecordReader reader; for each record
///           `auto id = reader.read(record)["id"].get_int64();`
/// Threads:  one at a time.
/// Lifetime: what read() returned is valid until the next read(), and while the batch of the record lives.
/// Not part of landfall.hpp: simdjson's header is large.
class RecordReader {
 public:
  /// The record's `data` object. Fields are found in any order, fastest in the order in which they were written.
  /// Errors: Error(system) which names the record when it is no JSON object (only without Validation::full).
  simdjson::ondemand::object read(Record const& record) {
    auto const data = record.data();
    simdjson::padded_string_view const padded(data.data(), data.size(), data.size() + Block::padding);
    simdjson::ondemand::object object;
    auto error = parser_.iterate(padded).get(document_);
    if (!error) error = document_.get_object().get(object);
    if (error == simdjson::MEMALLOC) throw std::bad_alloc();
    if (error) throw system_error("record {}: {}", record.number(), simdjson::error_message(error));
    return object;
  }

 private:
  simdjson::ondemand::parser parser_;
  simdjson::ondemand::document document_;
};

}  // namespace landfall
