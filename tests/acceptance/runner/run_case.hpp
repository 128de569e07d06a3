#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "case.hpp"
#include "rows.hpp"

namespace acceptance {

/// The destination that is judged.
struct Judged {
  std::string command;
  std::string config;                          ///< text, with placeholders
  std::map<std::string, std::string> configs;  ///< others that cases name, with placeholders
  std::string reader;                          ///< prints the rows of one stream
  std::string prepare, clean;                  ///< run before and behind each case; empty: there is nothing to do
  Features features;
  std::chrono::seconds timeout{60};  ///< for each start of a program
};

/// How a case went.
struct Verdict {
  enum class Kind { passed, failed, skipped };
  Kind kind = Kind::passed;
  std::string text;  ///< skipped: why; failed: what was found
  std::chrono::duration<double> took{};
};

/// Why a case does not apply to a destination; empty when it does.
std::string reason_to_skip(Case const& one, Judged const& judged);

/// Starts the destination as the case says, in its scratch folder, and judges it.
Verdict run_case(Case const& one, Judged const& judged, Placeholders const& placeholders);

}  // namespace acceptance
