#include "file_names.hpp"

#include <cstdint>
#include <string_view>
#include <utility>

namespace jsonl {
namespace {

constexpr std::string_view suffix = ".jsonl";
constexpr std::size_t longest_chunk = longest_component - suffix.size() - 2;  // 2: a dot that becomes %2E

bool is_plain(char byte) noexcept {
  return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '.' ||
         byte == '_' || byte == '-';
}

void append_byte(std::string& component, char byte) {
  bool const hidden = byte == '.' && component.empty();
  if (is_plain(byte) && !hidden) {
    component += byte;
    return;
  }
  constexpr std::string_view digits = "0123456789ABCDEF";
  auto const value = static_cast<std::uint8_t>(byte);
  component += '%';
  component += digits[value >> 4];
  component += digits[value & 15];
}

/// All components but the last end in "%".
std::vector<std::string> encode(std::string_view name) {
  if (name.empty()) return {"%"};
  std::vector<std::string> components(1);
  for (char const byte : name) {
    if (components.back().size() + 3 > longest_chunk) {
      components.back() += '%';
      components.emplace_back();
    }
    append_byte(components.back(), byte);
  }
  return components;
}

std::vector<std::string> encode_namespace(std::string_view name) {
  auto components = encode(name);
  auto& last = components.back();
  if (last.ends_with(suffix)) last.replace(last.size() - suffix.size(), 1, "%2E");
  return components;
}

}  // namespace

std::string StreamPath::text() const {
  std::string text;
  for (auto const& folder : folders) text += folder + '/';
  return text + file;
}

StreamPath stream_path(landfall::StreamDescriptor const& stream) {
  StreamPath path;
  if (stream.name_space) path.folders = encode_namespace(*stream.name_space);
  auto name = encode(stream.name);
  path.file = std::move(name.back()) + std::string(suffix);
  name.pop_back();
  for (auto& folder : name) path.folders.push_back(std::move(folder));
  return path;
}

}  // namespace jsonl
