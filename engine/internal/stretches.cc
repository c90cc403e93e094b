#include "engine/internal/stretches.h"

#include <algorithm>

#include "engine/internal/packed_bytes.h"

namespace kg {

// Since when times are exact, and each with its rank, both as differences.
std::string StretchList::Sightings() const {
  std::string out;
  records::Packer packer(&out);
  packer.Micros(ToMicros(exact_since_));
  packer.Varint(exact_.size());
  int64_t last = 0;
  for (const Sighting& e : exact_) {
    const int64_t at = ToMicros(e.at);
    packer.Micros(at - last);
    packer.Signed(e.rank);
    last = at;
  }
  return out;
}

bool StretchList::Restore(std::vector<Stretch> stretches, absl::string_view sightings) {
  stretches_ = std::move(stretches);
  exact_.clear();
  exact_since_ = stretches_.empty() ? kBeginning : stretches_.back().last;
  if (sightings.empty()) return true;
  records::Unpacker unpacker(sightings);
  exact_since_ = FromMicros(unpacker.Micros());
  uint64_t at = 0;  // wraps where bytes are damaged
  for (size_t n = unpacker.Count(); n > 0 && unpacker.ok(); --n) {
    at += static_cast<uint64_t>(unpacker.Micros());
    const Timestamp time = FromMicros(static_cast<int64_t>(at));
    const int64_t rank = unpacker.Signed();
    const Stretch* stretch = Around(time);
    // The stretch may have gone with its bucket.
    if (stretch != nullptr) exact_.push_back({time, stretch->state, rank});
  }
  return unpacker.done() &&
         std::is_sorted(exact_.begin(), exact_.end(),
                        [](const Sighting& a, const Sighting& b) { return a.at < b.at; });
}

const Stretch* StretchList::Around(Timestamp at) const {
  auto it = std::partition_point(stretches_.begin(), stretches_.end(),
                                 [&](const Stretch& s) { return s.last < at; });
  return it != stretches_.end() && it->first <= at ? &*it : nullptr;
}

bool StretchList::Covers(Timestamp at, uint64_t state) const {
  const Stretch* stretch = Around(at);
  return stretch != nullptr && stretch->state == state;
}

void StretchList::DropBefore(Timestamp t) {
  size_t drop = 0;
  while (drop + 1 < stretches_.size() && stretches_[drop + 1].first < t) ++drop;
  if (drop == 0) return;
  stretches_.erase(stretches_.begin(), stretches_.begin() + static_cast<ptrdiff_t>(drop));
  exact_.erase(std::remove_if(exact_.begin(), exact_.end(),
                              [&](const Sighting& e) { return e.at < stretches_.front().first; }),
               exact_.end());
}

void StretchList::Absorb(const StretchList& o, Timestamp clock) {
  for (const Stretch& s : o.stretches_) {
    Insert(s.first, s.state, s.rank, clock);
    Insert(s.last, s.state, s.rank, clock);
  }
  for (const Sighting& e : o.exact_) Insert(e.at, e.state, e.rank, clock);
}

StretchList::Outcome StretchList::Insert(Timestamp at, uint64_t state, int64_t rank,
                                         Timestamp clock) {
  size_t next = std::partition_point(stretches_.begin(), stretches_.end(),
                                     [&](const Stretch& s) { return s.first <= at; }) -
                stretches_.begin();
  if (next > 0 && at <= stretches_[next - 1].last) {
    return InsertInside(next - 1, at, state, rank, clock);
  }
  Remember(at, state, rank, clock);
  if (next > 0 && stretches_[next - 1].state == state) {
    Stretch& s = stretches_[next - 1];
    s.last = at;
    s.rank = std::max(s.rank, rank);
    return Outcome::kConfirmed;
  }
  if (next < stretches_.size() && stretches_[next].state == state) {
    Stretch& s = stretches_[next];
    s.first = at;
    s.rank = std::max(s.rank, rank);
    return Outcome::kChanged;
  }
  stretches_.insert(stretches_.begin() + next, Stretch{at, at, state, rank});
  return Outcome::kChanged;
}

StretchList::Outcome StretchList::InsertInside(size_t i, Timestamp at, uint64_t state, int64_t rank,
                                               Timestamp clock) {
  Stretch& s = stretches_[i];
  if (s.state == state) {
    const bool news = Remember(at, state, rank, clock);
    s.rank = std::max(s.rank, rank);
    return news ? Outcome::kConfirmed : Outcome::kNothing;
  }
  const auto sighting =
      std::find_if(exact_.begin(), exact_.end(), [&](const Sighting& e) { return e.at == at; });
  if (sighting != exact_.end() || at == s.first || at == s.last) {
    // What counts is the rank of that one sighting; the stretch's is the largest of all.
    const int64_t known_rank = sighting != exact_.end() ? sighting->rank : s.rank;
    if (std::tie(rank, state) < std::tie(known_rank, s.state)) return Outcome::kNothing;
    const bool whole = s.first == s.last;
    if (!whole && at < exact_since_) return Outcome::kPoint;
    Forget(at);
    Remember(at, state, rank, clock);
    return ReplaceAt(i, at, state, rank);
  }
  if (at < exact_since_) return Outcome::kPoint;
  const Stretch before{s.first, LastBefore(i, at), s.state, s.rank};
  const Stretch after{FirstAfter(i, at), s.last, s.state, s.rank};
  Remember(at, state, rank, clock);
  stretches_[i] = before;
  stretches_.insert(stretches_.begin() + i + 1, {Stretch{at, at, state, rank}, after});
  return Outcome::kChanged;
}

StretchList::Outcome StretchList::ReplaceAt(size_t i, Timestamp at, uint64_t state, int64_t rank) {
  const Stretch old = stretches_[i];
  std::vector<Stretch> parts;
  if (old.first < at) parts.push_back({old.first, LastBefore(i, at), old.state, old.rank});
  parts.push_back({at, at, state, rank});
  if (at < old.last) parts.push_back({FirstAfter(i, at), old.last, old.state, old.rank});
  const size_t middle = i + (old.first < at ? 1 : 0);
  stretches_.erase(stretches_.begin() + i);
  stretches_.insert(stretches_.begin() + i, parts.begin(), parts.end());
  MergeAround(middle);
  return Outcome::kChanged;
}

void StretchList::MergeAround(size_t i) {
  if (i + 1 < stretches_.size() && stretches_[i + 1].state == stretches_[i].state) {
    stretches_[i].last = stretches_[i + 1].last;
    stretches_[i].rank = std::max(stretches_[i].rank, stretches_[i + 1].rank);
    stretches_.erase(stretches_.begin() + i + 1);
  }
  if (i > 0 && stretches_[i - 1].state == stretches_[i].state) {
    stretches_[i - 1].last = stretches_[i].last;
    stretches_[i - 1].rank = std::max(stretches_[i].rank, stretches_[i - 1].rank);
    stretches_.erase(stretches_.begin() + i);
  }
}

Timestamp StretchList::LastBefore(size_t i, Timestamp t) const {
  Timestamp best = stretches_[i].first;
  for (const Sighting& e : exact_) {
    if (e.at < t && e.at > best) best = e.at;
  }
  return best;
}

Timestamp StretchList::FirstAfter(size_t i, Timestamp t) const {
  for (const Sighting& e : exact_) {
    if (e.at > t) return std::min(e.at, stretches_[i].last);
  }
  return stretches_[i].last;
}

bool StretchList::Remember(Timestamp at, uint64_t state, int64_t rank, Timestamp clock) {
  if (at < exact_since_) return false;
  auto it = std::lower_bound(exact_.begin(), exact_.end(), at,
                             [](const Sighting& e, Timestamp t) { return e.at < t; });
  if (it != exact_.end() && it->at == at) {
    const bool stronger = it->rank < rank;
    it->rank = std::max(it->rank, rank);
    return stronger;
  }
  exact_.insert(it, {at, state, rank});
  // What falls out leaves only its stretch's ends behind: LastBefore then answers with the first,
  // which is the honest bound.
  size_t drop = 0;
  while (exact_.size() - drop > kExactCount && exact_[drop].at < clock - kExact) ++drop;
  if (drop == 0) return true;
  exact_since_ = exact_[drop - 1].at + Duration(1);
  exact_.erase(exact_.begin(), exact_.begin() + drop);
  return true;
}

void StretchList::Forget(Timestamp at) {
  exact_.erase(
      std::remove_if(exact_.begin(), exact_.end(), [&](const Sighting& e) { return e.at == at; }),
      exact_.end());
}

}  // namespace kg
