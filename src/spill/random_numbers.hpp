#pragma once

#include <cstdint>
#include <random>

namespace landfall {

/// Numbers that nobody else draws: for names of folders, and for what must not be guessed by a record.
class RandomNumbers {
 public:
  std::uint64_t next() {
    std::uint64_t const high = device_();
    return (high << 32) | device_();
  }

 private:
  std::random_device device_;
};

}  // namespace landfall
