#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace landfall {

// Half of a surrogate pair, written as an escape (\ud83d) without its other half. JSON's grammar has it, and real
// sources print it, but it is no character: parsers and stores refuse it. In records it becomes \ufffd, the replacement
// character, which takes as many bytes.
//
// All of these take text that may be broken JSON, look at escapes alone, and read up to 12 bytes behind it.

bool has_lone_surrogate(std::string_view json) noexcept;

/// Overwrites each of them.
void replace_lone_surrogates(char* json, std::size_t size) noexcept;

/// A copy without them.
std::string without_lone_surrogates(std::string_view json);

/// The members of an object in which some stand, in their names or anywhere in their values: their names as JSON
/// strings, after the replacement, each once, in order.
std::vector<std::string> members_with_lone_surrogates(std::string_view object);

/// Two members of one object, at any depth, would have the same name after the replacement: one would be lost.
bool would_names_collide(std::string_view object);

/// A record's `meta` (empty when there is none) with an entry in `changes` for each of the `fields` that were changed
/// by the replacement, behind those which it has. `fields`: JSON strings.
std::string meta_with_replacements(std::string_view meta, std::vector<std::string> const& fields);

}  // namespace landfall
