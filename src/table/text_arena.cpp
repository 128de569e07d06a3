#include "table/text_arena.hpp"

#include <algorithm>
#include <utility>

#include <landfall/runtime/assert.hpp>

namespace landfall {

char* TextArena::take(std::size_t bytes) {
  if (chunks_.empty() || chunks_.back().capacity - used_ < bytes) add_chunk(bytes);
  char* const begin = chunks_.back().bytes.get() + used_;
  used_ += bytes;
  return begin;
}

void TextArena::give_back(std::size_t bytes) noexcept {
  LANDFALL_ASSERT(bytes <= used_);
  used_ -= bytes;
}

void TextArena::clear() noexcept {
  used_ = 0;
  if (chunks_.empty()) return;
  if (chunks_.back().capacity > largest_kept) return chunks_.clear();
  if (chunks_.size() == 1) return;
  std::swap(chunks_.front(), chunks_.back());
  chunks_.resize(1);
}

void TextArena::add_chunk(std::size_t bytes) {
  std::size_t const doubled = chunks_.empty() ? smallest_chunk : 2 * chunks_.back().capacity;
  Chunk chunk;
  chunk.capacity = std::max(bytes, doubled);
  chunk.bytes.reset(new char[chunk.capacity]);  // not make_unique: it would clear them
  chunks_.push_back(std::move(chunk));
  used_ = 0;
}

}  // namespace landfall
