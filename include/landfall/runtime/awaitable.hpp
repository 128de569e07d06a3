#pragma once

#include <boost/asio/awaitable.hpp>

namespace landfall {

namespace asio = boost::asio;

/// What every coroutine of landfall and of a connector returns: lazily started, awaited exactly once.
template <class T = void>
using awaitable = boost::asio::awaitable<T>;

}  // namespace landfall
