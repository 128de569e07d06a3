#include <landfall/destination/notices.hpp>

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace landfall {
namespace {

struct Heard {
  Notices::Listener listener() {
    return [this](Notice const& notice) {
      texts.push_back((notice.level == Notice::Level::warning ? "warning " : "info ") + notice.text);
    };
  }
  std::vector<std::string> texts;
};
using Texts = std::vector<std::string>;

TEST(Notices, AreHeardWithTheirLevelFromEveryCopy) {
  Notices const notices;
  Notices const copy = notices;
  Heard heard;
  notices.listen(heard.listener());
  notices.info("a");
  copy.warn("b");
  EXPECT_EQ(heard.texts, (Texts{"info a", "warning b"}));
}

TEST(Notices, WhatIsToldBeforeAnybodyListensIsHeardOnceThen) {
  Notices const notices;
  notices.warn("from the constructor");
  Heard first;
  notices.listen(first.listener());
  EXPECT_EQ(first.texts, Texts{"warning from the constructor"});
  Heard second;
  notices.listen(second.listener());
  notices.info("later");
  EXPECT_EQ(first.texts.size(), 1U);
  EXPECT_EQ(second.texts, Texts{"info later"});
}

TEST(Notices, WhatNobodyHearsDoesNotPileUp) {
  Notices const notices;
  for (int i = 0; i < 2'000; ++i) notices.info(std::to_string(i));
  Heard heard;
  notices.listen(heard.listener());
  ASSERT_EQ(heard.texts.size(), 1'000U);
  EXPECT_EQ(heard.texts.front(), "info 0");
}

}  // namespace
}  // namespace landfall
