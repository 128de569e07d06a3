#include <landfall/spill/folder_storage.hpp>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace landfall {
namespace {

namespace fs = std::filesystem;

class FolderStorageTest : public ::testing::Test {
 protected:
  FolderStorageTest() {
    static int number = 0;
    path = fs::path(::testing::TempDir()) / ("folder_" + std::to_string(::getpid()) + "_" + std::to_string(++number));
    fs::create_directories(path);
  }
  ~FolderStorageTest() override { fs::remove_all(path); }

  template <class Call>
  static std::string config_error_of(Call call) {
    try {
      call();
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::config) << error.what();
      return error.what();
    }
    return {};
  }

  /// Runs it in a process of its own; true when it returned true.
  static bool in_another_process(std::function<bool()> const& call) {
    auto const child = ::fork();
    if (child == 0) {
      bool succeeded = false;
      try {
        succeeded = call();
      } catch (...) {  // told by the exit code
      }
      ::_exit(succeeded ? 0 : 1);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

  fs::path path;
};

bool contains(std::string const& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST_F(FolderStorageTest, ADirectoryThatIsMissingIsNamed) {
  auto const missing = (path / "missing").string();
  auto const text = config_error_of([&] { FolderStorage const storage(missing); });
  EXPECT_TRUE(contains(text, missing)) << text;
  EXPECT_TRUE(contains(text, "make the directory")) << text;
}

TEST_F(FolderStorageTest, ADirectoryIsOpenedWhenItIsNeededWhereThatIsWanted) {
  auto const missing = path / "later";
  FolderStorage storage(missing.string(), FolderStorage::Open::at_first_use);
  EXPECT_THROW(storage.blocking_check_writable(), Error);
  fs::create_directory(missing);
  EXPECT_NO_THROW(storage.blocking_check_writable());
}

TEST_F(FolderStorageTest, OnlyAFolderOfThisUserThatNobodyElseMayUseIsPrivate) {
  FolderStorage storage(path.string());
  storage.blocking_make_folder("own");
  EXPECT_TRUE(storage.blocking_is_private("own"));
  for (auto const right : {fs::perms::group_read, fs::perms::group_write, fs::perms::others_exec}) {
    fs::permissions(path / "own", fs::perms::owner_all | right);
    EXPECT_FALSE(storage.blocking_is_private("own"));
  }
  fs::create_directory_symlink(path, path / "link");
  EXPECT_FALSE(storage.blocking_is_private("link"));
  EXPECT_FALSE(storage.blocking_is_private("missing"));
  if (::geteuid() != 0) return;  // only root may give it away
  fs::permissions(path / "own", fs::perms::owner_all);
  ASSERT_EQ(::chown((path / "own").c_str(), 1, 1), 0);
  EXPECT_FALSE(storage.blocking_is_private("own"));
}

TEST_F(FolderStorageTest, AFileIsNoDirectory) {
  std::ofstream(path / "file") << "x";
  auto const text = config_error_of([&] { FolderStorage const storage((path / "file").string()); });
  EXPECT_TRUE(contains(text, "a file")) << text;
}

TEST_F(FolderStorageTest, ADirectoryThatCannotBeWrittenIsRefusedAtOnce) {
  EXPECT_TRUE(in_another_process([&] {
    ::chmod(path.c_str(), 0555);
    if (::geteuid() == 0 && ::seteuid(65534) != 0) return false;
    FolderStorage storage(path.string());
    auto const text = config_error_of([&] { storage.blocking_check_writable(); });
    return contains(text, path.string()) && contains(text, "the right to write");
  }));
}

TEST_F(FolderStorageTest, SymbolicLinksInTheDirectoryAreNotFollowed) {
  fs::create_directories(path / "elsewhere");
  std::ofstream(path / "elsewhere" / "secret") << "x";
  fs::create_directory_symlink(path / "elsewhere", path / "link");
  fs::create_directories(path / "sub");
  fs::create_symlink(path / "elsewhere" / "secret", path / "sub" / "lock");
  FolderStorage storage(path.string());
  EXPECT_FALSE(config_error_of([&] { storage.blocking_open("link", "secret"); }).empty());
  EXPECT_FALSE(config_error_of([&] { storage.blocking_list("link"); }).empty());
  auto const text = config_error_of([&] { storage.blocking_open("sub", "lock"); });
  EXPECT_TRUE(contains(text, "symbolic link")) << text;
}

TEST_F(FolderStorageTest, SomethingElseInThePlaceOfAFileIsRefused) {
  fs::create_directories(path / "sub" / "lock");
  ASSERT_EQ(::mkfifo((path / "sub" / "pipe").c_str(), 0600), 0);
  FolderStorage storage(path.string());
  EXPECT_FALSE(config_error_of([&] { storage.blocking_open("sub", "lock"); }).empty());
  EXPECT_TRUE(contains(config_error_of([&] { storage.blocking_open("sub", "pipe"); }), "not a regular file"));
}

TEST_F(FolderStorageTest, AFileThatMayNotGrowIsAnErrorWithAdvice) {
  EXPECT_TRUE(in_another_process([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    rlimit const limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    FolderStorage storage(path.string());
    storage.blocking_make_folder("sub");
    auto const file = storage.blocking_create("sub", "file");
    std::string const bytes(5000, 'x');
    std::vector<std::string_view> const pieces{bytes};
    return contains(config_error_of([&] { file->blocking_write(0, pieces); }), "ulimit -f");
  }));
}

TEST_F(FolderStorageTest, ALockIsHeldAgainstOtherProcessesAndGoesWithItsProcess) {
  FolderStorage storage(path.string());
  storage.blocking_make_folder("sub");
  auto lock = storage.blocking_create("sub", "lock");
  ASSERT_TRUE(lock->blocking_try_lock());
  auto const try_lock = [&] {
    FolderStorage theirs(path.string());
    return theirs.blocking_open("sub", "lock")->blocking_try_lock();
  };
  EXPECT_FALSE(in_another_process(try_lock));
  lock.reset();
  EXPECT_TRUE(in_another_process(try_lock));
  EXPECT_TRUE(try_lock());
}

TEST_F(FolderStorageTest, FilesAreForTheConnectorsUserAlone) {
  FolderStorage storage(path.string());
  storage.blocking_make_folder("sub");
  storage.blocking_create("sub", "file");
  EXPECT_EQ(fs::status(path / "sub").permissions() & fs::perms::all, fs::perms::owner_all);
  EXPECT_EQ(fs::status(path / "sub" / "file").permissions() & (fs::perms::group_all | fs::perms::others_all),
            fs::perms::none);
}

}  // namespace
}  // namespace landfall
