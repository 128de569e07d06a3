#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <landfall/destination/record_batch.hpp>
#include <landfall/table/airbyte_type.hpp>

namespace landfall {

/// What the values of a store are limited to. 0, or nothing: not limited.
struct ValueLimits {
  ValueLimits() = default;

  std::uint64_t longest_text_bytes = 0;    ///< of text and JSON, in UTF-8
  unsigned number_digits = 0;              ///< of a number, in all
  unsigned number_scale = 0;               ///< of those behind the point, where number_digits is set
  bool takes_nul = true;                   ///< text may hold U+0000; where not, the character goes
  bool json_takes_nul = true;              ///< the same in JSON, where it is written \u0000
  bool json_takes_lone_surrogates = true;  ///< JSON may hold \ud800 and the like
  unsigned json_number_digits = 0;         ///< of a number in JSON, before its point; where it has more, the value
  unsigned json_number_scale = 0;          ///< becomes null; the same, of those behind it
  unsigned json_depth = 0;                 ///< how deep JSON may be nested
  int first_year = -9999;                  ///< of dates and timestamps; 0 is 1 BC
  int last_year = 9999;
  unsigned fraction_digits = 9;  ///< of a second, in times and timestamps: 9 at most; further ones are cut off
};

/// A value of one column. Text lies in the record, or in the reader until the next record.
struct Cell {
  constexpr Cell() = default;  ///< null

  enum class Kind : std::uint8_t {
    null,
    text,     ///< decoded: without quotes and escapes
    boolean,  ///< see `integer`
    integer,  ///< see `integer`; `text` holds its digits
    number,   ///< `text`: -12.5, never with an exponent, within ValueLimits
    moment,   ///< date, time, timestamp: `text` in ISO 8601, see RowReader
    json,     ///< `text`: the JSON as it came
  };
  Kind kind = Kind::null;
  std::int64_t integer = 0;
  std::string_view text;
};

/// One record as the columns of its table.
struct Row {
  Row() = default;

  std::span<Cell const> cells;  ///< one for each field, in the order of RowReader's fields
  std::string_view changes;     ///< for _airbyte_meta.changes: a JSON array, the source's own changes and ours; "[]"
  std::string_view refused;     ///< not empty: why the record must not be loaded, without anything that is in it
  bool deleted = false;         ///< it says that its key was deleted, see ComparedFields
};

/// The fields by which rows are compared. What they hold must stay what it is: see RowReader.
struct ComparedFields {
  ComparedFields() = default;  ///< none: rows are appended

  std::vector<std::string> key;
  std::optional<std::string> cursor;
  /// Any value of it but null, false and "" deletes the key.
  std::optional<std::string> deleted_at;
};

/// Reads records into rows: finds each field's value, and makes it one of its column's type or null.
///
/// Values:  null, and a field that is missing, are null; of a field that occurs twice the last value counts. A value
///          that does not fit becomes null with an entry in changes: {"field": NAME, "change": "NULLED", "reason":
///          REASON}. The reason is DESTINATION_SERIALIZATION_ERROR when it is no such value, and
///          DESTINATION_FIELD_SIZE_LIMITATION when it is beyond what the column holds. A number that is rounded to its
///          scale (half away from zero), and a fraction of a second that loses digits, have an entry with "TRUNCATED"
///          and DESTINATION_FIELD_SIZE_LIMITATION. A text or JSON with a character that the store cannot have keeps the
///          rest, with an entry of "TRUNCATED" and DESTINATION_SERIALIZATION_ERROR: a NUL goes, for half of a surrogate
///          pair there is U+FFFD, also in the names of members.
///          text: any value is taken; what is no string is its JSON. boolean: true and false only. integer:
///          12, 12.0, 1.2e1, "12"; beyond 64 bits it is null. number: also a string that holds one; every digit is
///          kept, but an exponent that stands for more than 1,100 digits is beyond any column. json: any value, byte
///          for byte, but for such characters.
/// Refused: a record must not become a row when the names of two members of an object would become one without such
///          characters; and when a field of ComparedFields, if it is not null, does not fit whole, or was altered as it
///          was read (`meta` has such an entry for it): as null, or as another value, it would take the place of other
///          rows. Only a cursor that loses digits is taken, with its entry: its order is nearly the right one. The row
///          says so in `refused`; its cells mean nothing then.
/// Deleted: a value of `deleted_at` that deletes, and does not fit, becomes the time at which the record was extracted:
///          as a timestamp, date, time, text, or milliseconds, as the column has it; true as a boolean.
/// Moments: dates YYYY-MM-DD, times hh:mm:ss[.fraction][offset], timestamps with a T between, offsets Z or +hh:mm. A
///          year before 1 is YYYY-MM-DD BC (with the BC at the end of a timestamp), one after 9999 has more digits.
///          Read as well: `/`, `.` and space between the parts of a date; one digit for month and day behind a year of
///          four; a year of one to nine digits, or with a sign (0 is 1 BC, -1 is 2 BC); a space, t or z for T and Z; no
///          seconds; offsets +hh and +hhmm, up to 15:59; a timestamp of a date alone (midnight), one at 24:00 (the next
///          day); second 60 (it is 59); where a date or a time is wanted, a timestamp: its date, or its time and
///          offset, as they are written. Without an offset, a time or timestamp with time zone is UTC; one without time
///          zone drops its offset. Digits of the fraction beyond ValueLimits::fraction_digits are cut off. What is in
///          the first form already is not copied.
/// Cost:    one walk over the record; nothing is allocated once the reader's own memory has grown, but for records of
///          more than 1 MiB.
/// Threads: one at a time.
/// Errors:  Error(system) which names the record when it is no JSON object, or a value that is read is broken (only
///          without Validation::full).
/// Source:  protocol reference 2.10; base design 3.18.
class RowReader {
 public:
  /// Asserts that no two fields have one name.
  RowReader(std::vector<Field> fields, ValueLimits limits, ComparedFields const& compared = ComparedFields());
  ~RowReader();
  RowReader(RowReader&&) noexcept;
  RowReader& operator=(RowReader&&) noexcept;

  /// Valid until the next read(), and while the batch of the record lives.
  Row const& read(Record const& record);

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace landfall
