#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <vector>

#include <simdjson.h>

#include "system.hpp"

namespace landfall::limits {

/// The lines of stdin, in one buffer that is used again and again. simdjson may read behind each of them.
class Lines {
 public:
  Lines() : buffer_(first_capacity + simdjson::SIMDJSON_PADDING) {
    ::fcntl(STDIN_FILENO, F_SETPIPE_SZ, 1 << 20);  // of no use for a file
  }

  /// `on_line(padded_string_view)` for each line, without its end.
  template <class OnLine>
  void for_each(OnLine const& on_line) {
    while (read_more()) {
      std::size_t scanned = end_ - last_read_;
      while (auto const* const newline = find_newline(scanned)) {
        auto const line_end = static_cast<std::size_t>(newline - buffer_.data());
        on_line(line(line_end));
        begin_ = scanned = line_end + 1;
      }
    }
    if (begin_ != end_) on_line(line(end_));
  }

 private:
  static constexpr std::size_t first_capacity = 1 << 20;

  char const* find_newline(std::size_t from) const {
    return static_cast<char const*>(std::memchr(buffer_.data() + from, '\n', end_ - from));
  }

  simdjson::padded_string_view line(std::size_t line_end) const {
    return simdjson::padded_string_view(buffer_.data() + begin_, line_end - begin_, buffer_.size() - begin_);
  }

  bool read_more() {
    make_room();
    auto const taken = ::read(STDIN_FILENO, buffer_.data() + end_, capacity() - end_);
    if (taken < 0) fail("stdin");
    last_read_ = static_cast<std::size_t>(taken);
    end_ += last_read_;
    return taken > 0;
  }

  // Behind the beginning of a line that was not read whole.
  void make_room() {
    if (begin_ != 0) std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (end_ == capacity()) buffer_.resize(2 * capacity() + simdjson::SIMDJSON_PADDING);
  }

  std::size_t capacity() const { return buffer_.size() - simdjson::SIMDJSON_PADDING; }

  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // of the line at hand
  std::size_t end_ = 0;    // of what was read
  std::size_t last_read_ = 0;
};

/// Views into the line.
struct Record {
  std::string_view stream;
  std::string_view data;  ///< the object as it came
  std::int64_t emitted_at_ms = 0;
  simdjson::ondemand::object* members = nullptr;  ///< of `data`, to be walked through once
};

/// `on_record(Record)` for each RECORD line of stdin. Other lines are parsed and dropped.
template <class OnRecord>
void for_each_record(OnRecord const& on_record) {
  namespace ondemand = simdjson::ondemand;
  auto const check = [](simdjson::error_code error, char const* what) {
    if (error) [[unlikely]]
      throw std::runtime_error(std::string(what) + ": " + simdjson::error_message(error));
  };
  ondemand::parser parser;
  Lines lines;
  lines.for_each([&](simdjson::padded_string_view line) {
    ondemand::document document;
    ondemand::object message;
    ondemand::object record;
    ondemand::object data;
    std::string_view type;
    check(parser.iterate(line).get(document), "a line");
    check(document.get_object().get(message), "a line");
    check(message.find_field("type").get(type), "type");
    if (type != "RECORD") return;
    Record found;
    check(message.find_field("record").get(record), "record");
    check(record.find_field("stream").get(found.stream), "stream");
    check(record.find_field("data").get(data), "data");
    check(data.raw_json().get(found.data), "data");
    check(record.find_field("emitted_at").get(found.emitted_at_ms), "emitted_at");
    check(data.reset().error(), "data");
    found.members = &data;
    on_record(found);
  });
}

}  // namespace landfall::limits
