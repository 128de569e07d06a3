#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <utility>

#include <landfall/destination/configuration.hpp>
#include <landfall/destination/destination.hpp>

namespace landfall {

/// A connector as run_connector() needs it: its specification, and how to make it from a configuration.
struct Connector {
  Connector(ConnectorSpecification connector_specification,
            std::function<std::unique_ptr<Destination>(Configuration const&)> make_destination)
      : specification(std::move(connector_specification)), make(std::move(make_destination)) {}

  ConnectorSpecification specification;
  std::function<std::unique_ptr<Destination>(Configuration const&)> make;
};

/// The process: `spec`, `check --config FILE`, `write --config FILE --catalog FILE`, as the platform calls them.
///
/// Returns the exit code: 0 only when every stream completed and every STATE was answered; 1 for a failed sync, 2 for
/// wrong usage, 143 after SIGTERM and 130 after SIGINT. `check` answers 0 with a CONNECTION_STATUS, good or bad; bad
/// also for settings with which `write` could not begin. It ends the process itself, with the same codes, at a second
/// signal and when a call ignores its cancellation.
///
/// Must be called from main before any thread is started: it takes over stdin, stdout, SIGTERM, SIGINT, SIGPIPE and
/// SIGXFSZ. While it runs, what is printed to stdout by others goes to stderr.
///
/// Settings: LOG_LEVEL, and those in README, "Settings of every connector": variables LANDFALL_..., or the section
///           `landfall` of the configuration. `--reject-file FILE`: where records go that cannot be loaded.
/// Source:   protocol reference 1; base design 2.8.
int run_connector(int argc, char** argv, Connector connector);

/// The same for a connector that is described when the process can already say that it has no memory for it.
int run_connector(int argc, char** argv, Connector (*describe)());

/// The same for a Destination class (see Destination for how it is constructed and described).
template <std::derived_from<Destination> D>
int run_connector(int argc, char** argv) {
  Connector (*const describe)() = [] {
    ConnectorSpecification specification;
    if constexpr (requires { D::spec(); }) specification = D::spec();
    return Connector(std::move(specification), [](Configuration const& configuration) -> std::unique_ptr<Destination> {
      if constexpr (std::constructible_from<D, Configuration const&>) {
        return std::make_unique<D>(configuration);
      } else {
        return std::make_unique<D>();
      }
    });
  };
  return run_connector(argc, argv, describe);
}

}  // namespace landfall
