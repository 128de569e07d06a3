#pragma once

#include <any>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <landfall/destination/rejected_records.hpp>

namespace landfall {

/// How far the records of a batch have come. Later states include the earlier ones.
///
/// Source: base design 2.3. Only persisted and complete change decisions.
enum class BatchState {
  processed,  ///< seen by the loader, still in this process
  staged,     ///< partly uploaded, worthless after a crash
  loaded,     ///< remote, but not recoverable after a crash
  persisted,  ///< recoverable after a crash of this process: its STATE may be printed
  complete,   ///< nothing more to do; implies persisted
};

/// "processed", "staged", ...
std::string_view to_string(BatchState state) noexcept;

/// What a loader answers for the records it was given: their state, and what it needs to go on with them.
///
/// A batch that is not complete comes back through StreamLoader::process_batch until it is. Each answer must be later
/// than the one before, unless the batch is in a group.
class Batch {
 public:
  explicit Batch(BatchState state, std::any payload = {}) : state_(state), payload_(std::move(payload)) {}

  static Batch processed(std::any payload = {}) { return Batch(BatchState::processed, std::move(payload)); }
  static Batch staged(std::any payload = {}) { return Batch(BatchState::staged, std::move(payload)); }
  static Batch loaded(std::any payload = {}) { return Batch(BatchState::loaded, std::move(payload)); }
  static Batch persisted(std::any payload = {}) { return Batch(BatchState::persisted, std::move(payload)); }
  static Batch complete() { return Batch(BatchState::complete); }

  BatchState state() const noexcept { return state_; }

  /// The loader's own, carried to process_batch untouched.
  std::any& payload() noexcept { return payload_; }
  std::any const& payload() const noexcept { return payload_; }

  /// Ties batches together: the most advanced state reported for a group holds for all batches of it, whatever the
  /// order (a multi-part upload that is finished once). A batch whose process_batch() leaves its group unfinished is
  /// asked again when there is news of another one in it, or when the stream has ended; then one of them must finish
  /// the group, or the stream fails. It stays in its group until it is complete.
  Batch in_group(std::string group) && {
    group_ = std::move(group);
    return std::move(*this);
  }
  std::optional<std::string> const& group() const noexcept { return group_; }

  /// The batch is in this state but for these records, which cannot be loaded: they go to the reject file. Only as an
  /// answer of process_records(), or of a LoadStep that still has the records. An answer that got lost cannot be
  /// probed: probe() says unknown of such a batch.
  Batch rejecting(std::vector<RejectedRecord> records) && {
    rejected_ = std::move(records);
    return std::move(*this);
  }
  std::vector<RejectedRecord> const& rejected() const noexcept { return rejected_; }

 private:
  BatchState state_;
  std::any payload_;
  std::optional<std::string> group_;
  std::vector<RejectedRecord> rejected_;
};

}  // namespace landfall
