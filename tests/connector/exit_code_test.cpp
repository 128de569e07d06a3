#include "connector/exit_code.hpp"

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace landfall {
namespace {

TEST(ExitCode, SaysHowTheSyncEnded) {
  struct Row {
    char const* name;
    std::optional<Error> error;
    std::vector<std::string> unjoined_tasks;
    int signal_number;
    int expected;
  };
  for (Row const& row : {Row{"all is well", std::nullopt, {}, 0, 0}, Row{"an error", system_error("x"), {}, 0, 1},
                         Row{"a task that never ended", std::nullopt, {"close stream users"}, 0, 1},
                         Row{"SIGTERM", transient_error("stopped"), {}, SIGTERM, 143},
                         Row{"SIGINT", transient_error("stopped"), {}, SIGINT, 130},
                         Row{"SIGTERM, and a task that never ended", std::nullopt, {"setup"}, SIGTERM, 143},
                         Row{"SIGTERM when all was through", std::nullopt, {}, SIGTERM, 0}}) {
    SCOPED_TRACE(row.name);
    SyncReport report;
    report.outcome.error = row.error;
    report.unjoined_tasks = row.unjoined_tasks;
    EXPECT_EQ(exit_code(report, row.signal_number), row.expected);
  }
}

}  // namespace
}  // namespace landfall
