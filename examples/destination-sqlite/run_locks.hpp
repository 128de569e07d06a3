#pragma once

#include <cstdint>
#include <set>
#include <string>

namespace sqlite {

/// Locks of the operating system, one for each stream that is being loaded into a database: they end with their
/// process, however it ends. They are places in an empty file beside the database ("people.db-landfall-lock"), which
/// stays: who removed it could let two in.
///
/// Threads: one at a time. Nothing waits.
class RunLocks {
 public:
  /// `database`: its file, which is there when a lock is taken.
  explicit RunLocks(std::string database);
  ~RunLocks();
  RunLocks(RunLocks const&) = delete;
  RunLocks& operator=(RunLocks const&) = delete;

  /// Nothing, when it is held here already.
  /// Errors: Error(config) when another process holds it; Error(system) when the file cannot be opened or locked.
  void take(std::string const& stream);
  void give_back(std::string const& stream) noexcept;

 private:
  void open();
  int set(std::string const& stream, short type) noexcept;

  std::string const database_;
  std::string path_;
  int descriptor_ = -1;
  std::set<std::string> held_;
};

}  // namespace sqlite
