#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "tests/semantics/fixture.h"

// Records that only confirm what is known: when they are written, and what that leaves in memory
// alone.

namespace kg::semantics {
namespace {

constexpr int kPods = 10;

Mutation Pod(int i, Timestamp at) {
  const std::string name = absl::StrCat("p-", i);
  return Object("Pod", "shop", name, absl::StrCat("uid-", i)).SeenAt(at).Created(At(9)).On("n-1");
}

std::vector<Mutation> AllPods(Timestamp at) {
  std::vector<Mutation> out;
  for (int i = 0; i < kPods; ++i) out.push_back(Pod(i, at));
  out.push_back(EdgeSeen("CALLS", Ref("Pod", "shop", "p-0"), Ref("Service", "shop", "s"), at));
  return out;
}

Mutation Warning(int i, Timestamp at) {
  return Event(absl::StrCat("ev-", i), Ref("Pod", "shop", "p-1"), "BackOff",
               "Back-off restarting failed container", at, at);
}

// A world in which all is known and written; each call tells how many rows a batch cost.
class Confirmed : public World {
 public:
  Confirmed() {
    Apply(AllPods(At(10)));
    Apply({Warning(0, At(10))});
    REQUIRE(db().Settle().ok());
  }
  uint64_t RowsOf(std::vector<Mutation> mutations, std::vector<SourcePosition> positions = {}) {
    const uint64_t before = db().Stats()->rows_written;
    Batch batch;
    batch.mutations = std::move(mutations);
    batch.positions = std::move(positions);
    REQUIRE(db().Apply(std::move(batch)).ok());
    return db().Stats()->rows_written - before;
  }
  Timestamp LastConfirmed(int i) {
    const std::string name = absl::StrCat("p-", i);
    const auto revisions =
        view()->Revisions(scope(), Id(Ref("Pod", "shop", name)), {kBeginning, kForever});
    REQUIRE(revisions.ok());
    REQUIRE(revisions->size() == 1);
    return revisions->front().last_confirmed;
  }
};

std::vector<Mutation> Plus(std::vector<Mutation> mutations, Mutation one) {
  mutations.push_back(std::move(one));
  return mutations;
}

TEST_CASE("a batch that only confirms writes nothing") {
  Confirmed w;
  CHECK(w.RowsOf(AllPods(At(10, 1))) == 0);
  CHECK(w.RowsOf(AllPods(At(10, 2)), {{"s", 0, 1, -1, ""}}) == 0);
  CHECK(w.LastConfirmed(3) == At(10));
}

TEST_CASE("what else a batch says doesn't make it write its confirmations") {
  Confirmed w;
  const uint64_t alone = w.RowsOf({Warning(1, At(10, 1))});
  CHECK(w.RowsOf(Plus(AllPods(At(10, 2)), Warning(2, At(10, 2)))) == alone);
  CHECK(w.LastConfirmed(3) == At(10));
}

TEST_CASE("a position is written with all that was confirmed before it") {
  Confirmed w;
  const uint64_t alone = w.RowsOf({Warning(1, At(10, 1))});
  CHECK(w.RowsOf(AllPods(At(10, 2))) == 0);
  // The pods and the edge, and the position itself.
  CHECK(w.RowsOf({Warning(2, At(10, 3))}, {{"s", 0, 7, -1, ""}}) == alone + kPods + 2);
  CHECK(w.LastConfirmed(3) == At(10, 2));
  // Nothing was confirmed since.
  CHECK(w.RowsOf({Warning(3, At(10, 4))}, {{"s", 0, 8, -1, ""}}) == alone + 1);
}

TEST_CASE("confirmations are written ten minutes later at the latest") {
  Confirmed w;
  CHECK(w.RowsOf(AllPods(At(10, 9, 59))) == 0);
  CHECK(w.RowsOf(AllPods(At(10, 10))) == kPods + 1);
  CHECK(w.LastConfirmed(3) == At(10, 10));
  CHECK(w.RowsOf(AllPods(At(10, 11))) == 0);
}

TEST_CASE("an object that changes is written with what confirmed its state before") {
  Confirmed w;
  CHECK(w.RowsOf(AllPods(At(10, 2))) == 0);
  w.Apply({Object("Pod", "shop", "p-3", "uid-3").SeenAt(At(10, 3)).Created(At(9)).On("n-2")});
  const auto revisions =
      w.view()->Revisions(w.scope(), w.Id(Ref("Pod", "shop", "p-3")), {kBeginning, kForever});
  REQUIRE(revisions.ok());
  REQUIRE(revisions->size() == 2);
  CHECK(revisions->front().last_confirmed == At(10, 2));
}

}  // namespace
}  // namespace kg::semantics
