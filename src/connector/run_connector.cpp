#include <landfall/connector/run_connector.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <boost/asio/co_spawn.hpp>

#include <landfall/connector/run_sync.hpp>
#include <landfall/launcher/phase_runner.hpp>
#include <landfall/runtime/blocking.hpp>
#include <landfall/runtime/clock.hpp>
#include <landfall/runtime/error.hpp>
#include <landfall/runtime/task_scope.hpp>

#include "connector/command_line.hpp"
#include "connector/error_text.hpp"
#include "connector/exit_code.hpp"
#include "connector/fd_sink.hpp"
#include "connector/fd_source.hpp"
#include "connector/human_units.hpp"
#include "connector/last_words.hpp"
#include "connector/log_sink.hpp"
#include "connector/progress_line.hpp"
#include "connector/reject_file.hpp"
#include "connector/run_report.hpp"
#include "connector/secret_mask.hpp"
#include "connector/signal_watch.hpp"
#include "connector/standard_descriptors.hpp"
#include "connector/sync_settings.hpp"
#include "connector/worker_threads.hpp"
#include "protocol/message_printer.hpp"

namespace landfall {

namespace {

constexpr std::size_t largest_configuration = 8 << 20;
constexpr std::size_t largest_catalog = 1 << 30;

// Columns of a progress report that goes to the log.
constexpr std::size_t logged_progress_width = 160;

// What each command works with.
struct Run {
  CommandLine const& command_line;
  Connector const& connector;
  FdSink& sink;
  ErrorText& error_text;
  SecretMask& secrets;
  std::shared_ptr<spdlog::logger> logger;
  SystemClock clock;
};

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) noexcept : fd_(fd) {}
  FileDescriptor(FileDescriptor const&) = delete;
  FileDescriptor& operator=(FileDescriptor const&) = delete;
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

/// Errors: Error(config), also when it is larger: the memory should not be filled by a path that is another file's.
std::string read_file(char const* what, std::string const& path, std::size_t largest) {
  auto const fail = [&] {
    return config_error("cannot read the {} file '{}': {}", what, path, std::generic_category().message(errno));
  };
  FileDescriptor const file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) throw fail();
  struct stat status{};
  std::string content;
  std::array<char, 64 << 10> room;
  std::uint64_t const size = ::fstat(file.get(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
  bool is_larger = size > largest;
  // Large ones are not moved as they grow: twice their bytes would be held.
  if (!is_larger) content.reserve(size + 64);  // a parser may append to it
  for (;;) {
    if (is_larger) {
      throw config_error("the {} file '{}' is larger than {} MiB: name the right file", what, path, largest >> 20);
    }
    auto const taken = ::read(file.get(), room.data(), room.size());
    if (taken < 0 && errno == EINTR) continue;
    if (taken < 0) throw fail();
    if (taken == 0) return content;
    content.append(room.data(), static_cast<std::size_t>(taken));
    is_larger = content.size() > largest;
  }
}

Configuration read_configuration(Run const& run) {
  auto const text = read_file("configuration", run.command_line.config_path, largest_configuration);
  auto configuration = Configuration::parse(text);
  // One of its own: looking at all members of the other would count as asking for them.
  auto const looked_at = Configuration::parse(text);
  run.secrets.learn(looked_at.members(), run.connector.specification.connection_specification);
  return configuration;
}

std::chrono::milliseconds in_milliseconds(Duration time) { return std::chrono::ceil<std::chrono::milliseconds>(time); }

// Until a reader is given up.
void wait_for_readers_as_in(Run const& run, SyncOptions const& options) {
  run.sink.set_deadline(in_milliseconds(options.answer_deadline));
  run.error_text.set_deadline(in_milliseconds(options.patience));
}

unsigned thread_count() { return std::max(2U, std::thread::hardware_concurrency()); }

// False when nobody reads stdout any more; the exit code still tells how it went.
bool print(Run const& run, std::string const& line) {
  try {
    run.sink.write_line_blocking(line);
    return true;
  } catch (Error const& error) {
    run.error_text.blocking_write(fmt::format("{}\n", error.what()));
    return false;
  }
}

void print_error(Run const& run, Error const& error) {
  print(run, print_trace_error(run.secrets.apply(error), run.clock.wall_now()));
}

int run_spec(Run const& run) {
  auto const& spec = run.connector.specification;
  auto const line = print_spec(spec.connection_specification, spec.supported_destination_sync_modes,
                               spec.documentation_url, spec.changelog_url, spec.supports_incremental);
  return print(run, line) ? exit_success : exit_failure;
}

void log_retry(spdlog::logger& logger, RetryNotice const& notice) {
  logger.warn("{} failed (attempt {}): {}; again in {:.1f} s", notice.call, notice.attempts_made, notice.failure.what(),
              seconds(notice.delay));
}

void log_large_record(spdlog::logger& logger, LargeRecord const& record) {
  auto const stream = record.stream ? " of stream " + to_string(*record.stream) : std::string();
  logger.warn(
      "a record{} needs more memory than the {} bytes that the sync may use for reading (memory_bytes): it is read "
      "when "
      "nothing else is held",
      stream, record.budget_bytes);
}

void log_notice(spdlog::logger& logger, Notice const& notice) {
  bool const is_warning = notice.level == Notice::Level::warning;
  logger.log(is_warning ? spdlog::level::warn : spdlog::level::info, "{}", notice.text);
}

// Logs what the destination tells, in its order. Whoever tells it must not wait for a log: others print it.
class NoticeLog : public std::enable_shared_from_this<NoticeLog> {
 public:
  NoticeLog(std::shared_ptr<spdlog::logger> logger, BlockingPool& pool) : logger_(std::move(logger)), pool_(pool) {}

  Notices::Listener listener() {
    return [self = shared_from_this()](Notice const& notice) { self->add(notice); };
  }

  // Prints all that was told so far: a pool that ends drops what it has not begun.
  void print() {
    std::lock_guard const turn(printing_);
    while (auto const notice = next()) log_notice(*logger_, *notice);
  }

 private:
  void add(Notice const& notice) {
    {
      std::lock_guard const lock(mutex_);
      waiting_.push_back(notice);
    }
    pool_.submit([self = shared_from_this()] { self->print(); });
  }

  std::optional<Notice> next() {
    std::lock_guard const lock(mutex_);
    if (waiting_.empty()) return std::nullopt;
    Notice notice = std::move(waiting_.front());
    waiting_.pop_front();
    return notice;
  }

  std::shared_ptr<spdlog::logger> logger_;
  BlockingPool& pool_;
  std::mutex printing_;
  std::mutex mutex_;
  std::deque<Notice> waiting_;
};

std::unique_ptr<Destination> make_destination(Run const& run, Configuration const& configuration) {
  configuration.notices().listen([logger = run.logger](Notice const& notice) { log_notice(*logger, notice); });
  auto destination = run.connector.make(configuration);
  if (!destination) throw system_error("the connector made no destination");
  configuration.warn_of_unknown_members(run.connector.specification.connection_specification);
  return destination;
}

// Where records go that cannot be loaded, if anywhere: the command line wins over the settings.
std::string reject_path(Run const& run, Configuration const& configuration) {
  auto const& path = run.command_line.reject_path;
  return path.empty() ? reject_file_path(configuration, process_environment) : path;
}

// What a sync would refuse before it begins.
void check_as_write_would(Run const& run, Configuration const& configuration, SyncOptions const& options,
                          Destination const& destination) {
  blocking_check_options(options, destination);
  if (auto const path = reject_path(run, configuration); !path.empty()) RejectFile::blocking_check(path);
}

// `check` blames the configuration for whatever went wrong (base design 2.8).
Error as_config_error(Error const& error) {
  Error blamed(ErrorClass::config, error.what());
  for (auto const& later : error.attached()) blamed.attach(later);
  return blamed;
}

int answer_check(Run const& run, std::optional<Error> const& failure) {
  if (failure) print_error(run, as_config_error(*failure));
  auto const message =
      failure ? fmt::format("Could not connect with the provided configuration: {}", failure->what()) : std::string();
  return print(run, print_connection_status(!failure, run.secrets.apply(message))) ? exit_success : exit_failure;
}

// What is wrong, if anything. The error crosses threads as a value: an exception would be shared with a thread of the
// pool that is still letting go of it.
std::future<std::optional<Error>> start_check(asio::io_context& context, PhaseRunner& phases,
                                              Destination& destination) {
  auto done = std::make_shared<std::promise<std::optional<Error>>>();
  auto checked = done->get_future();
  PhaseRunner::Attempt<void> attempt = [&destination] { return destination.check(); };
  asio::co_spawn(context, phases.run(Phase::check, "check", std::move(attempt)), [done](std::exception_ptr failure) {
    done->set_value(failure ? std::optional<Error>(Error::from(std::move(failure))) : std::nullopt);
  });
  return checked;
}

int run_check(Run const& run) {
  std::optional<Error> failure;
  try {
    WorkerThreads workers(thread_count());  // outlive the destination, whose objects may belong to them
    auto const configuration = read_configuration(run);
    auto const options = sync_options(configuration, process_environment);
    wait_for_readers_as_in(run, options);
    auto const destination = make_destination(run, configuration);
    check_as_write_would(run, configuration, options, *destination);
    auto const notices = std::make_shared<NoticeLog>(run.logger, asio::use_service<BlockingPool>(workers.context()));
    destination->notices().listen(notices->listener());
    SystemClock clock;
    TaskScope scope(workers.context().get_executor(), clock, options.graceful_timeout);
    auto const log = [&run](RetryNotice const& notice) { log_retry(*run.logger, notice); };
    PhaseRunner phases(scope, clock, options.retry, options.patience, options.jitter_seed, log);
    failure = start_check(workers.context(), phases, *destination).get();
    destination->notices().listen(nullptr);
    notices->print();
    // One that ignores its cancellation holds a thread that nobody can join.
    if (failure && failure->call_still_runs()) ::_exit(answer_check(run, failure));
    workers.join();
  } catch (...) {
    failure = Error::from(std::current_exception());
  }
  return answer_check(run, failure);
}

bool has_begun(SyncProgress const& now) {
  auto const has_records = [](SyncProgress::Stream const& stream) { return stream.records_read != 0; };
  return now.states_received != 0 || std::ranges::any_of(now.streams, has_records);
}

// Shows how far a sync is: on a terminal in a line of its own, else in the log.
class ProgressDisplay : public std::enable_shared_from_this<ProgressDisplay> {
 public:
  explicit ProgressDisplay(std::shared_ptr<spdlog::logger> logger)
      : logger_(std::move(logger)), is_terminal_(::isatty(STDERR_FILENO) == 1), line_(STDERR_FILENO) {}

  // A line is looked at all the time, a log is kept.
  Duration interval() const { return is_terminal_ ? std::chrono::milliseconds(500) : std::chrono::seconds(30); }

  // Called on the control strand, which must not wait for a terminal or a pipe. What comes while the last one is still
  // being printed is left out.
  void offer(BlockingPool& pool, SyncProgress const& now) {
    if (busy_.exchange(true)) return;
    pool.submit([self = shared_from_this(), now] {
      self->show(now);
      self->busy_ = false;
    });
  }

  void end() {
    ended_ = true;
    line_.clear();
  }

 private:
  void show(SyncProgress const& now) {
    if (is_terminal_) return line_.show(now);
    if (ended_ || !has_begun(now)) return;
    logger_->info("{}", format_progress(now, before_, logged_progress_width));
    before_ = now;
  }

  std::shared_ptr<spdlog::logger> logger_;
  bool is_terminal_;
  ProgressLine line_;
  SyncProgress before_;  // of the log; touched by the one that is busy
  std::atomic<bool> busy_ = false;
  std::atomic<bool> ended_ = false;
};

// All that a sync needs from its files.
struct Order {
  Configuration configuration;
  DestinationCatalog catalog;
  SyncOptions options;
  std::unique_ptr<RejectFile> reject_file;  // none: options.reject_sink is null
};

std::unique_ptr<RejectFile> open_reject_file(Run const& run, Configuration const& configuration) {
  auto path = reject_path(run, configuration);
  return path.empty() ? nullptr : std::make_unique<RejectFile>(std::move(path), run.secrets);
}

Order read_order(Run const& run) {
  auto configuration = read_configuration(run);
  auto catalog = DestinationCatalog::parse(
      std::make_shared<std::string>(read_file("catalog", run.command_line.catalog_path, largest_catalog)));
  auto options = sync_options(configuration, process_environment);
  wait_for_readers_as_in(run, options);
  auto reject_file = open_reject_file(run, configuration);
  if (reject_file && reject_file->warning()) run.logger->warn("{}", *reject_file->warning());
  options.reject_sink = reject_file.get();
  return Order{std::move(configuration), std::move(catalog), std::move(options), std::move(reject_file)};
}

// The report of a sync; one that throws (options that contradict each other) is reported like one that failed.
std::future<SyncReport> start_sync(asio::io_context& context, awaitable<SyncReport> sync) {
  auto done = std::make_shared<std::promise<SyncReport>>();
  auto ended = done->get_future();
  asio::co_spawn(context, std::move(sync), [done](std::exception_ptr failure, SyncReport report) {
    if (failure) report.outcome.error = Error::from(std::move(failure));
    done->set_value(std::move(report));
  });
  return ended;
}

std::optional<Error> error_of(SyncReport const& report) {
  auto error = report.outcome.error;
  if (report.unjoined_tasks.empty()) return error;
  auto unjoined = system_error("still running after the last deadline: {}", fmt::join(report.unjoined_tasks, ", "));
  if (!error) return unjoined;
  error->attach(std::move(unjoined));
  return error;
}

void print_report(Run const& run, SyncReport const& report, NoticeLog& notices, RejectFile const* reject_file) {
  notices.print();
  if (auto const error = error_of(report)) {
    print_error(run, *error);
    run.logger->error("{}", error->what());
    for (auto const& later : error->attached()) run.logger->error("and later: {}", later.what());
  }
  auto const reject_path = reject_file ? reject_file->path() : std::string();
  for (auto const& line : format_run_report(report, reject_path)) run.logger->info("{}", line);
}

// One sync from stdin to stdout. The workers are joined when it returns.
int run_sync_in_process(Run const& run, WorkerThreads& workers, Destination& destination, Order& order) {
  // Before anything is read every thread exists that the sync cannot do without.
  run.sink.start_thread();
  FdSource source(STDIN_FILENO);
  StopHandle const stop;
  auto const patience = order.options.patience;
  SignalWatch const signals(stop, [&run, patience] { run.sink.set_deadline(in_milliseconds(patience)); });
  auto const progress = std::make_shared<ProgressDisplay>(run.logger);
  auto& blocking_pool = asio::use_service<BlockingPool>(workers.context());
  order.options.stats_interval = progress->interval();
  order.options.on_progress = [progress, &blocking_pool](SyncProgress const& now) {
    progress->offer(blocking_pool, now);
  };
  auto const notices = std::make_shared<NoticeLog>(run.logger, blocking_pool);
  order.options.on_notice = notices->listener();
  order.options.on_spill_failure = [logger = run.logger, &blocking_pool](Error failure) {
    blocking_pool.submit([logger, failure = std::move(failure)] {
      logger->warn("batches wait in memory instead of on disk: {}", failure.what());
    });
  };
  order.options.on_resume = [logger = run.logger](SpillRecovery const& recovery) {
    for (std::string const& notice : recovery.discarded) logger->warn("{}", notice);
    if (recovery.batches.empty()) return;
    std::uint64_t records = 0;
    for (SpilledBatch const& batch : recovery.batches) records += batch.record_count;
    logger->info("an earlier process left {} records in {} batches on disk: they are loaded first",
                 exact_count(records), recovery.batches.size());
  };
  // As above: a coroutine that is about to wait must not wait for a log as well.
  order.options.on_retry = [logger = run.logger, &blocking_pool](RetryNotice notice) {
    blocking_pool.submit([logger, notice = std::move(notice)] { log_retry(*logger, notice); });
  };
  order.options.on_large_record = [logger = run.logger, &blocking_pool](LargeRecord record) {
    blocking_pool.submit([logger, record = std::move(record)] { log_large_record(*logger, record); });
  };
  order.options.on_load_change = [logger = run.logger, &blocking_pool](LoadChange change) {
    blocking_pool.submit([logger, change = std::move(change)] { logger->info("{}", to_string(change)); });
  };
  SystemClock clock;

  run.logger->info("loading {} streams", order.catalog.streams().size());
  auto sync = run_sync(destination, source, run.sink, clock, std::move(order.catalog), std::move(order.options), stop);
  auto const report = start_sync(workers.context(), std::move(sync)).get();
  progress->end();
  int const code = exit_code(report, signals.received());
  // A task that nobody could join may be the one that writes to stdout.
  if (!report.unjoined_tasks.empty()) run.sink.set_deadline(in_milliseconds(patience));
  print_report(run, report, *notices, order.reject_file.get());
  if (!report.unjoined_tasks.empty()) ::_exit(code);  // they hold threads that nobody can join
  workers.join();
  return code;
}

int run_write(Run const& run) {
  try {
    WorkerThreads workers(thread_count());  // outlive the destination, whose objects may belong to them
    auto order = read_order(run);
    auto const destination = make_destination(run, order.configuration);
    return run_sync_in_process(run, workers, *destination, order);
  } catch (...) {
    print_error(run, Error::from(std::current_exception()));
    return exit_failure;
  }
}

int run_command(Run const& run) {
  switch (run.command_line.command) {
    case Command::spec:
      return run_spec(run);
    case Command::check:
      return run_check(run);
    case Command::write:
      return run_write(run);
    case Command::help:
      break;  // answered before stdout was taken over
  }
  return exit_usage;
}

// Blocks of input are taken and given back all the time, on many threads. Without this each thread gets a heap of its
// own, every block is handed back to the system and faulted in again, and what the process holds is a multiple of its
// memory budget. What is larger than a usual block has memory of its own: lengths differ from record to record, and a
// heap would be full of gaps into which the next one does not fit.
void keep_memory_in_one_heap() {
#ifdef __GLIBC__
  constexpr int larger_than_usual_blocks = 2 << 20;
  constexpr int several_blocks = 16 << 20;
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_MMAP_THRESHOLD, larger_than_usual_blocks);
  ::mallopt(M_TRIM_THRESHOLD, several_blocks);
#endif
}

spdlog::sink_ptr make_log_sink(LogFormat format, FdSink& sink, ErrorText& text, SecretMask const& secrets) {
  if (format == LogFormat::plain) return std::make_shared<PlainLogSink>(text, secrets);
  return std::make_shared<AirbyteLogSink>(sink, secrets);
}

// `first_words`: for as long as stdout is where it was.
int run(int argc, char** argv, Connector connector, std::optional<LastWords>& first_words) {
  bool const has_stdout = open_closed_standard_descriptors();
  keep_memory_in_one_heap();
  std::signal(SIGPIPE, SIG_IGN);  // a reader that is gone is an error of the write
  std::signal(SIGXFSZ, SIG_IGN);  // and so is a file that may not grow further
  std::string const program = argc > 0 ? argv[0] : "destination";
  ErrorText error_text(STDERR_FILENO, in_milliseconds(SyncOptions().patience));
  CommandLine command_line;
  try {
    command_line = parse_command_line(std::vector<std::string>(argv + std::min(argc, 1), argv + argc));
  } catch (UsageError const& error) {
    error_text.blocking_write(fmt::format("{}: {}\n\n{}", program, error.what(), usage(program)));
    return exit_usage;
  }
  if (command_line.command == Command::help) {
    ErrorText(STDOUT_FILENO, in_milliseconds(SyncOptions().patience)).blocking_write(usage(program));
    return exit_success;
  }
  if (!has_stdout) {
    error_text.blocking_write(fmt::format("{}: stdout is closed: nobody could read the answers\n", program));
    return exit_failure;
  }

  PrivateStdout const private_stdout;
  FdSink sink(private_stdout.fd());
  sink.set_deadline(in_milliseconds(SyncOptions().patience));  // until the settings are known
  first_words.reset();
  LastWords const last_words(sink);
  SecretMask secrets;
  auto const logger =
      make_logger(make_log_sink(command_line.log_format, sink, error_text, secrets), std::getenv("LOG_LEVEL"));
  return run_command(Run{command_line, connector, sink, error_text, secrets, logger, SystemClock()});
}

}  // namespace

int run_connector(int argc, char** argv, Connector connector) {
  FdSink first_sink(STDOUT_FILENO);
  std::optional<LastWords> first_words(std::in_place, first_sink);
  return run(argc, argv, std::move(connector), first_words);
}

int run_connector(int argc, char** argv, Connector (*describe)()) {
  FdSink first_sink(STDOUT_FILENO);
  std::optional<LastWords> first_words(std::in_place, first_sink);
  return run(argc, argv, describe(), first_words);
}

}  // namespace landfall
