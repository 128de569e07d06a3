#include <landfall/protocol/stream_descriptor.hpp>

#include <unordered_set>

#include <gtest/gtest.h>

namespace landfall {
namespace {

TEST(StreamDescriptor, TheEmptyNamespaceIsNotNone) {
  StreamDescriptor const none("users");
  StreamDescriptor const empty("users", "");
  EXPECT_NE(none, empty);
  EXPECT_NE(std::hash<StreamDescriptor>()(none), std::hash<StreamDescriptor>()(empty));
  std::unordered_set<StreamDescriptor> const both = {none, empty, StreamDescriptor("users"),
                                                     StreamDescriptor("users", "")};
  EXPECT_EQ(both.size(), 2u);
}

TEST(StreamDescriptor, NameAndNamespaceAreNotInterchangeable) {
  EXPECT_NE(StreamDescriptor("a", "b"), StreamDescriptor("b", "a"));
  EXPECT_NE(std::hash<StreamDescriptor>()(StreamDescriptor("a", "b")),
            std::hash<StreamDescriptor>()(StreamDescriptor("b", "a")));
}

TEST(StreamDescriptor, IsPrintedForPeople) {
  EXPECT_EQ(to_string(StreamDescriptor("users")), "users");
  EXPECT_EQ(to_string(StreamDescriptor("users", "crm")), "crm.users");
  EXPECT_EQ(to_string(StreamDescriptor("users", "")), ".users");
  EXPECT_EQ(to_string(StreamDescriptor("ä\n\x1b[31m\x7f")), "ä\\u000a\\u001b[31m\\u007f");
}

}  // namespace
}  // namespace landfall
