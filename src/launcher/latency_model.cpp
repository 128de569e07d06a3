#include <landfall/launcher/latency_model.hpp>

#include <algorithm>

#include <landfall/runtime/assert.hpp>

namespace landfall {

namespace {

constexpr double weight_of_quicker_window = 0.3;
constexpr double weight_of_slower_window = 0.02;
constexpr double shortest_seconds = 1e-6;  // a call in virtual time may take none
constexpr double most_of_one_call = 3;     // times what is expected: beyond that it is an accident, not a speed

double megabytes(std::uint64_t bytes) { return static_cast<double>(bytes) / 1e6; }
double seconds(Duration time) { return std::max(shortest_seconds, std::chrono::duration<double>(time).count()); }

}  // namespace

Duration LatencyModel::expected(std::uint64_t bytes) const {
  LANDFALL_ASSERT(!knows_nothing());
  double const x = megabytes(bytes);
  double in_seconds = y_;
  if (sees_sizes()) {
    in_seconds = y_ + seconds_per_megabyte() * (x - x_);
  } else if (x > x_ && x_ > 0) {
    in_seconds = y_ * (x / x_);
  }
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(std::max(in_seconds, shortest_seconds)));
}

std::optional<double> LatencyModel::fixed_share(std::uint64_t bytes) const {
  if (knows_nothing() || !sees_sizes()) return std::nullopt;
  double const fixed = y_ - seconds_per_megabyte() * x_;
  double const whole = fixed + seconds_per_megabyte() * megabytes(bytes);
  return std::clamp(fixed / std::max(whole, shortest_seconds), 0.0, 1.0);
}

double LatencyModel::slowness(std::vector<TimedCall> const& calls) const {
  if (knows_nothing() || calls.empty()) return 1;
  std::vector<double> ratios;
  ratios.reserve(calls.size());
  for (TimedCall const& call : calls) ratios.push_back(seconds(call.latency) / seconds(expected(call.bytes)));
  auto const middle = ratios.begin() + static_cast<std::ptrdiff_t>(ratios.size() / 2);
  std::nth_element(ratios.begin(), middle, ratios.end());
  return *middle;
}

void LatencyModel::learn(std::vector<TimedCall> const& calls) {
  LANDFALL_ASSERT(!calls.empty());
  double const weight = knows_nothing()         ? 1
                        : slowness(calls) < 1.0 ? weight_of_quicker_window
                                                : weight_of_slower_window;
  double x = 0;
  double y = 0;
  double xx = 0;
  double xy = 0;
  for (TimedCall const& call : calls) {
    double const call_x = megabytes(call.bytes);
    double call_y = seconds(call.latency);
    if (!knows_nothing()) call_y = std::min(call_y, most_of_one_call * seconds(expected(call.bytes)));
    x += call_x;
    y += call_y;
    xx += call_x * call_x;
    xy += call_x * call_y;
  }
  auto const count = static_cast<double>(calls.size());
  x_ += weight * (x / count - x_);
  y_ += weight * (y / count - y_);
  xx_ += weight * (xx / count - xx_);
  xy_ += weight * (xy / count - xy_);
  ++windows_;
}

void LatencyModel::slow_down(double factor) {
  LANDFALL_ASSERT(factor > 0);
  y_ *= factor;
  xy_ *= factor;
}

// A tenth of scatter or less says nothing about what a byte costs.
bool LatencyModel::sees_sizes() const noexcept { return xx_ - x_ * x_ > 0.01 * x_ * x_; }

// Neither a byte nor a call costs less than nothing.
double LatencyModel::seconds_per_megabyte() const noexcept {
  double const slope = (xy_ - x_ * y_) / (xx_ - x_ * x_);
  return std::clamp(slope, 0.0, x_ > 0 ? y_ / x_ : 0.0);
}

}  // namespace landfall
