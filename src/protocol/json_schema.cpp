#include <landfall/protocol/json_schema.hpp>

#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "protocol/valid_json.hpp"

namespace landfall {

JsonSchema::JsonSchema(boost::json::object const& schema) {
  auto const text = std::make_shared<std::string const>(boost::json::serialize(schema));
  text_ = *text;
  owner_ = text;
}

// A program may have names in it that are no UTF-8; of a catalog's text that was checked.
boost::json::object JsonSchema::parse() const {
  boost::json::parse_options options = valid_json::parse_options();
  options.allow_invalid_utf8 = true;
  return std::move(boost::json::parse(text_, {}, options).as_object());
}

}  // namespace landfall
