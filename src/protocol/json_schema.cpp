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

boost::json::object JsonSchema::parse() const {
  return std::move(boost::json::parse(text_, {}, valid_json::parse_options()).as_object());
}

}  // namespace landfall
