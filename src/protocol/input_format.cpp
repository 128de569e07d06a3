#include "protocol/input_format.hpp"

#include <algorithm>
#include <cstddef>

namespace landfall {
namespace {

using namespace std::string_view_literals;

struct Format {
  std::string_view prefix;
  std::string_view name;
  std::string_view tool;  // reads FILE, writes UTF-8
};

// None of them begins like JSON. Of two that begin alike the longer one comes first.
constexpr Format formats[] = {
    {"\x1f\x8b"sv, "compressed with gzip", "zcat FILE"},
    {"\x1f\x9d"sv, "compressed with compress", "zcat FILE"},
    {"\x28\xb5\x2f\xfd"sv, "compressed with zstd", "zstdcat FILE"},
    {"\xfd\x37zXZ\0"sv, "compressed with xz", "xzcat FILE"},
    {"\x5d\0\0"sv, "compressed with lzma", "lzcat FILE"},
    {"LZIP"sv, "compressed with lzip", "lzip -dc FILE"},
    {"BZh"sv, "compressed with bzip2", "bzcat FILE"},
    {"\x04\x22\x4d\x18"sv, "compressed with lz4", "lz4cat FILE"},
    {"\x02\x21\x4c\x18"sv, "compressed with lz4", "lz4cat FILE"},
    {"\xff\x06\0\0sN"sv, "compressed with snappy", "snzip -dc FILE"},
    {"x\x01"sv, "compressed with zlib", "pigz -dc < FILE"},
    {"x\x5e"sv, "compressed with zlib", "pigz -dc < FILE"},
    {"x\x9c"sv, "compressed with zlib", "pigz -dc < FILE"},
    {"x\xda"sv, "compressed with zlib", "pigz -dc < FILE"},
    {"PK\x03\x04"sv, "a zip archive", "unzip -p FILE"},
    {"PK\x05\x06"sv, "a zip archive", "unzip -p FILE"},
    {"PK\x07\x08"sv, "a zip archive", "unzip -p FILE"},
    {"7z\xbc\xaf\x27\x1c"sv, "a 7z archive", "7z x -so FILE"},
    {"\xff\xfe\0\0"sv, "text in UTF-32", "iconv -f UTF-32 -t UTF-8 FILE"},
    {"\0\0\xfe\xff"sv, "text in UTF-32", "iconv -f UTF-32 -t UTF-8 FILE"},
    {"\xff\xfe"sv, "text in UTF-16", "iconv -f UTF-16 -t UTF-8 FILE"},
    {"\xfe\xff"sv, "text in UTF-16", "iconv -f UTF-16 -t UTF-8 FILE"},
};

// Frames of these begin with any of sixteen bytes, and with metadata: tools that compress in parallel write them.
constexpr std::string_view skippable_frame = "\x2a\x4d\x18";
constexpr Format in_frames = {{}, "compressed with zstd or lz4", "zstdcat FILE"};

// Without a byte order mark. JSON begins with characters of ASCII: `x` stands for one of them.
constexpr Format by_width[] = {
    {"x\0\0\0"sv, "text in UTF-32", "iconv -f UTF-32LE -t UTF-8 FILE"},
    {"\0\0\0x"sv, "text in UTF-32", "iconv -f UTF-32BE -t UTF-8 FILE"},
    {"x\0x\0"sv, "text in UTF-16", "iconv -f UTF-16LE -t UTF-8 FILE"},
    {"\0x\0x"sv, "text in UTF-16", "iconv -f UTF-16BE -t UTF-8 FILE"},
};

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

bool is_as_wide(std::string_view pattern, std::string_view beginning) {
  auto const fits = [](char wanted, char byte) { return wanted == 'x' ? byte > 0 && byte <= '~' : byte == '\0'; };
  return beginning.size() >= pattern.size() && std::equal(pattern.begin(), pattern.end(), beginning.begin(), fits);
}

bool is_skippable_frame(std::string_view beginning) {
  return beginning.size() > skippable_frame.size() && (beginning.front() & 0xf0) == 0x50 &&
         beginning.substr(1).starts_with(skippable_frame);
}

Format const* find_format(std::string_view beginning) {
  for (Format const& format : formats) {
    if (beginning.starts_with(format.prefix)) return &format;
  }
  for (Format const& format : by_width) {
    if (is_as_wide(format.prefix, beginning)) return &format;
  }
  return is_skippable_frame(beginning) ? &in_frames : nullptr;
}

}  // namespace

std::optional<Error> foreign_format(std::string_view what, std::string_view beginning) {
  Format const* const format = find_format(beginning);
  if (format == nullptr) return std::nullopt;
  return config_error("{} is {}, and must be JSON in UTF-8: convert it first, as with: {} | ...", what, format->name,
                      format->tool);
}

std::string_view without_byte_order_mark(std::string_view text) noexcept {
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  return text;
}

}  // namespace landfall
