#include <gtest/gtest.h>

#include <landfall/testing/conformance.hpp>

#define main minimal_main
#include "../../examples/minimal/main.cpp"
#undef main

// 200 syncs with failures, stops and crashes, each followed by the sync that repeats it.
TEST(Conformance, TheMinimalDestinationKeepsEveryPromise) {
  ::testing::internal::CaptureStderr();  // what it prints
  auto const report = landfall::testing::run_conformance<PrinterDestination>();
  ::testing::internal::GetCapturedStderr();
  EXPECT_TRUE(report.passed()) << report.text();
}
