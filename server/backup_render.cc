#include "server/backup_render.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/ask.h"
#include "server/render.h"

namespace kg::server {
namespace {

namespace json = boost::json;

constexpr int kMaxDays = 36'500;

const char* StateName(BackupEntry::State state) {
  switch (state) {
    case BackupEntry::State::kComplete:
      return "complete";
    case BackupEntry::State::kUnderWay:
      return "under way";
    case BackupEntry::State::kIncomplete:
      return "incomplete";
    case BackupEntry::State::kDamaged:
      return "damaged";
  }
  return "unknown";
}

json::array Names(const std::vector<std::string>& names) {
  return json::array(names.begin(), names.end());
}

absl::StatusOr<std::optional<int>> Count(const char* name, const std::string& text, int high) {
  if (text.empty()) return std::optional<int>();
  int number = 0;
  if (absl::SimpleAtoi(text, &number) && number >= 1 && number <= high)
    return std::optional<int>(number);
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is '", text, "'; give a whole number from 1 to ", high));
}

void AddManifest(const BackupManifest& m, json::object* out) {
  json::object counts;
  for (const auto& [name, value] : m.counts) counts[name] = value;
  json::array positions;
  for (const SourcePosition& p : m.positions) {
    positions.push_back(
        json::object{{"source", p.source}, {"partition", p.partition}, {"offset", p.offset}});
  }
  (*out)["made"] = RenderTime(m.begun);
  (*out)["took_ms"] = (m.finished - m.begun).count() / 1000;
  (*out)["format"] = m.format_version;
  (*out)["store_id"] = m.store_id;
  (*out)["epoch"] = m.epoch;
  (*out)["commit"] = m.sequence;
  (*out)["data_clock"] = RenderTime(m.data_clock);
  (*out)["oldest"] = RenderTime(m.oldest);
  (*out)["files"] = m.files.size();
  (*out)["counts"] = std::move(counts);
  (*out)["positions"] = std::move(positions);
}

}  // namespace

json::value Render(const BackupEntry& entry) {
  json::object out = {{"name", entry.name},
                      {"state", StateName(entry.state)},
                      {"problem", RenderOptional(entry.problem)},
                      {"bytes", entry.bytes},
                      {"own_bytes", entry.own_bytes},
                      {"verified", nullptr}};
  if (entry.check) {
    out["verified"] = json::object{{"at", RenderTime(entry.check->at)},
                                   {"problem", RenderOptional(entry.check->problem)}};
  }
  for (const char* name : {"made", "took_ms", "format", "store_id", "epoch", "commit", "data_clock",
                           "oldest", "files", "counts", "positions"}) {
    out[name] = nullptr;
  }
  if (entry.manifest) AddManifest(*entry.manifest, &out);
  return out;
}

json::value RenderBackups(const BackupFolder& folder, const std::vector<BackupEntry>& entries) {
  json::array backups;
  for (const BackupEntry& entry : entries) backups.push_back(Render(entry));
  return json::object{{"folder", folder.path()}, {"backups", std::move(backups)}};
}

json::value Render(const PruneReport& report) {
  return json::object{{"removed", Names(report.removed)},
                      {"kept", Names(report.kept)},
                      {"in_use", Names(report.in_use)},
                      {"freed_bytes", report.freed_bytes}};
}

absl::Status AskCopy(const Database& copy) {
  AskOptions options;
  options.budget.time = std::chrono::seconds(60);
  const std::vector<ScopeDescription> scopes = copy.GetView()->scopes();
  Params params;
  if (const auto stats = Ask(copy, "stats", params, options); !stats.ok()) return stats.status();
  if (scopes.empty()) return absl::OkStatus();  // nothing was ever told: there is nothing to ask
  params["all_namespaces"] = "true";
  if (!scopes.front().tenant.empty()) params["tenant"] = scopes.front().tenant;
  if (!scopes.front().cluster.empty()) params["cluster"] = scopes.front().cluster;
  return Ask(copy, "rca", params, options).status();
}

absl::StatusOr<PruneRule> ReadPruneRule(const std::string& keep, const std::string& keep_days) {
  PruneRule rule;
  const auto number = Count("keep", keep, 1'000'000);
  if (!number.ok()) return number.status();
  const auto days = Count("keep-days", keep_days, kMaxDays);
  if (!days.ok()) return days.status();
  rule.keep = *number;
  if (*days) rule.keep_for = std::chrono::hours(24) * **days;
  if (!rule.keep && !rule.keep_for) {
    return absl::InvalidArgumentError(
        "say what to keep: --keep 7 backups, --keep-days 30 days, or both");
  }
  return rule;
}

}  // namespace kg::server
