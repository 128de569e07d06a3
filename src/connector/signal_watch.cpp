#include "connector/signal_watch.hpp"

#include <unistd.h>

#include <csignal>
#include <utility>

#include <boost/system/error_code.hpp>

#include <landfall/runtime/error.hpp>

#include "connector/exit_code.hpp"

namespace landfall {

SignalWatch::SignalWatch(StopHandle stop) : stop_(std::move(stop)), signals_(context_, SIGTERM, SIGINT) {
  wait_for_next();
  thread_ = std::jthread([this] { context_.run(); });
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
  stop_.request_stop(transient_error("stopped by {}", signal_number == SIGTERM ? "SIGTERM" : "SIGINT"));
  wait_for_next();
}

}  // namespace landfall
