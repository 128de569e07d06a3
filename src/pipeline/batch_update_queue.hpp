#pragma once

#include <landfall/runtime/message_queue.hpp>
#include <landfall/state/batch_envelope.hpp>

namespace landfall {

/// Answers of pipeline steps on their way to the update-batch-state task. Bounded by what is on its way through the
/// steps, so nobody waits to put one in.
using BatchUpdateQueue = MessageQueue<BatchEnvelope>;

}  // namespace landfall
