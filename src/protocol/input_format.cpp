#include "protocol/input_format.hpp"

#include <cstddef>

namespace landfall {
namespace {

using namespace std::string_view_literals;

struct Format {
  std::string_view prefix;
  std::string_view name;
  std::string_view tool;  // reads FILE, writes UTF-8
};

// None of them begins like JSON.
constexpr Format formats[] = {
    {"\x1f\x8b"sv, "compressed with gzip", "zcat FILE"},
    {"\x28\xb5\x2f\xfd"sv, "compressed with zstd", "zstdcat FILE"},
    {"\xfd\x37zXZ\0"sv, "compressed with xz", "xzcat FILE"},
    {"BZh"sv, "compressed with bzip2", "bzcat FILE"},
    {"\x04\x22\x4d\x18"sv, "compressed with lz4", "lz4cat FILE"},
    {"PK\x03\x04"sv, "a zip archive", "unzip -p FILE"},
    {"\xff\xfe\0\0"sv, "text in UTF-32", "iconv -f UTF-32 -t UTF-8 FILE"},
    {"\0\0\xfe\xff"sv, "text in UTF-32", "iconv -f UTF-32 -t UTF-8 FILE"},
    {"\xff\xfe"sv, "text in UTF-16", "iconv -f UTF-16 -t UTF-8 FILE"},
    {"\xfe\xff"sv, "text in UTF-16", "iconv -f UTF-16 -t UTF-8 FILE"},
    {"{\0"sv, "text in UTF-16", "iconv -f UTF-16LE -t UTF-8 FILE"},
    {"\0{"sv, "text in UTF-16", "iconv -f UTF-16BE -t UTF-8 FILE"},
};

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

}  // namespace

std::optional<Error> foreign_format(std::string_view what, std::string_view beginning) {
  for (Format const& format : formats) {
    if (!beginning.starts_with(format.prefix)) continue;
    return config_error("{} is {}, and must be JSON in UTF-8: convert it first, as with: {} | ...", what, format.name,
                        format.tool);
  }
  return std::nullopt;
}

std::string_view without_byte_order_mark(std::string_view text) noexcept {
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  return text;
}

}  // namespace landfall
