#include <sys/resource.h>

#include <landfall/landfall.hpp>

#include "jsonl_destination.hpp"

namespace {

/// A file for each stream: the usual limit of 1024 would do for fewer streams than some sources have.
void raise_open_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  raise_open_file_limit();
  return landfall::run_connector<jsonl::JsonlDestination>(argc, argv);
}
