#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace kg {

// A sorted vector that is cheap to copy and to change in one place: elements live in shared chunks
// of at most kChunk, and a change copies one chunk and the list of chunks, unless nobody shares
// them: then it happens in place. Copies share everything. One pointer wide; up to kChunk elements
// are one block of memory, so that a walk over a small one misses the cache once. Concurrency:
// distinct copies may be read and changed from distinct threads. kChunk: smaller where copying an
// element costs more than a few bytes, as a shared pointer does. Limitations: fn of a ForEach may
// not change the vector that it is called from.
template <typename T, typename Less, size_t kChunk = 512>
class PersistentVector {
 public:
  PersistentVector() = default;
  PersistentVector(const PersistentVector& o) : root_(o.root_) { Share(root_); }
  PersistentVector(PersistentVector&& o) noexcept : root_(std::exchange(o.root_, nullptr)) {}
  PersistentVector& operator=(PersistentVector o) noexcept {
    std::swap(root_, o.root_);
    return *this;
  }
  ~PersistentVector() { Release(root_); }

  bool empty() const { return root_ == nullptr; }
  // Fetches the first elements into the cache without waiting for them.
  void Prefetch() const {
    if (root_ == nullptr) return;
    for (int line = 0; line < 3; ++line)
      __builtin_prefetch(reinterpret_cast<const char*>(root_) + 64 * line);
  }
  size_t size() const {
    size_t n = 0;
    for (const Leaf& leaf : leaves()) n += leaf->count;
    return n;
  }

  // Calls fn(const T&) in order until it returns false.
  template <typename Fn>
  void ForEach(Fn&& fn) const {
    for (const Leaf& leaf : leaves()) {
      for (const T *v = leaf->values(), *end = v + leaf->count; v != end; ++v) {
        if (!fn(*v)) return;
      }
    }
  }

  // As ForEach, from the first element not less than `key` on.
  template <typename Key, typename Fn>
  void ForEachFrom(const Key& key, Fn&& fn) const {
    const Less less;
    const Leaves all = leaves();
    const Leaf* leaf = std::partition_point(all.begin(), all.end(),
                                            [&](const Leaf& l) { return less(l->back(), key); });
    if (leaf == all.end()) return;
    const T* v = std::lower_bound((*leaf)->begin(), (*leaf)->end(), key, less);
    for (;;) {
      for (; v != (*leaf)->end(); ++v) {
        if (!fn(*v)) return;
      }
      if (++leaf == all.end()) return;
      v = (*leaf)->begin();
    }
  }

  // As ForEach, in falling order, from the last element that is less than `key` on.
  template <typename Key, typename Fn>
  void ForEachBefore(const Key& key, Fn&& fn) const {
    const Less less;
    const Leaves all = leaves();
    const Leaf* leaf = std::partition_point(all.begin(), all.end(),
                                            [&](const Leaf& l) { return less(l->front(), key); });
    while (leaf != all.begin()) {
      --leaf;
      const T* v = std::lower_bound((*leaf)->begin(), (*leaf)->end(), key, less);
      while (v != (*leaf)->begin()) {
        if (!fn(*--v)) return;
      }
    }
  }

  // The element equal to `key`; nullptr when there is none. Valid until the vector changes.
  template <typename Key>
  const T* Find(const Key& key) const {
    const T* found = nullptr;
    ForEachFrom(key, [&](const T& v) {
      if (!Less()(key, v)) found = &v;
      return false;
    });
    return found;
  }

  // Puts `v` in the place of an equal element, or among them.
  void Upsert(T v) {
    const Less less;
    if (root_ == nullptr) {
      root_ = NewBlock(1);
      new (root_->values()) T(std::move(v));
      root_->count = 1;
      return;
    }
    if (!root_->is_list) {
      const bool at_end = less(root_->back(), v);
      Insert(&root_, std::move(v));
      if (root_->count > kChunk) Grow(at_end);
      return;
    }
    OwnList();
    const size_t i = LeafFor(v, less);
    const bool at_end = i + 1 == root_->count && less(root_->leaves()[i]->back(), v);
    Insert(&root_->leaves()[i].block, std::move(v));
    if (root_->leaves()[i]->count > kChunk) Split(i, at_end);
  }

  // Removes the element equal to `key`; false when there is none.
  template <typename Key>
  bool Erase(const Key& key) {
    if (root_ == nullptr || Find(key) == nullptr) return false;
    const Less less;
    if (!root_->is_list) {
      Remove(&root_, key);
      return true;
    }
    OwnList();
    const size_t i = std::min<size_t>(
        static_cast<size_t>(
            std::partition_point(root_->leaves(), root_->leaves() + root_->count,
                                 [&](const Leaf& l) { return less(l->back(), key); }) -
            root_->leaves()),
        root_->count - 1);
    Remove(&root_->leaves()[i].block, key);
    if (root_->leaves()[i].block != nullptr) return true;
    std::move(root_->leaves() + i + 1, root_->leaves() + root_->count, root_->leaves() + i);
    if (--root_->count == 0) Release(std::exchange(root_, nullptr));
    return true;
  }

 private:
  struct Block;
  struct Leaf {  // a reference that a list holds; the list's block counts it
    Block* block = nullptr;
    const Block* operator->() const { return block; }
  };

  // Either `count` elements or a list of `count` leaves, behind the header.
  struct Block {
    std::atomic<uint32_t> references{1};
    bool is_list = false;
    uint32_t count = 0;
    uint32_t room = 0;

    T* values() { return reinterpret_cast<T*>(reinterpret_cast<char*>(this) + kHeader); }
    const T* values() const {
      return reinterpret_cast<const T*>(reinterpret_cast<const char*>(this) + kHeader);
    }
    Leaf* leaves() { return reinterpret_cast<Leaf*>(reinterpret_cast<char*>(this) + kHeader); }
    const Leaf* leaves() const {
      return reinterpret_cast<const Leaf*>(reinterpret_cast<const char*>(this) + kHeader);
    }
    const T* begin() const { return values(); }
    const T* end() const { return values() + count; }
    const T& front() const { return *begin(); }
    const T& back() const { return *(end() - 1); }
    // True when no other copy can see it; then it may be changed in place.
    bool alone() const { return references.load(std::memory_order_acquire) == 1; }
  };
  static constexpr size_t kHeader = sizeof(Block);
  static_assert(alignof(T) <= 16 && kHeader % alignof(T) == 0,
                "elements stand right behind the header");

  // What there is to read, as a range of leaves: the root itself when it is the only one.
  struct Leaves {
    Leaf self;
    const Leaf* first = nullptr;
    size_t n = 0;
    const Leaf* begin() const { return first != nullptr ? first : &self; }
    const Leaf* end() const { return begin() + n; }
  };
  Leaves leaves() const {
    if (root_ == nullptr) return {};
    if (root_->is_list) return {{}, root_->leaves(), root_->count};
    return {{root_}, nullptr, 1};
  }

  static Block* Allocate(size_t bytes) { return new (::operator new(kHeader + bytes)) Block(); }
  static Block* NewBlock(size_t room) {
    Block* b = Allocate(room * sizeof(T));
    b->room = static_cast<uint32_t>(room);
    return b;
  }
  static Block* NewList(size_t room) {
    Block* b = Allocate(room * sizeof(Leaf));
    b->is_list = true;
    b->room = static_cast<uint32_t>(room);
    return b;
  }
  static void Share(Block* b) {
    if (b != nullptr) b->references.fetch_add(1, std::memory_order_relaxed);
  }
  static void Release(Block* b) {
    if (b == nullptr || b->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (b->is_list) {
      for (uint32_t i = 0; i < b->count; ++i) Release(b->leaves()[i].block);
    } else {
      std::destroy_n(b->values(), b->count);
    }
    Free(b);
  }
  static void Free(Block* b) {
    b->~Block();
    ::operator delete(b);
  }

  // Makes the list this copy's own, with room for one leaf more.
  void OwnList() {
    if (root_->alone() && root_->count < root_->room) return;
    Block* own = NewList(root_->count + root_->count / 4 + 1);
    own->count = root_->count;
    std::copy_n(root_->leaves(), root_->count, own->leaves());
    for (uint32_t i = 0; i < own->count; ++i) Share(own->leaves()[i].block);
    Release(std::exchange(root_, own));
  }

  size_t LeafFor(const T& v, const Less& less) const {
    const Leaf* first = root_->leaves();
    const size_t i = static_cast<size_t>(
        std::partition_point(first, first + root_->count,
                             [&](const Leaf& l) { return less(l->back(), v); }) -
        first);
    return std::min<size_t>(i, root_->count - 1);
  }

  // *slot is a block of elements; afterwards one that holds `v` and is nobody else's.
  static void Insert(Block** slot, T v) {
    const Less less;
    Block* b = *slot;
    const size_t at =
        static_cast<size_t>(std::lower_bound(b->begin(), b->end(), v, less) - b->begin());
    const bool replaces = at < b->count && !less(v, b->values()[at]);
    if (b->alone() && (replaces || b->count < b->room)) {
      if (replaces) {
        b->values()[at] = std::move(v);
        return;
      }
      T* values = b->values();
      if (at == b->count) {
        new (values + at) T(std::move(v));
      } else {
        new (values + b->count) T(std::move(values[b->count - 1]));
        std::move_backward(values + at, values + b->count - 1, values + b->count);
        values[at] = std::move(v);
      }
      ++b->count;
      return;
    }
    // What others see is copied with no more room than it takes; what is ours is about to grow on.
    const size_t count = b->count + (replaces ? 0 : 1);
    Block* own = NewBlock(count + (b->alone() ? count / 4 : 0));
    own->count = static_cast<uint32_t>(count);
    std::uninitialized_copy(b->begin(), b->begin() + at, own->values());
    new (own->values() + at) T(std::move(v));
    std::uninitialized_copy(b->begin() + at + (replaces ? 1 : 0), b->end(), own->values() + at + 1);
    Release(std::exchange(*slot, own));
  }

  // Takes out what equals `key`, which is there; *slot is null when nothing is left.
  template <typename Key>
  static void Remove(Block** slot, const Key& key) {
    Block* b = *slot;
    if (b->count == 1) {
      Release(std::exchange(*slot, nullptr));
      return;
    }
    const size_t at =
        static_cast<size_t>(std::lower_bound(b->begin(), b->end(), key, Less()) - b->begin());
    if (b->alone()) {
      std::move(b->values() + at + 1, b->values() + b->count, b->values() + at);
      std::destroy_at(b->values() + --b->count);
      return;
    }
    Block* own = NewBlock(b->count - 1);
    own->count = b->count - 1;
    std::uninitialized_copy(b->begin(), b->begin() + at, own->values());
    std::uninitialized_copy(b->begin() + at + 1, b->end(), own->values() + at);
    Release(std::exchange(*slot, own));
  }

  // The upper part of an own block of elements, taken out of it: half, or where the vector grows at
  // its end what was put there last, so that blocks of ordered input are full.
  static Block* TakeUpper(Block* b, bool at_end) {
    const size_t keep = at_end ? b->count - 1 : b->count / 2;
    Block* upper = NewBlock(b->count - keep);
    upper->count = static_cast<uint32_t>(b->count - keep);
    std::uninitialized_move(b->values() + keep, b->values() + b->count, upper->values());
    std::destroy(b->values() + keep, b->values() + b->count);
    b->count = static_cast<uint32_t>(keep);
    return upper;
  }

  // From one block to a list of two.
  void Grow(bool at_end) {
    Block* list = NewList(4);
    list->count = 2;
    list->leaves()[0].block = root_;
    list->leaves()[1].block = TakeUpper(root_, at_end);
    root_ = list;
  }

  void Split(size_t i, bool at_end) {
    Leaf* all = root_->leaves();
    std::move_backward(all + i + 1, all + root_->count, all + root_->count + 1);
    all[i + 1].block = TakeUpper(all[i].block, at_end);
    ++root_->count;
  }

  Block* root_ = nullptr;
};

}  // namespace kg
