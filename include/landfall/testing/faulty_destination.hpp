#pragma once

#include <memory>
#include <vector>

#include <landfall/destination/destination.hpp>
#include <landfall/testing/fault_injector.hpp>

namespace landfall::testing {

/// Any Destination, with a FaultInjector in front of it and of its loaders and steps.
///
/// probe():  answers for the faults that it caused itself, where it knows what became of the call; else its target
/// does. Lifetime: `injector` outlives it.
class FaultyDestination final : public Destination {
 public:
  FaultyDestination(std::unique_ptr<Destination> target, FaultInjector& injector)
      : Destination(target->notices()), target_(std::move(target)), injector_(injector) {}

  awaitable<void> check() override { return target_->check(); }
  awaitable<void> setup(DestinationCatalog const& catalog) override;
  awaitable<std::unique_ptr<StreamLoader>> open(DestinationStream const& stream) override;
  bool decodes_every_value() const override { return target_->decodes_every_value(); }
  LoadLimits load_limits() const override { return target_->load_limits(); }
  std::vector<std::unique_ptr<LoadStep>> load_steps() override;
  awaitable<void> teardown(SyncOutcome outcome) override;

 private:
  class Loader;
  class Step;
  awaitable<std::unique_ptr<StreamLoader>> open_target(DestinationStream const& stream, std::size_t index);

  std::unique_ptr<Destination> target_;
  FaultInjector& injector_;
};

}  // namespace landfall::testing
