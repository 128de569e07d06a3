#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <landfall/protocol/catalog.hpp>
#include <landfall/runtime/block.hpp>

#include "../sample_records.hpp"

namespace landfall::benchmarks {

/// A RECORD line without its end. `data_bytes`: see append_data().
inline std::string record_line(std::uint64_t stream, std::uint64_t number, std::uint64_t data_bytes = 0) {
  RecordKey key;
  key.stream = stream;
  key.number = number;
  key.id = number + 1;
  std::string line = fmt::format(R"({{"type":"RECORD","record":{{"stream":"{}","data":)", stream_name(stream));
  append_data(line, key, data_bytes);
  return line + R"(,"emitted_at":1710000000000}})";
}

/// A STATE line without its end.
inline std::string state_line(std::uint64_t stream, std::uint64_t record_count) {
  return fmt::format(R"({{"type":"STATE","state":{{"type":"STREAM","stream":{{"stream_descriptor":{{"name":"{}"}},)"
                     R"("stream_state":{{"cursor_field":["updated_at"],"cursor":"2023-11-14T22:13:20.123Z"}}}},)"
                     R"("sourceStats":{{"recordCount":{}.0}}}}}})",
                     stream_name(stream), record_count);
}

/// Text with what a parser may read behind it.
inline std::shared_ptr<Block> block_of(std::string_view text) {
  auto block = std::make_shared<Block>(text.size(), Reservation());
  std::memcpy(block->data(), text.data(), text.size());
  return block;
}

/// Streams that are appended to, with the names of the sample records.
inline DestinationCatalog sample_catalog(std::uint64_t stream_count) {
  std::vector<DestinationStream> streams;
  for (std::uint64_t i = 0; i < stream_count; ++i) {
    DestinationStream stream;
    stream.descriptor = StreamDescriptor(stream_name(i));
    streams.push_back(std::move(stream));
  }
  return DestinationCatalog(std::move(streams));
}

}  // namespace landfall::benchmarks
