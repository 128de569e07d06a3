// Linked into a program it makes memory run out: the allocation with the number in LANDFALL_TEST_FAIL_NEW fails, with a
// "+" behind the number every later one, too. How many there were is printed on stderr when the program ends.

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string_view>

namespace {

std::atomic<std::uint64_t> allocation_count = 0;

struct Plan {
  Plan() noexcept {
    char const* const text = std::getenv("LANDFALL_TEST_FAIL_NEW");
    if (text == nullptr) return;
    first = std::strtoull(text, nullptr, 10);
    all_later = std::string_view(text).ends_with('+');
  }
  ~Plan() { std::fprintf(stderr, "\nallocations: %llu\n", static_cast<unsigned long long>(allocation_count.load())); }
  bool fails(std::uint64_t number) const noexcept { return number == first || (all_later && number > first); }

  std::uint64_t first = UINT64_MAX;
  bool all_later = false;
};
// What was made before main() has passed.
Plan const plan;

[[noreturn]] void fail() {
  if (auto const handler = std::get_new_handler()) handler();  // it may find some; here it never does
  throw std::bad_alloc();
}

void* allocate(std::size_t size, std::size_t alignment) {
  if (plan.fails(++allocation_count)) fail();
  void* const memory = alignment == 0 ? std::malloc(size == 0 ? 1 : size)
                                      : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (memory == nullptr) fail();
  return memory;
}

}  // namespace

// The others of the standard library call these.
void* operator new(std::size_t size) { return allocate(size, 0); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
// Stated here, since a sanitizer would take its own.
void* operator new[](std::size_t size) { return allocate(size, 0); }
void* operator new(std::size_t size, std::nothrow_t const&) noexcept {
  try {
    return allocate(size, 0);
  } catch (std::bad_alloc const&) {
    return nullptr;
  }
}
void* operator new[](std::size_t size, std::nothrow_t const&) noexcept { return operator new(size, std::nothrow); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::nothrow_t const&) noexcept { std::free(memory); }
void operator delete[](void* memory, std::nothrow_t const&) noexcept { std::free(memory); }
