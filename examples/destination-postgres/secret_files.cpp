#include "secret_files.hpp"

#include <cerrno>
#include <cstring>

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "settings.hpp"

namespace postgres {

namespace {

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    ssize_t const written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw landfall::system_error("a file in memory: {}", std::strerror(errno));
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

SecretFile::SecretFile(std::string const& name, std::string_view text) : SecretFile() {  // closed if this throws
  if (text.empty()) return;
  descriptor_ = ::memfd_create(name.c_str(), MFD_CLOEXEC);
  // libpq refuses a key that others could read.
  if (descriptor_ < 0 || ::fchmod(descriptor_, S_IRUSR | S_IWUSR) != 0) {
    throw landfall::system_error("{}: a file in memory: {}", name, std::strerror(errno));
  }
  write_all(descriptor_, text);
}

SecretFile::~SecretFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::string SecretFile::path() const {
  return descriptor_ < 0 ? std::string() : "/proc/self/fd/" + std::to_string(descriptor_);
}

SecretFiles::SecretFiles(TlsSettings const& tls)
    : ca_certificate("ssl_mode.ca_certificate", tls.ca_certificate),
      client_certificate("ssl_mode.client_certificate", tls.client_certificate),
      client_key("ssl_mode.client_key", tls.client_key) {}

}  // namespace postgres
