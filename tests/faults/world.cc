#include "tests/faults/world.h"

#include <catch2/catch.hpp>

#include "storage/internal/store_impl.h"

namespace kg::faults {

DatabaseOptions World::Options() {
  DatabaseOptions o = crash::StreamOptions(&now);
  o.sync = true;
  o.open_store = [this](const std::string& at, const storage::StoreOptions& store_options)
      -> absl::StatusOr<std::unique_ptr<storage::Store>> {
    storage::internal::Hooks hooks;
    hooks.env = disk.env();
    storage::StoreOptions small = store_options;
    small.reserve_bytes = 64 << 10;
    return storage::internal::StoreImpl::Open(at, small, hooks);
  };
  return o;
}

absl::Status World::Open() {
  auto opened = Database::Open(path, options);
  if (!opened.ok()) return opened.status();
  db = *std::move(opened);
  return absl::OkStatus();
}

void World::MustOpen() {
  const absl::Status status = Open();
  INFO(status.ToString());
  REQUIRE(status.ok());
}

absl::Status World::Apply() {
  const int64_t next = Next();
  now = stream.WallAt(next);
  return db->Apply(stream.Number(next)).status();
}

void World::MustApply(int64_t batches) {
  for (int64_t i = 0; i < batches; ++i) {
    const absl::Status status = Apply();
    INFO(status.ToString());
    REQUIRE(status.ok());
  }
}

std::string World::Dump() const {
  auto dump = db->CanonicalDump();
  INFO(dump.status().ToString());
  REQUIRE(dump.ok());
  return *dump;
}

std::string World::Expected(int64_t batches) {
  if (reference_ == nullptr || batches < reference_next_) {
    reference_.reset();
    const std::string at = dir.Sub("reference" + std::to_string(batches));
    auto opened = Database::Open(at, crash::StreamOptions(&reference_now_));
    REQUIRE(opened.ok());
    reference_ = *std::move(opened);
    reference_next_ = 0;
  }
  for (; reference_next_ < batches; ++reference_next_) {
    reference_now_ = stream.WallAt(reference_next_);
    REQUIRE(reference_->Apply(stream.Number(reference_next_)).ok());
  }
  return *reference_->CanonicalDump();
}

void World::MustHold(int64_t committed, int64_t acknowledged) {
  const int64_t next = Next();
  REQUIRE(next >= committed);
  REQUIRE(next <= acknowledged + 1);
  const std::string expected = Expected(next), got = Dump();
  INFO(semantics::DumpDifference(expected, got));
  REQUIRE(expected == got);
}

}  // namespace kg::faults
