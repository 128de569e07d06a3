#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "settings.hpp"

namespace postgres {

class OwnedDescriptor {
 public:
  explicit OwnedDescriptor(int descriptor) : descriptor_(descriptor) {
    if (descriptor < 0) throw std::runtime_error("no socket");
  }
  OwnedDescriptor(OwnedDescriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  ~OwnedDescriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  OwnedDescriptor& operator=(OwnedDescriptor&&) = delete;
  int get() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

/// Whoever connects to a port of 127.0.0.1 is answered by a function, on a thread of its own.
class TcpServer {
 public:
  /// `serve(connection, ended)`: `ended` is readable when it is to return.
  using Serve = std::function<void(int connection, int ended)>;

  explicit TcpServer(Serve serve) : serve_(std::move(serve)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_.get(), any, size) != 0 || ::listen(listener_.get(), 64) != 0 ||
        ::getsockname(listener_.get(), any, &size) != 0 || ::pipe(ended_.data()) != 0) {
      throw std::runtime_error("no port");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { accept_all(); });
  }
  ~TcpServer() {
    ::close(ended_[1]);  // which makes the other end readable, for all
    thread_.join();
    for (auto& thread : threads_) thread.join();
    ::close(ended_[0]);
  }
  TcpServer(TcpServer const&) = delete;
  TcpServer& operator=(TcpServer const&) = delete;

  std::string port() const { return std::to_string(port_); }

 private:
  void accept_all() {
    for (;;) {
      std::array<pollfd, 2> waited = {{{listener_.get(), POLLIN, 0}, {ended_[0], POLLIN, 0}}};
      ::poll(waited.data(), waited.size(), -1);
      if (waited[1].revents != 0) return;
      int const connection = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) continue;
      threads_.emplace_back([this, connection] {
        OwnedDescriptor const owned(connection);
        serve_(connection, ended_[0]);
      });
    }
  }

  Serve serve_;
  OwnedDescriptor listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::array<int, 2> ended_{};
  int port_ = 0;
  std::vector<std::thread> threads_;  // of accept_all() while it runs
  std::thread thread_;
};

/// A network between a destination and a server, which fails as it is told.
class TcpProxy {
 public:
  enum class Failure {
    none,
    hang,               ///< nothing gets through any more, and nobody is told
    cut_before_commit,  ///< the connection ends before the server sees the COMMIT; once
    cut_after_commit,   ///< the server sees it, but its answer is lost; once
  };

  explicit TcpProxy(Settings server) : server_(std::move(server)) {}

  Settings settings() const {
    Settings settings = server_;
    settings.host = "127.0.0.1";
    settings.port = listener_.port();
    return settings;
  }

  /// `then`: what comes after a failure that comes once.
  void fail(Failure failure, Failure then = Failure::none) {
    then_ = then;
    failure_ = failure;
  }
  Failure failure() const { return failure_; }

 private:
  int connect_on() const {
    int const socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::string const path = server_.host + "/.s.PGSQL." + server_.port;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return socket;
    ::close(socket);
    return -1;
  }

  void serve(int client, int ended) {
    int const upstream = connect_on();
    if (upstream < 0) return;
    OwnedDescriptor const owned(upstream);
    std::string bytes(64 << 10, '\0');
    for (;;) {
      bool const hangs = failure_ == Failure::hang;
      std::array<pollfd, 3> waited = {
          {{ended, POLLIN, 0}, {hangs ? -1 : client, POLLIN, 0}, {hangs ? -1 : upstream, POLLIN, 0}}};
      ::poll(waited.data(), waited.size(), 20);
      if (waited[0].revents != 0) return;
      if (failure_ == Failure::hang) continue;
      if (waited[1].revents != 0 && !forward(client, upstream, bytes, true)) return;
      if (waited[2].revents != 0 && !forward(upstream, client, bytes, false)) return;
    }
  }

  bool forward(int from, int to, std::string& bytes, bool is_of_client) {
    using namespace std::string_view_literals;
    ssize_t const count = ::recv(from, bytes.data(), bytes.size(), 0);
    if (count <= 0) return false;
    std::string_view const text(bytes.data(), static_cast<std::size_t>(count));
    std::size_t const commit = is_of_client ? text.find("Q\0\0\0\013COMMIT\0"sv) : text.npos;
    if (commit == text.npos) return send_all(to, text);
    auto expected = Failure::cut_before_commit;
    if (failure_.compare_exchange_strong(expected, then_)) return false;
    bool const is_sent = send_all(to, text);
    expected = Failure::cut_after_commit;
    return is_sent && !failure_.compare_exchange_strong(expected, then_);
  }

  static bool send_all(int to, std::string_view text) {
    while (!text.empty()) {
      ssize_t const count = ::send(to, text.data(), text.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

  Settings const server_;
  std::atomic<Failure> failure_ = Failure::none;
  std::atomic<Failure> then_ = Failure::none;
  TcpServer listener_{[this](int client, int ended) { serve(client, ended); }};
};

}  // namespace postgres
