#include <landfall/launcher/decisions.hpp>

namespace landfall {

NextStep next_step(BatchState reported, BatchRoute route, bool stream_is_complete) {
  if (reported != BatchState::complete) {
    return route == BatchRoute::loader ? NextStep::process_batch : NextStep::wait;
  }
  return stream_is_complete ? NextStep::close_stream : NextStep::wait;
}

bool releases_checkpoints(BatchState reported) {
  return reported == BatchState::persisted || reported == BatchState::complete;
}

bool may_fail_now(Opening opening, std::size_t work_in_flight) {
  return opening != Opening::opening && work_in_flight == 0;
}

Ending choose_ending(bool has_error, bool call_still_runs) {
  if (call_still_runs) return Ending::none;
  return has_error ? Ending::fail_sync : Ending::teardown;
}

}  // namespace landfall
