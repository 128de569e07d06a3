#include <landfall/runtime/error.hpp>

#include <cerrno>
#include <filesystem>
#include <future>
#include <new>
#include <system_error>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/error.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <boost/system/system_error.hpp>

#include <landfall/runtime/awaitable.hpp>

namespace landfall {
namespace {

Error error_from(auto exception) { return Error::from(std::make_exception_ptr(exception)); }

std::system_error errno_error(int code) { return std::system_error(code, std::generic_category(), "write"); }

TEST(Error, TellsItsContextsFromTheOutermostToTheMessage) {
  auto error = config_error("no column '{}'", "id");
  error.add_context("stream users");
  error.add_context("open");
  EXPECT_STREQ(error.what(), "open: stream users: no column 'id'");
  EXPECT_EQ(error.message(), "no column 'id'");
  EXPECT_EQ(error.error_class(), ErrorClass::config);
}

TEST(Error, KeepsTheErrorsAttachedToItsCause) {
  auto cause = transient_error("connection lost");
  cause.attach(system_error("teardown failed"));
  cause.attach(system_error("close failed"));
  ASSERT_EQ(cause.attached().size(), 2u);
  EXPECT_STREQ(cause.attached()[0].what(), "teardown failed");
  EXPECT_STREQ(cause.what(), "connection lost");
}

TEST(Error, RemembersHowLongToWait) {
  auto error = transient_error("throttled");
  EXPECT_FALSE(error.retry_after().has_value());
  error.set_retry_after(std::chrono::seconds(3));
  EXPECT_EQ(error.retry_after(), std::chrono::seconds(3));
}

TEST(Error, FromAnErrorIsACopyWithAllItKnows) {
  Error error(ErrorClass::unknown_outcome, "commit");
  error.add_context("batch 7");
  error.set_retry_after(std::chrono::seconds(1));
  error.attach(system_error("later"));
  auto const copy = error_from(error);
  EXPECT_EQ(copy.error_class(), ErrorClass::unknown_outcome);
  EXPECT_STREQ(copy.what(), "batch 7: commit");
  EXPECT_EQ(copy.retry_after(), std::chrono::seconds(1));
  EXPECT_EQ(copy.attached().size(), 1u);
}

TEST(Error, WhatLacksMemoryDiskOrAConnectionIsTransient) {
  for (int const code : {ENOSPC, EDQUOT, EMFILE, ENFILE, ENOMEM, ECONNREFUSED, ECONNRESET, ETIMEDOUT, EPIPE}) {
    SCOPED_TRACE(errno_error(code).what());
    EXPECT_EQ(error_from(errno_error(code)).error_class(), ErrorClass::transient);
    EXPECT_EQ(error_from(boost::system::system_error(code, boost::system::system_category())).error_class(),
              ErrorClass::transient);
  }
  EXPECT_EQ(error_from(std::bad_alloc()).error_class(), ErrorClass::transient);
  EXPECT_STREQ(error_from(std::bad_alloc()).what(),
               "out of memory: give the process more of it, or lower memory_bytes");
  EXPECT_EQ(error_from(boost::system::system_error(asio::error::host_not_found_try_again)).error_class(),
            ErrorClass::transient);
}

TEST(Error, EverythingElseIsSystemWithItsOwnText) {
  for (int const code : {EACCES, ENOENT, EROFS, EINVAL}) {
    SCOPED_TRACE(errno_error(code).what());
    EXPECT_EQ(error_from(errno_error(code)).error_class(), ErrorClass::system);
    EXPECT_STREQ(error_from(errno_error(code)).what(), errno_error(code).what());
  }
  EXPECT_STREQ(error_from(std::runtime_error("oops")).what(), "oops");
  EXPECT_EQ(error_from(std::runtime_error("oops")).error_class(), ErrorClass::system);
  EXPECT_EQ(error_from(42).error_class(), ErrorClass::system);
  EXPECT_EQ(error_from(std::system_error(std::make_error_code(std::future_errc::no_state))).error_class(),
            ErrorClass::system);
}

TEST(Error, AFilesystemErrorIsRecognisedByItsCode) {
  auto const full = std::filesystem::filesystem_error("copy", std::make_error_code(std::errc::no_space_on_device));
  EXPECT_EQ(error_from(full).error_class(), ErrorClass::transient);
}

TEST(Error, OfTwoFailedOperationsTellsTheFirst) {
  auto const refused = std::make_exception_ptr(errno_error(ECONNREFUSED));
  EXPECT_EQ(error_from(asio::multiple_exceptions(refused)).error_class(), ErrorClass::transient);
}

TEST(Error, ClassesHaveNames) {
  EXPECT_EQ(to_string(ErrorClass::config), "config");
  EXPECT_EQ(to_string(ErrorClass::transient), "transient");
  EXPECT_EQ(to_string(ErrorClass::rejected_records), "rejected_records");
  EXPECT_EQ(to_string(ErrorClass::unknown_outcome), "unknown_outcome");
  EXPECT_EQ(to_string(ErrorClass::system), "system");
}

TEST(IsCancellation, IsTrueForOperationAbortedAlone) {
  auto const aborted = std::make_exception_ptr(boost::system::system_error(asio::error::operation_aborted));
  EXPECT_TRUE(is_cancellation(aborted));
  EXPECT_FALSE(is_cancellation(std::make_exception_ptr(boost::system::system_error(asio::error::eof))));
  EXPECT_FALSE(is_cancellation(std::make_exception_ptr(system_error("operation aborted"))));
  EXPECT_FALSE(is_cancellation(nullptr));
}

TEST(IsCancellation, IsFalseWhereAFailureMayHideBehindIt) {
  auto const aborted = std::make_exception_ptr(boost::system::system_error(asio::error::operation_aborted));
  EXPECT_FALSE(is_cancellation(std::make_exception_ptr(asio::multiple_exceptions(aborted))));
}

struct SaysNothing : std::exception {
  char const* what() const noexcept override { return " \n"; }
};

TEST(Error, AReasonIsNeverEmpty) {
  EXPECT_THAT(error_from(SaysNothing()).what(), ::testing::EndsWith("SaysNothing that gives no reason"));
  EXPECT_STREQ(error_from(std::runtime_error("")).what(),
               "an exception of type std::runtime_error that gives no reason");
  Error error = config_error("{}", "");
  EXPECT_EQ(error.message(), "no reason was given");
  error.add_context("batch 7");
  EXPECT_STREQ(error.what(), "batch 7: no reason was given");
}

}  // namespace
}  // namespace landfall
