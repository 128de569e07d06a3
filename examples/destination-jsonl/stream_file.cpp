#include "stream_file.hpp"

#include <algorithm>
#include <charconv>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <landfall/runtime/assert.hpp>

namespace jsonl {
namespace {

constexpr std::size_t buffer_size = 256 << 10;  // stays in the nearest caches until it is written

/// The size without a last line that was not written whole.
std::uint64_t size_of_whole_lines(File const& file, std::uint64_t size) {
  constexpr std::uint64_t step = 64 << 10;
  for (std::uint64_t end = size; end > 0;) {
    std::uint64_t const begin = end - std::min(end, step);
    auto const line_end = file.read(begin, static_cast<std::size_t>(end - begin)).find_last_of('\n');
    if (line_end != std::string::npos) return begin + line_end + 1;
    end = begin;
  }
  return 0;
}

/// Cuts off a last line that was not written whole, which must be ours. Returns the size.
std::uint64_t cut_torn_line(File const& file) {
  auto const size = file.size();
  auto const whole = size_of_whole_lines(file, size);
  if (whole != size) file.truncate(whole);
  return whole;
}

void require_lock(File const& file) {
  // Two names can meet in one file where case does not count, or where the folder of one sync is inside another's.
  if (!file.try_lock()) throw landfall::config_error("{} is being written by somebody else", file.path());
}

void append_all(File const& from, File const& to) {
  for (std::uint64_t position = 0;;) {
    auto const bytes = from.read(position, buffer_size);
    if (bytes.empty()) return;
    to.append(bytes);
    position += bytes.size();
  }
}

}  // namespace

Replacement replacement_of(landfall::DestinationStream const& stream) {
  if (!stream.replaces_old_data()) return Replacement();
  if (!stream.has_generations() || *stream.minimum_generation_id <= 0) return Replacement(Replacement::Kind::fresh);
  if (*stream.minimum_generation_id < *stream.generation_id) {
    throw landfall::config_error(
        "stream {}: a minimum_generation_id ({}) between 0 and the generation_id ({}) is not supported: the rows of a "
        "file go all or none",
        to_string(stream.descriptor), *stream.minimum_generation_id, *stream.generation_id);
  }
  return Replacement(Replacement::Kind::generation, *stream.generation_id);
}

StreamFile::StreamFile(DataFolder const& folder, landfall::DestinationStream const& stream, RecordFormat format,
                       std::uint64_t seed, landfall::Notices notices)
    : data_folder_(&folder),
      path_(stream_path(stream.descriptor)),
      replacement_(replacement_of(stream)),
      formatter_(format, stream, seed),
      notices_(std::move(notices)) {}

void StreamFile::blocking_open() {
  auto const folder = data_folder_->data().subfolder(path_.folders);
  finish_interrupted(folder);
  name_ = choose_name(folder);
  file_ = folder.open_file(name_);
  final_path_ = folder.path_of(path_.file);
  require_lock(file_);
  auto const size = is_work_file() ? cut_torn_line(file_) : end_last_line(file_);
  file_.sync_data();  // rows of an attempt that was killed may not be on disk, and what follows is cut back to here
  folder.sync();      // the file may be new
  size_ = size;
  synced_size_ = size;
}

/// Also decides what is carried over from attempts that failed.
std::string StreamFile::choose_name(Folder const& folder) const {
  switch (replacement_.kind) {
    case Replacement::Kind::none:
      folder.remove(work_name_without_generation());
      for (auto const generation : work_generations(folder)) merge(folder, generation);
      return path_.file;
    case Replacement::Kind::fresh:
      remove_works_except(folder, std::nullopt);
      return work_name_without_generation();
    case Replacement::Kind::generation:
      remove_works_except(folder, replacement_.generation);
      if (read_note().replaced_by_generation == replacement_.generation) return path_.file;
      return work_name(replacement_.generation);
  }
  LANDFALL_ASSERT(false);
}

std::uint64_t StreamFile::blocking_write(landfall::RecordBatch const& records, Milliseconds now) {
  throw_if_broken();
  std::uint64_t const begin = size_;
  require_size(begin);
  require_in_place();
  std::uint64_t end = begin;
  try {
    RowBuffer rows(std::min<std::size_t>(buffer_size, records.bytes() + 256 * (records.size() + 1)),
                   [&](std::string_view bytes) {
                     if (!appending_from_ && !is_work_file()) note_appending(begin, bytes);
                     end += bytes.size();
                     file_.append(bytes);
                   });
    formatter_.write(records, now, rows);
    rows.flush();
  } catch (std::exception const& error) {
    take_back(begin, end, error.what());
    throw;
  }
  require_size(end);
  size_ = end;
  return end;
}

/// Cuts off what a batch that failed has left; at most it would have come up to `end`.
void StreamFile::take_back(std::uint64_t begin, std::uint64_t end, std::string const& cause) {
  if (appending_from_ == begin) appending_from_.reset();  // other bytes may come to that place
  try {
    auto const size = file_.size();
    if (size < begin || size > end) return mark_changed_by_others(size, begin);
    file_.truncate(begin);
  } catch (landfall::Error const&) {
    mark_broken(cause);  // half a batch may stand there: nothing may follow it
  }
}

void StreamFile::blocking_sync(std::uint64_t mark) {
  std::lock_guard const lock(sync_mutex_);
  throw_if_broken();
  if (synced_size_ && *synced_size_ >= mark) return;
  std::uint64_t const covered = size_;
  LANDFALL_ASSERT(mark <= covered);
  sync_or_break();
  require_in_place();
  if (auto const size = file_.size(); size < covered) {
    mark_changed_by_others(size, covered);
    throw_if_broken();
  }
  synced_size_ = covered;
}

void StreamFile::blocking_commit() {
  blocking_sync(size_);
  require_in_place();  // also where nothing was left to sync: else a file that is gone looks like one that was renamed
  forget_appending();
  if (is_work_file()) swap(data_folder_->data().subfolder(path_.folders));
  file_ = File();
}

void StreamFile::blocking_abandon() {
  if (!file_) return;
  std::lock_guard const lock(sync_mutex_);
  if (is_changed_by_others_) {
    sync_or_break();
    forget_appending();  // a torn line at the end is not ours to cut
  } else if (is_broken()) {
    if (synced_size_) file_.truncate(*synced_size_);  // what is behind it was never acknowledged
  } else if (appending_from_) {
    sync_or_break();
    forget_appending();
  }
  file_ = File();
}

/// A sync that failed is never asked for again: the next one would say that all is well.
void StreamFile::sync_or_break() {
  try {
    file_.sync_data();
  } catch (landfall::Error const& error) {
    mark_broken(error.message());
    throw_if_broken();
  }
}

// ---- what others do to the file while it is ours ----

/// Rows behind a place that is not the end of ours would leave a hole, or stand behind a torn line.
void StreamFile::require_size(std::uint64_t expected) {
  auto const size = file_.size();
  if (size == expected) return;
  mark_changed_by_others(size, expected);
  throw_if_broken();
}

/// What nobody can find is not safe.
void StreamFile::require_in_place() {
  // A commit that is repeated may have renamed it.
  if (file_.is_found_at(file_.path()) || (is_work_file() && file_.is_found_at(final_path_))) return;
  is_changed_by_others_ = true;
  mark_broken(fmt::format(
      "{} was removed, renamed or replaced by another program during the sync: rows that went to it since then are "
      "lost. Find out which program does that, restore the file, and sync again",
      file_.path()));
  throw_if_broken();
}

void StreamFile::mark_changed_by_others(std::uint64_t size, std::uint64_t expected) {
  is_changed_by_others_ = true;
  mark_broken(fmt::format(
      "{} was changed by another program during the sync: it has {} bytes instead of {}. All that is in it is kept. "
      "Find out which program does that, look whether rows are missing, and sync again",
      file_.path(), size, expected));
}

// ---- its notes, and what interrupted syncs have left ----

void StreamFile::swap(Folder const& folder) const {
  bool const by_generation = replacement_.kind == Replacement::Kind::generation;
  auto note = read_note();
  if (by_generation) {
    note.replaced_by_generation = replacement_.generation;
    write_note(note);
  }
  if (folder.find_file(name_)) folder.rename(name_, path_.file);
  folder.sync();
  if (!by_generation && note.replaced_by_generation) {
    note.replaced_by_generation.reset();
    write_note(note);
  }
}

void StreamFile::finish_interrupted(Folder const& folder) const {
  auto note = read_note();
  if (note.appending) finish_append(folder, note);
  if (note.merge) finish_merge(folder, note);
  if (!note.replaced_by_generation) return;
  auto const work = work_name(*note.replaced_by_generation);
  if (!folder.find_file(work)) return;
  folder.rename(work, path_.file);
  folder.sync();
}

void StreamFile::finish_append(Folder const& folder, StreamNote& note) const {
  if (auto const file = folder.find_file(path_.file)) {
    require_lock(*file);
    if (note.appending->fits(*file)) cut_torn_line(*file);
    file->sync_data();
  }
  note.appending.reset();
  write_note(note);
}

void StreamFile::note_appending(std::uint64_t place, std::string_view first) {
  auto note = read_note();
  note.appending = AppendNote(file_, place, first);
  write_note(note);
  appending_from_ = place;
}

/// All that was written is on disk: a torn line that is found from now on is somebody else's.
void StreamFile::forget_appending() {
  if (!appending_from_) return;
  auto note = read_note();
  note.appending.reset();
  write_note(note);
  appending_from_.reset();
}

/// Puts a line feed behind a last line without one, which is not ours. Returns the size.
std::uint64_t StreamFile::end_last_line(File const& file) const {
  auto const size = file.size();
  if (size == 0 || file.read(size - 1, 1) == "\n") return size;
  file.append("\n");
  notices_.warn(fmt::format(
      "{} did not end with a line feed, and its last line was not left by an interrupted sync: the line is kept, and a "
      "line feed was added",
      file.path()));
  return size + 1;
}

void StreamFile::finish_merge(Folder const& folder, StreamNote& note) const {
  auto const [generation, place] = *note.merge;
  auto const work = folder.find_file(work_name(generation));
  if (!work) {      // it went last: all is done
    folder.sync();  // it must not come back without the note
    note.merge.reset();
    return write_note(note);
  }
  auto const file = folder.open_file(path_.file);
  auto const size = file.size();
  if (size < place || size > place + work->size()) {
    throw landfall::config_error(
        "{} was changed by somebody else while rows of an interrupted sync were being added: it should have {} to {} "
        "bytes and has {}. Restore it, or move it and {} away",
        file.path(), place, place + work->size(), size, work->path());
  }
  file.truncate(place);
  cut_torn_line(*work);  // it was cut before, but perhaps not on disk
  put_behind(folder, *work, note);
}

void StreamFile::merge(Folder const& folder, std::int64_t generation) const {
  auto const work = folder.find_file(work_name(generation));
  LANDFALL_ASSERT(work.has_value());
  auto const file = folder.open_file(path_.file);
  auto note = read_note();
  cut_torn_line(*work);
  note.merge = StreamNote::Merge{generation, end_last_line(file)};
  work->sync();  // neither its rows
  file.sync();   // nor the rows before that place may be shorter after a crash
  folder.sync();
  write_note(note);
  put_behind(folder, *work, note);
}

void StreamFile::put_behind(Folder const& folder, File const& work, StreamNote& note) const {
  auto const file = folder.open_file(path_.file);
  append_all(work, file);
  file.sync_data();
  folder.remove(work_name(note.merge->generation));
  folder.sync();
  note.merge.reset();
  write_note(note);
}

void StreamFile::remove_works_except(Folder const& folder, std::optional<std::int64_t> generation) const {
  folder.remove(work_name_without_generation());
  for (auto const other : work_generations(folder)) {
    if (other != generation) folder.remove(work_name(other));
  }
}

std::vector<std::int64_t> StreamFile::work_generations(Folder const& folder) const {
  auto const prefix = work_name_without_generation() + '-';
  std::vector<std::int64_t> generations;
  for (auto const& name : folder.names()) {
    if (!name.starts_with(prefix)) continue;
    std::int64_t generation = 0;
    auto const [end, error] = std::from_chars(name.data() + prefix.size(), name.data() + name.size(), generation);
    if (error == std::errc() && end == name.data() + name.size()) generations.push_back(generation);
  }
  std::sort(generations.begin(), generations.end());
  return generations;
}

std::string StreamFile::work_name(std::int64_t generation) const {
  return fmt::format("{}-{}", work_name_without_generation(), generation);
}

std::string StreamFile::work_name_without_generation() const {  // hidden, as no stream's file is
  return fmt::format(".{}.new", path_.file);
}

StreamNote StreamFile::read_note() const {
  auto const folder = data_folder_->notes().subfolder(path_.folders);
  auto const file = folder.find_file(path_.file);
  if (!file) return StreamNote();
  std::string const text = file->read(0, static_cast<std::size_t>(file->size()));
  try {
    return StreamNote::parse(text);
  } catch (std::bad_alloc const&) {
    throw;
  } catch (std::exception const& error) {
    throw landfall::config_error("{} is broken ({}): it says how far an earlier sync came", file->path(), error.what());
  }
}

void StreamFile::write_note(StreamNote const& note) const {
  auto const folder = data_folder_->notes().subfolder(path_.folders);
  if (note.is_empty()) {
    folder.remove(path_.file);
    return folder.sync();
  }
  auto const new_name = fmt::format(".{}.new", path_.file);
  {
    auto const file = folder.open_file(new_name);
    file.truncate(0);
    file.append(note.print());
    file.sync();
  }
  folder.rename(new_name, path_.file);
  folder.sync();
}

void StreamFile::throw_if_broken() const {
  std::lock_guard const lock(broken_mutex_);
  if (broken_) throw *broken_;
}

bool StreamFile::is_broken() const {
  std::lock_guard const lock(broken_mutex_);
  return broken_.has_value();
}

void StreamFile::mark_broken(std::string cause) {
  std::lock_guard const lock(broken_mutex_);
  if (!broken_) broken_ = landfall::Error(landfall::ErrorClass::system, std::move(cause));
}

}  // namespace jsonl
