#!/usr/bin/env python3
"""Breaks landfall on purpose, one small fault at a time, and sees whether the tests notice.

    python3 tests/mutations.py             all of them
    python3 tests/mutations.py 3 17        only these
    python3 tests/mutations.py --check     only whether each still has its line

Works on a copy of the tree in build-mutations/. A fault is found when a simulated sync breaks a promise, a test of the
rooms fails, or something hangs. Prints each with what found it, and the survivors last; exits with 1 if there are any.
"""

import os
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COPY = os.path.join(ROOT, "build-mutations", "tree")
BUILD = os.path.join(ROOT, "build-mutations", "build")
SIMULATED = ["bin/landfall-sim", "--seeds", "1..4000"]
ROOMS = ["runtime", "table", "spill", "state", "launcher", "pipeline", "tasks", "connector", "testing"]

# What is broken, where, the line as it is, the line as it must not be.
MUTATIONS = [
    ("any answer of a loader releases STATEs", "src/launcher/decisions.cpp",
     "return reported == BatchState::persisted || reported == BatchState::complete;", "return true;"),
    ("an answer short of complete is not taken further", "src/launcher/decisions.cpp",
     "return waits_for_others ? NextStep::ask_group : NextStep::process_batch;", "return NextStep::wait;"),
    ("whose group is complete is asked again", "src/launcher/decisions.cpp",
     "if (batch_is_complete) return stream_is_complete", "if (answered.batch.state() == BatchState::complete) return stream_is_complete"),
    ("the batches of a group are asked for ever", "src/launcher/decisions.cpp",
     "return waits_for_others ? NextStep::ask_group : NextStep::process_batch;", "return NextStep::process_batch;"),
    ("a group hears of every answer", "src/launcher/decisions.cpp",
     "return answered.batch.group() && (!answered.before || answered.batch.state() > *answered.before);",
     "return answered.batch.group().has_value();"),
    ("a loader may answer the same for ever", "src/tasks/process_batch_task.cpp",
     "answer.state() > asked.batch.state()) return;", "answer.state() >= asked.batch.state()) return;"),
    ("who waits for its group is not asked when the stream has ended", "src/launcher/task_launcher.cpp",
     "  ask_groups_at_end_on_strand(stream);\n", ""),
    ("a group that nobody completes is waited for", "src/launcher/task_launcher.cpp",
     "if (next.empty()) fail_stream_on_strand(stream, w.group_members.unfinished());", ""),
    ("what a group has completed waits on", "src/launcher/task_launcher.cpp",
     "  if (envelope.batch.group()) w.group_members.drop_complete(*envelope.batch.group(), manager.ledger());\n", ""),
    ("an answer is lost when another batch fails", "src/tasks/process_records_task.cpp",
     "  co_await asio::this_coro::reset_cancellation_state(answer_is_kept);\n  if (refusal &&", "  if (refusal &&"),
    ("the answer of a step is lost when another batch fails", "src/tasks/process_batch_task.cpp",
     "  co_await asio::this_coro::reset_cancellation_state(answer_is_kept);\n", ""),
    ("after an answer nothing is cancelled any more", "src/tasks/process_records_task.cpp",
     "bool const goes_on = to_offer.empty() || co_await may_offer_more();", "bool const goes_on = true;"),
    ("a failing stream takes no answers any more", "src/launcher/task_launcher.cpp",
     "  manager.mark_failing();\n", "  manager.mark_failing();\n  manager.settle_failure();\n"),
    ("what is loaded beside a rejected record is not told", "src/pipeline/rejector.cpp",
     "if (others_are >= BatchState::persisted) co_await", "if (false) co_await"),
    ("how many calls may run is taken for the size of batches", "src/launcher/task_launcher.cpp",
     "change.knob == LoadKnob::batch_bytes && parts_.batch_bytes", "change.knob == LoadKnob::batch_bytes || parts_.batch_bytes"),
    ("a batch on disk whose table does not fit its records", "src/spill/spill_recovery.cpp",
     "header.record_count > 0 && has_whole_table", "header.record_count > 0 || has_whole_table"),
    ("a stream is failed while it is being opened", "src/launcher/decisions.cpp",
     "return opening != Opening::opening && work_in_flight == 0;", "return work_in_flight == 0;"),
    ("a stream is failed while work of it runs", "src/launcher/decisions.cpp",
     "return opening != Opening::opening && work_in_flight == 0;", "return opening != Opening::opening;"),
    ("a failed sync is torn down as a good one", "src/launcher/decisions.cpp",
     "return has_error ? Ending::fail_sync : Ending::teardown;", "return Ending::teardown;"),
    ("teardown beside a call that still runs", "src/launcher/decisions.cpp",
     "if (call_still_runs) return Ending::none;", ""),
    ("batches of a stream do not wait for each other", "src/launcher/task_launcher.cpp",
     "return !w.needs_order && none_waits;", "return none_waits;"),
    ("batches are processed before their stream is open", "src/launcher/task_launcher.cpp",
     "return w.opening == Opening::open && !w.reads_back", "return !w.reads_back"),
    ("a slot is not given back", "src/launcher/task_launcher.cpp",
     "if (call->second) governor_.give_slot_back();", ""),
    ("streams do not take turns", "src/launcher/task_launcher.cpp",
     "ready_.insert(place, &w);", "ready_.push_front(&w);"),
    ("a long wait keeps its slot", "src/launcher/task_launcher.cpp",
     "if (delay <= LoadGovernor::longest_wait_with_slot) co_return;", "if (delay >= Duration::zero()) co_return;"),
    ("who was cancelled in line stays there", "src/launcher/task_launcher.cpp",
     "  std::erase_if(returning_, [&](Returning const& task) { return task.stream == &w && task.batch == batch; });\n", ""),
    ("a limit that nobody uses grows", "src/launcher/load_governor.cpp",
     "if (!waited_ || concurrency_", "if (concurrency_"),
    ("each call of a round-trip makes it less", "src/launcher/load_governor.cpp",
     "if (trouble_since_ && call.started_at < *trouble_since_) return;", ""),
    ("a failed stream goes on", "src/launcher/task_launcher.cpp",
     "if (w.failure || manager.is_closed()) {", "if (manager.is_closed() && !w.failure) {"),
    ("nobody drains a failed stream", "src/launcher/task_launcher.cpp",
     "if (!file.end) launch_on_strand(parts_.spill_to_disk->make(*this, stream));",
     "if (!file.end && !w.failure) launch_on_strand(parts_.spill_to_disk->make(*this, stream));"),
    ("a stream is closed with work in flight", "src/launcher/task_launcher.cpp",
     "if (w.in_flight > 0) return;", ""),
    ("a stream may be closed twice", "src/launcher/task_launcher.cpp",
     "if (!manager.set_closed()) return;", "manager.set_closed();"),
    ("a failing stream does not stop its STATEs", "src/launcher/task_launcher.cpp",
     "manager.mark_failing();", ""),
    ("who does not own the close closes", "src/launcher/task_launcher.cpp",
     "bool const run_loader_close = w.owns_close && w.loader != nullptr", "bool const run_loader_close = w.loader != nullptr"),
    ("a failed stream's loader is not closed", "src/launcher/task_launcher.cpp",
     "bool const run_loader_close = w.owns_close", "bool const run_loader_close = false && w.owns_close"),
    ("close beside a call that still runs", "src/launcher/task_launcher.cpp",
     " && !w.call_still_runs;", ";"),
    ("the ending does not wait for setup", "src/launcher/task_launcher.cpp",
     "if (ending_enqueued_ || !setup_ended_ || !checkpoints_ended_ ||", "if (ending_enqueued_ || !checkpoints_ended_ ||"),
    ("two endings", "src/launcher/task_launcher.cpp",
     "if (ending_enqueued_ || !setup_ended_", "if (!setup_ended_"),
    ("STATEs end before the input does", "src/launcher/task_launcher.cpp",
     "if (checkpoints_ended_ || !sync.input_consumed() || !sync.all_streams_ended()) return;",
     "if (checkpoints_ended_ || !sync.all_streams_ended()) return;"),
    ("what an ended task held back is not looked at again", "src/launcher/task_launcher.cpp",
     "  start_fail_stream_if_idle_on_strand(stream);\n  stream_complete_on_strand(stream);\n}",
     "  start_fail_stream_if_idle_on_strand(stream);\n}"),
    ("a stop does not stop the reading", "src/launcher/task_launcher.cpp",
     "  input_.cancel();\n  parts_", "  parts_"),
    ("the stop deadline is not kept", "src/launcher/task_launcher.cpp",
     "if (!ending_enqueued_) fail_all_on_strand(late);", ""),
    ("a STATE is emitted one record early", "src/state/record_ledger.cpp",
     "contains_all(Interval{0, end});", "contains_all(Interval{0, end == 0 ? 0 : end - 1});"),
    ("complete does not imply persisted", "src/state/record_ledger.cpp",
     "for (std::size_t reached = 0; reached <= index_of(state); ++reached) reached_[reached].add(records);",
     "reached_[index_of(state)].add(records);"),
    ("a group's state reaches only its last batch", "src/state/record_ledger.cpp",
     "for (auto const& [begin, end] : seen.records.intervals()) promote(Interval{begin, end}, state);",
     "promote(records, state);"),
    ("rejected records are not accounted for", "src/state/record_ledger.cpp",
     "  rejected_.add(records);\n  promote(records, BatchState::complete);", "  rejected_.add(records);"),
    ("overwrite acknowledges before the swap", "src/state/stream_manager.cpp",
     "if (waits_for_its_close()) return false;", ""),
    ("INCOMPLETE counts as complete", "src/state/stream_manager.cpp",
     "    case StreamStatus::incomplete:\n      return StreamEnd::incomplete;",
     "    case StreamStatus::incomplete:\n      return StreamEnd::complete;"),
    ("a missing status counts as complete", "src/state/stream_manager.cpp",
     "if (stream.has_generations()) return StreamEnd::incomplete;", ""),
    ("a broken-off input counts as complete", "src/state/stream_manager.cpp",
     "if (!end.input_complete) return StreamEnd::incomplete;", ""),
    ("the second result wins", "src/state/stream_manager.cpp",
     "  if (result_) return false;\n  mark_failing();", "  mark_failing();"),
    ("a STATE does not wait for its records", "src/state/checkpoint_manager.cpp",
     "return safe == positions.size();", "return true;"),
    ("a later STATE is printed before an earlier one", "src/state/checkpoint_manager.cpp",
     "auto const& positions = scope.waiting[scope.handed_out].positions;",
     "auto const& positions = scope.waiting.back().positions;"),
    ("a STATE is printed twice", "src/state/checkpoint_manager.cpp",
     "    scope.waiting.erase(scope.waiting.begin(), first_kept);\n", ""),
    ("rejected records count as loaded", "src/state/checkpoint_manager.cpp",
     "return RecordCounts(position.read.records - rejected, position.read.bytes, rejected);",
     "return RecordCounts(position.read.records, position.read.bytes, rejected);"),
    ("a STATE is forgotten before it was written", "src/tasks/update_checkpoints_task.cpp",
     "    co_await scope_.run_within(", "    co_await launcher_.on_strand([this] { checkpoints_.mark_emitted(); });\n    co_await scope_.run_within("),
    ("STATEs that were not answered are no failure", "src/tasks/update_checkpoints_task.cpp",
     "if (!unanswered.empty()) throw", "if (unanswered.size() == 1) throw"),
    ("the reader does not tell the streams their end", "src/tasks/input_consumer_task.cpp",
     "  router_.end_of_input(!failure);\n", "  if (!failure) router_.end_of_input(true);\n"),
    ("a broken input counts as whole", "src/tasks/input_consumer_task.cpp",
     "router_.end_of_input(!failure);", "router_.end_of_input(true);"),
    ("what stood before a bad line is dropped", "src/pipeline/router.cpp",
     "    forward(lines, line_number_ - lines_before);  // what stood before the bad line is loaded and acknowledged\n", ""),
    ("STATEs are forwarded without the records before them in the block", "src/pipeline/router.cpp",
     "    positions.emplace_back(last_found_, counts_of(*stream));",
     "    positions.emplace_back(last_found_, RecordCounts());"),
    ("a full batch takes one record too many", "src/tasks/spill_to_disk_task.cpp",
     "batch_records + run.size() <= limits.records", "batch_records + run.size() <= limits.records + 1"),
    ("an old batch is not closed", "src/tasks/spill_to_disk_task.cpp",
     "return full_ || flush_requested || too_old;", "return full_ || flush_requested;"),
    ("a waiting STATE does not close a batch", "src/tasks/heartbeat_task.cpp",
     "bool const waited_too_long = oldest &&", "bool const waited_too_long = false && oldest &&"),
    ("a failed open is not told", "src/tasks/open_stream_task.cpp",
     "  co_await launcher_.handle_open_failure(stream->descriptor, std::move(error));\n", ""),
    ("a failing close is swallowed", "src/tasks/fail_stream_task.cpp",
     "co_await launcher_.handle_fail_stream_complete(stream_, std::move(close_error));",
     "co_await launcher_.handle_fail_stream_complete(stream_, std::nullopt);"),
    ("a refused record is not written down", "src/pipeline/rejector.cpp",
     "  if (refusal.records.empty() && batch.size() > 1) {", "  if (batch.size() > 1) {"),
    ("one half of a refused batch is lost", "src/pipeline/rejector.cpp",
     "    rest.push_back(std::move(halves.second));\n", ""),
    ("rejected records are acknowledged before they are written", "src/pipeline/rejector.cpp",
     "  std::optional<Error> failure;\n", "  co_await launcher.handle_records_rejected(stream, numbers);\n  std::optional<Error> failure;\n"),
    ("a batch of unknown outcome is repeated unasked", "src/launcher/retry_policy.cpp",
     "return phase == Phase::process ? AfterFailure::ask_loader : AfterFailure::give_up;", "return AfterFailure::try_again;"),
    ("config errors are repeated", "src/launcher/retry_policy.cpp",
     "    case ErrorClass::config:\n    case ErrorClass::rejected_records:", "    case ErrorClass::rejected_records:"),
    ("one attempt too many", "src/launcher/retry_policy.cpp",
     "bool const may_go_on = attempts_made < policy.attempts;", "bool const may_go_on = attempts_made <= policy.attempts;"),
    ("what was applied is repeated", "src/launcher/phase_runner.cpp",
     "      if (*result == ProbeResult::applied) co_return;\n", ""),
    ("a body is not cancelled at its deadline", "src/runtime/task_scope.cpp",
     "    lock.unlock();\n    task.cancel();", "    lock.unlock();"),
    ("bytes are not given back", "src/runtime/memory_budget.cpp",
     "reserved_bytes_ -= bytes;", "reserved_bytes_ -= bytes / 2;"),
    ("a batch that a restart may need leaves the disk once it is read", "src/spill/spilled_records.cpp",
     "  if (keep_ == SpillKeep::until_read) release();\n  co_return records;", "  release();\n  co_return records;"),
    ("a restart does not know what was acknowledged", "src/tasks/update_checkpoints_task.cpp",
     "if (acknowledged_in_) co_await acknowledge();", ""),
    ("what was acknowledged is told to a restart too late", "src/tasks/update_checkpoints_task.cpp",
     "    if (acknowledged_in_) co_await acknowledge();\n    co_await scope_.run_within(\"writing STATEs\", sink_.write(std::move(lines)), deadline_, patience_);\n",
     "    co_await scope_.run_within(\"writing STATEs\", sink_.write(std::move(lines)), deadline_, patience_);\n    if (acknowledged_in_) co_await acknowledge();\n"),
    ("a batch leaves the disk before it is complete", "src/launcher/task_launcher.cpp",
     "if (!manager.ledger().is_complete(records)) return false;", "static_cast<void>(records);"),
    ("batches of a failed stream leave the disk", "src/launcher/task_launcher.cpp",
     "  release_all_complete_on_strand(w, manager);\n", "  for (auto const& [first, spilled] : w.kept) spilled->release();\n  w.kept.clear();\n"),
    ("the input is read before what an earlier process left is loaded", "src/launcher/task_launcher.cpp",
     "if (stopping_ || recovering_ == 0) start_reading_on_strand();", "start_reading_on_strand();"),
    ("nobody reads when the recovered stream has failed", "src/launcher/task_launcher.cpp",
     "  recovering_ -= std::exchange(w.recovering, 0);\n", ""),
    ("numbers of records begin anew", "src/connector/run_sync.cpp",
     "queues_(catalog, resumed_in_ ? resumed_in_->recovered().positions : std::vector<RecordNumber>())",
     "queues_(catalog)"),
    ("ids of batches begin anew", "src/connector/run_sync.cpp",
     "resumed_in_ ? resumed_in_->recovered().next_batch_id : 1", "1"),
    ("a batch of an earlier process is loaded without asking", "src/tasks/process_records_task.cpp",
     "bool const may_be_applied = records.id() < first_id_;", "bool const may_be_applied = false;"),
    ("what a stream that starts anew has read counts for a restart", "src/state/checkpoint_manager.cpp",
     "if (!stream_of(position).stream().starts_anew()) until", "until"),
    ("what is only on disk counts as loaded", "src/state/record_ledger.cpp",
     "  safe_.add(records);\n}", "  promote(records, BatchState::persisted);\n}"),
    ("a stream that moves goes to disk", "src/pipeline/batch_spiller.cpp",
     "bool const moves = co_await queue.wait_for_progress(seen, clock, patience);",
     "bool const moves = false; static_cast<void>(clock);"),
    ("patience with a stream that stands still begins anew for each batch", "src/pipeline/stream_queue.cpp",
     "  stood_still_at_ = seen;\n", ""),
    ("nobody hears that a batch is done", "src/pipeline/stream_queue.cpp",
     "    batches->waiters.wake_all();\n  };\n  return", "  };\n  return"),
    ("batches are closed only when the reader stands still", "src/tasks/input_consumer_task.cpp",
     "budget.capacity_bytes() - budget.capacity_bytes() / 8;", "2 * budget.capacity_bytes();"),
    ("a block is read ahead beyond the memory", "src/pipeline/line_reader.cpp",
     "if (!reservation) return false;", "if (!reservation) reservation = Reservation();"),
    ("a room that is gone is read into", "src/pipeline/line_reader.hpp",
     "source->stop_reading_ahead(); }", "static_cast<void>(source); }"),
    ("who does not want to wait overtakes who does", "src/runtime/memory_budget.cpp",
     "if (!fits_on_lock(bytes)) return std::nullopt;", "if (!has_room_on_lock(bytes)) return std::nullopt;"),
    ("a cancelled read leaves its room to the thread", "src/connector/fd_source.cpp",
     "      stop_reading_ahead();  // the room", "      // the room"),
    ("that nothing is left is not written down", "src/spill/spill_core.cpp",
     "  if (live_.empty()) return true;\n", ""),
    ("a refresh goes on with the rows of another one", "src/table/load_plan.cpp",
     "plan.leftover = work_is_ours ? Leftover::keep : Leftover::drop;", "plan.leftover = Leftover::keep;"),
    ("a refresh that was interrupted begins anew", "src/table/load_plan.cpp",
     "plan.otherwise = End::keep;", "plan.otherwise = End::drop;"),
    ("a refresh replaces rows of its own", "src/table/load_plan.cpp",
     "if (!dedups(stream) && final_is_ours) {", "if (false) {"),
    ("what an attempt left is mixed with the next", "src/table/table_loader.cpp",
     "co_await operations_.drop(tables_.attempt_table);", ""),
    ("a table that will be replaced is changed before", "src/table/table_loader.cpp",
     "if (!is_replacement(plan_.when_complete)) co_await ensure(tables_.final_table);", "co_await ensure(tables_.final_table);"),
    ("what came with a mark before is appended again", "src/table/table_operations.cpp",
     "if (loaded.count() == 0) return records;", "return records;"),
    ("a store that leaves rows out is believed", "src/table/table_loader.cpp",
     "    require_all(records, counts);", ""),
    ("a start that is repeated takes a later sync over", "src/table/table_loader.cpp", "    has_begun_ = true;", ""),
    ("a close that is repeated does all of it again", "src/table/table_loader.cpp", "    has_finished_ = true;", ""),
    ("halves of a batch are looked up as one", "src/table/table_loader.cpp",
     "asked_for_[records.id()] = numbers_in(records);", "asked_for_[BatchId(records.id().value)] = numbers_in(records);"),
    ("two processes have the same first batch", "src/table/table_loader.cpp",
     "batch.is_unique_over_processes() ? std::string() : run_", "std::string()"),
    ("rows that wait do not know their order", "src/table/table_rows.cpp",
     "*first_in_order_ + static_cast<std::int64_t>(record.number());", "*first_in_order_;"),
    ("deleted rows always stay", "src/table/table_loader.cpp",
     "if (settings_.deletions == Deletions::hard) {", "if (false) {"),
    ("the cursor does not count", "src/table/table_loader.cpp",
     "if (!stream_.cursor_field.empty()) rule.cursor = tables_.column(stream_.cursor_field.front());", ""),
    ("rows that wait lose the key that they are compared by", "src/table/table_loader.cpp",
     "change.decisive = rule.primary_key;", ""),
    ("rows that wait lose their cursor", "src/table/table_loader.cpp",
     "if (rule.cursor) change.decisive.push_back(*rule.cursor);", ""),
    ("rows that wait lose that they were deleted", "src/table/table_loader.cpp",
     "if (rule.deleted_at && !is_noted) change.decisive.push_back(*rule.deleted_at);", ""),
    ("a table is changed before it is known that the other one can be", "src/table/table_loader.cpp",
     "if (!alterations.empty()) co_await operations_.alter_all(std::move(alterations));", ""),
    ("a column that a user added is dropped", "src/table/table_schema.cpp",
     "MetaColumns::is_of_waiting_rows(column.name.text()) && wanted.find(column.name) == nullptr;",
     "wanted.find(column.name) == nullptr;"),
    ("a line that cannot be read is left out", "src/pipeline/router.cpp",
     "  add_unreadable(*stream, error.what(), line);\n  return true;", "  return true;"),
    ("a loader is given lines that cannot be read", "src/tasks/process_records_task.cpp",
     "if (!refusal.records.empty())\n    co_return", "if (false)\n    co_return"),
    ("a load step is given lines that cannot be read", "src/pipeline/step_pipeline.cpp",
     "if (!unreadable.records.empty()) {", "if (false) {"),
]


def run(command, timeout, **more):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, **more)
        return done.returncode, done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as late:
        return "hangs", (late.stdout or b"").decode(errors="replace")


def build(targets):
    return run(["cmake", "--build", BUILD, "--target", *targets], 1800)


def files_below(folder):
    return {os.path.relpath(os.path.join(where, name), folder) for where, _, names in os.walk(folder) for name in names}


def write_if_changed(source, target):
    """What is written is newer than every object: also than those of the fault that it replaces."""
    with open(source, "rb") as opened:
        content = opened.read()
    if os.path.exists(target):
        with open(target, "rb") as opened:
            if opened.read() == content:
                return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "wb") as opened:
        opened.write(content)
    shutil.copymode(source, target)


def copy_tree():
    """The tree as it is now. What has not changed keeps its time, so that little is built when this runs again."""
    for part in ["src", "include", "tests", "examples", "cmake", "CMakeLists.txt", "README.md", "LICENSE"]:
        source = os.path.join(ROOT, part)
        target = os.path.join(COPY, part)
        if os.path.isfile(source):
            write_if_changed(source, target)
            continue
        names = files_below(source)
        for gone in files_below(target) - names:
            os.remove(os.path.join(target, gone))
        for name in names:
            write_if_changed(os.path.join(source, name), os.path.join(target, name))


def prepare():
    copy_tree()
    launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    code, text = run(["cmake", "-S", COPY, "-B", BUILD, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
                      "-DCMAKE_CXX_FLAGS_RELEASE=-O1", "-DLANDFALL_BUILD_EXAMPLES=OFF", *launcher], 600)
    if code != 0:
        sys.exit(text)
    code, text = build(["landfall-sim"] + [f"{room}_test" for room in ROOMS])
    if code != 0:
        sys.exit(text)
    for found in [simulation_finds(), *(tests_find(room) for room in ROOMS)]:
        if found:
            sys.exit(f"the code as it is does not pass: {found}")


def simulation_finds():
    code, text = run([os.path.join(BUILD, SIMULATED[0]), *SIMULATED[1:]], 120)
    if code == 0:
        return None
    seed = re.search(r"seed (\d+)", text)
    broken = "hangs" if code == "hangs" else "seed " + (seed.group(1) if seed else "?")
    return f"simulation: {broken}"


def tests_find(room):
    code, text = run([os.path.join(BUILD, "tests", f"{room}_test"), "--gtest_brief=1"], 120)
    if code == 0:
        return None
    failed = re.search(r"\[  FAILED  \] ([^ \n,(]+)", text)
    return f"{room}_test: {failed.group(1) if failed else code}"


def rooms_from(path):
    """The tests of the room that was changed come first."""
    room = path.split("/")[1]
    return sorted(ROOMS, key=lambda other: other != room)


class DoesNotCompile(Exception):
    pass


def build_or_throw(targets):
    code, text = build(targets)
    if code != 0:
        raise DoesNotCompile(text)


def find(path):
    build_or_throw(["landfall-sim"])
    found = simulation_finds()
    if found:
        return found
    for room in rooms_from(path):
        build_or_throw([f"{room}_test"])
        found = tests_find(room)
        if found:
            return found
    return None


def check():
    """Those whose line is there no more."""
    return [f"{number} {what}: {path}" for number, (what, path, before, _) in enumerate(MUTATIONS, 1)
            if before not in open(os.path.join(ROOT, path)).read()]


def main():
    if sys.argv[1:] == ["--check"]:
        stale = check()
        print("\n".join(stale) or f"{len(MUTATIONS)} faults, each has its line")
        return 1 if stale else 0
    chosen = [int(argument) for argument in sys.argv[1:]] or range(1, len(MUTATIONS) + 1)
    prepare()
    survivors = []
    for number in chosen:
        what, path, before, after = MUTATIONS[number - 1]
        file = os.path.join(COPY, path)
        with open(file) as opened:
            good = opened.read()
        if good.count(before) < 1:
            sys.exit(f"{number}: {path} has no longer the line {before!r}")
        started = time.monotonic()
        with open(file, "w") as opened:
            opened.write(good.replace(before, after, 1))
        found = None
        try:
            found = find(path)
        except DoesNotCompile as why:
            print(str(why)[-2000:])
            what += ": does not compile"
        finally:
            with open(file, "w") as opened:
                opened.write(good)
        if not found:
            survivors.append(f"{number} {what}")
        print(f"{number:3} {what}: {found or 'NOT FOUND'} ({time.monotonic() - started:.0f} s)", flush=True)
    print(f"{len(list(chosen))} faults, {len(survivors)} not found" + "".join(f"\n  {one}" for one in survivors))
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
