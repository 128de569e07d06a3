#include <landfall/table/row_reader.hpp>

#include <malloc.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "record_text.hpp"

namespace {

std::uint64_t allocation_count = 0;
std::size_t live_bytes = 0;

void* allocate(std::size_t size) noexcept {
  ++allocation_count;
  void* const bytes = std::malloc(size);
  live_bytes += malloc_usable_size(bytes);
  return bytes;
}

void release(void* bytes) noexcept {
  live_bytes -= malloc_usable_size(bytes);
  std::free(bytes);
}

}  // namespace

void* operator new(std::size_t size) {
  if (void* const bytes = allocate(size)) return bytes;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, std::nothrow_t const&) noexcept { return allocate(size); }
void operator delete(void* bytes) noexcept { release(bytes); }
void operator delete(void* bytes, std::size_t) noexcept { release(bytes); }
void operator delete(void* bytes, std::nothrow_t const&) noexcept { release(bytes); }

namespace landfall {
namespace {

TEST(RowReader, AllocatesNothingOnceItsMemoryHasGrown) {
  RowReader reader({Field("text", AirbyteType(AirbyteKind::string)), Field("number", AirbyteType(AirbyteKind::number)),
                    Field("moment", AirbyteType(AirbyteKind::timestamp_with_timezone)),
                    Field("bad", AirbyteType(AirbyteKind::integer)), Field("json", AirbyteType(AirbyteKind::object))},
                   ValueLimits());
  // Every cell is made anew, in an order that is not the schema's, with changes of both sides.
  RecordText const text(
      R"({"json":{"a":[]},"te\u0078t":"long enough to be no short string\n","number":1.5e20,"other":[{}],)"
      R"("moment":"2024/01/31 12:34","bad":"x"})",
      R"({"changes":[{"field":"a","change":"NULLED","reason":"SOURCE_SERIALIZATION_ERROR"}]})");
  reader.read(text.record());
  reader.read(text.record());
  std::uint64_t const before = allocation_count;
  for (int i = 0; i < 10'000; ++i) reader.read(text.record());
  EXPECT_EQ(allocation_count, before);
}

TEST(RowReader, KeepsNoMemoryOfALargeRecord) {
  constexpr std::size_t large = 8 << 20;
  RowReader reader({Field("text", AirbyteType(AirbyteKind::string))}, ValueLimits());
  std::size_t const before = live_bytes;
  {
    RecordText const text(R"({"text":"\n)" + std::string(large, 'x') + "\"}");
    EXPECT_EQ(reader.read(text.record()).cells[0].text.size(), large + 1);
  }
  RecordText const small("{}");
  reader.read(small.record());
  EXPECT_LT(live_bytes, before + (1 << 20));
}

}  // namespace
}  // namespace landfall
