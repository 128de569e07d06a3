#include "report.hpp"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

namespace acceptance {
namespace {

char const* word(Verdict::Kind kind) {
  switch (kind) {
    case Verdict::Kind::passed:
      return "passed";
    case Verdict::Kind::failed:
      return "FAILED";
    case Verdict::Kind::skipped:
      return "skipped";
  }
  return "";
}

std::string escaped(std::string const& text) {
  std::string result;
  for (char const c : text) {
    switch (c) {
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '&':
        result += "&amp;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += static_cast<unsigned char>(c) < 32 && c != '\n' && c != '\t' ? ' ' : c;
    }
  }
  return result;
}

}  // namespace

void Report::add(Case const& one, Verdict const& verdict) {
  std::lock_guard const lock(mutex_);
  verdicts_.emplace_back(one, verdict);
  bool const skipped = verdict.kind == Verdict::Kind::skipped;
  fmt::print("{:<8} {:<44} {}\n", word(verdict.kind), one.name,
             skipped ? verdict.text : fmt::format("{:6.2f} s", verdict.took.count()));
  if (verdict.kind == Verdict::Kind::failed) fmt::print("  {}\n{}", one.description, verdict.text);
  std::fflush(stdout);
}

void Report::print_summary() const {
  fmt::print("{} passed, {} failed, {} skipped\n", count(Verdict::Kind::passed), count(Verdict::Kind::failed),
             count(Verdict::Kind::skipped));
}

std::string Report::junit() const {
  std::lock_guard const lock(mutex_);
  std::string cases;
  double total = 0;
  for (auto const& [one, verdict] : verdicts_) {
    total += verdict.took.count();
    cases += fmt::format("  <testcase classname=\"acceptance\" name=\"{}\" time=\"{:.3f}\">", escaped(one.name),
                         verdict.took.count());
    if (verdict.kind == Verdict::Kind::failed) {
      cases += fmt::format("<failure message=\"{}\">{}</failure>", escaped(one.description), escaped(verdict.text));
    }
    if (verdict.kind == Verdict::Kind::skipped)
      cases += fmt::format("<skipped message=\"{}\"/>", escaped(verdict.text));
    cases += "</testcase>\n";
  }
  auto const number_of = [this](Verdict::Kind kind) {
    return std::ranges::count_if(verdicts_, [kind](auto const& one) { return one.second.kind == kind; });
  };
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<testsuite name=\"acceptance\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{:.3f}\">\n{}</testsuite>\n",
      verdicts_.size(), number_of(Verdict::Kind::failed), number_of(Verdict::Kind::skipped), total, cases);
}

std::size_t Report::count(Verdict::Kind kind) const {
  std::lock_guard const lock(mutex_);
  auto const number = std::ranges::count_if(verdicts_, [kind](auto const& one) { return one.second.kind == kind; });
  return static_cast<std::size_t>(number);
}

}  // namespace acceptance
