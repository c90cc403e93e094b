#include "bench/setup.h"

#include <algorithm>

#include "bench/measure.h"

namespace kg::bench {

std::unique_ptr<Database> OpenAt(const std::string& dir) {
  DatabaseOptions options;
  options.now = [] { return kStart + 24h * 30; };
  auto db = Database::Open(dir, options);
  Check(db.status(), "opening the database");
  return *std::move(db);
}

std::unique_ptr<Database> OpenWith(const std::string& dir, const Cluster& cluster) {
  auto db = OpenAt(dir);
  std::vector<Mutation> objects = cluster.Objects(kStart);
  for (size_t i = 0; i < objects.size(); i += 1000) {
    Batch batch;
    const size_t to = std::min<size_t>(objects.size(), i + 1000);
    batch.mutations.assign(std::make_move_iterator(objects.begin() + i),
                           std::make_move_iterator(objects.begin() + to));
    Check(db->Apply(std::move(batch)).status(), "applying objects");
  }
  Check(db->Settle(), "settling");
  return db;
}

Duration Spacing(uint64_t events) {
  const Duration longest = 24h * 6;
  return std::min<Duration>(std::chrono::milliseconds(864),
                            longest / static_cast<int64_t>(std::max<uint64_t>(1, events)));
}

}  // namespace kg::bench
