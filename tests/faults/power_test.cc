#include <catch2/catch.hpp>

#include "tests/faults/world.h"

// The power goes at any operation of the disk, and with it all that was not synced: bytes of files
// and names in directories. Each file and each directory keeps some of it by chance.

namespace kg::faults {
namespace {

using semantics::Random;

TEST_CASE("a power cut at any operation loses nothing that was acknowledged") {
  int cuts = 0;
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    Random random(seed);
    World w(seed);
    int64_t acknowledged = 0;
    for (int life = 0; life < 5; ++life) {
      INFO("seed " << seed << ", life " << life);
      w.disk.CutPowerAfter(random.Below(life == 0 ? 60 : 250));
      if (w.Open().ok()) {
        // One that was there before its acknowledgement is acknowledged now.
        acknowledged = std::max(acknowledged, w.Next());
        for (int i = 0; i < 400 && !w.disk.dark(); ++i) {
          if (!w.Apply().ok()) break;
          acknowledged = w.Next();
          if (random.OneIn(6)) w.db->Maintain().IgnoreError();
          if (random.OneIn(9)) w.db->Settle().IgnoreError();
        }
        w.Close();
      }
      cuts += w.disk.dark();
      w.disk.Restart(random.Next());
      w.MustOpen();
      REQUIRE(w.db->Health().ok());
      // A batch that only confirms is durable with the next that does not.
      const int64_t next = w.Next();
      CHECK(next <= acknowledged + 1);
      CHECK(next + 3 >= acknowledged);
      w.MustHold(next);
      if (next < acknowledged) CHECK(w.Dump() == w.Expected(acknowledged));
      acknowledged = next;
      w.Close();
    }
  }
  CHECK(cuts > 40);
}

}  // namespace
}  // namespace kg::faults
