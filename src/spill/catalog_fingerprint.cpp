#include "spill/catalog_fingerprint.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>

#include "spill/spill_format.hpp"

namespace landfall {

namespace {

boost::json::value with_sorted_members(boost::json::value const& value) {
  if (auto const* const array = value.if_array()) {
    boost::json::array sorted;
    for (auto const& element : *array) sorted.push_back(with_sorted_members(element));
    return sorted;
  }
  auto const* const object = value.if_object();
  if (object == nullptr) return value;
  std::vector<std::string_view> keys;
  for (auto const& member : *object) keys.push_back(member.key());
  std::sort(keys.begin(), keys.end());
  boost::json::object sorted;
  for (auto const key : keys) sorted[key] = with_sorted_members(object->at(key));
  return sorted;
}

boost::json::array path_of(std::vector<std::string> const& names) {
  boost::json::array path;
  for (auto const& name : names) path.emplace_back(name);
  return path;
}

template <class T>
boost::json::value or_null(std::optional<T> const& value) {
  if (!value) return nullptr;
  return boost::json::value(*value);
}

boost::json::array describe(DestinationStream const& stream) {
  boost::json::array key;
  for (auto const& column : stream.primary_key) key.push_back(path_of(column));
  boost::json::array all;
  all.push_back(or_null(stream.descriptor.name_space));
  all.emplace_back(stream.descriptor.name);
  all.push_back(with_sorted_members(stream.json_schema.parse()));
  all.emplace_back(std::string(to_string(stream.sync_mode)));
  all.emplace_back(std::string(to_string(stream.destination_sync_mode)));
  all.push_back(path_of(stream.cursor_field));
  all.push_back(std::move(key));
  all.push_back(or_null(stream.generation_id));
  all.push_back(or_null(stream.minimum_generation_id));
  all.emplace_back(stream.include_files);
  return all;
}

}  // namespace

std::uint64_t fingerprint_of(DestinationCatalog const& catalog) {
  // Of the text of one array, which is never there as a whole.
  Checksum checksum;
  char before = '[';
  for (auto const& stream : catalog.streams()) {
    checksum.add(before + boost::json::serialize(describe(*stream)));
    before = ',';
  }
  checksum.add("]");
  return checksum.value();
}

}  // namespace landfall
