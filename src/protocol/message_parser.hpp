#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <landfall/protocol/state_message.hpp>
#include <landfall/protocol/stream_descriptor.hpp>
#include <landfall/runtime/error.hpp>

#include "protocol/stream_name.hpp"
#include "protocol/tokens.hpp"

namespace landfall {

enum class MessageKind {
  record,
  state,
  stream_complete,    ///< TRACE STREAM_STATUS COMPLETE
  stream_incomplete,  ///< TRACE STREAM_STATUS INCOMPLETE
  ignored,            ///< every other message, known or not: LOG, other TRACE, CONTROL, unknown types
};

/// One line of input. Views into the line or into the parser: valid until the next parse().
struct ParsedMessage {
  MessageKind kind = MessageKind::ignored;
  std::string_view type;  ///< the envelope's type, for messages about it
  StreamName stream;      ///< of a record or a status
  std::string_view data;  ///< of a record: the object, from { to }, a slice of the line
  std::string_view meta;  ///< of a record: the `meta` object; empty when absent or null
  std::int64_t emitted_at_ms = 0;
  bool has_file = false;  ///< of a record: it comes with a file, in either form
  /// Somewhere in the line: `data` and `meta` still have them, names are read with U+FFFD in their place.
  bool has_lone_surrogates = false;
  /// Of a record: somewhere in its line are more levels than MessageParser::max_depth. All else is as it should be.
  bool is_too_deep = false;
};

/// How closely RECORD lines are checked. All other lines are always checked whole.
enum class Validation {
  full,     ///< the whole line is JSON in valid UTF-8; lone surrogates are fine (default)
  skipped,  ///< of `data` and `meta` only UTF-8 and the number of brackets: for loaders that decode every value
};

/// The line is no JSON, so that nobody can say what it is.
class NotJson : public Error {
 public:
  explicit NotJson(std::string what) : Error(ErrorClass::system, std::move(what)) {}
};

/// Reads the lines of the Airbyte protocol. No I/O, no memory per line.
///
/// Threads: one at a time.
/// Errors:  Error(system), NotJson where it is that, which says what is wrong and at which byte of the line (the first
/// is 0), never with the line's
///          content (it may be private). The parser can go on with the next line.
/// Source:  protocol reference 2; base design 1.14.
class MessageParser {
 public:
  static constexpr std::size_t max_depth = 4096;  ///< levels of JSON in a line

  explicit MessageParser(Validation validation = Validation::full);
  ~MessageParser();
  MessageParser(MessageParser&&) noexcept;
  MessageParser& operator=(MessageParser&&) noexcept;

  /// `line` has no line end ('\r' before it is allowed and ignored) and is not blank; Block::padding bytes behind it
  /// are readable.
  ParsedMessage const& parse(std::string_view line);

  /// The same for a line that is known to be one JSON object without any flaw. `tokens`: of the line; they stay as they
  /// are until the next parse.
  ParsedMessage const& parse_checked(std::string_view line, Tokens const& tokens);

  /// The whole STATE of the line last parsed, with MessageKind::state. Slower than parse(): copies the line.
  StateMessage take_state(FindStream const& find_stream);

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

/// The name of the stream in a line that cannot be parsed, as far as it can be seen: for error messages only.
std::optional<StreamDescriptor> guess_stream(std::string_view broken_line);

}  // namespace landfall
