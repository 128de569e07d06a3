#pragma once

// What a connector needs: one include.
#include <fmt/format.h>

#include <landfall/connector/run_connector.hpp>
#include <landfall/destination/batch.hpp>
#include <landfall/destination/configuration.hpp>
#include <landfall/destination/destination.hpp>
#include <landfall/destination/record_batch.hpp>
#include <landfall/destination/stream_loader.hpp>
#include <landfall/runtime/blocking.hpp>
