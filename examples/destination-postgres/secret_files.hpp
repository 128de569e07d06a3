#pragma once

#include <string>
#include <string_view>

#include <landfall/runtime/error.hpp>

namespace postgres {

/// Text as a file that only this process can open, and that is gone with it however it ends: it lies in memory.
class SecretFile {
 public:
  SecretFile() = default;
  /// Errors: Error(system). An empty text makes no file.
  SecretFile(std::string const& name, std::string_view text);
  ~SecretFile();
  SecretFile(SecretFile const&) = delete;
  SecretFile& operator=(SecretFile const&) = delete;

  /// Empty: there is no file.
  std::string path() const;

 private:
  int descriptor_ = -1;
};

struct TlsSettings;

/// What libpq wants as files.
struct SecretFiles {
  explicit SecretFiles(TlsSettings const& tls);

  SecretFile ca_certificate;
  SecretFile client_certificate;
  SecretFile client_key;
};

}  // namespace postgres
