#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <landfall/protocol/catalog.hpp>
#include <landfall/runtime/error.hpp>

namespace landfall {

inline DestinationStream append_stream(std::string name) {
  DestinationStream stream;
  stream.descriptor = StreamDescriptor(std::move(name));
  return stream;
}

inline DestinationStream overwrite_stream(std::string name) {
  DestinationStream stream = append_stream(std::move(name));
  stream.destination_sync_mode = DestinationSyncMode::overwrite;
  return stream;
}

/// The platform runs with refreshes. 0 < minimum: a truncating refresh.
inline DestinationStream generation_stream(std::string name, std::int64_t generation, std::int64_t minimum) {
  DestinationStream stream = append_stream(std::move(name));
  stream.generation_id = generation;
  stream.minimum_generation_id = minimum;
  stream.sync_id = 1;
  return stream;
}

inline DestinationCatalog append_catalog(std::initializer_list<std::string_view> names) {
  std::vector<DestinationStream> streams;
  for (std::string_view const name : names) streams.push_back(append_stream(std::string(name)));
  return DestinationCatalog(std::move(streams));
}

/// `action` throws Error(system), whose text holds `part`.
template <class Action>
void expect_system_error(std::string_view part, Action action) {
  try {
    action();
    ADD_FAILURE() << "no error, expected: " << part;
  } catch (Error const& error) {
    EXPECT_EQ(error.error_class(), ErrorClass::system);
    EXPECT_THAT(error.what(), ::testing::HasSubstr(std::string(part)));
  }
}

}  // namespace landfall
