#include <landfall/destination/stream_loader.hpp>

namespace landfall {

bool StreamLoader::needs_order() const { return true; }

awaitable<void> StreamLoader::start() { co_return; }

awaitable<Batch> StreamLoader::process_batch(Batch batch) {
  throw system_error(
      "the loader answered '{}' for a batch, but has no process_batch() to take it further: override "
      "StreamLoader::process_batch, or answer Batch::complete()",
      to_string(batch.state()));
  co_return batch;  // makes this a coroutine, so that the error shows where it is awaited
}

awaitable<void> StreamLoader::close(StreamOutcome /*outcome*/) { co_return; }

awaitable<ProbeResult> StreamLoader::probe(BatchId /*batch*/) { co_return ProbeResult::unknown; }

}  // namespace landfall
