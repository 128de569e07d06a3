#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "case.hpp"
#include "run_case.hpp"

namespace acceptance {

/// Verdicts as they come: a line for each case on stdout.
///
/// Threads: any.
class Report {
 public:
  void add(Case const& one, Verdict const& verdict);

  /// "N passed, N failed, N skipped", at the end.
  void print_summary() const;
  std::string junit() const;
  std::size_t count(Verdict::Kind kind) const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::pair<Case, Verdict>> verdicts_;
};

}  // namespace acceptance
