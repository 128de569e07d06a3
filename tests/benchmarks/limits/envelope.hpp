#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "../sample_records.hpp"
#include "input.hpp"

namespace landfall::limits {

/// The columns that Airbyte wants beside a record, as destination-jsonl writes them with "format": "airbyte".
class Envelope {
 public:
  void append(std::string& row, Record const& record) {
    set_time(record.emitted_at_ms);
    set_raw_id();
    row += head_;
    row += record.data;
    row += '}';
  }

 private:
  static constexpr std::string_view before_raw_id = R"({"_airbyte_raw_id":")";
  static constexpr std::string_view raw_id = "00000000-0000-4000-8000-000000000000";
  static constexpr std::string_view before_time = R"(","_airbyte_extracted_at":")";

  void set_time(std::int64_t emitted_at_ms) {
    if (emitted_at_ms == head_time_ms_) return;
    head_time_ms_ = emitted_at_ms;
    head_ = before_raw_id;
    head_ += raw_id;
    head_ += before_time;
    benchmarks::append_timestamp(head_, emitted_at_ms);
    head_ += R"(","_airbyte_meta":{"sync_id":1,"changes":[]},"_airbyte_generation_id":1,"_airbyte_data":)";
  }

  // A random UUID.
  void set_raw_id() {
    constexpr std::string_view hex = "0123456789abcdef";
    char* out = head_.data() + before_raw_id.size();
    std::uint64_t bits[2] = {random_.next(), random_.next()};
    for (std::size_t i = 0, digit = 0; i < raw_id.size(); ++i) {
      if (raw_id[i] != '0') continue;  // what is the same in all of them
      auto& half = bits[digit++ / 16];
      out[i] = hex[half & 15];
      half >>= 4;
    }
  }

  benchmarks::Random random_{42};
  std::string head_;
  std::int64_t head_time_ms_ = -1;
};

}  // namespace landfall::limits
