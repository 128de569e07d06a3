#include "file_names.hpp"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace jsonl {
namespace {

using landfall::StreamDescriptor;

std::string path_of(std::string name, std::optional<std::string> name_space = std::nullopt) {
  return stream_path(StreamDescriptor(std::move(name), std::move(name_space))).text();
}

std::string decode(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      bytes += text[i];
      continue;
    }
    bytes += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
    i += 2;
  }
  return bytes;
}

/// What the path says by its own rules: if it says the stream again, then no other stream can have this path.
StreamDescriptor stream_of(StreamPath const& path) {
  std::vector<std::string> components = path.folders;
  components.push_back(path.file.substr(0, path.file.size() - std::string_view(".jsonl").size()));
  std::vector<std::string> names(1);
  for (std::size_t i = 0; i < components.size(); ++i) {
    auto const& component = components[i];
    bool const goes_on = component.size() > 1 && component.ends_with('%');
    if (goes_on) {
      names.back() += decode(component.substr(0, component.size() - 1));
    } else {
      if (component != "%") names.back() += decode(component);
      if (i + 1 < components.size()) names.emplace_back();
    }
  }
  EXPECT_LE(names.size(), 2U);
  if (names.size() == 1) return StreamDescriptor(names[0]);
  return StreamDescriptor(names[1], names[0]);
}

void expect_safe(std::string const& component) {
  EXPECT_FALSE(component.empty());
  EXPECT_FALSE(component.starts_with('.')) << component;
  EXPECT_LE(component.size(), longest_component);
  for (char const c : component) {
    EXPECT_TRUE(std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                std::string_view("._-%").find(c) != std::string::npos)
        << component;
  }
}

TEST(FileNames, PlainNamesStayAsTheyAre) {
  EXPECT_EQ(path_of("users"), "users.jsonl");
  EXPECT_EQ(path_of("users", "public"), "public/users.jsonl");
  EXPECT_EQ(path_of("a-b_c.d", "x.y"), "x.y/a-b_c.d.jsonl");
}

TEST(FileNames, OtherBytesArePercentEncoded) {
  EXPECT_EQ(path_of("a/b"), "a%2Fb.jsonl");
  EXPECT_EQ(path_of("100%"), "100%25.jsonl");
  EXPECT_EQ(path_of("\xc3\xa9t\xc3\xa9"), "%C3%A9t%C3%A9.jsonl");
  EXPECT_EQ(path_of(std::string("a\0b", 3)), "a%00b.jsonl");
}

TEST(FileNames, NothingLeavesTheFolder) {
  EXPECT_EQ(path_of("../../x"), "%2E.%2F..%2Fx.jsonl");
  EXPECT_EQ(path_of(".."), "%2E..jsonl");
  EXPECT_EQ(path_of("x", ".."), "%2E./x.jsonl");
  EXPECT_EQ(path_of("x", "."), "%2E/x.jsonl");
  EXPECT_EQ(path_of("x", "/etc"), "%2Fetc/x.jsonl");
  EXPECT_EQ(path_of("lock", ".landfall"), "%2Elandfall/lock.jsonl");
}

TEST(FileNames, AnEmptyNamespaceIsNotTheAbsentOne) {
  EXPECT_EQ(path_of("users", ""), "%/users.jsonl");
  EXPECT_EQ(path_of(""), "%.jsonl");
  EXPECT_EQ(path_of("", ""), "%/%.jsonl");
}

TEST(FileNames, ANamespaceNeverLooksLikeAStreamsFile) {
  EXPECT_EQ(path_of("x", "users.jsonl"), "users%2Ejsonl/x.jsonl");
  EXPECT_EQ(path_of("users"), "users.jsonl");
}

TEST(FileNames, NamesTooLongForAFileGoOnInTheNextComponent) {
  auto const path = stream_path(StreamDescriptor(std::string(1000, 'a')));
  EXPECT_EQ(path.folders.size(), 5U);
  for (auto const& folder : path.folders) EXPECT_TRUE(folder.ends_with('%'));
}

TEST(FileNames, DifferentStreamsNeverMeet) {
  std::vector<std::string> names{"",
                                 ".",
                                 "..",
                                 "...",
                                 "a",
                                 "A",
                                 "b",
                                 "a/b",
                                 "a%2Fb",
                                 "%",
                                 "%25",
                                 "%.",
                                 "a.jsonl",
                                 ".jsonl",
                                 "a%",
                                 "a%.jsonl",
                                 "jsonl",
                                 "a.new",
                                 ".a.jsonl.new-1",
                                 "a.jsonl.new-1",
                                 ".landfall",
                                 "../../x",
                                 "/",
                                 "\n",
                                 "a b",
                                 "a\\b",
                                 "-rf",
                                 "~",
                                 "%2E",
                                 "%2e",
                                 "\xff",
                                 "a.JSONL"};
  for (std::size_t const size : {190, 195, 196, 197, 198, 199, 200, 201, 255, 256, 394, 396, 400, 1000}) {
    for (char const c : {'a', '.', '/', '%'}) names.emplace_back(size, c);
    names.push_back(std::string(size, 'a') + ".jsonl");
    names.push_back(std::string(size, 'a') + "/a");
  }
  std::map<StreamPath, StreamDescriptor> streams;
  std::set<std::string> folders;
  auto const add = [&](StreamDescriptor const& stream) {
    auto const path = stream_path(stream);
    auto const [place, is_new] = streams.emplace(path, stream);
    EXPECT_TRUE(is_new) << to_string(stream) << " and " << to_string(place->second) << " are both " << path.text();
    EXPECT_EQ(stream_of(path), stream) << path.text();
    expect_safe(path.file);
    std::string so_far;
    for (auto const& folder : path.folders) {
      expect_safe(folder);
      folders.insert(so_far += folder);
      so_far += '/';
    }
  };
  for (auto const& name : names) {
    add(StreamDescriptor(name));
    for (auto const& name_space : names) add(StreamDescriptor(name, name_space));
  }
  for (auto const& [path, stream] : streams) {
    EXPECT_FALSE(folders.contains(path.text())) << path.text() << " is a file and a folder";
  }
}

}  // namespace
}  // namespace jsonl
