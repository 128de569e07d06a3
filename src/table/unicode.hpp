#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace landfall {

/// Text as a name may have it.
struct CleanText {
  CleanText() = default;

  std::string text;         ///< UTF-8, NFC, without control characters
  bool lost_bytes = false;  ///< something was replaced, so other texts may give this one too
};

bool is_utf8(std::string_view bytes) noexcept;

/// What is no UTF-8 becomes U+FFFD, each byte of it; a control character (NUL, newline, U+0085, ...) becomes '_'.
CleanText clean_text(std::string_view bytes);

/// The functions below take valid UTF-8 in NFC, and give it.

std::string lower_case(std::string_view text);
std::string upper_case(std::string_view text);

/// Equal for texts that differ by case only. Stores compare in different ways ("ß" and "SS", "ı" and "I", "İ" and "i"):
/// what some of them take for one is one here.
std::string folded_case(std::string_view text);

/// The longest beginning that is neither longer than `most_bytes` nor than `most_characters` (code points), and ends
/// between two graphemes: an emoji of several characters, or a letter with its accents, is there as a whole or not at
/// all.
std::string_view beginning_of(std::string_view text, std::size_t most_bytes, std::size_t most_characters);

}  // namespace landfall
