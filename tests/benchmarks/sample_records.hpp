#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace landfall::benchmarks {

/// Numbers that look random and are the same everywhere for the same seed (splitmix64).
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t next() noexcept {
    std::uint64_t mixed = (state_ += 0x9e3779b97f4a7c15);
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
  }

  /// 0 <= number < end; `end` is less than 2^32.
  std::uint64_t below(std::uint64_t end) noexcept { return ((next() >> 32) * end) >> 32; }

  bool one_in(std::uint64_t count) noexcept { return below(count) == 0; }

 private:
  std::uint64_t state_;
};

/// "customers_0", "orders_1", "events_2", "customers_3", ...
std::string stream_name(std::uint64_t stream);

/// The JSON schema of the records of a stream.
std::string schema_of(std::uint64_t stream);

/// Appends "2023-11-14T22:13:20.123Z".
void append_timestamp(std::string& out, std::int64_t since_epoch_ms);

/// Appends a random UUID, as text.
void append_uuid(std::string& out, Random& random);

/// What a record is made from. The same values make the same bytes, whatever was made before.
struct RecordKey {
  std::uint64_t seed = 1;
  std::uint64_t stream = 0;  ///< its place in the catalog: decides which members the record has
  std::uint64_t number = 0;  ///< its place in the input
  std::uint64_t id = 1;      ///< its place in the stream, from 1
};

/// When the record was changed last: a cursor, which grows with the number.
std::int64_t updated_at_ms(std::uint64_t number);

/// Appends the `data` object of a record as a source would send it: integers of up to 63 bits, UUIDs, timestamps,
/// dates, decimals, booleans, nulls, a nested object or an array of objects, raw UTF-8 of several scripts, and JSON
/// escapes.
///
/// `bytes`: about how large the object is to be; 0: as it comes, about 440. Less than 300 leaves only one or two
/// members.
void append_data(std::string& out, RecordKey const& key, std::uint64_t bytes);

}  // namespace landfall::benchmarks
