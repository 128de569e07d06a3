#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <landfall/runtime/error.hpp>

#include "spill/acknowledged_mark.hpp"
#include "spill/spill_format.hpp"

namespace landfall {

/// A file of a folder that is not as it was written.
struct SpillDamage {
  SpillDamage(std::string file_path, std::string description)
      : path(std::move(file_path)), what(std::move(description)) {}
  std::string path;
  std::string what;
};

/// Acknowledged records that are lost with it.
struct SpillLoss {
  SpillLoss() = default;
  std::vector<AcknowledgedMark::Batch> batches;  ///< those that are known
  std::uint64_t more_batches = 0;                ///< these are not
  std::uint64_t more_records = 0;
  bool is_known = true;  ///< false: there may be any number of others
  bool empty() const noexcept { return is_known && batches.empty() && more_batches == 0; }
};

/// What the mark tells and `state`, which was cut at its positions, does not hold.
SpillLoss lost_batches(AcknowledgedMark const& mark, Snapshot const& state);

/// "500 acknowledged records are no longer there (batch 17: records 2000 to 2499 of users)".
std::string describe(SpillLoss const& loss);

/// Says what is lost, and what to do about it.
Error damage_error(SpillDamage const& damage, SpillLoss const& loss);

/// The same where the user has said that what is damaged may go.
std::string discard_notice(SpillDamage const& damage, SpillLoss const& loss);

}  // namespace landfall
