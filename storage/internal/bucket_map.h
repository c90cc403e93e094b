#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/internal/rocks_db.h"
#include "storage/store.h"

namespace kg::storage {

// A bucket as one version of the map shows it: a cut or a stretch makes a new Bucket of the same
// start over the same column family. Immutable.
class Bucket {
 public:
  Bucket(Interval span, std::shared_ptr<internal::ColumnFamily> family)
      : span(span), family(std::move(family)) {}

  const Interval span;
  const std::shared_ptr<internal::ColumnFamily> family;
};

namespace internal {

using BucketMap = std::vector<BucketPtr>;  // by start, disjoint

// The bucket that contains t, if any does.
std::optional<size_t> IndexOfBucket(const BucketMap& map, Timestamp t);

inline constexpr size_t kMaxLiveBuckets = 48;

// `configured` when it isn't 0; else retention / 28 rounded up to 1, 2, 3, 4, 6, 8, 12 h or whole
// days. InvalidArgument when the retention would need more buckets than may live.
absl::StatusOr<Duration> ChooseWidth(Duration retention, Duration configured);

// t - d and t + d, staying within the range of Timestamp.
Timestamp SaturatingSub(Timestamp t, Duration d);
Timestamp SaturatingAdd(Timestamp t, Duration d);

struct BucketPlan {
  std::vector<Interval> create;
  std::vector<Interval> stretch;  // existing start, new end
  bool empty() const { return create.empty() && stretch.empty(); }
};

// What must change so that each of `times` lies in a bucket: new ones aligned to `width`, clipped
// by their neighbours and by `dropped_until`. Once kMaxLiveBuckets live, the neighbour before a
// time is stretched over it instead; a time without such a neighbour stays without a bucket.
BucketPlan PlanBuckets(const std::vector<Interval>& live, const std::vector<Timestamp>& times,
                       Duration width, Timestamp dropped_until);

}  // namespace internal
}  // namespace kg::storage
