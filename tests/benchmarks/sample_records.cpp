#include "sample_records.hpp"

#include <array>
#include <charconv>
#include <cstddef>

namespace landfall::benchmarks {
namespace {

enum class Shape { customers, orders, events };

Shape shape_of(std::uint64_t stream) { return static_cast<Shape>(stream % 3); }

constexpr std::uint64_t smallest_whole_record = 300;
constexpr std::uint64_t room_for_notes = 24;

constexpr std::array<std::string_view, 24> words{"amber",   "basin",   "canyon",  "delta",   "ember",   "fjord",
                                                 "glacier", "harvest", "island",  "journey", "kernel",  "ledger",
                                                 "monsoon", "nectar",  "orchard", "pebble",  "quarry",  "ripple",
                                                 "savanna", "timber",  "upland",  "voyager", "weather", "yonder"};
constexpr std::array<std::string_view, 10> people{"Emmy Noether",     "Alan Turing", "Márta Kürtág",  "Françoise Barré",
                                                  "宮崎 葵",          "王秀英",      "Анна Ахматова", "نجيب محفوظ",
                                                  "Ελένη Καραΐνδρου", "Żaneta Śliwa"};
constexpr std::array<std::string_view, 6> cities{"Lisboa", "Zürich", "Gdańsk", "Osaka", "Recife", "Malmö"};
constexpr std::array<std::string_view, 4> statuses{"open", "paid", "packed", "refunded"};
// As they stand in JSON: escapes that a parser has to handle, and characters of four bytes.
constexpr std::array<std::string_view, 8> oddities{R"(called \"urgent\")",   R"(first line\nsecond line)",
                                                   R"(C:\\data\\in)",        R"(na\u00efve)",
                                                   R"(\ud83d\udce6 parcel)", "🌍 worldwide",
                                                   R"(either\/or)",          R"(column\tcolumn)"};

template <std::size_t size>
std::string_view pick(std::array<std::string_view, size> const& list, Random& random) {
  return list[random.below(size)];
}

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits;
  auto const end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

void append_digits(std::string& out, std::uint64_t number, std::size_t count) {
  std::size_t const begin = out.size();
  out.append(count, '0');
  for (std::size_t i = count; i-- > 0; number /= 10) out[begin + i] = static_cast<char>('0' + number % 10);
}

/// A decimal with `places` digits behind the point.
void append_decimal(std::string& out, Random& random, std::uint64_t end, std::size_t places) {
  append_number(out, random.below(end));
  out += '.';
  append_digits(out, random.below(1'000'000), places);
}

/// Of days since the epoch. H. Hinnant, "chrono-compatible low-level date algorithms".
void append_date(std::string& out, std::int64_t since_epoch_days) {
  auto const days = static_cast<std::uint64_t>(since_epoch_days + 719'468);  // since 0000-03-01
  std::uint64_t const era = days / 146'097;
  std::uint64_t const day_of_era = days % 146'097;
  std::uint64_t const year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  std::uint64_t const day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  std::uint64_t const month_from_march = (5 * day_of_year + 2) / 153;
  std::uint64_t const month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  append_digits(out, era * 400 + year_of_era + (month <= 2 ? 1 : 0), 4);
  out += '-';
  append_digits(out, month, 2);
  out += '-';
  append_digits(out, day_of_year - (153 * month_from_march + 2) / 5 + 1, 2);
}

void append_words(std::string& out, Random& random, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    if (i != 0) out += ' ';
    out += random.one_in(20) ? pick(oddities, random) : pick(words, random);
  }
}

/// A text or null.
void append_optional_word(std::string& out, Random& random, std::uint64_t one_null_in) {
  if (random.one_in(one_null_in)) {
    out += "null";
    return;
  }
  out += '"';
  out += pick(words, random);
  out += '"';
}

void append_customer(std::string& out, Random& random) {
  out += R"(,"name":")";
  out += pick(people, random);
  out += R"(","email":")";
  out += pick(words, random);
  append_number(out, random.below(1'000'000));
  out += R"(@example.com","born_on":")";
  append_date(out, static_cast<std::int64_t>(random.below(15'000)));
  out += R"(","is_active":)";
  out += random.one_in(5) ? "false" : "true";
  out += R"(,"balance":)";
  if (random.one_in(8)) out += '-';
  append_decimal(out, random, 100'000, 2);
  out += R"(,"nickname":)";
  append_optional_word(out, random, 3);
  out += R"(,"address":{"street":")";
  append_number(out, random.below(999));
  out += ' ';
  out += pick(words, random);
  out += R"( road","city":")";
  out += pick(cities, random);
  out += R"(","postcode":")";
  append_digits(out, random.below(100'000), 5);
  out += R"(","place":{"latitude":)";
  append_decimal(out, random, 90, 4);
  out += R"(,"longitude":-)";
  append_decimal(out, random, 180, 4);
  out += "}}";
}

void append_order(std::string& out, Random& random) {
  out += R"(,"customer_id":)";
  append_number(out, random.below(10'000'000));
  out += R"(,"status":")";
  out += pick(statuses, random);
  out += R"(","total":)";
  append_decimal(out, random, 10'000, 2);
  out += R"(,"currency":")";
  out += random.one_in(2) ? "EUR" : "JPY";
  out += R"(","coupon":)";
  append_optional_word(out, random, 2);
  out += R"(,"lines":[)";
  std::uint64_t const count = 1 + random.below(4);
  for (std::uint64_t i = 0; i < count; ++i) {
    out += i == 0 ? R"({"sku":"ART-)" : R"(,{"sku":"ART-)";
    append_digits(out, random.below(1'000'000), 6);
    out += R"(","quantity":)";
    append_number(out, 1 + random.below(20));
    out += R"(,"price":)";
    append_decimal(out, random, 500, 2);
    out += '}';
  }
  out += ']';
}

void append_event(std::string& out, Random& random) {
  out += R"(,"kind":")";
  out += pick(words, random);
  out += '.';
  out += pick(words, random);
  out += R"(","session":")";
  append_uuid(out, random);
  out += R"(","duration_ms":)";
  append_number(out, random.below(100'000));
  out += R"(,"sequence":)";
  append_number(out, random.next() >> 1);  // does not fit into a double
  out += R"(,"ok":)";
  out += random.one_in(10) ? "false" : "true";
  out += R"(,"error":)";
  append_optional_word(out, random, 2);
  out += R"(,"properties":{"path":"/)";
  out += pick(words, random);
  out += '/';
  out += pick(words, random);
  out += R"(","referrer":)";
  out += random.one_in(2) ? "null" : R"("https://example.org/search?q=na\u00efve")";
  out += R"(,"tags":[")";
  out += pick(words, random);
  out += R"(",")";
  out += pick(words, random);
  out += R"("]})";
}

/// The free text at the end, which makes a record as long as it is to be.
void append_notes(std::string& out, Random& random, std::size_t begin, std::uint64_t bytes) {
  out += R"(,"notes":")";
  if (bytes == 0) {
    append_words(out, random, 7 + random.below(9));
  } else {
    while (out.size() - begin + room_for_notes / 2 < bytes) {
      append_words(out, random, 1);
      out += ' ';
    }
  }
  out += '"';
}

}  // namespace

std::string stream_name(std::uint64_t stream) {
  constexpr std::array<std::string_view, 3> names{"customers_", "orders_", "events_"};
  std::string name(names[stream % 3]);
  append_number(name, stream);
  return name;
}

std::string schema_of(std::uint64_t stream) {
  std::string schema = R"({"type":"object","properties":{"id":{"type":["null","integer"]},)"
                       R"("uuid":{"type":["null","string"]},"updated_at":{"type":["null","string"],)"
                       R"("format":"date-time","airbyte_type":"timestamp_with_timezone"})";
  auto const add = [&](std::string_view name, std::string_view type) {
    schema += R"(,")";
    schema += name;
    schema += R"(":{"type":["null",")";
    schema += type;
    schema += R"("]})";
  };
  switch (shape_of(stream)) {
    case Shape::customers:
      add("name", "string");
      add("email", "string");
      schema += R"(,"born_on":{"type":["null","string"],"format":"date"})";
      add("is_active", "boolean");
      add("balance", "number");
      add("nickname", "string");
      add("address", "object");
      break;
    case Shape::orders:
      add("customer_id", "integer");
      add("status", "string");
      add("total", "number");
      add("currency", "string");
      add("coupon", "string");
      add("lines", "array");
      break;
    case Shape::events:
      add("kind", "string");
      add("session", "string");
      add("duration_ms", "integer");
      add("sequence", "integer");
      add("ok", "boolean");
      add("error", "string");
      add("properties", "object");
      break;
  }
  add("notes", "string");
  return schema + "}}";
}

void append_uuid(std::string& out, Random& random) {
  constexpr std::string_view hex = "0123456789abcdef";
  constexpr std::string_view form = "xxxxxxxx-xxxx-4xxx-axxx-xxxxxxxxxxxx";
  std::array<std::uint64_t, 2> bits{random.next(), random.next()};
  std::size_t digit = 0;
  for (char const c : form) {
    if (c != 'x') {
      out += c;
      continue;
    }
    auto& half = bits[digit++ / 16];
    out += hex[half & 15];
    half >>= 4;
  }
}

void append_timestamp(std::string& out, std::int64_t since_epoch_ms) {
  constexpr std::int64_t day_ms = 86'400'000;
  append_date(out, since_epoch_ms / day_ms);
  auto const ms = static_cast<std::uint64_t>(since_epoch_ms % day_ms);
  out += 'T';
  append_digits(out, ms / 3'600'000, 2);
  out += ':';
  append_digits(out, ms / 60'000 % 60, 2);
  out += ':';
  append_digits(out, ms / 1000 % 60, 2);
  out += '.';
  append_digits(out, ms % 1000, 3);
  out += 'Z';
}

std::int64_t updated_at_ms(std::uint64_t number) { return 1'700'000'000'000 + static_cast<std::int64_t>(number) * 137; }

void append_data(std::string& out, RecordKey const& key, std::uint64_t bytes) {
  std::size_t const begin = out.size();
  Random random(key.seed * 0x2545f4914f6cdd1d + key.number * 0x9e6c63d0876a9a47);
  out += R"({"id":)";
  append_number(out, key.id);
  if (bytes == 0 || bytes >= smallest_whole_record) {
    out += R"(,"uuid":")";
    append_uuid(out, random);
    out += R"(","updated_at":")";
    append_timestamp(out, updated_at_ms(key.number));
    out += '"';
    switch (shape_of(key.stream)) {
      case Shape::customers:
        append_customer(out, random);
        break;
      case Shape::orders:
        append_order(out, random);
        break;
      case Shape::events:
        append_event(out, random);
        break;
    }
  }
  if (bytes == 0 || out.size() - begin + room_for_notes <= bytes) append_notes(out, random, begin, bytes);
  out += '}';
}

}  // namespace landfall::benchmarks
