#include "data_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <dirent.h>

#include <cerrno>
#include <memory>
#include <system_error>

#include <fmt/format.h>

namespace jsonl {
namespace {

constexpr int folder_flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
constexpr std::string_view own_folder = ".landfall";  // hidden, so no stream has this name

/// Calls `call` again while a signal interrupts it.
template <class Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

void check(int result, std::string_view what, std::string_view path) {
  if (result < 0) throw io_error(errno, what, path);
}

landfall::ErrorClass class_of(int error_number) {
  switch (error_number) {
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOTDIR:
    case EISDIR:
    case ENOENT:
    case ELOOP:
    case ENAMETOOLONG:
    case EFBIG:
      return landfall::ErrorClass::config;
    default:
      return landfall::ErrorClass::transient;
  }
}

std::string_view advice_for(int error_number) {
  switch (error_number) {
    case EACCES:
    case EPERM:
      return "; give the connector's user the right to write there, or name another folder";
    case EROFS:
      return "; name a folder on a file system that can be written";
    case ENOTDIR:
      return "; a part of this path is a file, or a symbolic link, where a folder is needed";
    case ELOOP:
      return "; symbolic links are not followed there: remove it";
    case EISDIR:
      return "; a folder is in the place of the file: remove it";
    case EFBIG:
      return "; raise the largest size of a file that the process may write (ulimit -f), or name a folder elsewhere";
    case ENOSPC:
    case EDQUOT:
      return "; make room on the disk";
    default:
      return "";
  }
}

void make_folder(int parent, std::string const& name, std::string const& path) {
  if (uninterrupted([&] { return ::mkdirat(parent, name.c_str(), 0777); }) < 0 && errno != EEXIST) {
    throw io_error(errno, "cannot make the folder", path);
  }
}

/// The folder above `path`; "." for a plain name.
std::string parent_of(std::string const& path) {
  auto const end = path.find_last_not_of('/');
  auto const slash = end == std::string::npos ? end : path.find_last_of('/', end);
  if (slash == std::string::npos) return path.starts_with('/') ? "/" : ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

FileDescriptor open_plain_folder(std::string const& path) {
  return FileDescriptor(uninterrupted([&] { return ::open(path.c_str(), folder_flags); }));
}

FileDescriptor open_or_create_folder(std::string const& path) {
  auto folder = open_plain_folder(path);
  if (folder || errno != ENOENT || path == "/" || path == ".") {
    if (!folder) throw io_error(errno, "cannot open the folder", path);
    return folder;
  }
  auto const parent = open_or_create_folder(parent_of(path));
  make_folder(AT_FDCWD, path, path);
  check(uninterrupted([&] { return ::fsync(parent.get()); }), "cannot make the folder", path);
  folder = open_plain_folder(path);
  if (!folder) throw io_error(errno, "cannot open the folder", path);
  return folder;
}

}  // namespace

landfall::Error io_error(int error_number, std::string_view what, std::string_view path) {
  return landfall::Error(
      class_of(error_number),
      fmt::format("{} {}: {}{}", what, path, std::generic_category().message(error_number), advice_for(error_number)));
}

FileDescriptor::~FileDescriptor() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::uint64_t File::size() const {
  struct stat status{};
  check(::fstat(descriptor_.get(), &status), "cannot look at", path_);
  return static_cast<std::uint64_t>(status.st_size);
}

void File::append(std::string_view bytes) const {
  step("write");
  while (!bytes.empty()) {
    auto const written = uninterrupted([&] { return ::write(descriptor_.get(), bytes.data(), bytes.size()); });
    if (written < 0) throw io_error(errno, "cannot write", path_);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string File::read(std::uint64_t position, std::size_t size) const {
  std::string bytes(size, '\0');
  std::size_t filled = 0;
  while (filled < size) {
    auto const count = uninterrupted([&] {
      return ::pread(descriptor_.get(), bytes.data() + filled, size - filled, static_cast<off_t>(position + filled));
    });
    if (count < 0) throw io_error(errno, "cannot read", path_);
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  bytes.resize(filled);
  return bytes;
}

void File::truncate(std::uint64_t size) const {
  step("truncate");
  check(uninterrupted([&] { return ::ftruncate(descriptor_.get(), static_cast<off_t>(size)); }), "cannot shorten",
        path_);
}

void File::sync_data() const {
  step("sync data");
  check(uninterrupted([&] { return ::fdatasync(descriptor_.get()); }), "cannot bring to disk", path_);
}

void File::sync() const {
  step("sync file");
  check(uninterrupted([&] { return ::fsync(descriptor_.get()); }), "cannot bring to disk", path_);
}

bool File::is_found_at(std::string const& path) const {
  struct stat mine{};
  check(uninterrupted([&] { return ::fstat(descriptor_.get(), &mine); }), "cannot look at", path_);
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) return false;
  return mine.st_dev == found.st_dev && mine.st_ino == found.st_ino;
}

bool File::try_lock() const {
  if (uninterrupted([&] { return ::flock(descriptor_.get(), LOCK_EX | LOCK_NB); }) == 0) return true;
  if (errno == EWOULDBLOCK) return false;
  throw io_error(errno, "cannot lock", path_);
}

void File::step(std::string_view name) const {
  if (hook_ != nullptr && *hook_) (*hook_)(name);
}

Folder Folder::open_or_create(std::string const& path, StepHook const* hook) {
  return Folder(open_or_create_folder(path), path, hook);
}

Folder Folder::subfolder(std::string const& name) const {
  auto const path = path_of(name);
  auto const open = [&] {
    return FileDescriptor(
        uninterrupted([&] { return ::openat(descriptor_.get(), name.c_str(), folder_flags | O_NOFOLLOW); }));
  };
  auto folder = open();
  if (!folder && errno == ENOENT) {
    step("make folder");
    make_folder(descriptor_.get(), name, path);
    sync();
    folder = open();
  }
  if (!folder) throw io_error(errno, "cannot open the folder", path);
  return Folder(std::move(folder), path, hook_);
}

Folder Folder::subfolder(std::vector<std::string> const& names) const {
  Folder folder(FileDescriptor(::fcntl(descriptor_.get(), F_DUPFD_CLOEXEC, 0)), path_, hook_);
  if (!folder.descriptor_) throw io_error(errno, "cannot open the folder", path_);
  for (auto const& name : names) folder = folder.subfolder(name);
  return folder;
}

File Folder::open_file(std::string const& name) const {
  step("open file");
  auto file = open(name, O_RDWR | O_CREAT);
  if (!file) throw io_error(errno, "cannot open", path_of(name));
  return file;
}

std::optional<File> Folder::find_file(std::string const& name) const {
  auto file = open(name, O_RDWR);
  if (file) return file;
  if (errno == ENOENT) return std::nullopt;
  throw io_error(errno, "cannot open", path_of(name));
}

File Folder::open(std::string const& name, int flags) const {
  // O_NONBLOCK: a pipe in the place of the file must not keep us waiting.
  FileDescriptor file(uninterrupted([&] {
    return ::openat(descriptor_.get(), name.c_str(), flags | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
  }));
  if (!file) return File();
  struct stat status{};
  check(::fstat(file.get(), &status), "cannot look at", path_of(name));
  if (!S_ISREG(status.st_mode)) {
    throw landfall::config_error("{} is not a regular file: remove it, its place is needed", path_of(name));
  }
  return File(std::move(file), path_of(name), hook_);
}

void Folder::rename(std::string const& from, std::string const& to) const {
  step("rename");
  check(::renameat(descriptor_.get(), from.c_str(), descriptor_.get(), to.c_str()), "cannot replace", path_of(to));
}

void Folder::remove(std::string const& name) const {
  step("remove");
  if (::unlinkat(descriptor_.get(), name.c_str(), 0) < 0 && errno != ENOENT) {
    throw io_error(errno, "cannot remove", path_of(name));
  }
}

void Folder::sync() const {
  step("sync folder");
  check(uninterrupted([&] { return ::fsync(descriptor_.get()); }), "cannot bring to disk the folder", path_);
}

std::vector<std::string> Folder::names() const {
  FileDescriptor again(uninterrupted([&] { return ::openat(descriptor_.get(), ".", folder_flags); }));
  if (!again) throw io_error(errno, "cannot list", path_);
  std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(again.get()), ::closedir);
  if (!listing) throw io_error(errno, "cannot list", path_);
  again.release();
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    auto const* const entry = ::readdir(listing.get());
    if (entry == nullptr) break;
    names.emplace_back(entry->d_name);
  }
  if (errno != 0) throw io_error(errno, "cannot list", path_);
  return names;
}

std::string Folder::path_of(std::string_view name) const { return fmt::format("{}/{}", path_, name); }

void Folder::step(std::string_view name) const {
  if (hook_ != nullptr && *hook_) (*hook_)(name);
}

DataFolder::DataFolder(std::string const& path, StepHook hook)
    : hook_(std::move(hook)),
      data_(Folder::open_or_create(path, &hook_)),
      own_(data_.subfolder(std::string(own_folder))),
      notes_(own_.subfolder("streams")),
      lock_(own_.open_file("lock")) {
  if (lock_.try_lock()) return;
  throw landfall::transient_error("another process is loading into the folder {}: wait until it has ended", path);
}

void probe_folder(std::string const& path) {
  std::string const name = fmt::format(".probe-{}", ::getpid());  // hidden: no stream's file
  try {
    auto const folder = Folder::open_or_create(path);
    auto const file = folder.open_file(name);
    folder.remove(name);  // at once, so that it goes whatever comes; it can still be written
    file.append("can this folder be written?\n");
    file.sync();
  } catch (landfall::Error const& error) {
    throw landfall::config_error("destination_path: {}", error.message());
  }
}

}  // namespace jsonl
