#pragma once

#include <string_view>

#include "protocol/tokens.hpp"

namespace landfall {

/// `text` is one JSON object and nothing else, however deep. `tokens`: of the text, found by simdjson's first stage,
/// which has checked its UTF-8 and its strings but for their escapes. Block::padding bytes behind it are readable.
bool is_whole_object(std::string_view text, Tokens const& tokens);

}  // namespace landfall
