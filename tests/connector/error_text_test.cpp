#include "connector/error_text.hpp"

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <string>

#include <gtest/gtest.h>

#include "connector/pipe.hpp"

namespace landfall {
namespace {

using std::chrono::milliseconds;

std::string read_at_most(int fd, std::size_t size) {
  std::string text(size, '\0');
  text.resize(static_cast<std::size_t>(::read(fd, text.data(), size)));
  return text;
}

TEST(ErrorText, WritesWhatItIsGiven) {
  Pipe pipe;
  ErrorText text(pipe.write_end(), milliseconds(1));
  text.blocking_write("one\n");
  text.blocking_write("two\nthree\n");
  pipe.close_write();
  EXPECT_EQ(read_to_end(pipe.read_end()), "one\ntwo\nthree\n");
}

TEST(ErrorText, LosesWhatNobodyReadsAndSaysHowMuchItWas) {
  Pipe pipe;
  auto const before = pipe.fill();
  ErrorText text(pipe.write_end(), milliseconds(1));
  text.blocking_write("lost\n");
  text.set_deadline(std::chrono::hours(1));  // nobody is waited for a second time
  text.blocking_write("lost, too\n");
  EXPECT_EQ(read_at_most(pipe.read_end(), before.size()), before);
  text.blocking_write("heard\n");
  text.blocking_write("heard, too\n");
  pipe.close_write();
  EXPECT_EQ(read_to_end(pipe.read_end()), "(lost: 2 messages, while nobody read them)\nheard\nheard, too\n");
}

TEST(ErrorText, ALineThatWasTornIsEndedFirst) {
  Pipe pipe;
  ErrorText text(pipe.write_end(), milliseconds(1));
  std::string const longer(1 << 20, 'x');  // than a pipe holds
  text.blocking_write(longer + "\n");
  auto const torn = read_at_most(pipe.read_end(), longer.size());
  EXPECT_LT(torn.size(), longer.size());
  text.blocking_write("heard\n");
  pipe.close_write();
  EXPECT_EQ(read_to_end(pipe.read_end()), "\n(lost: 1 messages, while nobody read them)\nheard\n");
}

TEST(ErrorText, AReaderThatIsGoneIsNoFailure) {
  std::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  ErrorText text(pipe.write_end(), std::chrono::hours(1));
  pipe.close_read();
  EXPECT_NO_THROW(text.blocking_write("lost\n"));
}

}  // namespace
}  // namespace landfall
