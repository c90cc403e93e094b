#include <fstream>
#include <iterator>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/rules.h"
#include "engine/rules/internal/change_rules.h"
#include "engine/rules/internal/class_table.h"
#include "engine/rules/internal/classifier.h"
#include "engine/rules/internal/edge_table.h"
#include "engine/rules/internal/embedded.h"
#include "engine/rules/internal/kind_table.h"
#include "engine/rules/internal/log_rules.h"
#include "engine/rules/internal/prior_table.h"
#include "engine/rules/internal/table.h"

namespace kg {
namespace rules {
namespace {

// How long alerts wait, by exact name and by beginning ("KubeQuota*").
class AlertTable {
 public:
  absl::Status Load(absl::string_view text) {
    auto table = Table::Parse("alerts.tsv", text, {"alertname", "for", "predictive"});
    if (!table.ok()) return table.status();
    for (const Row& row : table->rows()) {
      const auto wait = table->Time(row, 1);
      if (!wait.ok()) return wait.status();
      const auto predictive = table->OneOf(row, 2, {"no", "yes"});
      if (!predictive.ok()) return predictive.status();
      const Duration taken_off = *predictive == 1 ? Duration{0} : *wait;
      absl::string_view name = row.cells[0];
      if (absl::ConsumeSuffix(&name, "*")) {
        beginnings_.emplace_back(std::string(name), taken_off);
      } else {
        names_.emplace(std::string(name), taken_off);
      }
    }
    return absl::OkStatus();
  }

  std::optional<Duration> Find(absl::string_view name) const {
    const auto it = names_.find(name);
    if (it != names_.end()) return it->second;
    for (const auto& [beginning, wait] : beginnings_) {
      if (absl::StartsWith(name, beginning)) return wait;
    }
    return std::nullopt;
  }

 private:
  absl::flat_hash_map<std::string, Duration> names_;
  std::vector<std::pair<std::string, Duration>> beginnings_;
};

// Classes that the code itself answers with.
struct Fallbacks {
  ClassId warning, normal, log, status, alert, change;

  absl::Status Find(const ClassTable& classes) {
    const std::pair<ClassId*, const char*> needed[] = {
        {&warning, "UNKNOWN_WARNING"}, {&normal, "UNKNOWN_NORMAL"}, {&log, "UNKNOWN_LOG"},
        {&status, "UNKNOWN_STATUS"},   {&alert, "ALERT_OTHER"},     {&change, "CHANGE_OTHER"}};
    for (const auto& [id, name] : needed) {
      *id = classes.ByName(name);
      if (id->value == 0) return Missing(name);
    }
    for (const char* name : {"LOG_FATAL", "LOG_ERROR", "LOG_OTHER"}) {
      if (classes.ByName(name).value == 0) return Missing(name);
    }
    return absl::OkStatus();
  }

  static absl::Status Missing(const char* name) {
    return absl::InvalidArgumentError(
        absl::StrCat("classes.tsv:1: column `name`: the class `", name, "` is needed"));
  }
};

class Book final : public RuleBook {
 public:
  absl::Status Load(const std::map<std::string, std::string>& text) {
    auto classes = ClassTable::Load(text.at("classes.tsv"), text.at("groups.tsv"));
    if (!classes.ok()) return classes.status();
    classes_ = *std::move(classes);
    absl::Status status = fallbacks_.Find(classes_);
    if (status.ok()) status = LoadTopology(text);
    if (status.ok()) status = LoadRules(text);
    if (status.ok()) status = alerts_.Load(text.at("alerts.tsv"));
    return status;
  }

  const ClassInfo& Class(ClassId id) const override { return classes_.Class(id); }
  ClassId ClassByName(absl::string_view name) const override { return classes_.ByName(name); }
  absl::Span<const ClassInfo> classes() const override { return classes_.classes(); }

  ClassId Classify(SignalPlace place, absl::string_view reason, absl::string_view message,
                   absl::string_view type) const override {
    const ClassId found = classifier_->Classify(place, reason, message);
    if (found.value != 0) return found;
    switch (place) {
      case SignalPlace::kEvent:
        return absl::EqualsIgnoreCase(type, "Warning") ? fallbacks_.warning : fallbacks_.normal;
      case SignalPlace::kWaiting:
      case SignalPlace::kTerminated:
      case SignalPlace::kPodStatus:
      case SignalPlace::kCondition:
        return fallbacks_.status;
      case SignalPlace::kLog:
        return ByReasonOr(reason, "LOG_", fallbacks_.log);
      case SignalPlace::kAlert:
        return fallbacks_.alert;
      case SignalPlace::kChange:
        return ByReasonOr(reason, "", fallbacks_.change);
    }
    return fallbacks_.normal;
  }

  std::vector<ClassId> ClassifyChange(absl::string_view kind,
                                      absl::Span<const std::string> paths) const override {
    return changes_->Classify(kind, paths);
  }

  bool IsHighSignal(absl::string_view severity, absl::string_view line) const override {
    return logs_->IsHighSignal(severity, line);
  }
  LogClass ClassifyLog(absl::string_view severity, absl::string_view line) const override {
    return logs_->Classify(severity, line);
  }

  std::optional<Duration> AlertFor(absl::string_view alertname) const override {
    return alerts_.Find(alertname);
  }

  PairPrior Prior(ClassId cause, ClassId effect, PathKind path) const override {
    return priors_->Prior(cause, effect, path);
  }
  Duration MaxLag(ClassId cause) const override { return priors_->MaxLag(cause); }
  Duration MaxLookBack(ClassId effect) const override { return priors_->MaxLookBack(effect); }

  const EdgeTypeInfo& EdgeType(EdgeTypeId id) const override { return edges_->Type(id); }
  EdgeTypeId EdgeTypeByName(absl::string_view name) const override { return edges_->ByName(name); }
  absl::Span<const EdgeTypeInfo> edge_types() const override { return edges_->types(); }
  absl::Span<const EdgePath> edge_paths() const override { return edges_->paths(); }

  std::optional<KindInfo> KindByName(absl::string_view name) const override {
    return kinds_->ByName(name);
  }
  absl::Span<const KindInfo> kinds() const override { return kinds_->kinds(); }

 private:
  absl::Status LoadTopology(const std::map<std::string, std::string>& text) {
    auto kinds = KindTable::Load(text.at("group_kinds.tsv"));
    if (!kinds.ok()) return kinds.status();
    kinds_ = *std::move(kinds);
    auto edges =
        EdgeTable::Load(text.at("edges.tsv"), text.at("edge_paths.tsv"), classes_, *kinds_);
    if (!edges.ok()) return edges.status();
    edges_ = *std::move(edges);
    return absl::OkStatus();
  }

  absl::Status LoadRules(const std::map<std::string, std::string>& text) {
    auto classifier = Classifier::Load(text.at("classify.tsv"), classes_);
    if (!classifier.ok()) return classifier.status();
    classifier_ = *std::move(classifier);
    auto logs = LogRules::Load(text.at("log_classes.tsv"), text.at("log_signals.tsv"),
                               text.at("log_reasons.tsv"), classes_);
    if (!logs.ok()) return logs.status();
    logs_ = *std::move(logs);
    auto changes = ChangeRules::Load(text.at("changes.tsv"), classes_);
    if (!changes.ok()) return changes.status();
    changes_ = *std::move(changes);
    auto priors = PriorTable::Load(text.at("priors.tsv"), classes_);
    if (!priors.ok()) return priors.status();
    priors_ = *std::move(priors);
    return absl::OkStatus();
  }

  // Producers that classify by themselves send a class's name as the reason.
  ClassId ByReasonOr(absl::string_view reason, absl::string_view beginning, ClassId other) const {
    const ClassId id = absl::StartsWith(reason, beginning) ? classes_.ByName(reason) : ClassId();
    return id.value != 0 ? id : other;
  }

  ClassTable classes_;
  Fallbacks fallbacks_;
  std::unique_ptr<KindTable> kinds_;
  std::unique_ptr<EdgeTable> edges_;
  std::unique_ptr<Classifier> classifier_;
  std::unique_ptr<LogRules> logs_;
  std::unique_ptr<ChangeRules> changes_;
  std::unique_ptr<PriorTable> priors_;
  AlertTable alerts_;
};

// What is in the user's folder under the table's name, else what was built in.
absl::StatusOr<std::string> TextOf(const EmbeddedTable& table, const std::string& override_dir) {
  if (override_dir.empty()) return std::string(table.text);
  std::ifstream file(absl::StrCat(override_dir, "/", table.file), std::ios::binary);
  if (!file.is_open()) return std::string(table.text);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (file.bad()) {
    return absl::UnavailableError(
        absl::StrCat("cannot read ", override_dir, "/", table.file, "; check that it is a file"));
  }
  return text;
}

}  // namespace
}  // namespace rules

absl::StatusOr<std::shared_ptr<const RuleBook>> RuleBook::Load(const std::string& override_dir) {
  std::map<std::string, std::string> text;
  for (const rules::EmbeddedTable& table : rules::EmbeddedTables()) {
    auto content = rules::TextOf(table, override_dir);
    if (!content.ok()) return content.status();
    text[table.file] = *std::move(content);
  }
  auto book = std::make_shared<rules::Book>();
  absl::Status loaded = book->Load(text);
  if (!loaded.ok()) return loaded;
  return std::shared_ptr<const RuleBook>(std::move(book));
}

}  // namespace kg
