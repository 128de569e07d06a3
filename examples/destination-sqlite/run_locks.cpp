#include "run_locks.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/string_generator.hpp>

#include <landfall/runtime/error.hpp>

namespace sqlite {

namespace {

/// Where the lock of a stream is: the same in all programs, and not the same for two streams, but by a rare chance.
off_t place_of(std::string const& stream) {
  boost::uuids::name_generator_sha1 const places(
      boost::uuids::string_generator()("6c616e64-6661-6c6c-8000-706c61636573"));
  std::uint64_t place = 0;
  for (std::uint8_t const byte : places(stream)) place = place << 8 | byte;
  return static_cast<off_t>(place >> 2);
}

// A lock of the descriptor, not of the process, where there is such a thing.
#ifdef F_OFD_SETLK
constexpr int set_lock = F_OFD_SETLK;
#else
constexpr int set_lock = F_SETLK;
#endif

}  // namespace

RunLocks::RunLocks(std::string database) : database_(std::move(database)) {}

RunLocks::~RunLocks() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void RunLocks::open() {
  if (descriptor_ >= 0) return;
  std::error_code failure;
  auto const file = std::filesystem::canonical(database_, failure);  // whatever links lead to it
  path_ = (failure ? database_ : file.string()) + "-landfall-lock";
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (descriptor_ >= 0) return;
  throw landfall::system_error("{} cannot be opened ({}): syncs of one stream are kept apart by locks of this file",
                               path_, std::strerror(errno));
}

int RunLocks::set(std::string const& stream, short type) noexcept {
  struct flock place{};
  place.l_type = type;
  place.l_whence = SEEK_SET;
  place.l_start = place_of(stream);
  place.l_len = 1;
  while (::fcntl(descriptor_, set_lock, &place) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

void RunLocks::take(std::string const& stream) {
  if (held_.contains(stream)) return;
  open();
  int const failure = set(stream, F_WRLCK);
  if (failure == EAGAIN || failure == EACCES) {
    throw landfall::config_error(
        "another sync of stream {} is loading into this database (it holds a lock of {}): wait until it has ended",
        stream, path_);
  }
  if (failure != 0) throw landfall::system_error("{} cannot be locked: {}", path_, std::strerror(failure));
  held_.insert(stream);
}

void RunLocks::give_back(std::string const& stream) noexcept {
  if (held_.erase(stream) != 0) static_cast<void>(set(stream, F_UNLCK));
}

}  // namespace sqlite
