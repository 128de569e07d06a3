#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <landfall/destination/reject_sink.hpp>
#include <landfall/runtime/error.hpp>

#include "connector/secret_mask.hpp"

namespace landfall {

/// A file of JSON lines, one for each record that could not be loaded:
///
///   {"stream":"users","namespace":null,"record":17,"reason":"...","emitted_at":1700000000000,"data":{...},"meta":{...}}
///
/// `data` and `meta` are the record's own text, byte for byte; a record without `meta` has none here. `record` is its
/// place in its stream, from 0, in the sync that rejected it. A record that could not be read has its line instead of
/// `emitted_at`, `data` and `meta`, as text; where that is no UTF-8, its bytes too:
///
///   {"stream":"users","namespace":null,"record":18,"reason":"line 20: ...","line":"...","line_base64":"..."}
///
/// Threads:   any; one writer at a time, other processes that append to the same file included (flock).
/// Durable:   when write() returns, its lines and the file's name are on disk.
/// Invariant: whole lines only: what a write could not finish is cut off again, what a crash left is cut off by the
///            next writer. Foreign text, or a whole line, without an end of line gets one.
/// Errors:    thrown, with the path and what to do: Error(config) for what only a person can change (the path, rights,
/// a
///            file-size limit), Error(transient) for what may pass (a full disk). Error(system) from then on when
///            nobody knows what is on disk: after a failed fdatasync, or when half a line could not be cut off.
class RejectFile final : public RejectSink {
 public:
  /// Opens it, so that a wrong path shows before a record is read. Made when it is missing, readable for its owner
  /// alone: it holds the records' data. No reason shows what `secrets` masks.
  /// Errors: Error(config), too, for a file that another user could have put there to be written to, or could change: a
  ///         symbolic link, one of another owner, one that others may write to.
  explicit RejectFile(std::string path, SecretMask secrets = SecretMask());
  RejectFile(RejectFile const&) = delete;
  RejectFile& operator=(RejectFile const&) = delete;
  ~RejectFile() override;

  /// What should be looked at, if anything: others may read the file.
  std::optional<std::string> const& warning() const noexcept { return warning_; }

  /// Whether it could be opened. Makes nothing that stays.
  static void blocking_check(std::string const& path);

  awaitable<void> write(RecordBatch const& batch, std::vector<RejectedRecord> const& rejected) override;

  std::string const& path() const noexcept { return path_; }

 private:
  void blocking_open();
  void blocking_append(std::string_view lines);
  void blocking_write_whole(std::string_view lines, std::uint64_t place);
  std::uint64_t blocking_end_of_whole_lines() const;
  void give_up(Error const& cause);

  std::string path_;
  SecretMask secrets_;
  std::optional<std::string> warning_;
  int fd_ = -1;
  std::mutex mutex_;
  std::optional<Error> broken_;  // under mutex_
};

}  // namespace landfall
