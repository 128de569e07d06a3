#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <landfall/runtime/error.hpp>

namespace landfall {

/// A line as it lies in a block: behind it come 64 bytes that may hold anything.
class PaddedLine {
 public:
  explicit PaddedLine(std::string_view line, char behind = '}')
      : bytes_(std::make_unique<char[]>(line.size() + 64)), size_(line.size()) {
    std::memcpy(bytes_.get(), line.data(), size_);
    std::fill_n(bytes_.get() + size_, 64, behind);
  }

  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_;
};

/// The error that `action` throws.
template <class Action>
std::optional<Error> error_of(Action const& action) {
  try {
    action();
    return std::nullopt;
  } catch (Error const& error) {
    return error;
  }
}

/// "class: text" of the error that `action` throws; "no error".
template <class Action>
std::string text_of_error(Action const& action) {
  std::optional<Error> const error = error_of(action);
  return error ? std::string(to_string(error->error_class())) + ": " + error->what() : "no error";
}

}  // namespace landfall
