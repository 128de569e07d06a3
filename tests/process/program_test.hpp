#pragma once

// A destination as a process: what goes in, what comes out.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "process.hpp"

namespace fs = std::filesystem;
namespace json = boost::json;

/// One stream of a catalog; ids only when a generation is given.
struct Stream {
  Stream(std::string stream_name, std::optional<std::string> stream_namespace = std::nullopt)
      : name(std::move(stream_name)), name_space(std::move(stream_namespace)) {}

  Stream& mode(std::string destination_mode) {
    destination_sync_mode = std::move(destination_mode);
    return *this;
  }
  Stream& generations(int id, int minimum) {
    generation = id;
    minimum_generation = minimum;
    return *this;
  }

  json::object descriptor() const {
    json::object descriptor{{"name", name}};
    if (name_space) descriptor["namespace"] = *name_space;
    return descriptor;
  }

  /// Its fields, as in a JSON schema; with a key and a cursor it is append_dedup.
  Stream& fields(json::object properties) {
    schema["properties"] = std::move(properties);
    return *this;
  }
  Stream& dedup(std::string key, std::string cursor) {
    members["primary_key"] = json::array{json::array{key}};
    members["cursor_field"] = json::array{cursor};
    return mode("append_dedup");
  }

  json::object configured() const {
    auto stream = descriptor();
    stream["json_schema"] = schema;
    stream["supported_sync_modes"] = json::array{"full_refresh", "incremental"};
    json::object configured{
        {"stream", stream}, {"sync_mode", "incremental"}, {"destination_sync_mode", destination_sync_mode}};
    for (auto const& member : members) configured[member.key()] = member.value();
    if (generation) {
      configured["generation_id"] = *generation;
      configured["minimum_generation_id"] = *minimum_generation;
      configured["sync_id"] = 1;
    }
    return configured;
  }

  std::string name;
  std::optional<std::string> name_space;
  std::string destination_sync_mode = "append";
  std::optional<int> generation, minimum_generation;
  json::object schema{{"type", "object"}};
  json::object members;  // others of the configured stream
};

inline std::string record(Stream const& stream, std::string const& data) {
  json::object head{{"stream", stream.name}, {"emitted_at", 1'700'000'000'000}};
  if (stream.name_space) head["namespace"] = *stream.name_space;
  auto text = json::serialize(head);
  text.pop_back();
  return R"({"type":"RECORD","record":)" + text + R"(,"data":)" + data + "}}\n";
}

inline std::string row(int id) { return "{\"id\": " + std::to_string(id) + "}"; }

inline std::string records(Stream const& stream, int first, int count) {
  std::string lines;
  for (int id = first; id < first + count; ++id) lines += record(stream, row(id));
  return lines;
}

inline std::vector<std::string> rows(int first, int count) {
  std::vector<std::string> rows;
  for (int id = first; id < first + count; ++id) rows.push_back(row(id));
  return rows;
}

inline std::string state(Stream const& stream, int id) {
  json::object const message{{"type", "STATE"},
                             {"state",
                              {{"type", "STREAM"},
                               {"stream", {{"stream_descriptor", stream.descriptor()}, {"stream_state", {{"at", id}}}}},
                               {"id", id}}}};
  return json::serialize(message) + "\n";
}

inline std::string status(Stream const& stream, std::string const& status = "COMPLETE") {
  json::object const message{{"type", "TRACE"},
                             {"trace",
                              {{"type", "STREAM_STATUS"},
                               {"emitted_at", 1},
                               {"stream_status", {{"stream_descriptor", stream.descriptor()}, {"status", status}}}}}};
  return json::serialize(message) + "\n";
}

/// How a run ended: what it printed, by kind.
struct Result {
  int exit_code = 0;
  std::vector<int> state_ids;         ///< in order
  std::vector<json::object> states;   ///< in order
  std::vector<std::string> failures;  ///< messages of TRACE ERROR
  std::vector<std::string> failure_types;
  std::vector<std::string> others;

  void add(std::string const& line) {
    auto const message = json::parse(line).as_object();  // throws, when stdout holds anything else
    auto const type = std::string(message.at("type").as_string());
    if (type == "STATE") {
      states.push_back(message.at("state").as_object());
      state_ids.push_back(states.back().at("id").to_number<int>());
    } else if (type == "TRACE") {
      auto const& error = message.at("trace").at("error");
      failures.emplace_back(error.at("message").as_string());
      failure_types.emplace_back(error.at("failure_type").as_string());
    } else {
      others.push_back(line);
    }
  }

  /// In a log message.
  bool says(std::string_view text) const {
    return std::ranges::any_of(others, [&](auto const& line) { return line.find(text) != line.npos; });
  }

  std::string failure() const { return failures.empty() ? "" : failures.front(); }
};

/// A folder of its own for each test, with a configuration; the program is started on it.
class ProgramTest : public ::testing::Test {
 protected:
  ProgramTest() {
    static int number = 0;
    folder_ = fs::path(::testing::TempDir()) /
              ("landfall_process_" + std::to_string(::getpid()) + "_" + std::to_string(++number));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~ProgramTest() override {
    if (HasFailure()) std::fprintf(stderr, "%s\n", read_file(folder_ / "stderr").c_str());
    fs::remove_all(folder_);
  }

  virtual std::string program() const = 0;

  void write_file(std::string const& name, std::string const& text) { std::ofstream(folder_ / name) << text; }

  static std::string read_file(fs::path const& path) {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  void catalog(std::vector<Stream> const& streams) {
    json::array configured;
    for (auto const& stream : streams) configured.push_back(stream.configured());
    write_file("catalog.json", json::serialize(json::object{{"streams", configured}}));
  }

  std::unique_ptr<Process> start(std::string const& input_file = "") {
    return std::make_unique<Process>(std::vector<std::string>{program(), "write", "--config", folder_ / "config.json",
                                                              "--catalog", folder_ / "catalog.json"},
                                     folder_ / "stderr", input_file);
  }

  Result finish(Process& process, Result result = Result()) {
    process.close_stdin();
    for (auto const& line : process.read_lines()) result.add(line);
    result.exit_code = process.wait();
    return result;
  }

  Result run(std::string const& input) {
    auto const process = start();
    process->feed(input);
    return finish(*process);
  }

  /// Reads on until the STATE with this id.
  static Result read_until_state(Process& process, int id) {
    Result result;
    while (auto line = process.read_line()) {
      result.add(*line);
      if (!result.state_ids.empty() && result.state_ids.back() == id) break;
    }
    return result;
  }

  fs::path folder_;
};
