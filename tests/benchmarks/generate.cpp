// Writes the input of a destination: RECORD, STATE, TRACE and LOG messages of the Airbyte protocol, of any size, the
// same for the same options on every machine.
//
//   landfall-generate --records 1000000 --catalog catalog.json --output input.jsonl
//
// --updates 50: half of the records have the id of an earlier one of their stream. --known 10000: those, and the new
// ones, go on where an input with so many records of each stream has ended.
// With --output it prints what was written, as a line of JSON.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <boost/program_options.hpp>

#include "copy_text.hpp"
#include "sample_records.hpp"

namespace landfall::benchmarks {
namespace {

constexpr std::size_t buffer_bytes = 1 << 20;
constexpr std::int64_t started_at_ms = 1'710'000'000'000;

struct Options {
  std::uint64_t records = 1'000'000;
  std::uint64_t streams = 4;
  std::uint64_t run = 64;
  std::uint64_t state_every = 10'000;
  std::string states = "all";
  std::uint64_t record_bytes = 0;
  std::uint64_t seed = 1;
  std::uint64_t updates_percent = 0;
  std::uint64_t known = 0;
  std::string name_space;
  std::string sync_mode = "append";
  std::string catalog_path;
  std::string rows_folder;
  std::string output_path = "-";
};

/// stdout or a file, written in large pieces.
class Output {
 public:
  explicit Output(std::string path) : path_(std::move(path)) {
    file_ = path_ == "-" ? stdout : std::fopen(path_.c_str(), "wb");
    if (file_ == nullptr) fail();
    buffer_.reserve(2 * buffer_bytes);
  }
  Output(Output const&) = delete;
  Output& operator=(Output const&) = delete;
  ~Output() {
    if (file_ != nullptr && file_ != stdout) std::fclose(file_);
  }

  /// Where the next line is put together; ended by end_line().
  std::string& line() noexcept { return buffer_; }

  void end_line() {
    buffer_ += '\n';
    if (buffer_.size() >= buffer_bytes) write();
  }

  /// Everything is with the system.
  void finish() {
    write();
    if (std::fflush(file_) != 0) fail();
  }

  std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  void write() {
    if (std::fwrite(buffer_.data(), 1, buffer_.size(), file_) != buffer_.size()) fail();
    bytes_ += buffer_.size();
    buffer_.clear();
  }

  [[noreturn]] void fail() const { throw std::runtime_error(fmt::format("cannot write to '{}'", path_)); }

  std::string path_;
  std::FILE* file_ = nullptr;
  std::string buffer_;
  std::uint64_t bytes_ = 0;
};

/// What a table for raw records holds of them in the end, as COPY reads it.
class Rows {
 public:
  /// Into STREAM.copy in `folder`; nothing at all where that is empty.
  Rows(std::string const& folder, std::uint64_t streams) {
    if (folder.empty()) return;
    std::filesystem::create_directories(folder);
    for (std::uint64_t i = 0; i < streams; ++i) {
      outputs_.push_back(std::make_unique<Output>(fmt::format("{}/{}.copy", folder, stream_name(i))));
    }
  }

  void write(std::uint64_t stream, std::string_view data, std::int64_t emitted_at_ms) {
    if (outputs_.empty()) return;
    std::string& row = outputs_[stream]->line();
    append_uuid(row, random_);
    row += '\t';
    append_timestamp(row, emitted_at_ms);
    row += "\t{\"sync_id\":1,\"changes\":[]}\t1\t";
    append_copy_text(row, data);
    outputs_[stream]->end_line();
  }

  void finish() {
    for (auto const& output : outputs_) output->finish();
  }

 private:
  std::vector<std::unique_ptr<Output>> outputs_;
  Random random_{42};
};

/// The messages of one sync, in the order a source would send them.
class Source {
 public:
  Source(Options const& options, Output& output, Rows& rows)
      : options_(options), output_(output), rows_(rows), random_(~options.seed) {
    for (std::uint64_t i = 0; i < options.streams; ++i) {
      streams_.emplace_back(stream_name(i), options.name_space);
      streams_.back().keys = options.known;
    }
  }

  void write() {
    output_.line() += R"({"type":"LOG","log":{"level":"INFO","message":"the source begins to read"}})";
    output_.end_line();
    write_statuses("STARTED");
    std::uint64_t const first = options_.known * options_.streams;
    for (std::uint64_t i = 0; i < options_.records; ++i) {
      std::uint64_t const stream = next_stream();
      write_record(stream, first + i);
      if (options_.state_every != 0 && (i + 1) % options_.state_every == 0) {
        options_.states == "one" ? write_state(stream, first + i) : write_states(first + i);
      }
    }
    write_states(first + options_.records);
    write_statuses("COMPLETE");
  }

  std::uint64_t states() const noexcept { return states_; }

  /// How many different ids there are in all streams, those known before included.
  std::uint64_t keys() const noexcept {
    std::uint64_t sum = 0;
    for (Stream const& stream : streams_) sum += stream.keys;
    return sum;
  }

 private:
  struct Stream {
    Stream(std::string const& name, std::string const& name_space)
        : record_head(name_space.empty() ? fmt::format(R"({{"type":"RECORD","record":{{"stream":"{}","data":)", name)
                                         : fmt::format(R"({{"type":"RECORD","record":{{"namespace":"{}","stream":"{}",)"
                                                       R"("data":)",
                                                       name_space, name)),
          descriptor(name_space.empty() ? fmt::format(R"({{"name":"{}"}})", name)
                                        : fmt::format(R"({{"name":"{}","namespace":"{}"}})", name, name_space)) {}

    std::string record_head;
    std::string descriptor;
    std::uint64_t keys = 0;  // ids from 1
    std::uint64_t records_since_state = 0;
  };

  std::uint64_t next_stream() {
    if (left_of_run_ == 0) {
      current_ = random_.below(options_.streams);
      left_of_run_ = 1 + random_.below(options_.run);
    }
    --left_of_run_;
    return current_;
  }

  void write_record(std::uint64_t stream_index, std::uint64_t number) {
    Stream& stream = streams_[stream_index];
    ++stream.records_since_state;
    RecordKey key;
    key.seed = options_.seed;
    key.stream = stream_index;
    key.number = number;
    key.id = next_id(stream);
    std::int64_t const emitted_at_ms = started_at_ms + static_cast<std::int64_t>(number / 20);
    std::string& line = output_.line();
    line += stream.record_head;
    std::size_t const data = line.size();
    append_data(line, key, data_bytes(stream));
    rows_.write(stream_index, std::string_view(line).substr(data), emitted_at_ms);
    line += R"(,"emitted_at":)";
    line += fmt::format_int(emitted_at_ms).c_str();
    line += "}}";
    output_.end_line();
  }

  std::uint64_t next_id(Stream& stream) {
    bool const is_update =
        options_.updates_percent != 0 && stream.keys != 0 && random_.below(100) < options_.updates_percent;
    return is_update ? 1 + random_.below(stream.keys) : ++stream.keys;
  }

  // What --record-bytes leaves for the object itself.
  std::uint64_t data_bytes(Stream const& stream) const {
    constexpr std::uint64_t tail_bytes = 30;
    if (options_.record_bytes == 0) return 0;
    std::uint64_t const envelope = stream.record_head.size() + tail_bytes;
    return options_.record_bytes > envelope ? options_.record_bytes - envelope : 1;
  }

  void write_states(std::uint64_t number) {
    for (std::uint64_t i = 0; i < options_.streams; ++i) {
      if (streams_[i].records_since_state != 0) write_state(i, number);
    }
  }

  void write_state(std::uint64_t stream_index, std::uint64_t number) {
    Stream& stream = streams_[stream_index];
    std::string& line = output_.line();
    line += fmt::format(R"({{"type":"STATE","state":{{"type":"STREAM","stream":{{"stream_descriptor":{},)"
                        R"("stream_state":{{"cursor_field":["updated_at"],"cursor":")",
                        stream.descriptor);
    append_timestamp(line, updated_at_ms(number));
    line += fmt::format(R"("}}}},"sourceStats":{{"recordCount":{}.0}}}}}})", stream.records_since_state);
    output_.end_line();
    stream.records_since_state = 0;
    ++states_;
  }

  void write_statuses(char const* status) {
    for (Stream const& stream : streams_) {
      output_.line() += fmt::format(R"({{"type":"TRACE","trace":{{"type":"STREAM_STATUS","emitted_at":{}.0,)"
                                    R"("stream_status":{{"stream_descriptor":{},"status":"{}"}}}}}})",
                                    started_at_ms, stream.descriptor, status);
      output_.end_line();
    }
  }

  Options const& options_;
  Output& output_;
  Rows& rows_;
  Random random_;
  std::vector<Stream> streams_;
  std::uint64_t current_ = 0;
  std::uint64_t left_of_run_ = 0;
  std::uint64_t states_ = 0;
};

void write_catalog(Options const& options) {
  std::ofstream file(options.catalog_path);
  file << R"({"streams":[)";
  for (std::uint64_t i = 0; i < options.streams; ++i) {
    auto const name_space =
        options.name_space.empty() ? std::string() : fmt::format(R"("namespace":"{}",)", options.name_space);
    file << (i == 0 ? "\n" : ",\n")
         << fmt::format(
                R"({{"stream":{{"name":"{}",{}"json_schema":{},"supported_sync_modes":["full_refresh","incremental"],)"
                R"("source_defined_cursor":true,"default_cursor_field":["updated_at"],)"
                R"("source_defined_primary_key":[["id"]]}},"sync_mode":"incremental","cursor_field":["updated_at"],)"
                R"("primary_key":[["id"]],"destination_sync_mode":"{}","generation_id":1,)"
                R"("minimum_generation_id":{},"sync_id":1}})",
                stream_name(i), name_space, schema_of(i), options.sync_mode, options.sync_mode == "overwrite" ? 1 : 0);
  }
  file << "\n]}\n";
  if (!file.flush()) throw std::runtime_error(fmt::format("cannot write the catalog '{}'", options.catalog_path));
}

/// Empty when only help was asked for.
bool parse_options(int argc, char** argv, Options& options) {
  namespace po = boost::program_options;
  po::options_description description("landfall-generate: input for a destination");
  auto const number = [](std::uint64_t& value) { return po::value(&value)->default_value(value); };
  auto const text = [](std::string& value) { return po::value(&value)->default_value(value); };
  auto add = description.add_options();
  add("help", "this text");
  add("records", number(options.records), "how many");
  add("streams", number(options.streams), "among how many streams they are divided, at random");
  add("run", number(options.run), "1 to so many records of one stream in a row");
  add("state-every", number(options.state_every), "records between STATEs; 0: only at the end");
  add("states", text(options.states),
      "'all': of each stream with records since its last one; 'one': of the last record");
  add("record-bytes", number(options.record_bytes), "about so long is a RECORD line; 0: as it comes, about 528");
  add("seed", number(options.seed), "another one makes other records");
  add("updates", number(options.updates_percent), "of 100 records have the id of an earlier one");
  add("known", number(options.known), "records of each stream were there before");
  add("namespace", text(options.name_space), "of all streams");
  add("sync-mode", text(options.sync_mode), "append, overwrite or append_dedup");
  add("catalog", text(options.catalog_path), "the configured catalog is written to this file");
  add("rows", text(options.rows_folder), "a raw table's rows are written to STREAM.copy in this folder, for COPY");
  add("output", text(options.output_path), "the messages are written to this file; -: to stdout");

  po::variables_map values;
  po::store(po::parse_command_line(argc, argv, description), values);
  po::notify(values);
  if (values.count("help") != 0) {
    fmt::print("{}", fmt::streamed(description));
    return false;
  }
  constexpr std::uint64_t limit = std::uint64_t{1} << 32;  // of Random::below()
  if (options.streams == 0 || options.streams >= limit) throw std::invalid_argument("--streams: at least 1");
  if (options.run == 0 || options.run >= limit) throw std::invalid_argument("--run: at least 1");
  if (options.updates_percent > 100) throw std::invalid_argument("--updates: at most 100");
  if (options.known >= limit || options.records >= limit) throw std::invalid_argument("too many records");
  if (options.states != "all" && options.states != "one") throw std::invalid_argument("--states: 'all' or 'one'");
  return true;
}

int generate(int argc, char** argv) {
  Options options;
  if (!parse_options(argc, argv, options)) return EXIT_SUCCESS;
  if (!options.catalog_path.empty()) write_catalog(options);
  Output output(options.output_path);
  Rows rows(options.rows_folder, options.streams);
  Source source(options, output, rows);
  source.write();
  output.finish();
  rows.finish();
  if (options.output_path != "-") {
    fmt::print("{{\"records\": {}, \"states\": {}, \"keys\": {}, \"bytes\": {}}}\n", options.records, source.states(),
               source.keys(), output.bytes());
  }
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace landfall::benchmarks

int main(int argc, char** argv) {
  try {
    return landfall::benchmarks::generate(argc, argv);
  } catch (std::exception const& error) {
    fmt::print(stderr, "landfall-generate: {}\n", error.what());
    return EXIT_FAILURE;
  }
}
