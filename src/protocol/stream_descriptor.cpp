#include <landfall/protocol/stream_descriptor.hpp>

#include <iterator>
#include <string_view>

#include <fmt/format.h>

namespace landfall {
namespace {

void append_for_people(std::string& text, std::string_view name) {
  for (char const character : name) {
    auto const byte = static_cast<unsigned char>(character);
    if (byte < 0x20 || byte == 0x7f) {
      fmt::format_to(std::back_inserter(text), "\\u{:04x}", byte);
    } else {
      text += character;
    }
  }
}

}  // namespace

std::string to_string(StreamDescriptor const& descriptor) {
  std::string text;
  if (descriptor.name_space) {
    append_for_people(text, *descriptor.name_space);
    text += '.';
  }
  append_for_people(text, descriptor.name);
  return text;
}

}  // namespace landfall

std::size_t std::hash<landfall::StreamDescriptor>::operator()(
    landfall::StreamDescriptor const& descriptor) const noexcept {
  std::hash<std::string> const hash_text;
  // 1 and 0: the empty namespace is another one than none.
  std::size_t const name_space = descriptor.name_space ? hash_text(*descriptor.name_space) + 1 : 0;
  return hash_text(descriptor.name) ^ (name_space * 0x9e3779b97f4a7c15u);
}
