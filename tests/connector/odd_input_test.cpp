#include <landfall/connector/run_sync.hpp>

#include <string>

#include "connector/whole_sync.hpp"

namespace landfall {
namespace {

/// What is printed, and done, about input that is not as it should be.
class OddInput : public ::testing::Test {
 protected:
  static std::string error_of(SyncReport const& report) {
    return report.outcome.error
               ? fmt::format("{}: {}", to_string(report.outcome.error->error_class()), report.outcome.error->what())
               : "no error";
  }
};

TEST_F(OddInput, ACatalogThatAsksForFilesIsRefusedBeforeAnythingIsRead) {
  Simulation simulation(1);
  ScriptedSource source(simulation);
  CollectingSink sink;
  RecordingDestination destination;
  DestinationStream stream;
  stream.descriptor = StreamDescriptor("users", "crm");
  stream.include_files = true;
  std::vector<DestinationStream> streams;
  streams.push_back(std::move(stream));
  source.lines({record("users", 1)});
  try {
    simulation.run_coroutine(run_sync(destination, source, sink, simulation, DestinationCatalog(std::move(streams))));
    ADD_FAILURE() << "it was not refused";
  } catch (Error const& error) {
    EXPECT_EQ(error.error_class(), ErrorClass::config);
    EXPECT_STREQ(error.what(),
                 "stream crm.users: files are not supported, but the catalog asks for them (include_files): turn file "
                 "transfer off at the source");
  }
  EXPECT_EQ(destination.count("setup"), 0U);
}

}  // namespace
}  // namespace landfall
