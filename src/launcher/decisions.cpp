#include <landfall/launcher/decisions.hpp>

namespace landfall {

NextStep next_step(BatchEnvelope const& answered, bool batch_is_complete, bool stream_is_complete) {
  if (batch_is_complete) return stream_is_complete ? NextStep::close_stream : NextStep::wait;
  if (answered.route == BatchRoute::pipeline) return NextStep::wait;
  bool const waits_for_others = answered.batch.group() && answered.before;
  return waits_for_others ? NextStep::ask_group : NextStep::process_batch;
}

bool is_news_for_group(BatchEnvelope const& answered) {
  return answered.batch.group() && (!answered.before || answered.batch.state() > *answered.before);
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
