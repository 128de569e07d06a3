#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include <landfall/runtime/error.hpp>

namespace landfall {

/// Takes secrets out of what people read: logs, errors, reports, reasons of rejects. Never applied to records or
/// STATEs.
///
/// Secret:   the values of the configuration that the connector's specification marks with "airbyte_secret": true, with
///           all that is inside them; and the user part of any URL (scheme://USER:PASSWORD@host), wherever it comes
///           from.
/// Masked:   a secret of 8 bytes or more wherever it stands in a text, also percent-encoded or escaped as in JSON. A
///           shorter one, which may be a word of any text, where it is the whole text or stands in quotation marks.
/// Threads:  any, once learn() is over.
class SecretMask {
 public:
  static constexpr std::string_view mask = "******";

  /// From then on its secrets are masked.
  void learn(boost::json::object const& configuration, boost::json::object const& specification);

  std::string apply(std::string_view text) const;

  /// The same error, and those attached to it, with their texts masked.
  Error apply(Error const& error) const;

 private:
  std::vector<std::string> anywhere_;  // the longest first
  std::vector<std::string> short_;
};

}  // namespace landfall
