#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "protocol/message_parser.hpp"
#include "protocol/tokens.hpp"

namespace landfall {

/// Walks over neighbouring lines and reads the usual RECORD lines among them at the speed of their bytes.
///
/// Meaning:  a window of many lines goes through simdjson's first stage at once; a walk over what it found checks the
///           grammar of a record and picks its members out. Whatever is not a plain, flawless RECORD (another message,
///           an escaped key, a flaw anywhere in the window) is left to MessageParser, which decides alone what is
///           accepted and what an error says. So a record that is recognised here reads exactly as it does there.
/// Memory:   4 bytes for each byte of a window, or of one longer line, as far as they are touched (one for each JSON
///           token); the room for a longer line is given back with the next window.
/// Threads:  one at a time.
class LineScanner {
 public:
  explicit LineScanner(Validation validation = Validation::full);
  ~LineScanner();
  LineScanner(LineScanner&&) noexcept;
  LineScanner& operator=(LineScanner&&) noexcept;

  /// `text`: whole lines, each with its '\n'; only the last one may be cut. Block::padding bytes behind it are
  /// readable. It stays as it is until the last next().
  void begin(std::string_view text);

  /// Goes to the next line; false when there is none.
  bool next();

  /// The line, without '\n'. May be blank.
  std::string_view line() const noexcept;

  /// The line had no '\n': the input was cut there.
  bool is_cut() const noexcept;

  /// The record of the line, or null: ask MessageParser. Valid until the next next().
  ParsedMessage const* record() const noexcept;

  /// The tokens of a line that is no record, but one JSON object without any flaw: for MessageParser::parse_checked().
  /// Otherwise null. Valid until the next next().
  Tokens const* tokens() const noexcept;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace landfall
