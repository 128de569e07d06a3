#include <landfall/spill/spill_settings.hpp>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <landfall/runtime/error.hpp>

namespace landfall {
namespace {

SpillSettings settings_for_resume() {
  SpillSettings settings;
  settings.policy = SpillPolicy::always;
  settings.sync = SpillSync::group;
  settings.directory = "/var/spill";
  settings.resume = true;
  return settings;
}

TEST(SpillSettings, TheDefaultsAndResumeWithAllItNeedsAreFine) {
  EXPECT_NO_THROW(SpillSettings().check());
  EXPECT_NO_THROW(settings_for_resume().check());
}

TEST(SpillSettings, ThatContradictEachOtherAreRefusedByName) {
  struct Row {
    char const* name;
    std::function<void(SpillSettings&)> change;
    std::string part_of_text;
  };
  std::vector<Row> const rows = {
      {"resume over budget", [](SpillSettings& s) { s.policy = SpillPolicy::over_budget; }, "always, not over_budget"},
      {"resume never", [](SpillSettings& s) { s.policy = SpillPolicy::never; }, "always, not never"},
      {"resume without sync", [](SpillSettings& s) { s.sync = SpillSync::none; }, "group, not none"},
      {"resume nowhere", [](SpillSettings& s) { s.directory.clear(); }, "a directory of its own"},
      {"tiny segments", [](SpillSettings& s) { s.segment_bytes = 4095; }, "4095 bytes is too small"},
      {"no time", [](SpillSettings& s) { s.full_deadline = Duration(-1); }, "cannot be negative"},
      {"no pause", [](SpillSettings& s) { s.full_retry_pause = Duration::zero(); }, "nor its pauses"},
  };
  for (auto const& row : rows) {
    SCOPED_TRACE(row.name);
    auto settings = settings_for_resume();
    row.change(settings);
    try {
      settings.check();
      ADD_FAILURE() << "no error";
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::config);
      EXPECT_NE(std::string(error.what()).find(row.part_of_text), std::string::npos) << error.what();
    }
  }
}

TEST(SpillSettings, WithoutADirectoryTheSystemsFolderForTemporaryFilesIsTaken) {
  EXPECT_FALSE(SpillSettings().directory_or_default().empty());
  EXPECT_EQ(settings_for_resume().directory_or_default(), "/var/spill");
}

}  // namespace
}  // namespace landfall
