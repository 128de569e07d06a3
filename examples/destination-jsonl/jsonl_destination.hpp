#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <landfall/landfall.hpp>

#include "data_folder.hpp"
#include "record_format.hpp"

namespace jsonl {

/// Writes every stream to a file of its own, one JSON object a line.
///
/// Acknowledged: a STATE is printed when the rows before it are in the file and fdatasync has returned.
/// Files:        see StreamPath for their names, StreamFile for what survives what.
class JsonlDestination : public landfall::Destination {
 public:
  /// Errors: Error(config).
  explicit JsonlDestination(landfall::Configuration const& configuration);

  static landfall::ConnectorSpecification spec();

  landfall::awaitable<void> check() override;
  landfall::awaitable<void> setup(landfall::DestinationCatalog const& catalog) override;
  landfall::awaitable<std::unique_ptr<landfall::StreamLoader>> open(landfall::DestinationStream const& stream) override;
  landfall::awaitable<void> teardown(landfall::SyncOutcome outcome) override;

 private:
  std::string path_;
  RecordFormat format_;
  std::optional<DataFolder> folder_;  ///< from setup to teardown; locked
};

/// Errors: Error(config) where the mode of this stream is one that these files cannot serve.
void require_known_mode(landfall::DestinationStream const& stream);

}  // namespace jsonl
