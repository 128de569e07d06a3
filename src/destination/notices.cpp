#include <landfall/destination/notices.hpp>

#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

namespace landfall {

struct Notices::Shared {
  std::mutex mutex;
  Listener listener;
  std::vector<Notice> kept;  // while nobody listens
};

Notices::Notices() : shared_(std::make_shared<Shared>()) {}

void Notices::info(std::string text) const { tell(Notice(Notice::Level::info, std::move(text))); }
void Notices::warn(std::string text) const { tell(Notice(Notice::Level::warning, std::move(text))); }

void Notices::tell(Notice notice) const {
  constexpr std::size_t most_kept = 1'000;
  std::lock_guard const lock(shared_->mutex);
  if (shared_->listener) {
    shared_->listener(notice);
  } else if (shared_->kept.size() < most_kept) {
    shared_->kept.push_back(std::move(notice));
  }
}

void Notices::listen(Listener listener) const {
  std::lock_guard const lock(shared_->mutex);
  shared_->listener = std::move(listener);
  if (!shared_->listener) return;
  for (Notice const& notice : std::exchange(shared_->kept, {})) shared_->listener(notice);
}

}  // namespace landfall
