#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace landfall {

/// Streams of which more may be acknowledged, or less hoped for, than when it was last asked: so that nobody has to
/// look at all of them after each batch.
///
/// Units:   places of streams in the catalog.
/// Threads: none of its own; lives on the control strand.
class ChangedStreams {
 public:
  explicit ChangedStreams(std::size_t stream_count) : noted_(stream_count) {}

  void note(std::size_t stream) {
    if (noted_.at(stream)) return;
    noted_[stream] = true;
    streams_.push_back(stream);
  }

  /// Each that was noted since, once.
  std::vector<std::size_t> take() {
    for (std::size_t const stream : streams_) noted_[stream] = false;
    return std::exchange(streams_, {});
  }

 private:
  std::vector<bool> noted_;  // by stream
  std::vector<std::size_t> streams_;
};

}  // namespace landfall
