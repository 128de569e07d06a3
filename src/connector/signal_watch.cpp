#include "connector/signal_watch.hpp"

#include <unistd.h>

#include <csignal>
#include <utility>

#include <boost/system/error_code.hpp>

#include <landfall/runtime/error.hpp>

#include "connector/exit_code.hpp"
#include "runtime/start_thread.hpp"

namespace landfall {

SignalWatch::SignalWatch(StopHandle stop, std::function<void()> on_first)
    : stop_(std::move(stop)), on_first_(std::move(on_first)), signals_(context_, SIGTERM, SIGINT) {
  wait_for_next();
  thread_ = start_thread([this] { context_.run(); });
}

SignalWatch::~SignalWatch() {
  context_.stop();
  thread_.join();
}

void SignalWatch::wait_for_next() {
  signals_.async_wait([this](boost::system::error_code error, int signal_number) {
    if (!error) handle(signal_number);
  });
}

void SignalWatch::handle(int signal_number) {
  if (received_ != 0) ::_exit(exit_code_of_signal(signal_number));
  received_ = signal_number;
  on_first_();
  stop_.request_stop(transient_error("stopped by {}", signal_number == SIGTERM ? "SIGTERM" : "SIGINT"));
  wait_for_next();
}

}  // namespace landfall
