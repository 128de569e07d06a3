#include <landfall/spill/folder_storage.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <dirent.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include <landfall/runtime/assert.hpp>

namespace landfall {

namespace {

constexpr int folder_flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
constexpr int file_flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;  // O_NONBLOCK: a pipe must not keep us

/// Calls `call` again while a signal interrupts it.
template <class Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

std::string_view advice_for(int error_number) {
  switch (error_number) {
    case EACCES:
    case EPERM:
      return "; give the connector's user the right to write there, or name another directory for the spill";
    case EROFS:
      return "; name a directory on a file system that can be written for the spill";
    case ENOENT:
      return "; make the directory, or name another one for the spill";
    case ENOTDIR:
      return "; a file, or a symbolic link, is in the place of a folder: remove it, or name another directory";
    case ELOOP:
      return "; a symbolic link is in the place of a file: remove it";
    case EISDIR:
      return "; a folder is in the place of a file: remove it";
    case EFBIG:
      return "; raise the largest size of a file that the process may write (ulimit -f)";
    case ENOSPC:
    case EDQUOT:
      return "; make room there, or name a directory on a larger disk for the spill";
  }
  return "";
}

bool only_the_user_can_help(int error_number) {
  switch (error_number) {
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case EISDIR:
    case EFBIG:
    case ENAMETOOLONG:
      return true;
  }
  return false;
}

[[noreturn]] void throw_io_error(int error_number, std::string_view what, std::string_view path) {
  auto text = fmt::format("spill: cannot {} {}: {}{}", what, path, std::generic_category().message(error_number),
                          advice_for(error_number));
  if (error_number == ENOSPC || error_number == EDQUOT) throw DiskFullError(std::move(text));
  throw Error(only_the_user_can_help(error_number) ? ErrorClass::config : ErrorClass::transient, std::move(text));
}

/// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int descriptor) noexcept : descriptor_(descriptor) {}
  Descriptor(Descriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int get() const noexcept { return descriptor_; }
  int release() noexcept { return std::exchange(descriptor_, -1); }
  explicit operator bool() const noexcept { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

/// Pieces as the system wants them, as many as it takes at once.
class GatherList {
 public:
  explicit GatherList(std::span<std::string_view const> pieces) : pieces_(pieces) { fill(); }

  bool empty() const noexcept { return begin_ == end_; }
  iovec const* data() const noexcept { return vectors_.data() + begin_; }
  int size() const noexcept { return static_cast<int>(end_ - begin_); }

  void written(std::size_t bytes) {
    for (; begin_ < end_ && bytes >= vectors_[begin_].iov_len; ++begin_) bytes -= vectors_[begin_].iov_len;
    if (begin_ < end_) {
      vectors_[begin_].iov_base = static_cast<char*>(vectors_[begin_].iov_base) + bytes;
      vectors_[begin_].iov_len -= bytes;
    } else {
      fill();
    }
  }

 private:
  void fill() {
    begin_ = 0;
    end_ = 0;
    for (; end_ < vectors_.size() && !pieces_.empty(); pieces_ = pieces_.subspan(1)) {
      if (pieces_.front().empty()) continue;
      vectors_[end_].iov_base = const_cast<char*>(pieces_.front().data());  // pwritev only reads it
      vectors_[end_].iov_len = pieces_.front().size();
      ++end_;
    }
  }

  std::span<std::string_view const> pieces_;  // behind those in vectors_
  std::array<iovec, IOV_MAX> vectors_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

class FolderFile final : public SpillFile {
 public:
  FolderFile(Descriptor descriptor, std::string path) : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  void blocking_write(std::uint64_t offset, std::span<std::string_view const> pieces) override {
    GatherList list(pieces);
    while (!list.empty()) {
      auto const written = uninterrupted(
          [&] { return ::pwritev(descriptor_.get(), list.data(), list.size(), static_cast<off_t>(offset)); });
      if (written < 0) throw_io_error(errno, "write", path_);
      list.written(static_cast<std::size_t>(written));
      offset += static_cast<std::uint64_t>(written);
    }
  }

  std::size_t blocking_read(std::uint64_t offset, std::span<char> into) override {
    std::size_t filled = 0;
    while (filled < into.size()) {
      auto const count = uninterrupted([&] {
        return ::pread(descriptor_.get(), into.data() + filled, into.size() - filled,
                       static_cast<off_t>(offset + filled));
      });
      if (count < 0) throw_io_error(errno, "read", path_);
      if (count == 0) break;
      filled += static_cast<std::size_t>(count);
    }
    return filled;
  }

  void blocking_truncate(std::uint64_t size) override {
    auto const result = uninterrupted([&] { return ::ftruncate(descriptor_.get(), static_cast<off_t>(size)); });
    if (result < 0) throw_io_error(errno, "shorten", path_);
  }

  void blocking_sync() override {
    // The size counts as data to fdatasync(); only times are left out.
    if (uninterrupted([&] { return ::fdatasync(descriptor_.get()); }) < 0) throw_io_error(errno, "sync", path_);
  }

  std::uint64_t blocking_size() override { return static_cast<std::uint64_t>(status().st_size); }

  bool blocking_try_lock() override {
    if (uninterrupted([&] { return ::flock(descriptor_.get(), LOCK_EX | LOCK_NB); }) == 0) return true;
    if (errno == EWOULDBLOCK) return false;
    throw_io_error(errno, "lock", path_);
  }

  bool blocking_has_name() override { return status().st_nlink > 0; }

 private:
  struct stat status() const {
    struct stat status{};
    if (::fstat(descriptor_.get(), &status) < 0) throw_io_error(errno, "look at", path_);
    return status;
  }

  Descriptor descriptor_;
  std::string path_;
};

/// A folder of the directory; the directory itself for the empty name.
Descriptor open_folder(int directory, std::string const& folder) {
  char const* const name = folder.empty() ? "." : folder.c_str();
  return Descriptor(uninterrupted([&] { return ::openat(directory, name, folder_flags | O_NOFOLLOW); }));
}

Descriptor open_existing_folder(int directory, std::string const& folder, std::string const& path) {
  auto opened = open_folder(directory, folder);
  if (!opened) throw_io_error(errno, "open", path);
  return opened;
}

/// Null when the folder, or the file, is not there; or is, where it should be made.
std::unique_ptr<SpillFile> open_file(int directory, std::string const& folder, std::string const& name, int more_flags,
                                     std::string path) {
  auto const opened_folder = open_folder(directory, folder);
  if (!opened_folder && errno == ENOENT) return nullptr;
  if (!opened_folder) throw_io_error(errno, "open", path);
  Descriptor file(
      uninterrupted([&] { return ::openat(opened_folder.get(), name.c_str(), file_flags | more_flags, 0600); }));
  if (!file && (errno == ENOENT || errno == EEXIST)) return nullptr;
  if (!file) throw_io_error(errno, "open", path);
  struct stat status{};
  if (::fstat(file.get(), &status) < 0) throw_io_error(errno, "look at", path);
  if (!S_ISREG(status.st_mode)) {
    throw config_error("spill: {} is not a regular file: remove it, its place is needed", path);
  }
  return std::make_unique<FolderFile>(std::move(file), std::move(path));
}

}  // namespace

FolderStorage::FolderStorage(std::string directory, Open when) : directory_(std::move(directory)) {
  if (when == Open::now) descriptor();
}

FolderStorage::~FolderStorage() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

int FolderStorage::descriptor() {
  std::lock_guard const lock(mutex_);
  if (descriptor_ >= 0) return descriptor_;
  // Symbolic links are followed here: this one the user has named.
  descriptor_ = uninterrupted([&] { return ::open(directory_.c_str(), folder_flags); });
  if (descriptor_ < 0) throw_io_error(errno, "open the directory", directory_);
  return descriptor_;
}

std::string FolderStorage::path_of(std::string_view folder, std::string_view name) const {
  std::string path = directory_;
  for (auto const part : {folder, name}) {
    if (part.empty()) continue;
    path += '/';
    path += part;
  }
  return path;
}

void FolderStorage::blocking_check_writable() {
  if (::faccessat(descriptor(), ".", W_OK | X_OK, AT_EACCESS) < 0) throw_io_error(errno, "write into", directory_);
}

std::vector<std::string> FolderStorage::blocking_list(std::string const& folder) {
  auto opened = open_folder(descriptor(), folder);
  std::vector<std::string> names;
  if (!opened && errno == ENOENT) return names;
  if (!opened) throw_io_error(errno, "list", path_of(folder));
  std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(opened.get()), ::closedir);
  if (!listing) throw_io_error(errno, "list", path_of(folder));
  opened.release();
  for (;;) {
    errno = 0;
    auto const* const entry = ::readdir(listing.get());
    if (entry == nullptr) break;
    std::string_view const name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) throw_io_error(errno, "list", path_of(folder));
  return names;
}

bool FolderStorage::blocking_is_private(std::string const& folder) {
  struct stat status{};
  if (::fstatat(descriptor(), folder.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) {
    if (errno == ENOENT) return false;
    throw_io_error(errno, "look at", path_of(folder));
  }
  return S_ISDIR(status.st_mode) && status.st_uid == ::geteuid() && (status.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

bool FolderStorage::blocking_make_folder(std::string const& folder) {
  if (::mkdirat(descriptor(), folder.c_str(), 0700) == 0) return true;
  if (errno == EEXIST) return false;
  throw_io_error(errno, "make the folder", path_of(folder));
}

bool FolderStorage::blocking_remove_folder(std::string const& folder) {
  if (::unlinkat(descriptor(), folder.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return true;
  if (errno == ENOTEMPTY || errno == EEXIST) return false;
  throw_io_error(errno, "remove the folder", path_of(folder));
}

std::unique_ptr<SpillFile> FolderStorage::blocking_create(std::string const& folder, std::string const& name) {
  return open_file(descriptor(), folder, name, O_CREAT | O_EXCL, path_of(folder, name));
}

std::unique_ptr<SpillFile> FolderStorage::blocking_open(std::string const& folder, std::string const& name) {
  return open_file(descriptor(), folder, name, 0, path_of(folder, name));
}

void FolderStorage::blocking_rename(std::string const& folder, std::string const& from, std::string const& to) {
  auto const opened = open_existing_folder(descriptor(), folder, path_of(folder));
  if (::renameat(opened.get(), from.c_str(), opened.get(), to.c_str()) < 0) {
    throw_io_error(errno, "rename", path_of(folder, from));
  }
}

void FolderStorage::blocking_remove(std::string const& folder, std::string const& name) {
  auto const opened = open_folder(descriptor(), folder);
  if (!opened && errno == ENOENT) return;
  if (!opened) throw_io_error(errno, "remove", path_of(folder, name));
  if (::unlinkat(opened.get(), name.c_str(), 0) < 0 && errno != ENOENT) {
    throw_io_error(errno, "remove", path_of(folder, name));
  }
}

void FolderStorage::blocking_sync_folder(std::string const& folder) {
  auto const opened = open_existing_folder(descriptor(), folder, path_of(folder));
  if (uninterrupted([&] { return ::fsync(opened.get()); }) < 0) throw_io_error(errno, "sync", path_of(folder));
}

}  // namespace landfall
