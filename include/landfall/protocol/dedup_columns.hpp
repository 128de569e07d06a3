#pragma once

#include <landfall/protocol/catalog.hpp>

namespace landfall {

/// Deduplication needs its columns. Only a column itself is looked for, not what a path means inside it; a schema
/// without properties says nothing about columns. Asked before a stream is opened: a wrong key fails its own stream.
/// Errors: Error(config) which names the stream, and the cursor or key column of append_dedup that its schema does not
///         have.
void require_dedup_columns(DestinationStream const& stream);

}  // namespace landfall
