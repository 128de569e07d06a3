#include "connector/log_sink.hpp"

#include <csignal>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

#include "connector/pipe.hpp"

namespace landfall {
namespace {

namespace json = boost::json;

class LogSinkTest : public testing::Test {
 protected:
  std::vector<json::object> logged() {
    pipe_.close_write();
    std::vector<json::object> messages;
    std::istringstream lines(read_to_end(pipe_.read_end()));
    for (std::string line; std::getline(lines, line);) messages.push_back(json::parse(line).as_object());
    return messages;
  }

  Pipe pipe_;
  FdSink sink_{pipe_.write_end()};
  ErrorText text_{pipe_.write_end(), std::chrono::minutes(1)};
  SecretMask secrets_;
};

TEST_F(LogSinkTest, EveryLogIsOneValidAirbyteLine) {
  auto const logger = make_logger(std::make_shared<AirbyteLogSink>(sink_, secrets_), "trace");
  std::vector<std::string> const texts{"plain", "two\nlines", R"(a "quoted" \ text)", std::string("a \0 byte", 8)};
  for (auto const& text : texts) logger->info("{}", text);
  logger->info("{}", "not UTF-8: \xff\xfe");

  auto const messages = logged();
  ASSERT_EQ(messages.size(), texts.size() + 1);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(messages[i].at("type"), "LOG");
    EXPECT_EQ(messages[i].at("log").at("level"), "INFO");
    EXPECT_EQ(messages[i].at("log").at("message").as_string(), texts[i]);
  }
}

TEST_F(LogSinkTest, LevelsAreThoseOfTheProtocol) {
  auto const logger = make_logger(std::make_shared<AirbyteLogSink>(sink_, secrets_), "TRACE");
  for (auto const level : {spdlog::level::trace, spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                           spdlog::level::err, spdlog::level::critical}) {
    logger->log(level, "x");
  }
  std::string levels;
  for (auto const& message : logged()) levels.append(message.at("log").at("level").as_string()).append(" ");
  EXPECT_EQ(levels, "TRACE DEBUG INFO WARN ERROR FATAL ");
}

TEST_F(LogSinkTest, LogLevelHidesWhatIsBelowIt) {
  auto const logger = make_logger(std::make_shared<AirbyteLogSink>(sink_, secrets_), "warning");
  logger->info("hidden");
  logger->warn("shown");
  EXPECT_EQ(logged().size(), 1U);
}

TEST_F(LogSinkTest, AnUnknownLogLevelIsInfoAndSaid) {
  auto const logger = make_logger(std::make_shared<AirbyteLogSink>(sink_, secrets_), "loud");
  logger->debug("hidden");
  auto const messages = logged();
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].at("log").at("level"), "WARN");
}

TEST_F(LogSinkTest, WithoutALogLevelItIsInfo) {
  EXPECT_EQ(make_logger(std::make_shared<AirbyteLogSink>(sink_, secrets_), nullptr)->level(), spdlog::level::info);
  EXPECT_EQ(make_logger(std::make_shared<AirbyteLogSink>(sink_, secrets_), "")->level(), spdlog::level::info);
}

TEST_F(LogSinkTest, ALogThatNobodyReadsIsDropped) {
  std::signal(SIGPIPE, SIG_IGN);
  pipe_.close_read();
  auto const logger = make_logger(std::make_shared<AirbyteLogSink>(sink_, secrets_), nullptr);
  EXPECT_NO_THROW(logger->info("lost"));
}

TEST_F(LogSinkTest, PlainLogsAreText) {
  auto const logger = make_logger(std::make_shared<PlainLogSink>(text_, secrets_), nullptr);
  logger->error("it broke");
  pipe_.close_write();
  auto const text = read_to_end(pipe_.read_end());
  EXPECT_EQ(text.substr(8), " error it broke\n") << text;  // after the time
}

TEST_F(LogSinkTest, APlainLogIsOneLineThatMovesNoCursor) {
  auto const logger = make_logger(std::make_shared<PlainLogSink>(text_, secrets_), nullptr);
  logger->error("{}", "table \x1b[2J\n00:00:00 info all is well");
  pipe_.close_write();
  EXPECT_EQ(read_to_end(pipe_.read_end()).substr(8), " error table \\u001b[2J\\n00:00:00 info all is well\n");
}

TEST_F(LogSinkTest, NoLogShowsASecret) {
  boost::json::object const specification{
      {"properties", {{"password", {{"type", "string"}, {"airbyte_secret", true}}}}}};
  secrets_.learn({{"password", "correct horse"}}, specification);
  auto const logger = make_logger(std::make_shared<AirbyteLogSink>(sink_, secrets_), nullptr);
  logger->info("logged in with correct horse");
  EXPECT_EQ(logged()[0].at("log").at("message"), "logged in with ******");
}

}  // namespace
}  // namespace landfall
