#include <landfall/table/row_reader.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>
#include <boost/json/parse.hpp>

#include <landfall/destination/record_reader.hpp>

#include "sample_lines.hpp"

namespace landfall::benchmarks {
namespace {

constexpr std::uint64_t record_count = 256;

/// Records of one stream, no two the same, so that no branch is learned by heart.
class Records {
 public:
  explicit Records(std::uint64_t stream) {
    std::string text;
    std::vector<std::size_t> ends;
    for (RecordKey key; key.number < record_count; ++key.number) {
      key.stream = stream;
      key.id = key.number + 1;
      append_data(text, key, 0);
      ends.push_back(text.size());
    }
    block_ = block_of(text);
    std::size_t begin = 0;
    for (std::size_t const end : ends) {
      RecordSlice slice;
      slice.data = block_->data() + begin;
      slice.data_size = static_cast<std::uint32_t>(end - begin);
      slices_.push_back(slice);
      begin = end;
    }
  }

  template <class Read>
  void read_all(benchmark::State& state, Read read) const {
    std::int64_t bytes = 0;
    for (auto _ : state) {
      for (RecordSlice const& slice : slices_) {
        read(Record(slice, 0));
        bytes += slice.data_size;
      }
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(slices_.size()));
    state.SetBytesProcessed(bytes);
  }

 private:
  std::shared_ptr<Block> block_;
  std::vector<RecordSlice> slices_;
};

/// Typed columns, all of the schema.
void read_rows(benchmark::State& state, std::uint64_t stream) {
  auto const schema = boost::json::parse(schema_of(stream));
  RowReader reader(fields_of(schema.get_object()), ValueLimits());
  Records(stream).read_all(state, [&](Record const& record) { benchmark::DoNotOptimize(reader.read(record)); });
}
BENCHMARK_CAPTURE(read_rows, customers, 0);
BENCHMARK_CAPTURE(read_rows, orders, 1);
BENCHMARK_CAPTURE(read_rows, events, 2);

/// What it is compared with: every value is read once, as what it is, and thrown away.
void walk_value(simdjson::ondemand::value value) {
  switch (value.type()) {
    case simdjson::ondemand::json_type::object:
      for (auto field : value.get_object()) {
        benchmark::DoNotOptimize(std::string_view(field.unescaped_key()));
        walk_value(field.value());
      }
      break;
    case simdjson::ondemand::json_type::array:
      for (auto element : value.get_array()) walk_value(element.value());
      break;
    case simdjson::ondemand::json_type::string:
      benchmark::DoNotOptimize(std::string_view(value.get_string()));
      break;
    case simdjson::ondemand::json_type::number:
      benchmark::DoNotOptimize(simdjson::ondemand::number(value.get_number()));
      break;
    case simdjson::ondemand::json_type::boolean:
      benchmark::DoNotOptimize(bool(value.get_bool()));
      break;
    case simdjson::ondemand::json_type::null:
      break;
  }
}

void walk_everything(benchmark::State& state, std::uint64_t stream) {
  RecordReader reader;
  Records(stream).read_all(state, [&](Record const& record) {
    for (auto field : reader.read(record)) {
      benchmark::DoNotOptimize(std::string_view(field.unescaped_key()));
      walk_value(field.value());
    }
  });
}
BENCHMARK_CAPTURE(walk_everything, customers, 0);
BENCHMARK_CAPTURE(walk_everything, orders, 1);
BENCHMARK_CAPTURE(walk_everything, events, 2);

/// The same, but for what is inside of objects and arrays: those are taken as they are, as JSON columns take them.
void walk_top_level(benchmark::State& state, std::uint64_t stream) {
  RecordReader reader;
  Records(stream).read_all(state, [&](Record const& record) {
    for (auto field : reader.read(record)) {
      benchmark::DoNotOptimize(std::string_view(field.unescaped_key()));
      simdjson::ondemand::value value = field.value();
      simdjson::ondemand::json_type const type = value.type();
      if (type == simdjson::ondemand::json_type::object) {
        benchmark::DoNotOptimize(std::string_view(value.get_object().value_unsafe().raw_json()));
      } else if (type == simdjson::ondemand::json_type::array) {
        benchmark::DoNotOptimize(std::string_view(value.get_array().value_unsafe().raw_json()));
      } else {
        walk_value(value);
      }
    }
  });
}
BENCHMARK_CAPTURE(walk_top_level, customers, 0);
BENCHMARK_CAPTURE(walk_top_level, orders, 1);
BENCHMARK_CAPTURE(walk_top_level, events, 2);

}  // namespace
}  // namespace landfall::benchmarks
