#pragma once

#include <memory>

#include <boost/asio/execution_context.hpp>

#include <landfall/protocol/byte_source.hpp>

namespace landfall {

/// Input from a descriptor: a pipe, a file, a terminal, /dev/null.
///
/// Threads:  one reader at a time. What is there already is taken on the caller's thread, where the system can do that
///           without waiting; all else on a thread of its own: not behind calls of a connector that hang. That thread
///           also reads ahead; from a pipe only when there is much in it, since a read brings what is there and no
///           more.
/// Lifetime: borrows the descriptor and leaves its O_NONBLOCK flag as it is, since other processes share it. A
///           cancellation that comes after its read ended, or after the source is gone, does nothing.
/// Source:   protocol reference 1.4.
class FdSource final : public ByteSource {
 public:
  /// Errors: Error(transient) when the system has no descriptor left, Error(system) when it makes no thread.
  explicit FdSource(int fd);
  ~FdSource() override;

  awaitable<std::size_t> read(std::span<char> room) override;
  void read_ahead(std::span<char> room) override;
  void stop_reading_ahead() noexcept override;

 private:
  class Wake;
  struct ReadCall;
  struct ReadingAhead;

  awaitable<std::size_t> take_ahead(std::span<char> room);
  std::size_t take_ready(std::span<char> room);
  std::size_t blocking_read(ReadCall& call, std::span<char> room) const;

  int fd_;
  bool is_pipe_;
  bool can_take_ready_ = true;  // until the system says that it cannot
  std::shared_ptr<Wake> wake_;
  std::shared_ptr<ReadingAhead> ahead_;  // set from read_ahead() to the end of the read() that takes it
  asio::execution_context threads_;      // holds the BlockingPool
};

}  // namespace landfall
