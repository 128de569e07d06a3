// Plays whole syncs in virtual time, one for each seed, and stops at the first broken promise.
//
//   landfall-sim --seeds 1..100000      many seeds, and how many a second
//   landfall-sim --seed 42 --trace      one of them, with everything that happened
//   landfall-sim --exhaustive           a small sync in every order, with a fault at every call

#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <boost/program_options.hpp>

#include <landfall/testing/exhaustive.hpp>
#include <landfall/testing/scenario_run.hpp>

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// A sync is thousands of small allocations, all on this one thread: a list of free pieces for each size is enough.
namespace {

constexpr std::size_t step_bytes = 32;
constexpr std::size_t largest_piece = 8192;
struct FreePiece {
  FreePiece* next;
};
FreePiece* free_pieces[largest_piece / step_bytes + 1];
char* chunk = nullptr;
std::size_t chunk_left = 0;

void* take_piece(std::size_t place) {
  std::size_t const size = place * step_bytes;
  if (chunk_left < size) {
    chunk_left = 1 << 20;
    chunk = static_cast<char*>(std::malloc(chunk_left));
    if (chunk == nullptr) throw std::bad_alloc();
  }
  chunk_left -= size;
  return chunk + chunk_left;
}

}  // namespace

void* operator new(std::size_t size) {
  std::size_t const place = (size + sizeof(std::max_align_t) + step_bytes - 1) / step_bytes;
  char* piece = nullptr;
  if (place * step_bytes > largest_piece) {
    piece = static_cast<char*>(std::malloc(size + sizeof(std::max_align_t)));
    if (piece == nullptr) throw std::bad_alloc();
  } else if (FreePiece* const free = free_pieces[place]) {
    free_pieces[place] = free->next;
    piece = reinterpret_cast<char*>(free);
  } else {
    piece = static_cast<char*>(take_piece(place));
  }
  *reinterpret_cast<std::size_t*>(piece) = place;
  return piece + sizeof(std::max_align_t);
}

void operator delete(void* pointer) noexcept {
  if (pointer == nullptr) return;
  char* const piece = static_cast<char*>(pointer) - sizeof(std::max_align_t);
  std::size_t const place = *reinterpret_cast<std::size_t*>(piece);
  if (place * step_bytes > largest_piece) return std::free(piece);
  auto* const free = reinterpret_cast<FreePiece*>(piece);
  free->next = free_pieces[place];
  free_pieces[place] = free;
}
void operator delete(void* pointer, std::size_t) noexcept { operator delete(pointer); }
#endif

namespace landfall::testing {
namespace {

struct Range {
  std::uint64_t first = 1;
  std::uint64_t last = 1000;
};

Range parse_range(std::string const& text) {
  Range range;
  auto const dots = text.find("..");
  auto const first = text.substr(0, dots);
  auto const last = dots == std::string::npos ? first : text.substr(dots + 2);
  auto const read = [&](std::string const& number, std::uint64_t& value) {
    auto const end = number.data() + number.size();
    auto const result = std::from_chars(number.data(), end, value);
    if (result.ec != std::errc() || result.ptr != end)
      throw std::runtime_error("seeds are given as 1..1000, not " + text);
  };
  read(first, range.first);
  read(last, range.last);
  return range;
}

ScenarioResult play(Scenario const& scenario, bool with_retries) {
  MemoryTarget target(scenario);
  return run_scenario(scenario, target, with_retries);
}

void report(std::uint64_t seed, Scenario const& scenario, ScenarioResult const& result, bool with_retries) {
  fmt::print("seed {}: {}\n", seed, to_string(*result.violation));
  int const promise = result.violation->promise;
  Scenario const smallest = shrink(scenario, [&](Scenario const& candidate) {
    auto const outcome = play(candidate, with_retries);
    return outcome.violation && outcome.violation->promise == promise;
  });
  fmt::print("the smallest scenario found that breaks it:\n{}\n", to_string(smallest, play(smallest, with_retries)));
  fmt::print("again: landfall-sim --seed {} --trace\n", seed);
}

int run(boost::program_options::variables_map const& arguments) {
  Range range;
  if (arguments.contains("seeds")) range = parse_range(arguments["seeds"].as<std::string>());
  if (arguments.contains("seed")) range.first = range.last = arguments["seed"].as<std::uint64_t>();
  bool const with_trace = arguments.contains("trace");
  bool const keep_going = arguments.contains("keep-going");
  ScenarioLimits limits;
  limits.with_retries = !arguments.contains("no-retries");
  limits.with_rejects = limits.with_retries;
  auto const begin = std::chrono::steady_clock::now();
  std::uint64_t events = 0;
  std::uint64_t syncs = 0;
  std::uint64_t failures = 0;
  for (std::uint64_t seed = range.first; seed <= range.last; ++seed) {
    Scenario const scenario = make_scenario(seed, limits);
    ScenarioResult const result = play(scenario, limits.with_retries);
    events += result.first.events + (result.again ? result.again->events : 0);
    syncs += result.again ? 2 : 1;
    if (with_trace) fmt::print("{}", to_string(scenario, result));
    if (!result.violation) continue;
    ++failures;
    if (!keep_going) {
      report(seed, scenario, result, limits.with_retries);
      return 1;
    }
    fmt::print("seed {}: {}\n", seed, to_string(*result.violation));
  }
  std::chrono::duration<double> const time = std::chrono::steady_clock::now() - begin;
  auto const seeds = static_cast<double>(range.last - range.first + 1);
  fmt::print("{} seeds, {} syncs, {} events in {:.2f} s: {:.0f} seeds/s, {:.0f} syncs/s\n", seeds, syncs, events,
             time.count(), seeds / time.count(), static_cast<double>(syncs) / time.count());
  return failures > 0 ? 1 : 0;
}

int run_every_order(bool with_retries) {
  using enum FaultKind;
  ExhaustiveOptions options;
  options.with_retries = with_retries;
  options.faults = {config, transient, system, unknown, unknown_applied};
  if (with_retries) {
    for (FaultKind const kind : {hang, late_answer, late_throw}) options.faults.push_back(kind);
  }
  for (bool const in_two_steps : {false, true}) {
    std::vector<BatchState> answers;
    if (in_two_steps) answers.push_back(BatchState::staged);
    answers.push_back(BatchState::complete);
    options.scenario = small_scenario(answers);
    auto const report = run_exhaustive(options);
    fmt::print("a loader of {} steps: {} orders of {} calls; with a fault at every call {} runs{}\n", answers.size(),
               report.orders, report.calls, report.runs, report.all ? "" : ", not all of them");
    if (report.failure.empty()) continue;
    fmt::print("{}", report.failure);
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace landfall::testing

int main(int argc, char** argv) {
  namespace options = boost::program_options;
  options::options_description known("landfall-sim");
  known.add_options()("help", "this text")("seeds", options::value<std::string>(), "1..1000")(
      "seed", options::value<std::uint64_t>(), "one seed")("trace", "print scenario and trace of each seed")(
      "exhaustive", "a small sync in every order, with a fault at every call")(
      "keep-going", "name every seed that breaks a promise")("no-retries", "no faults that retries must heal");
  try {
    options::variables_map arguments;
    options::store(options::parse_command_line(argc, argv, known), arguments);
    options::notify(arguments);
    if (arguments.contains("help")) {
      fmt::print("{}\n", fmt::streamed(known));
      return 0;
    }
    if (arguments.contains("exhaustive")) return landfall::testing::run_every_order(!arguments.contains("no-retries"));
    return landfall::testing::run(arguments);
  } catch (std::exception const& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
}
