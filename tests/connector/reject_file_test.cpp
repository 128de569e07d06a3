#include "connector/reject_file.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

#include "destination/await.hpp"
#include "examples/record_maker.hpp"

namespace landfall {
namespace {

namespace fs = std::filesystem;

DestinationStream stream(StreamDescriptor descriptor) {
  DestinationStream stream;
  stream.descriptor = std::move(descriptor);
  return stream;
}

// While it lives no file of this process may be longer.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit const limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(FileSizeLimit const&) = delete;
  FileSizeLimit& operator=(FileSizeLimit const&) = delete;
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

class RejectFileTest : public testing::Test {
 protected:
  RejectFileTest() {
    std::string pattern = testing::TempDir() + "reject_file_XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~RejectFileTest() override { fs::remove_all(folder_); }

  std::string path(std::string const& name = "rejected.jsonl") const { return folder_ / name; }

  std::string content() const {
    std::ifstream file(path());
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  void put(std::string_view text) const { std::ofstream(path()) << text; }

  static std::vector<RejectedRecord> all_of(RecordBatch const& batch, std::string const& reason) {
    std::vector<RejectedRecord> rejected;
    for (auto const& record : batch) rejected.emplace_back(record.number(), reason);
    return rejected;
  }

  std::string refusal(std::string const& where, ErrorClass expected = ErrorClass::config) const {
    try {
      RejectFile const file(where);
      return "accepted";
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), expected);
      return error.what();
    }
  }

  static std::string check_refusal(std::string const& where) {
    try {
      RejectFile::blocking_check(where);
      return "accepted";
    } catch (Error const& error) {
      return error.what();
    }
  }

  fs::path folder_;
  RecordMaker users_{stream(StreamDescriptor("users"))};
};

TEST_F(RejectFileTest, IsThereAtOnceForItsOwnerAlone) {
  RejectFile const file(path());
  struct stat status{};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_EQ(status.st_size, 0);
}

TEST_F(RejectFileTest, HoldsEachRecordAsItCame) {
  users_.add(R"({"id": 1})");
  users_.add(R"({"id": 2,  "name": "\u00e9"})", 1'700'000'000'000, R"({"changes": []})");
  users_.add(R"({"id": 3})", -5);
  auto const batch = users_.batch();
  RejectFile file(path());
  await(file.write(batch, {RejectedRecord(2, "too \"old\"\n"), RejectedRecord(1, "no \xff name")}));
  EXPECT_EQ(content(),
            "{\"stream\":\"users\",\"namespace\":null,\"record\":1,\"reason\":\"no \xef\xbf\xbd name\","
            "\"emitted_at\":1700000000000,\"data\":{\"id\": 2,  \"name\": \"\\u00e9\"},\"meta\":{\"changes\": []}}\n"
            "{\"stream\":\"users\",\"namespace\":null,\"record\":2,\"reason\":\"too \\\"old\\\"\\n\",\"emitted_at\":-5,"
            "\"data\":{\"id\": 3}}\n");
}

TEST_F(RejectFileTest, HoldsTheLineOfARecordThatCouldNotBeRead) {
  users_.add(R"({"id":1})");
  users_.add("", 0, "line 3: no valid JSON\n{\"a\":\"\t\\\\");
  users_.add("", 0, "line 4: no valid JSON\nab\xff");
  users_.add("", 0, "line 5: no valid JSON\n\xff");
  auto const batch = users_.batch();
  RejectFile file(path());
  await(file.write(batch, {RejectedRecord(1, "a"), RejectedRecord(2, "b"), RejectedRecord(3, "c")}));
  EXPECT_EQ(content(),
            R"({"stream":"users","namespace":null,"record":1,"reason":"a","line":"{\"a\":\"\t\\\\"})"
            "\n"
            "{\"stream\":\"users\",\"namespace\":null,\"record\":2,\"reason\":\"b\",\"line\":\"ab\xef\xbf\xbd\","
            "\"line_base64\":\"YWL/\"}\n"
            "{\"stream\":\"users\",\"namespace\":null,\"record\":3,\"reason\":\"c\",\"line\":\"\xef\xbf\xbd\","
            "\"line_base64\":\"/w==\"}\n");
}

TEST_F(RejectFileTest, NamesTheNamespace) {
  RecordMaker orders(stream(StreamDescriptor("or\"ders", "")));
  auto const batch = orders.batch_of({"{}"});
  RejectFile file(path());
  await(file.write(batch, all_of(batch, "")));
  EXPECT_EQ(content().rfind(R"({"stream":"or\"ders","namespace":"","record":0)", 0), 0U) << content();
}

TEST_F(RejectFileTest, IsAppendedTo) {
  for (int run = 0; run < 3; ++run) {
    RejectFile file(path());
    auto const batch = users_.batch_of({"{}", "{}"});
    await(file.write(batch, all_of(batch, "no")));
  }
  auto const text = content();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 6);
}

TEST_F(RejectFileTest, ARecordThatIsNotInTheBatchIsABug) {
  auto const batch = users_.batch_of({"{}"});
  RejectFile file(path());
  EXPECT_THROW(await(file.write(batch, {RejectedRecord(0, "no"), RejectedRecord(1, "no")})), Error);
  EXPECT_EQ(content(), "");
}

TEST_F(RejectFileTest, HalfALineOfACrashIsCutOff) {
  auto const batch = users_.batch_of({"{}"});
  std::string const whole = R"({"stream":"a"})"
                            "\n";
  for (std::string const torn : {"{", R"({"stream":"users","namespa)"}) {
    put(whole + torn);
    RejectFile file(path());
    await(file.write(batch, all_of(batch, "no")));
    EXPECT_EQ(content().rfind(whole + R"({"stream":"users","namespace":null)", 0), 0U) << content();
  }
  put(R"({"stream":")" + std::string(200'000, 'x'));  // longer than what is looked at in one go
  RejectFile file(path());
  await(file.write(batch, all_of(batch, "no")));
  EXPECT_EQ(content().rfind(R"({"stream":"users")", 0), 0U);
  EXPECT_EQ(content().find('x'), std::string::npos);
}

TEST_F(RejectFileTest, AWholeLineThatHasLostItsEndIsKept) {
  std::string const line = R"({"stream":"users","data":{"id":1}})";
  put(line);
  auto const batch = users_.batch_of({"{}"});
  RejectFile file(path());
  await(file.write(batch, all_of(batch, "no")));
  EXPECT_EQ(content().rfind(line + "\n{\"stream\":\"users\"", 0), 0U) << content();
}

TEST_F(RejectFileTest, ACheckLeavesEverythingAsItWas) {
  EXPECT_EQ(check_refusal(path()), "accepted");
  EXPECT_TRUE(fs::is_empty(folder_));
  put("kept");
  EXPECT_EQ(check_refusal(path()), "accepted");
  EXPECT_EQ(content(), "kept");
}

TEST_F(RejectFileTest, ForeignTextIsKeptAndEnded) {
  put("notes of somebody");
  auto const batch = users_.batch_of({"{}"});
  RejectFile file(path());
  await(file.write(batch, all_of(batch, "no")));
  EXPECT_EQ(content().rfind("notes of somebody\n{\"stream\":\"users\"", 0), 0U) << content();
}

TEST_F(RejectFileTest, WhatDoesNotFitLeavesNoPart) {
  RejectFile file(path());
  auto const first = users_.batch_of({"{}"});
  await(file.write(first, all_of(first, "no")));
  auto const before = content();
  auto const large = users_.batch_of(std::vector<std::string>(1000, "{}"));
  {
    FileSizeLimit const limit(before.size() + 500);
    try {
      await(file.write(large, all_of(large, "no")));
      ADD_FAILURE() << "it fits";
    } catch (Error const& error) {
      EXPECT_EQ(error.error_class(), ErrorClass::config);
      EXPECT_NE(std::string(error.what()).find(path()), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("ulimit -f"), std::string::npos) << error.what();
    }
    EXPECT_EQ(content(), before);
  }
  await(file.write(large, all_of(large, "no")));
  auto const text = content();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1001);
}

TEST_F(RejectFileTest, AWrongPathIsAConfigErrorFromTheStart) {
  put("");
  fs::create_directory(folder_ / "folder");
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  struct Row {
    std::string where;
    char const* reason;
  };
  for (Row const& row : {Row{path("no/file"), "No such file or directory; make the folder"},
                         Row{path("rejected.jsonl/file"), "Not a directory; make the folder"},
                         Row{path("folder"), "Is a directory; name a file"}, Row{path("pipe"), "is not a regular file"},
                         Row{"/dev/null", "is not a regular file"}}) {
    auto const message = refusal(row.where);
    EXPECT_EQ(check_refusal(row.where), message);
    EXPECT_NE(message.find(row.where), std::string::npos) << message;
    EXPECT_NE(message.find(row.reason), std::string::npos) << message;
  }
}

TEST_F(RejectFileTest, AFileThatOthersCouldChooseOrChangeIsRefused) {
  put("");
  fs::create_symlink(path(), path("link"));
  fs::create_symlink(path("missing"), path("dangling"));
  for (char const* const name : {"link", "dangling"}) {
    EXPECT_NE(refusal(path(name)).find("it is a symbolic link"), std::string::npos);
    EXPECT_NE(check_refusal(path(name)).find("it is a symbolic link"), std::string::npos);
  }
  EXPECT_FALSE(fs::exists(path("missing")));
  for (::mode_t const mode : {0602U, 0620U, 0666U}) {
    SCOPED_TRACE(mode);
    ASSERT_EQ(::chmod(path().c_str(), mode), 0);
    EXPECT_NE(refusal(path()).find("can be changed by other users"), std::string::npos);
    EXPECT_NE(check_refusal(path()).find("can be changed by other users"), std::string::npos);
  }
}

TEST_F(RejectFileTest, AFileOfAnotherOwnerIsRefused) {
  put("");
  if (::chown(path().c_str(), 1, static_cast<gid_t>(-1)) != 0) GTEST_SKIP() << "only root can give a file away";
  ASSERT_EQ(::chmod(path().c_str(), 0600), 0);
  EXPECT_NE(refusal(path()).find("belongs to another user"), std::string::npos);
  EXPECT_NE(check_refusal(path()).find("belongs to another user"), std::string::npos);
}

TEST_F(RejectFileTest, OfAFileThatOthersMayReadAWarningSaysSo) {
  put("");
  for (::mode_t const mode : {0604U, 0640U}) {
    ASSERT_EQ(::chmod(path().c_str(), mode), 0);
    EXPECT_NE(RejectFile(path()).warning().value_or("").find("chmod go-r"), std::string::npos);
  }
  ASSERT_EQ(::chmod(path().c_str(), 0600), 0);
  EXPECT_EQ(RejectFile(path()).warning(), std::nullopt);
}

TEST_F(RejectFileTest, WritersOfSeveralProcessesKeepLinesWhole) {
  RejectFile one(path());
  RejectFile other(path());  // a lock of its own, as another process has
  constexpr int writers = 4;
  constexpr int writes = 25;
  std::vector<std::future<void>> running;
  for (int writer = 0; writer < writers; ++writer) {
    running.push_back(std::async(std::launch::async, [&file = writer % 2 == 0 ? one : other, writer] {
      RecordMaker maker(stream(StreamDescriptor(fmt::format("stream {}", writer))));
      for (int i = 0; i < writes; ++i) {
        auto const batch = maker.batch_of(std::vector<std::string>(20, "{}"));
        await(file.write(batch, all_of(batch, "no")));
      }
    }));
  }
  for (auto& writer : running) writer.get();
  std::ifstream file(path());
  int count = 0;
  for (std::string line; std::getline(file, line); ++count) EXPECT_NO_THROW(boost::json::parse(line)) << line;
  EXPECT_EQ(count, writers * writes * 20);
}

}  // namespace
}  // namespace landfall
