#include "connector/error_text.hpp"

#include <fmt/format.h>

namespace landfall {

namespace {

ReaderDeadline const at_once{std::chrono::milliseconds::zero()};

}  // namespace

void ErrorText::blocking_write(std::string_view lines) {
  std::lock_guard const lock(mutex_);
  if (lost_ != 0) {
    auto const gap = fmt::format("{}(lost: {} messages, while nobody read them)\n", is_in_a_line_ ? "\n" : "", lost_);
    if (!try_to_write(gap)) {
      ++lost_;
      return;
    }
    lost_ = 0;
  }
  if (!try_to_write(lines)) ++lost_;
}

bool ErrorText::try_to_write(std::string_view lines) {
  std::size_t const size = lines.size();
  auto const failure = write_within(lost_ == 0 ? deadline_ : at_once, fd_, lines);
  if (lines.size() != size) is_in_a_line_ = !lines.empty();
  return !failure;
}

}  // namespace landfall
