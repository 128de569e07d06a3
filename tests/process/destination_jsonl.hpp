#pragma once

// destination-jsonl as a process: what is in its files.

#include <sstream>
#include <string>
#include <vector>

#include "program_test.hpp"

class DestinationJsonl : public ProgramTest {
 protected:
  DestinationJsonl() {
    write_file("config.json", json::serialize(json::object{{"destination_path", data().string()},
                                                           {"format", "data"},
                                                           {"landfall", {{"checkpoint_seconds", 1}}}}));
  }

  std::string program() const override { return DESTINATION_JSONL; }

  fs::path data() const { return folder_ / "data"; }

  /// The rows of a file; its last line must be whole.
  std::vector<std::string> rows_of(std::string const& file) const {
    auto const text = read_file(data() / file);
    EXPECT_TRUE(text.empty() || text.ends_with('\n')) << file << " ends in a torn line";
    std::istringstream lines(text);
    std::vector<std::string> rows;
    for (std::string line; std::getline(lines, line);) rows.push_back(line);
    return rows;
  }
};
