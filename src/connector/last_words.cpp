#include "connector/last_words.hpp"

#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string_view>

#include <landfall/runtime/assert.hpp>

#include "connector/exit_code.hpp"
#include "runtime/out_of_memory.hpp"

namespace landfall {

namespace {

std::atomic<FdSink*> sink_for_last_words = nullptr;
std::new_handler other_new = nullptr;
std::terminate_handler other_terminate = nullptr;

void print_that_memory_is_missing(FdSink& sink) noexcept {
  using std::chrono::milliseconds;
  auto const now = std::chrono::floor<milliseconds>(std::chrono::system_clock::now()).time_since_epoch();
  constexpr char const* text = "out of memory: give the process more of it, or lower memory_bytes";
  std::array<char, 512> line;
  int const size = std::snprintf(line.data(), line.size(),
                                 R"({"type":"TRACE","trace":{"type":"ERROR","emitted_at":%lld,"error":{"message":"%s",)"
                                 R"("internal_message":"%s","failure_type":"transient_error"}}})"
                                 "\n",
                                 static_cast<long long>(now.count()), text, text);
  sink.last_line_blocking(std::string_view(line.data(), static_cast<std::size_t>(size)));
}

// The new-handler of the process.
[[noreturn]] void end_without_memory() {
  FdSink* const sink = sink_for_last_words.exchange(nullptr);
  if (sink == nullptr) {
    for (;;) ::pause();  // another thread is about to end the process
  }
  print_that_memory_is_missing(*sink);
  ::_exit(exit_failure);
}

// What throws std::bad_alloc itself comes here.
[[noreturn]] void end_process() {
  if (is_out_of_memory(std::current_exception())) end_without_memory();
  if (other_terminate != nullptr) other_terminate();
  std::abort();
}

}  // namespace

LastWords::LastWords(FdSink& sink) noexcept {
  LANDFALL_ASSERT(sink_for_last_words == nullptr);
  sink_for_last_words = &sink;
  other_terminate = std::set_terminate(end_process);
  other_new = std::set_new_handler(end_without_memory);
}

LastWords::~LastWords() {
  std::set_new_handler(other_new);
  std::set_terminate(other_terminate);
  sink_for_last_words = nullptr;
}

}  // namespace landfall
