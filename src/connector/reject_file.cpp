#include "connector/reject_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <map>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/blocking.hpp>

#include "protocol/message_printer.hpp"

namespace landfall {

namespace {

constexpr std::string_view line_begin = R"({"stream":)";

// Calls `call` again while a signal interrupts it.
template <class Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

ErrorClass class_of(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case ENFILE:
    case EMFILE:
    case ENOMEM:
    case EIO:
      return ErrorClass::transient;
    default:
      return ErrorClass::config;
  }
}

std::string_view advice_for(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return "; make the folder it is to be in, or name another place";
    case EACCES:
    case EPERM:
    case EROFS:
      return "; name a place that the connector's user may write to";
    case EISDIR:
      return "; name a file, not a folder";
    case ELOOP:
      return "; it is a symbolic link, which is not followed: name the file itself";
    case ENOSPC:
    case EDQUOT:
      return "; make room on the disk";
    case EFBIG:
      return "; move the file away, or raise the largest size of a file that the process may write (ulimit -f)";
    default:
      return "";
  }
}

Error failed(std::string const& path, char const* what, int error_number) {
  return Error(class_of(error_number),
               fmt::format("cannot {} the reject file {}: {}{}", what, path,
                           std::generic_category().message(error_number), advice_for(error_number)));
}

// O_NONBLOCK: a pipe in its place must not keep us waiting. O_NOFOLLOW: whoever may write to the folder could choose
// the file by a link.
constexpr int open_flags = O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW;

int open_file(std::string const& path, int more_flags) {
  return uninterrupted([&] { return ::open(path.c_str(), open_flags | more_flags, 0600); });
}

// Whatever path was opened: a file that only its owner, who is this process's user, can change.
void require_own_file(std::string const& path, struct stat const& status) {
  if (!S_ISREG(status.st_mode)) throw config_error("the reject file {} is not a regular file: name another", path);
  if (status.st_uid != ::geteuid()) {
    throw config_error("the reject file {} belongs to another user (id {}): name another, or change its owner", path,
                       status.st_uid);
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    throw config_error("the reject file {} can be changed by other users: take that right away (chmod go-w)", path);
  }
}

struct stat status_of(std::string const& path, int fd) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) throw failed(path, "open", errno);
  return status;
}

std::string folder_of(std::string const& path) {
  auto const parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

std::string json_text(std::string_view text) {
  return boost::json::serialize(boost::json::string(repaired_utf8(std::string(text))));
}

bool is_whole_json(std::string_view text) {
  boost::json::error_code error;
  boost::json::parse(text, error);
  return !error;
}

// Which of the batch's records are meant, in order; several reasons for one record are one line.
std::map<RecordNumber, std::string_view> reasons_by_number(std::vector<RejectedRecord> const& rejected) {
  std::map<RecordNumber, std::string_view> reasons;
  for (auto const& [number, reason] : rejected) reasons.emplace(number, reason);
  return reasons;
}

std::string print_head(StreamDescriptor const& stream) {
  return fmt::format(R"({}{},"namespace":{},"record":)", line_begin, json_text(stream.name),
                     stream.name_space ? json_text(*stream.name_space) : "null");
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::string_view const group = bytes.substr(at, 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = bits << 8 | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i) text += i <= group.size() ? digits[bits >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

void print_unreadable(std::string& out, std::string_view head, Record const& record, std::string_view reason) {
  fmt::format_to(std::back_inserter(out), R"({}{},"reason":{},"line":{})", head, record.number(), json_text(reason),
                 json_text(record.line()));
  bool const is_text = repaired_utf8(std::string(record.line())) == record.line();
  if (!is_text) fmt::format_to(std::back_inserter(out), R"(,"line_base64":"{}")", base64(record.line()));
  out += "}\n";
}

void print_line(std::string& out, std::string_view head, Record const& record, std::string_view reason) {
  if (record.is_unreadable()) return print_unreadable(out, head, record, reason);
  fmt::format_to(std::back_inserter(out), R"({}{},"reason":{},"emitted_at":{},"data":{})", head, record.number(),
                 json_text(reason), record.emitted_at().time_since_epoch().count(), record.data());
  if (!record.meta().empty()) fmt::format_to(std::back_inserter(out), R"(,"meta":{})", record.meta());
  out += "}\n";
}

std::string print_lines(RecordBatch const& batch, std::vector<RejectedRecord> const& rejected,
                        SecretMask const& secrets) {
  auto const head = print_head(batch.stream().descriptor);
  auto reasons = reasons_by_number(rejected);
  std::string lines;
  for (auto const& record : batch) {
    auto const found = reasons.find(record.number());
    if (found == reasons.end()) continue;
    print_line(lines, head, record, secrets.apply(found->second));
    reasons.erase(found);
  }
  if (reasons.empty()) return lines;
  throw system_error("stream {}: record {} was rejected, but is not in batch {}", to_string(batch.stream().descriptor),
                     reasons.begin()->first, to_string(batch.id()));
}

// The file, for one process, until the object goes.
class FileLock {
 public:
  explicit FileLock(int fd) : fd_(fd) {}
  FileLock(FileLock const&) = delete;
  FileLock& operator=(FileLock const&) = delete;
  ~FileLock() { ::flock(fd_, LOCK_UN); }

  // 0, or the error number.
  int acquire() const {
    return uninterrupted([this] { return ::flock(fd_, LOCK_EX); }) == 0 ? 0 : errno;
  }

 private:
  int fd_;
};

class FileCloser {
 public:
  explicit FileCloser(int fd) : fd_(fd) {}
  FileCloser(FileCloser const&) = delete;
  FileCloser& operator=(FileCloser const&) = delete;
  ~FileCloser() { ::close(fd_); }

 private:
  int fd_;
};

// Brings the name of a file to disk. 0, or the error number.
int sync_folder_of(std::string const& path) {
  auto const folder = folder_of(path);
  int const fd = uninterrupted([&] { return ::open(folder.c_str(), O_RDONLY | O_CLOEXEC); });
  if (fd < 0) return errno;
  int const failure = uninterrupted([fd] { return ::fsync(fd); }) == 0 ? 0 : errno;
  ::close(fd);
  return failure == EINVAL ? 0 : failure;  // a file system whose folders need none
}

}  // namespace

RejectFile::RejectFile(std::string path, SecretMask secrets) : path_(std::move(path)), secrets_(std::move(secrets)) {
  try {
    blocking_open();
  } catch (...) {
    if (fd_ >= 0) ::close(fd_);
    throw;
  }
}

RejectFile::~RejectFile() { ::close(fd_); }

awaitable<void> RejectFile::write(RecordBatch const& batch, std::vector<RejectedRecord> const& rejected) {
  co_await run_blocking([this, &batch, &rejected] {
    auto const lines = print_lines(batch, rejected, secrets_);
    if (!lines.empty()) blocking_append(lines);
  });
}

void RejectFile::blocking_check(std::string const& path) {
  int fd = open_file(path, 0);
  // One that is made and removed again could be another process's by then: a file of another name is tried.
  auto probe = fmt::format("{}/.landfall-check-{}", folder_of(path), ::getpid());
  bool const is_new = fd < 0 && errno == ENOENT && !path.ends_with('/');
  if (is_new) fd = open_file(probe, O_CREAT | O_EXCL);
  if (fd < 0) throw failed(path, "open", errno);
  FileCloser const closer(fd);
  if (is_new) ::unlink(probe.c_str());
  require_own_file(path, status_of(path, fd));
}

void RejectFile::blocking_open() {
  fd_ = open_file(path_, O_CREAT);
  if (fd_ < 0) throw failed(path_, "open", errno);
  auto const status = status_of(path_, fd_);
  require_own_file(path_, status);
  if ((status.st_mode & (S_IRGRP | S_IROTH)) != 0) {
    warning_ =
        fmt::format("other users may read the reject file {}, which holds the data of records: chmod go-r", path_);
  }
  if (int const failure = sync_folder_of(path_)) throw failed(path_, "bring to disk the name of", failure);
}

void RejectFile::blocking_append(std::string_view lines) {
  std::lock_guard const one_at_a_time(mutex_);
  if (broken_) throw *broken_;
  FileLock const lock(fd_);
  if (int const failure = lock.acquire()) throw failed(path_, "lock", failure);
  auto const place = blocking_end_of_whole_lines();
  blocking_write_whole(lines, place);
  if (uninterrupted([this] { return ::fdatasync(fd_); }) == 0) return;
  auto const error = failed(path_, "bring to disk", errno);
  give_up(error);  // what the system dropped from its cache cannot be brought to disk by asking again
  throw error;
}

// Writes all of `lines` from `place`, or leaves the file as long as that.
void RejectFile::blocking_write_whole(std::string_view lines, std::uint64_t place) {
  auto position = static_cast<off_t>(place);
  while (!lines.empty()) {
    auto const written = uninterrupted([&] { return ::pwrite(fd_, lines.data(), lines.size(), position); });
    if (written >= 0) {
      lines.remove_prefix(static_cast<std::size_t>(written));
      position += written;
      continue;
    }
    auto const error = failed(path_, "write", errno);
    if (uninterrupted([&] { return ::ftruncate(fd_, static_cast<off_t>(place)); }) != 0) give_up(error);
    throw error;
  }
}

// Where the next line belongs. Whoever holds the lock may do away with half a line of ours: its writer is gone. A whole
// one may have lost its line feed in an editor.
std::uint64_t RejectFile::blocking_end_of_whole_lines() const {
  off_t const size = ::lseek(fd_, 0, SEEK_END);
  if (size < 0) throw failed(path_, "look at", errno);
  std::string tail;
  for (off_t end = size; end > 0;) {
    std::string piece(static_cast<std::size_t>(std::min<off_t>(end, 64 << 10)), '\0');
    off_t const begin = end - static_cast<off_t>(piece.size());
    auto const read = uninterrupted([&] { return ::pread(fd_, piece.data(), piece.size(), begin); });
    if (read != static_cast<ssize_t>(piece.size())) throw failed(path_, "read", read < 0 ? errno : EIO);
    auto const line_end = piece.rfind('\n');
    tail.insert(0, piece, line_end == std::string::npos ? 0 : line_end + 1);
    if (line_end != std::string::npos) break;
    end = begin;
  }
  auto const is_ours = tail.starts_with(line_begin.substr(0, tail.size())) && !is_whole_json(tail);
  auto const whole = static_cast<std::uint64_t>(size) - tail.size();
  if (tail.empty()) return whole;
  if (is_ours) {
    if (::ftruncate(fd_, static_cast<off_t>(whole)) != 0) throw failed(path_, "shorten", errno);
    return whole;
  }
  if (uninterrupted([&] { return ::pwrite(fd_, "\n", 1, size); }) != 1) throw failed(path_, "write", errno);
  return static_cast<std::uint64_t>(size) + 1;
}

void RejectFile::give_up(Error const& cause) { broken_ = Error(ErrorClass::system, cause.message()); }

}  // namespace landfall
