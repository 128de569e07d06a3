#include <landfall/state/sync_manager.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <landfall/runtime/assert.hpp>

namespace landfall {

namespace {

bool says_the_same(Error const& a, Error const& b) {
  return a.error_class() == b.error_class() && std::string_view(a.what()) == b.what();
}

StreamOutcome outcome_of(StreamManager const& stream) {
  if (stream.result()) return *stream.result();
  return StreamOutcome(StreamEnd::failed, stream.ledger().records_of_this_sync(),
                       system_error("stream {} was not closed", to_string(stream.stream().descriptor)));
}

Error error_of(StreamDescriptor const& stream, StreamOutcome const& outcome) {
  if (outcome.error) return *outcome.error;
  return transient_error("stream {} ended {}", to_string(stream), to_string(outcome.end));
}

}  // namespace

SyncManager::SyncManager(DestinationCatalog catalog)
    : catalog_(std::move(catalog)), changed_streams_(std::make_unique<ChangedStreams>(catalog_.streams().size())) {
  for (auto const& stream : catalog_.streams()) {
    StreamManager manager(stream, changed_streams_.get(), in_catalog_order_.size());
    auto const [entry, added] = streams_.emplace(stream->descriptor, std::move(manager));
    in_catalog_order_.push_back(&entry->second);
  }
  LANDFALL_ASSERT(streams_.size() == catalog_.streams().size());
}

StreamManager& SyncManager::stream_manager(StreamDescriptor const& stream) {
  return const_cast<StreamManager&>(std::as_const(*this).stream_manager(stream));
}

StreamManager const& SyncManager::stream_manager(StreamDescriptor const& stream) const {
  auto const found = streams_.find(stream);
  if (found == streams_.end()) throw system_error("stream {} is not in the catalog", to_string(stream));
  return found->second;
}

bool SyncManager::register_started_loader(StreamDescriptor const& stream, std::shared_ptr<StreamLoader> loader) {
  LANDFALL_ASSERT(loader != nullptr);
  stream_manager(stream);  // throws for a stream outside the catalog
  return loaders_.emplace(stream, std::move(loader)).second;
}

std::shared_ptr<StreamLoader> SyncManager::loader(StreamDescriptor const& stream) const {
  auto const found = loaders_.find(stream);
  return found == loaders_.end() ? nullptr : found->second;
}

bool SyncManager::all_streams_ended() {
  while (first_active_ < in_catalog_order_.size() && !in_catalog_order_[first_active_]->is_active()) ++first_active_;
  return first_active_ == in_catalog_order_.size();
}

bool SyncManager::all_streams_complete() const {
  return std::all_of(streams_.begin(), streams_.end(), [](auto const& entry) {
    std::optional<StreamOutcome> const& result = entry.second.result();
    return result && result->succeeded();
  });
}

std::vector<StreamDescriptor> SyncManager::active_streams() const {
  std::vector<StreamDescriptor> active;
  for (auto const& stream : catalog_.streams()) {
    if (stream_manager(stream->descriptor).is_active()) active.push_back(stream->descriptor);
  }
  return active;
}

void SyncManager::add_error(Error error) {
  if (!error_) {
    error_ = std::move(error);
    return;
  }
  // A failure of the sync comes back from each stream that it failed: once is enough.
  auto const& attached = error_->attached();
  bool const is_known = says_the_same(*error_, error) ||
                        std::any_of(attached.begin(), attached.end(),
                                    [&error](Error const& known) { return says_the_same(known, error); });
  if (!is_known) {
    error_->attach(std::move(error));
    return;
  }
  for (Error const& later : error.attached()) add_error(later);
}

void SyncManager::mark_destination_ended() {
  if (!active_) throw system_error("the sync ended a second time");
  std::vector<StreamDescriptor> const open = active_streams();
  if (!open.empty()) {
    throw system_error("the sync ended while {} streams were active, the first of them {}", open.size(),
                       to_string(open.front()));
  }
  active_ = false;
}

SyncOutcome SyncManager::outcome() const {
  SyncOutcome outcome;
  outcome.error = error_;
  for (auto const& [descriptor, stream] : streams_) outcome.streams.emplace(descriptor, outcome_of(stream));
  // A sync does not succeed on the strength of a forgotten report.
  for (auto const& [descriptor, ended] : outcome.streams) {
    if (!outcome.error && !ended.succeeded()) outcome.error = error_of(descriptor, ended);
  }
  LANDFALL_ASSERT(outcome.streams.size() == catalog_.streams().size());
  return outcome;
}

}  // namespace landfall
