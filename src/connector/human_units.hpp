#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include <fmt/format.h>

#include <landfall/runtime/clock.hpp>

namespace landfall {

/// Numbers as a person reads them in a log. Bytes are decimal, as networks and disks count: 1 MB is 1,000,000 bytes.

/// "1,234,567".
inline std::string exact_count(std::uint64_t count) {
  std::string digits = fmt::format("{}", count);
  for (auto place = digits.size(); place > 3; place -= 3) digits.insert(place - 3, 1, ',');
  return digits;
}

/// "999", "1.2k", "3.4M", "5.6G".
inline std::string short_count(std::uint64_t count) {
  if (count < 1'000) return fmt::format("{}", count);
  auto const value = static_cast<double>(count);
  if (count < 1'000'000) return fmt::format("{:.1f}k", value / 1e3);
  if (count < 1'000'000'000) return fmt::format("{:.1f}M", value / 1e6);
  return fmt::format("{:.1f}G", value / 1e9);
}

/// "999 bytes", "1.2 kB", "3.4 MB", "5.6 GB".
inline std::string byte_size(std::uint64_t bytes) {
  if (bytes < 1'000) return fmt::format("{} bytes", bytes);
  auto const value = static_cast<double>(bytes);
  if (bytes < 1'000'000) return fmt::format("{:.1f} kB", value / 1e3);
  if (bytes < 1'000'000'000) return fmt::format("{:.1f} MB", value / 1e6);
  return fmt::format("{:.1f} GB", value / 1e9);
}

inline double seconds(Duration time) { return std::chrono::duration<double>(time).count(); }

/// 0 when no time has passed.
inline double megabytes_per_second(std::uint64_t bytes, Duration time) {
  return time > Duration::zero() ? static_cast<double>(bytes) / 1e6 / seconds(time) : 0.0;
}

}  // namespace landfall
