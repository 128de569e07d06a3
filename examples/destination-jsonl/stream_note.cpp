#include "stream_note.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_to.hpp>

#include <landfall/runtime/error.hpp>

namespace jsonl {
namespace {

constexpr std::size_t witness_bytes = 64;  // enough to tell one file from another

std::string_view beginning_of(std::string_view bytes) { return bytes.substr(0, witness_bytes); }

/// The file may be anybody's: its bytes need not be text.
std::string print_hex(std::string_view bytes) {
  std::string hex;
  for (char const byte : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return hex;
}

int digit_of(char character) {
  if (character >= '0' && character <= '9') return character - '0';
  if (character >= 'a' && character <= 'f') return character - 'a' + 10;
  throw landfall::system_error("no hexadecimal digit");
}

std::string parse_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) throw landfall::system_error("half a byte");
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(digit_of(hex[i]) * 16 + digit_of(hex[i + 1]));
  }
  return bytes;
}

AppendNote parse_appending(boost::json::value const& json) {
  AppendNote note;
  note.from = json.at("from").to_number<std::uint64_t>();
  note.before = parse_hex(json.at("before").as_string());
  note.first = parse_hex(json.at("first").as_string());
  return note;
}

}  // namespace

AppendNote::AppendNote(File const& file, std::uint64_t place, std::string_view first_bytes)
    : from(place), first(beginning_of(first_bytes)) {
  auto const size = std::min<std::uint64_t>(place, witness_bytes);
  before = file.read(place - size, static_cast<std::size_t>(size));
}

bool AppendNote::fits(File const& file) const {
  if (file.size() < from) return false;
  auto const begin = from - before.size();
  auto found = file.read(begin, before.size() + first.size());            // of the first bytes as many as were written
  found.resize(std::min(found.find('\0', before.size()), found.size()));  // after a power cut bytes may be missing
  return (before + first).starts_with(found);
}

StreamNote StreamNote::parse(std::string_view text) {
  auto const json = boost::json::parse(text);
  auto const& members = json.as_object();
  StreamNote note;
  if (auto const* generation = members.if_contains("replaced_by_generation")) {
    note.replaced_by_generation = generation->to_number<std::int64_t>();
  }
  if (auto const* merge = members.if_contains("merge")) {
    note.merge =
        Merge{merge->at("generation").to_number<std::int64_t>(), merge->at("place").to_number<std::uint64_t>()};
  }
  if (auto const* appending = members.if_contains("appending")) note.appending = parse_appending(*appending);
  return note;
}

std::string StreamNote::print() const {
  boost::json::object json;
  if (replaced_by_generation) json["replaced_by_generation"] = *replaced_by_generation;
  if (merge) json["merge"] = {{"generation", merge->generation}, {"place", merge->place}};
  if (appending) {
    json["appending"] = {
        {"from", appending->from}, {"before", print_hex(appending->before)}, {"first", print_hex(appending->first)}};
  }
  return boost::json::serialize(json) + '\n';
}

}  // namespace jsonl
