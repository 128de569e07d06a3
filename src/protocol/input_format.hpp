#pragma once

#include <optional>
#include <string_view>

#include <landfall/runtime/error.hpp>

namespace landfall {

/// The longest beginning that tells what a text is.
inline constexpr std::size_t format_prefix_bytes = 6;

/// What is wrong with input that begins so, when it is no text in UTF-8 but something well known (compressed, UTF-16,
/// UTF-32): Error(config) that names it and says what to do. `what`: the input as its reader knows it, such as "the
/// catalog". Decides by the first format_prefix_bytes; fewer are fine at the end of the input.
std::optional<Error> foreign_format(std::string_view what, std::string_view beginning);

/// The text without a byte order mark of UTF-8 at its beginning.
std::string_view without_byte_order_mark(std::string_view text) noexcept;

}  // namespace landfall
