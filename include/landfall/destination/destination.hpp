#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

#include <landfall/destination/load_limits.hpp>
#include <landfall/destination/load_step.hpp>
#include <landfall/destination/notices.hpp>
#include <landfall/destination/outcome.hpp>
#include <landfall/destination/stream_loader.hpp>
#include <landfall/protocol/catalog.hpp>
#include <landfall/runtime/awaitable.hpp>

namespace landfall {

/// What `spec` prints: the form a user fills in, and which modes the destination knows.
struct ConnectorSpecification {
  ConnectorSpecification() = default;

  boost::json::object connection_specification{{"type", "object"},
                                               {"properties", boost::json::object{}}};  ///< JSON schema, draft-07
  std::vector<DestinationSyncMode> supported_destination_sync_modes{DestinationSyncMode::append};
  std::string documentation_url;
  std::string changelog_url;
  bool supports_incremental = true;
};

/// A store that streams are loaded into. A connector author implements this.
///
/// Made by run_connector() from a `Configuration const&` when it has such a constructor, else without arguments.
/// A static member `ConnectorSpecification spec()` describes the configuration (static, since it is asked for before
/// there is one).
///
/// Order:    setup() once; open() for each stream of the catalog; teardown() exactly once if setup() was called, also
///           when it threw. Again only after a failure that its RetryPolicy lets pass (Phase).
/// Deadline: each call has one, as StreamLoader's. Beside a call that ignores its cancellation nothing is called any
///           more: no close() of its stream, no teardown().
/// Threads:  each call is a coroutine of its own on the sync's executor; open() of several streams may run at once.
/// Lifetime: outlives its loaders.
/// Source:   base design, DestinationWriter (1.0).
class Destination {
 public:
  Destination() = default;
  /// `notices`: of the parts that it is made of.
  explicit Destination(Notices notices) : notices_(std::move(notices)) {}
  virtual ~Destination() = default;

  /// Where it tells what people should know beside errors, from its constructor on.
  Notices const& notices() const noexcept { return notices_; }

  /// `check`: throws Error when the destination cannot be used as configured. Default: all is well.
  virtual awaitable<void> check();

  /// Says before any record is read whether these streams can be loaded, by throwing Error(config).
  virtual awaitable<void> setup(DestinationCatalog const& catalog);

  /// Makes the loader of one stream. `stream` lives as long as the sync.
  virtual awaitable<std::unique_ptr<StreamLoader>> open(DestinationStream const& stream) = 0;

  /// True when the loaders decode every value of every record themselves: then a record is not checked whole before
  /// they get it, which saves time, and its `data` may be broken inside. Asked once, before setup().
  virtual bool decodes_every_value() const;

  /// Other than process_records() and process_batch(): the steps which every batch goes through on workers of their
  /// own (prepare, upload, finish). Empty: the loaders do the work. Asked once, before setup().
  virtual std::vector<std::unique_ptr<LoadStep>> load_steps();

  /// How many calls at once and how large batches this store bears, where that is known: bounds, or fixed values
  /// (LoadRange::fixed). Asked once, before setup(). With load_steps() only batch_bytes.initial counts: the workers of
  /// the steps bound the rest. Default: none.
  virtual LoadLimits load_limits() const;

  /// The end of the sync, good or bad; all loaders are closed.
  virtual awaitable<void> teardown(SyncOutcome outcome);

 private:
  Notices notices_;
};

}  // namespace landfall
