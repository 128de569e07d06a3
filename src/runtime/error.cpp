#include <landfall/runtime/error.hpp>

#include <cerrno>
#include <new>
#include <system_error>
#include <typeinfo>
#include <utility>

#include <boost/asio/error.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <boost/core/demangle.hpp>
#include <boost/system/system_error.hpp>

#include <landfall/runtime/assert.hpp>
#include <landfall/runtime/awaitable.hpp>

namespace landfall {

namespace {

// Somebody else may free it, start it again, or reconnect it.
bool may_pass(std::error_code code) {
  auto const condition = code.default_error_condition();
  // EDQUOT is unknown to std::errc: it stays in the system category.
  if (condition.category() != std::generic_category() && condition.category() != std::system_category()) return false;
  switch (condition.value()) {
    case ENOMEM:
    case ENOBUFS:
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case EAGAIN:
    case EPIPE:
    case ECONNREFUSED:
    case ECONNRESET:
    case ECONNABORTED:
    case ENOTCONN:
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case ENETRESET:
      return true;
  }
  return false;
}

bool may_pass(boost::system::error_code code) {
  if (code == asio::error::host_not_found_try_again || code == asio::error::eof) return true;
  return may_pass(static_cast<std::error_code>(code));
}

ErrorClass class_of(auto code) { return may_pass(code) ? ErrorClass::transient : ErrorClass::system; }

}  // namespace

std::string_view to_string(ErrorClass error_class) noexcept {
  switch (error_class) {
    case ErrorClass::config:
      return "config";
    case ErrorClass::transient:
      return "transient";
    case ErrorClass::rejected_records:
      return "rejected_records";
    case ErrorClass::unknown_outcome:
      return "unknown_outcome";
    case ErrorClass::system:
      return "system";
  }
  assertion_failed("a known error class", __FILE__, __LINE__);
  return "";
}

namespace {

// Whoever throws an exception may have nothing to say.
std::string or_that_there_is_none(std::string reason) {
  bool const says_nothing = reason.find_first_not_of(" \t\r\n") == std::string::npos;
  return says_nothing ? "no reason was given" : reason;
}

std::string text_of(std::exception const& error) {
  std::string text = error.what();
  if (text.find_first_not_of(" \t\r\n") != std::string::npos) return text;
  return fmt::format("an exception of type {} that gives no reason", boost::core::demangle(typeid(error).name()));
}

}  // namespace

Error::Error(ErrorClass error_class, std::string message)
    : error_class_(error_class), message_(or_that_there_is_none(std::move(message))), text_(message_) {}

void Error::add_context(std::string_view context) { text_ = fmt::format("{}: {}", context, text_); }

void Error::attach(Error later) { attached_.push_back(std::move(later)); }

Error Error::from(std::exception_ptr exception) {
  LANDFALL_ASSERT(exception != nullptr);
  try {
    std::rethrow_exception(exception);
  } catch (Error const& error) {
    return error;
  } catch (asio::multiple_exceptions const& error) {  // of `a && b` and `a || b`
    return from(error.first_exception());
  } catch (boost::system::system_error const& error) {
    return Error(class_of(error.code()), error.what());
  } catch (std::system_error const& error) {
    return Error(class_of(error.code()), error.what());
  } catch (std::bad_alloc const&) {
    return Error(ErrorClass::transient, "out of memory: give the process more of it, or lower memory_bytes");
  } catch (std::exception const& error) {
    return Error(ErrorClass::system, text_of(error));
  } catch (...) {
    return Error(ErrorClass::system, "an exception of an unknown type");
  }
}

bool is_cancellation(std::exception_ptr const& exception) noexcept {
  if (!exception) return false;
  try {
    std::rethrow_exception(exception);
  } catch (boost::system::system_error const& error) {
    return error.code() == asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

}  // namespace landfall
