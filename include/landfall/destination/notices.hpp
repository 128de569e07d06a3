#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace landfall {

/// Something that people should know, and that is no error.
struct Notice {
  enum class Level { info, warning };
  Notice(Level notice_level, std::string notice_text) : level(notice_level), text(std::move(notice_text)) {}

  Level level;
  std::string text;  ///< one line; names, never what is in a record
};

/// Where a destination and its parts tell what people should know: LOG messages of a connector, or whatever
/// SyncOptions::on_notice makes of it.
///
/// Copies share one place: give one to each part that has something to tell.
/// Before anybody listens (in a constructor), what is told is kept, 1,000 notices at most, and told then.
/// Threads: any.
class Notices {
 public:
  /// Quick, on the thread of whoever tells; must not tell anything itself, or throw.
  using Listener = std::function<void(Notice const&)>;

  Notices();

  void info(std::string text) const;
  void warn(std::string text) const;

  /// Takes the place of the listener before; null: nobody listens.
  void listen(Listener listener) const;

 private:
  struct Shared;
  void tell(Notice notice) const;

  std::shared_ptr<Shared> shared_;
};

}  // namespace landfall
