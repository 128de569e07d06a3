#include <landfall/table/table_operations.hpp>

namespace landfall {

IntervalSet numbers_in(RecordBatch const& records) {
  IntervalSet numbers;
  std::optional<Interval> neighbours;
  for (Record const& record : records) {
    if (neighbours && neighbours->end == record.number()) {
      ++neighbours->end;
      continue;
    }
    if (neighbours) numbers.add(*neighbours);
    neighbours = Interval{record.number(), record.number() + 1};
  }
  if (neighbours) numbers.add(*neighbours);
  return numbers;
}

}  // namespace landfall
