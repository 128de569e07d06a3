#include "protocol/input_format.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace landfall {
namespace {

using namespace std::string_view_literals;

std::string told_of(std::string_view beginning) {
  auto const error = foreign_format("the input", beginning);
  return error ? error->what() : "nothing";
}

// As the tools write `{"type":...`, or nothing at all.
TEST(ForeignFormat, IsNamedWithWhatConvertsIt) {
  struct Row {
    char const* name;
    std::string_view beginning;
    char const* is;
    char const* tool;
  };
  Row const rows[] = {
      {"gzip", "\x1f\x8b\x08\x08\0\0"sv, "compressed with gzip", "zcat FILE"},
      {"compress", "\x1f\x9d\x90{D\x04"sv, "compressed with compress", "zcat FILE"},
      {"zstd", "\x28\xb5\x2f\xfd\x04\x58"sv, "compressed with zstd", "zstdcat FILE"},
      {"zstd or lz4 behind metadata", "\x50\x2a\x4d\x18\x04\0"sv, "compressed with zstd or lz4", "zstdcat FILE"},
      {"the last kind of metadata", "\x5f\x2a\x4d\x18\x04\0"sv, "compressed with zstd or lz4", "zstdcat FILE"},
      {"xz", "\xfd\x37zXZ\0"sv, "compressed with xz", "xzcat FILE"},
      {"lzma", "\x5d\0\0\x80\0\xff"sv, "compressed with lzma", "lzcat FILE"},
      {"lzip", "LZIP\x01\x0c"sv, "compressed with lzip", "lzip -dc FILE"},
      {"bzip2", "BZh91A"sv, "compressed with bzip2", "bzcat FILE"},
      {"lz4", "\x04\x22\x4d\x18\x64\x40"sv, "compressed with lz4", "lz4cat FILE"},
      {"lz4, as it was", "\x02\x21\x4c\x18\x09\0"sv, "compressed with lz4", "lz4cat FILE"},
      {"snappy", "\xff\x06\0\0sN"sv, "compressed with snappy", "snzip -dc FILE"},
      {"zlib", "x\x9c\xab\xae\x05\0"sv, "compressed with zlib", "pigz -dc < FILE"},
      {"zlib, fast", "x\x01\xab\xae\x05\0"sv, "compressed with zlib", "pigz -dc < FILE"},
      {"zlib, best", "x\xda\xab\xae\x05\0"sv, "compressed with zlib", "pigz -dc < FILE"},
      {"zip", "PK\x03\x04\x14\0"sv, "a zip archive", "unzip -p FILE"},
      {"an empty zip", "PK\x05\x06\0\0"sv, "a zip archive", "unzip -p FILE"},
      {"a zip in parts", "PK\x07\x08PK"sv, "a zip archive", "unzip -p FILE"},
      {"7z", "7z\xbc\xaf\x27\x1c"sv, "a 7z archive", "7z x -so FILE"},
      {"UTF-16, little", "\xff\xfe{\0\"\0"sv, "text in UTF-16", "iconv -f UTF-16 -t UTF-8 FILE"},
      {"UTF-16, big", "\xfe\xff\0{\0\""sv, "text in UTF-16", "iconv -f UTF-16 -t UTF-8 FILE"},
      {"UTF-16, little, without a mark", "{\0\"\0t\0"sv, "text in UTF-16", "iconv -f UTF-16LE -t UTF-8 FILE"},
      {"UTF-16, big, without a mark", "\0{\0\"\0t"sv, "text in UTF-16", "iconv -f UTF-16BE -t UTF-8 FILE"},
      {"UTF-16, after a line end", "\n\0{\0\"\0"sv, "text in UTF-16", "iconv -f UTF-16LE -t UTF-8 FILE"},
      {"UTF-16, nothing but a mark", "\xff\xfe"sv, "text in UTF-16", "iconv -f UTF-16 -t UTF-8 FILE"},
      {"UTF-32, little", "\xff\xfe\0\0{\0"sv, "text in UTF-32", "iconv -f UTF-32 -t UTF-8 FILE"},
      {"UTF-32, big", "\0\0\xfe\xff\0\0"sv, "text in UTF-32", "iconv -f UTF-32 -t UTF-8 FILE"},
      {"UTF-32, little, without a mark", "{\0\0\0\"\0"sv, "text in UTF-32", "iconv -f UTF-32LE -t UTF-8 FILE"},
      {"UTF-32, big, without a mark", "\0\0\0{\0\0"sv, "text in UTF-32", "iconv -f UTF-32BE -t UTF-8 FILE"},
      {"UTF-32, nothing but a mark", "\xff\xfe\0\0"sv, "text in UTF-32", "iconv -f UTF-32 -t UTF-8 FILE"},
  };
  for (Row const& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(told_of(row.beginning), std::string("the input is ") + row.is +
                                          ", and must be JSON in UTF-8: convert it first, as with: " + row.tool +
                                          " | ...");
    EXPECT_EQ(foreign_format("x", row.beginning)->error_class(), ErrorClass::config);
  }
}

TEST(ForeignFormat, WhatMayBeJsonAndWhatNobodyKnowsIsLeftToTheParser) {
  for (std::string_view const beginning :
       {""sv, "{"sv, "{}"sv, "{\"type"sv, " \n{\"a\""sv, "\xef\xbb\xbf{\"t"sv, "[1,2]"sv, "]\n"sv, "7"sv, "\"\xff\""sv,
        "Begin"sv, "xyz"sv, "PKZIP"sv, "\0"sv, "\0\0\0\0\0\0"sv, "{\0"sv, "{\0\0"sv, "{\"\0\0\0\0"sv,
        "\x60\x2a\x4d\x18"sv}) {
    SCOPED_TRACE(beginning);
    EXPECT_EQ(told_of(beginning), "nothing");
  }
}

}  // namespace
}  // namespace landfall
