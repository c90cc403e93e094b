#pragma once

#include <algorithm>
#include <memory>
#include <vector>

namespace kg {

// A sorted vector that is cheap to copy and to change in one place: elements live in shared chunks of
// at most kChunk, and a change copies one chunk and the list of chunks. Copies share everything.
// Concurrency: distinct copies may be read and changed from distinct threads.
template <typename T, typename Less>
class PersistentVector {
 public:
  static constexpr size_t kChunk = 512;

  bool empty() const { return chunks_ == nullptr || chunks_->empty(); }
  size_t size() const {
    size_t n = 0;
    if (chunks_ != nullptr) {
      for (const auto& c : *chunks_) n += c->size();
    }
    return n;
  }

  // Calls fn(const T&) in order until it returns false.
  template <typename Fn>
  void ForEach(Fn&& fn) const {
    if (chunks_ == nullptr) return;
    for (const auto& chunk : *chunks_) {
      for (const T& v : *chunk) {
        if (!fn(v)) return;
      }
    }
  }

  // As ForEach, from the first element not less than `key` on.
  template <typename Key, typename Fn>
  void ForEachFrom(const Key& key, Fn&& fn) const {
    if (chunks_ == nullptr) return;
    const Less less;
    auto chunk = std::partition_point(chunks_->begin(), chunks_->end(),
                                      [&](const Chunk& c) { return less(c->back(), key); });
    if (chunk == chunks_->end()) return;
    auto it = std::lower_bound((*chunk)->begin(), (*chunk)->end(), key, less);
    for (;;) {
      for (; it != (*chunk)->end(); ++it) {
        if (!fn(*it)) return;
      }
      if (++chunk == chunks_->end()) return;
      it = (*chunk)->begin();
    }
  }

  // As ForEach, in falling order, from the last element that is less than `key` on.
  template <typename Key, typename Fn>
  void ForEachBefore(const Key& key, Fn&& fn) const {
    if (chunks_ == nullptr) return;
    const Less less;
    auto chunk = std::partition_point(chunks_->begin(), chunks_->end(),
                                      [&](const Chunk& c) { return less(c->front(), key); });
    while (chunk != chunks_->begin()) {
      --chunk;
      auto it = std::lower_bound((*chunk)->begin(), (*chunk)->end(), key, less);
      while (it != (*chunk)->begin()) {
        if (!fn(*--it)) return;
      }
    }
  }

  // Puts `v` in the place of an equal element, or among them.
  void Upsert(T v) {
    const Less less;
    if (empty()) {
      chunks_ = std::make_shared<Chunks>(1, std::make_shared<std::vector<T>>(1, std::move(v)));
      return;
    }
    auto chunks = std::make_shared<Chunks>(*chunks_);
    size_t i = std::partition_point(chunks->begin(), chunks->end(),
                                    [&](const Chunk& c) { return less(c->back(), v); }) -
               chunks->begin();
    if (i == chunks->size()) --i;
    auto chunk = std::make_shared<std::vector<T>>();
    const std::vector<T>& old = *(*chunks)[i];
    chunk->reserve(old.size() + 1);
    auto at = std::lower_bound(old.begin(), old.end(), v, less);
    chunk->assign(old.begin(), at);
    if (at != old.end() && !less(v, *at)) ++at;
    chunk->push_back(std::move(v));
    chunk->insert(chunk->end(), at, old.end());
    if (chunk->size() > kChunk) {
      auto upper = std::make_shared<std::vector<T>>(chunk->begin() + kChunk / 2, chunk->end());
      chunk->resize(kChunk / 2);
      chunks->insert(chunks->begin() + i + 1, std::move(upper));
    }
    (*chunks)[i] = std::move(chunk);
    chunks_ = std::move(chunks);
  }

  // Removes the element equal to `key`; false when there is none.
  template <typename Key>
  bool Erase(const Key& key) {
    if (empty()) return false;
    const Less less;
    const size_t i = std::partition_point(chunks_->begin(), chunks_->end(),
                                          [&](const Chunk& c) { return less(c->back(), key); }) -
                     chunks_->begin();
    if (i == chunks_->size()) return false;
    const std::vector<T>& old = *(*chunks_)[i];
    auto at = std::lower_bound(old.begin(), old.end(), key, less);
    if (at == old.end() || less(key, *at)) return false;
    auto chunks = std::make_shared<Chunks>(*chunks_);
    if (old.size() == 1) {
      chunks->erase(chunks->begin() + i);
    } else {
      auto chunk = std::make_shared<std::vector<T>>(old.begin(), at);
      chunk->insert(chunk->end(), at + 1, old.end());
      (*chunks)[i] = std::move(chunk);
    }
    chunks_ = std::move(chunks);
    return true;
  }

 private:
  using Chunk = std::shared_ptr<std::vector<T>>;
  using Chunks = std::vector<Chunk>;
  std::shared_ptr<const Chunks> chunks_;
};

}  // namespace kg
