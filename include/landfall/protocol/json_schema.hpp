#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

namespace landfall {

/// The JSON schema of a stream, kept as its text: a catalog may have millions of fields, and parsed they would take ten
/// times its size. Who asks for it parses it, and lets go of it. A value, cheap to copy.
class JsonSchema {
 public:
  JsonSchema() = default;  ///< {}

  /// Keeps it as text. Implicit: a stream that is put together in a program has one as an object.
  JsonSchema(boost::json::object const& schema);

  /// `text`: a valid JSON object, a part of what `owner` keeps.
  JsonSchema(std::shared_ptr<void const> owner, std::string_view text) noexcept
      : owner_(std::move(owner)), text_(text) {}

  /// What it says, made anew by each call. Of a member that occurs twice the last value counts.
  boost::json::object parse() const;

  std::string_view text() const noexcept { return text_; }

 private:
  std::shared_ptr<void const> owner_;
  std::string_view text_ = "{}";
};

}  // namespace landfall
