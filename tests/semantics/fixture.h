#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/database.h"
#include "tests/semantics/telling.h"

// Worlds to try the rules of the engine in: a database in a directory of its own under a clock that
// the test holds, short ways to say what happened, and one story told in many orders.

namespace kg::semantics {

// One burst, as a reader sees it.
struct BurstSeen {
  EpisodeRecord episode;
  BurstPtr burst;  // nullptr when neither failure nor change
};

class World {
 public:
  explicit World(Duration retention = std::chrono::hours(24 * 7),
                 Duration memory_window = std::chrono::hours(24));

  DatabaseOptions options;
  Timestamp wall = At(24 * 400);

  Database& db() { return *db_; }
  const std::string& path() const { return path_; }
  // Fails the test unless all of it is taken.
  ApplyResult Apply(std::vector<Mutation> mutations);
  void Reopen();
  // Without the database in between.
  void ReopenAround(const std::function<void(const std::string& path)>& fn);
  // After Settle.
  std::string Dump();

  std::shared_ptr<const View> view(Timestamp as_of = kForever) const { return db_->GetView(as_of); }
  ScopeId scope() const;
  // The slot's id; fails the test when there is none.
  ResourceId Id(const ObjectRef& ref) const;
  std::vector<Incarnation> Lives(const ObjectRef& ref) const;
  // The intervals of an edge, open and closed, by start.
  std::vector<Interval> EdgeIntervals(const std::string& type, const ObjectRef& from,
                                      const ObjectRef& to) const;
  // Episodes of an object, by onset; `cls` empty: all.
  std::vector<BurstSeen> Bursts(const ObjectRef& ref, const std::string& cls = "") const;
  // Members of the tree that the burst belongs to; 0: none.
  size_t TreeSize(EpisodeKey member) const;

 private:
  void Open();

  TempDir dir_;
  std::string path_;
  std::unique_ptr<Database> db_;
};

// One step of a story: records, or something done to the world between two of them.
struct Orders {
  Duration retention = std::chrono::hours(24 * 7);
  int shuffles = 6;
  // Done once somewhere in the middle of each telling.
  std::function<void(World*)> in_between;
  // Done before anything is told: bindings that the order does not cover.
  std::function<void(World*)> before;
};

// Tells `story` in the order given, backwards and in seeded shuffles, each cut into batches of
// another size, runs `check` on every outcome and demands that all canonical dumps are equal.
void InEveryOrder(const std::vector<Mutation>& story, const Orders& orders,
                  const std::function<void(World&)>& check);

// Fails with the first lines that differ.
void RequireSameDump(const std::string& expected, const std::string& got, const std::string& what);

}  // namespace kg::semantics
