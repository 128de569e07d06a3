#include <landfall/table/load_plan.hpp>

#include <fmt/format.h>

#include <landfall/runtime/error.hpp>

namespace landfall {

namespace {

using Target = LoadPlan::Target;
using Leftover = LoadPlan::Leftover;
using End = LoadPlan::End;

std::string_view to_string(Target target) noexcept {
  switch (target) {
    case Target::final_table:
      return "final table";
    case Target::work_table:
      return "work table";
    case Target::attempt_table:
      return "attempt table";
  }
  return "?";
}

std::string_view to_string(Leftover leftover) noexcept {
  switch (leftover) {
    case Leftover::keep:
      return "keep";
    case Leftover::merge:
      return "merge";
    case Leftover::drop:
      return "drop";
  }
  return "?";
}

std::string_view to_string(End end) noexcept {
  switch (end) {
    case End::nothing:
      return "nothing";
    case End::upsert:
      return "upsert";
    case End::replace:
      return "replace";
    case End::upsert_replace:
      return "upsert and replace";
    case End::keep:
      return "keep";
    case End::drop:
      return "drop";
  }
  return "?";
}

void refuse_what_tables_cannot_do(DestinationStream const& stream) {
  DestinationSyncMode const mode = stream.destination_sync_mode;
  if (mode == DestinationSyncMode::update || mode == DestinationSyncMode::soft_delete) {
    throw config_error("stream {}: the sync mode {} is not supported: choose append, overwrite or append_dedup",
                       to_string(stream.descriptor), landfall::to_string(mode));
  }
  if (!stream.has_generations()) return;
  std::int64_t const minimum = *stream.minimum_generation_id;
  if (minimum == 0 || minimum == *stream.generation_id) return;
  throw config_error(
      "stream {}: a minimum_generation_id ({}) between 0 and the generation_id ({}) is not supported: a refresh "
      "replaces all old rows or none",
      to_string(stream.descriptor), minimum, *stream.generation_id);
}

bool dedups(DestinationStream const& stream) noexcept {
  return stream.destination_sync_mode == DestinationSyncMode::append_dedup;
}

/// Rows of an attempt that the platform goes on with: they are not sent again.
bool has_rows_of_this_refresh(DestinationStream const& stream, TableState const& table) noexcept {
  return table.has_rows && table.generation == stream.generation_id;
}

LoadPlan plan_keeping(DestinationStream const& stream) {
  LoadPlan plan;
  if (!dedups(stream)) return plan;
  plan.target = Target::work_table;
  plan.leftover = Leftover::keep;
  plan.when_complete = plan.otherwise = End::upsert;
  return plan;
}

LoadPlan plan_anew(DestinationStream const& stream) {
  LoadPlan plan;
  plan.target = Target::attempt_table;
  plan.leftover = Leftover::drop;
  plan.when_complete = dedups(stream) ? End::upsert_replace : End::replace;
  plan.otherwise = End::drop;
  return plan;
}

LoadPlan plan_refresh(DestinationStream const& stream, TableState const& final_table, TableState const& work_table) {
  bool const work_is_ours = has_rows_of_this_refresh(stream, work_table);
  // Replacing the final table would lose those of its rows that belong to this refresh.
  bool const final_is_ours = has_rows_of_this_refresh(stream, final_table);
  LoadPlan plan;
  if (!dedups(stream) && final_is_ours) {
    plan.leftover = work_is_ours ? Leftover::merge : Leftover::drop;
    return plan;
  }
  plan.target = Target::work_table;
  plan.leftover = work_is_ours ? Leftover::keep : Leftover::drop;
  plan.otherwise = End::keep;
  if (!dedups(stream)) {
    plan.when_complete = End::replace;
  } else {
    plan.when_complete = final_is_ours ? End::upsert : End::upsert_replace;
  }
  return plan;
}

}  // namespace

std::string to_string(LoadPlan const& plan) {
  return fmt::format("into the {}; leftover rows: {}; complete: {}; otherwise: {}", to_string(plan.target),
                     to_string(plan.leftover), to_string(plan.when_complete), to_string(plan.otherwise));
}

LoadPlan plan_load(DestinationStream const& stream, TableState const& final_table, TableState const& work_table) {
  refuse_what_tables_cannot_do(stream);
  if (!stream.replaces_old_data()) return plan_keeping(stream);
  if (stream.starts_anew()) return plan_anew(stream);
  return plan_refresh(stream, final_table, work_table);
}

}  // namespace landfall
