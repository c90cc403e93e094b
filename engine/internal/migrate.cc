#include "engine/internal/migrate.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <vector>

#include "engine/internal/meta_rows.h"
#include "engine/internal/verify/mend.h"
#include "engine/records.h"
#include "storage/check.h"
#include "storage/keys.h"

namespace kg {
namespace {

namespace keys = storage::keys;
using storage::Table;

constexpr absl::string_view kKinds = "ESX";  // X is found through E

// How far a migration came: all rows before this one are done. Homes are by the start of their
// bucket; table `open` comes first.
struct Progress {
  Timestamp home = kBeginning;
  ScopeId scope;
  char kind = 0;
  std::string key;

  auto order() const { return std::make_tuple(home, scope, kKinds.find(kind)); }
};

std::string Encode(const Progress& p) {
  std::string out;
  keys::AppendTime(&out, p.home);
  keys::AppendU32(&out, p.scope.value);
  out.push_back(p.kind);
  return out + p.key;
}

absl::StatusOr<Progress> DecodeProgress(absl::string_view row) {
  if (row.size() < 13)
    return absl::DataLossError("how far a migration came can't be read: restore a backup");
  return Progress{meta_rows::ReadTime(row), ScopeId(meta_rows::ReadU32(row.substr(8))), row[12],
                  std::string(row.substr(13))};
}

class Migration {
 public:
  Migration(storage::Store* store, Progress from, const MigrateOptions& options)
      : store_(*store), options_(options), from_(std::move(from)), rows_(store->GetSnapshot()) {}

  absl::Status Run() {
    std::vector<verify::Place> homes = {{Table::kOpen, nullptr}};
    for (const storage::BucketPtr& b : rows_->buckets()) homes.push_back({Table::kOpen, b});
    for (const verify::Place& home : homes) {
      auto groups = home.bucket == nullptr ? storage::GroupsOf(*rows_, Table::kOpen, nullptr)
                                           : storage::GroupsOf(*rows_, home.bucket, nullptr);
      if (!groups.ok()) return groups.status();
      std::vector<ScopeId> scopes;
      for (const storage::RowGroup& g : *groups) {
        if (scopes.empty() || scopes.back() != g.scope) scopes.push_back(g.scope);
      }
      for (ScopeId scope : scopes) {
        for (char kind : kKinds) {
          if (auto s = Group(home, scope, kind); !s.ok()) return s;
        }
      }
    }
    fixes_.push_back({{Table::kMeta, nullptr}, ScopeId(0), 0, meta_rows::kMigration, "", true});
    return Commit();
  }

 private:
  absl::Status Group(const verify::Place& home, ScopeId scope, char kind) {
    Progress at{home.bucket == nullptr ? kBeginning : storage::BucketStart(home.bucket), scope,
                kind, ""};
    if (from_.kind != 0 && at.order() < from_.order()) return absl::OkStatus();
    const bool resumes = from_.kind != 0 && at.order() == from_.order();
    const std::string from = resumes ? from_.key : "";
    const size_t skip = home.bucket == nullptr ? 1 : 0;
    auto c =
        home.bucket == nullptr
            ? rows_->Scan(scope, Table::kOpen, absl::string_view(&kind, 1), from)
            : rows_->Scan(home.bucket, scope, static_cast<storage::RecordKind>(kind), "", from);
    for (; c->Valid(); c->Next()) {
      if (resumes && c->key() == from) continue;
      Row(home, scope, kind, c->key().substr(skip), c->value());
      at.key = std::string(c->key());
      ++seen_;
      if (++in_step_ < options_.rows_per_step) continue;
      in_step_ = 0;
      fixes_.push_back(
          {{Table::kMeta, nullptr}, ScopeId(0), 0, meta_rows::kMigration, Encode(at), false});
      if (auto s = Commit(); !s.ok()) return s;
      if (options_.after_step) options_.after_step(seen_);
    }
    return c->status();
  }

  // Damaged rows stay as they are: verify names them.
  void Row(const verify::Place& home, ScopeId scope, char kind, absl::string_view key,
           absl::string_view value) {
    auto put = [&](absl::string_view k, std::string v, bool is_delete) {
      std::string whole(k);
      if (home.bucket == nullptr) whole.insert(whole.begin(), kind);
      fixes_.push_back({home, scope, kind, std::move(whole), std::move(v), is_delete});
    };
    if (kind == 'E') {
      auto rec = records::DecodeEpisode(scope, value);
      if (!rec.ok()) return;
      std::string packed = records::EncodeEpisode(*rec);
      if (packed != value) put(key, std::move(packed), false);
    } else if (kind == 'S') {
      if (!value.empty()) put(key, "", false);
    } else if (key.size() == sizeof(keys::Hash128)) {
      auto row = records::DecodeEventId(key, value);
      if (!row.ok()) return;
      const std::optional<std::string> id = IdOf(scope, key, *row);
      put(key, "", true);
      if (!id.has_value()) return;  // of a burst that is gone
      PutEventIds(scope, keys::EventId(keys::HashEventId(*id)), *row);
    }
  }

  // Format 1 listed all bursts of an id beside the newest; each is listed where it stands now.
  void PutEventIds(ScopeId scope, const std::string& key, const records::EventIdRow& all) {
    records::EventIdRow open{all.hash, {}};
    for (const Interval& burst : all.bursts) {
      if (burst.to == kForever) open.bursts.push_back(burst);
    }
    if (!open.bursts.empty()) Put({Table::kOpen, nullptr}, scope, "X" + key, key, open);
    for (const storage::BucketPtr& b : rows_->buckets()) {
      records::EventIdRow here{all.hash, {}};
      for (const Interval& burst : all.bursts) {
        if (storage::BucketStart(b) <= burst.to && burst.to < storage::BucketEnd(b))
          here.bursts.push_back(burst);
      }
      if (!here.bursts.empty()) Put({Table::kOpen, b}, scope, key, key, here);
    }
  }

  void Put(const verify::Place& home, ScopeId scope, std::string key, const std::string& id,
           const records::EventIdRow& row) {
    verify::Fix fix;
    fix.place = home;
    fix.scope = scope;
    fix.kind = 'X';
    fix.key = std::move(key);
    fix.value = records::EncodeEventId(id, row);
    fixes_.push_back(std::move(fix));
  }

  // The id behind the hash that a row of format 1 stands under: one of those of its bursts.
  std::optional<std::string> IdOf(ScopeId scope, absl::string_view key,
                                  const records::EventIdRow& row) const {
    for (auto burst = row.bursts.rbegin(); burst != row.bursts.rend(); ++burst) {
      const std::string episode = keys::Episode({burst->from, row.hash});
      absl::StatusOr<std::optional<std::string>> value = std::optional<std::string>();
      if (burst->to == kForever) value = rows_->Get(scope, Table::kOpen, "E" + episode);
      for (const storage::BucketPtr& b : rows_->buckets()) {
        if (storage::BucketStart(b) <= burst->to && burst->to < storage::BucketEnd(b))
          value = rows_->Get(b, scope, storage::RecordKind::kEpisode, episode);
      }
      if (!value.ok() || !value->has_value()) continue;
      auto rec = records::DecodeEpisode(scope, **value);
      if (!rec.ok()) continue;
      std::vector<std::string> ids = rec->other_ids;
      ids.push_back(rec->event_id);
      for (const std::string& id : ids) {
        if (keys::EventId(keys::Hash128Of(id)) == key) return id;
      }
    }
    return std::nullopt;
  }

  absl::Status Commit() {
    auto session = store_.BeginWrite({});
    if (!session.ok()) return session.status();
    for (const verify::Fix& fix : fixes_) verify::Apply(fix, session->get());
    fixes_.clear();
    return (*session)->Commit().status();
  }

  storage::Store& store_;
  const MigrateOptions& options_;
  const Progress from_;
  const std::shared_ptr<const storage::Snapshot> rows_;
  std::vector<verify::Fix> fixes_;
  size_t in_step_ = 0;
  uint64_t seen_ = 0;
};

absl::StatusOr<std::optional<std::string>> Marker(const storage::Store& store) {
  return store.GetSnapshot()->Get(ScopeId(0), Table::kMeta, meta_rows::kMigration);
}

}  // namespace

absl::StatusOr<bool> NeedsMigration(const storage::Store& store) {
  auto marker = Marker(store);
  if (!marker.ok()) return marker.status();
  return marker->has_value() || store.Identity().format_version < storage::NewestFormat();
}

absl::Status Migrate(storage::Store* store, const std::string& copy,
                     const MigrateOptions& options) {
  auto marker = Marker(*store);
  if (!marker.ok()) return marker.status();
  Progress from;
  if (store->Identity().format_version < storage::NewestFormat()) {
    std::error_code error;
    if (!std::filesystem::exists(copy, error)) {
      if (auto s = store->Checkpoint(copy); !s.ok()) return s;
    }
    // The mark first: a directory of the new format without it would be taken as done.
    auto session = store->BeginWrite({});
    if (!session.ok()) return session.status();
    (*session)->Put(ScopeId(0), Table::kMeta, meta_rows::kMigration, Encode(from));
    if (auto s = (*session)->Commit().status(); !s.ok()) return s;
    if (auto s = store->AdoptFormat(); !s.ok()) return s;
  } else if (!marker->has_value()) {
    return absl::OkStatus();
  } else {
    auto progress = DecodeProgress(**marker);
    if (!progress.ok()) return progress.status();
    from = *std::move(progress);
  }
  return Migration(store, std::move(from), options).Run();
}

}  // namespace kg
