#pragma once

#include <string_view>

#include <landfall/protocol/state_message.hpp>
#include <landfall/runtime/error.hpp>

#include "protocol/stream_name.hpp"
#include "protocol/tokens.hpp"

namespace landfall {

/// The STATE in `line`, which is known to be valid JSON with an object outside and consists of `tokens`. By offsets in
/// the text, so that every byte which is not ours survives: big integers, decimals, escapes, duplicate and unknown
/// members.
///
/// Errors: Error(system) when it is no STATE that we could acknowledge; names the byte, never shows content.
/// Source: protocol reference 2.2.
StateMessage read_state(std::string_view line, Tokens const& tokens, FindStream const& find_stream);

}  // namespace landfall
