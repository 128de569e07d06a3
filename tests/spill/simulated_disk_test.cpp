#include <landfall/testing/simulated_disk.hpp>

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace landfall::testing {
namespace {

class SimulatedDiskTest : public ::testing::Test {
 protected:
  SimulatedDiskTest() {
    disk.blocking_make_folder("sub");
    disk.blocking_sync_folder("");
    file = disk.blocking_create("sub", "file");
    file->blocking_sync();
    disk.blocking_sync_folder("sub");
  }

  void write(std::uint64_t offset, std::string_view text) const {
    std::vector<std::string_view> const pieces{text};
    file->blocking_write(offset, pieces);
  }
  static std::string content(SimulatedDisk& of, std::string const& name = "file") {
    auto const opened = of.blocking_open("sub", name);
    if (!opened) return "(none)";
    std::string bytes(static_cast<std::size_t>(opened->blocking_size()), '\0');
    opened->blocking_read(0, bytes);
    return bytes;
  }
  /// What may be found after a crash now.
  std::set<std::string> contents(std::string const& name = "file") const {
    std::set<std::string> found;
    for (std::uint64_t variant = 0; variant < 400; ++variant) found.insert(content(*disk.after_crash(variant), name));
    return found;
  }

  SimulatedDisk disk;
  std::unique_ptr<SpillFile> file;
};

using Found = std::set<std::string>;

TEST_F(SimulatedDiskTest, SyncedContentStays) {
  write(0, "abc");
  file->blocking_sync();
  EXPECT_EQ(contents(), Found{"abc"});
}

TEST_F(SimulatedDiskTest, UnsyncedWritesMayBeMissingTornOrTheOnlyOnesThatAreThere) {
  write(0, "ab");
  file->blocking_sync();
  write(2, "cd");
  write(4, "e");
  auto const found = contents();
  for (auto const text : {"ab", "abc", "abcd", "abcde"}) EXPECT_TRUE(found.contains(text)) << text;
  EXPECT_TRUE(found.contains(std::string("ab\0\0e", 5)));  // the later one alone
  EXPECT_TRUE(found.contains(std::string("ab\0\0", 4)));   // only its size
  for (auto const& text : found) EXPECT_EQ(text.substr(0, 2), "ab");
}

TEST_F(SimulatedDiskTest, AWriteIsTornAtSectors) {
  write(0, std::string(1500, 'x'));
  std::string without_second(1500, 'x');
  without_second.replace(512, 512, std::string(512, '\0'));
  EXPECT_TRUE(contents().contains(without_second));
}

TEST_F(SimulatedDiskTest, AnUnsyncedTruncationMayBeUndone) {
  write(0, "abc");
  file->blocking_sync();
  file->blocking_truncate(1);
  EXPECT_EQ(contents(), (Found{"a", "abc"}));
}

TEST_F(SimulatedDiskTest, UnsyncedNamesMayBeThereOrNot) {
  file->blocking_sync();
  disk.blocking_create("sub", "other");
  disk.blocking_remove("sub", "file");
  std::set<std::vector<std::string>> found;
  for (std::uint64_t variant = 0; variant < 100; ++variant) found.insert(disk.after_crash(variant)->file_names());
  EXPECT_EQ(found, (std::set<std::vector<std::string>>{{}, {"sub/file"}, {"sub/other"}, {"sub/file", "sub/other"}}));
  disk.blocking_sync_folder("sub");
  EXPECT_EQ(disk.after_crash(0)->file_names(), std::vector<std::string>{"sub/other"});
}

TEST_F(SimulatedDiskTest, ARenameHappensWholeOrNotAtAll) {
  write(0, "abc");
  file->blocking_sync();
  disk.blocking_rename("sub", "file", "renamed");
  std::set<std::vector<std::string>> found;
  for (std::uint64_t variant = 0; variant < 100; ++variant) found.insert(disk.after_crash(variant)->file_names());
  EXPECT_EQ(found, (std::set<std::vector<std::string>>{{"sub/file"}, {"sub/renamed"}}));
}

TEST_F(SimulatedDiskTest, AnUnsyncedFolderMayBeGoneWithAllThatIsInIt) {
  disk.blocking_make_folder("new");
  auto const inside = disk.blocking_create("new", "file");
  inside->blocking_sync();
  disk.blocking_sync_folder("new");
  EXPECT_EQ(disk.after_crash(0)->blocking_list(""), std::vector<std::string>{"sub"});
  EXPECT_EQ(disk.after_crash(1)->file_names(), (std::vector<std::string>{"new/file", "sub/file"}));
}

TEST_F(SimulatedDiskTest, AfterAFailedSyncLaterOnesBringNothingToDisk) {
  write(0, "abc");
  disk.fail_step(disk.steps() + 1, DiskFault::io_error);
  EXPECT_THROW(file->blocking_sync(), Error);
  file->blocking_sync();
  EXPECT_EQ(content(*disk.after_crash(0)), "");
}

TEST_F(SimulatedDiskTest, TheSameVariantIsTheSameDisk) {
  write(0, std::string(5000, 'x'));
  for (std::uint64_t variant = 0; variant < 20; ++variant) {
    EXPECT_EQ(content(*disk.after_crash(variant)), content(*disk.after_crash(variant)));
  }
}

TEST_F(SimulatedDiskTest, AWriteOnAFullDiskIsDoneAsFarAsThereIsRoom) {
  disk.set_capacity(4);
  EXPECT_THROW(write(0, "abcdef"), DiskFullError);
  EXPECT_EQ(content(disk), "abcd");
  write(0, "xyz");  // needs no more room
  file->blocking_truncate(2);
  write(2, "12");
  EXPECT_EQ(content(disk), "xy12");
}

TEST_F(SimulatedDiskTest, AfterThePowerIsCutEveryCallThrowsUntilItIsRestored) {
  disk.cut_power_after(disk.steps() + 1);
  write(0, "abc");
  EXPECT_FALSE(disk.power_is_cut());
  EXPECT_THROW(write(3, "def"), PowerCut);
  EXPECT_THROW(disk.blocking_list("sub"), PowerCut);
  EXPECT_THROW(content(disk), PowerCut);
  EXPECT_TRUE(disk.power_is_cut());
  disk.restore_power();
  EXPECT_EQ(content(disk), "abc");
}

TEST_F(SimulatedDiskTest, LocksEndWithACrash) {
  EXPECT_TRUE(file->blocking_try_lock());
  EXPECT_FALSE(disk.blocking_open("sub", "file")->blocking_try_lock());
  EXPECT_TRUE(disk.after_crash(1)->blocking_open("sub", "file")->blocking_try_lock());
}

}  // namespace
}  // namespace landfall::testing
