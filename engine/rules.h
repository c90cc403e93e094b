#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "storage/types.h"

// The knowledge that experts argue about, as data: failure classes, how to recognise them, which
// causes which and how fast, and which way failure travels along an edge. The tables are the .tsv
// files in engine/rules/, embedded at build; a folder given by the user overrides them by file
// name.

namespace kg {

enum class Category : uint8_t {
  kChange = 0,   // somebody changed something
  kState = 1,    // something is wrong in itself
  kSymptom = 2,  // something suffers
  kInfo = 3,     // normal life; neither cause nor effect
  kNoise = 4,    // never a cause and never worth explaining
};

enum class Severity : uint8_t { kInfo = 0, kWarning = 1, kError = 2, kFatal = 3 };

struct ClassInfo {
  ClassId id;
  std::string name;  // IMG_NOTFOUND
  Category category = Category::kInfo;
  Severity severity = Severity::kInfo;
  Duration gap{0};      // g(class): occurrences further apart are separate bursts
  int precedence = 0;   // among simultaneous ones the lower can cause the higher
  std::string meaning;  // one line for people

  bool IsFailure() const { return category == Category::kState || category == Category::kSymptom; }
};

// Where a reason was read, as in classify.tsv. Two places put more into the message than the
// source:
//   kTerminated: "exit=<exit code> " or "exit code <exit code>: " + the state's message;
//   kCondition:  "<Kind>/<Type>=<Status> " + the condition's message, e.g. "Pod/Ready=False ...".
enum class SignalPlace : uint8_t {
  kEvent = 0,
  kWaiting = 1,
  kTerminated = 2,
  kPodStatus = 3,
  kCondition = 4,
  kLog = 5,
  kAlert = 6,
  kChange = 7
};

// The kind of path between cause and effect, by its most telling edge.
enum class PathKind : uint8_t {
  kSelf = 0,
  kOwner = 1,
  kService = 2,
  kNamespace = 3,
  kConfig = 4,
  kNode = 5,
  kStorage = 6,
  kDns = 7,
  kCalls = 8,
  kScaling = 9,
  kOther = 10
};

// P(cause explains effect | both seen, on such a path, in time), and how long it takes.
struct PairPrior {
  double prior = 0;
  Duration lag_min{0};
  Duration lag_typical{0};
  Duration lag_max{0};
  int row = 0;  // line of priors.tsv; 0: a default for the categories, or nothing at all
};

// Which way failure travels along an edge (from)-[type]->(to).
enum class Travels : uint8_t {
  kToFrom = 0,  // a fault of `to` explains `from` (Pod RUNS_ON Node)
  kFromTo = 1,  // a fault of `from` explains `to`
  kBoth = 2,
  kNone = 3,
};

struct EdgeTypeInfo {
  EdgeTypeId id;
  std::string name;  // RUNS_ON
  Travels travels = Travels::kNone;
  PathKind path = PathKind::kOther;
  double hop_cost = 1.0;
  std::vector<ClassId> only_effects;  // empty: any effect may use it
  std::string meaning;
};

// An edge that a field of an object gives: "Pod* spec.volumes[*].configMap.name MOUNTS ConfigMap".
struct EdgePath {
  std::string kinds;  // comma-separated kinds that have it; "template" is every pod template
  std::string path;   // of a Field, `[*]` matching any one bracket
  std::string edge;
  std::string to_group;
  bool to_group_known = true;  // false: by the kind, or by to_group_path
  std::string to_kind;         // or ".kind": the sibling member that holds it
  enum class Namespace : uint8_t { kSame, kNone, kField } to_ns = Namespace::kSame;
  // Members beside the one that `path` ends in, i.e. `path` with its last member replaced.
  std::string ns_path;        // for kField: holds the namespace; the object's own where absent
  std::string to_group_path;  // holds the group or an apiVersion
  std::string optional_path;  // "true" makes the reference optional
  bool reverse = false;       // the edge runs from what is named to this object
};

// A kind of object, as group_kinds.tsv knows it.
struct KindInfo {
  std::string kind;   // Deployment
  std::string group;  // apps; "" is core
  bool namespaced = true;
  std::string plural;    // deployments
  std::string pod_spec;  // path of the pod specification inside it (spec.template.spec), or empty
};

struct LogClass {
  ClassId cls;
  std::string shape;   // the line with what varies masked: numbers, ids, addresses, quoted text
  std::string reason;  // LOG_PANIC, …, LOG_ERROR, …: the predecessor's few names
};

// Immutable once made; thread-safe.
class RuleBook {
 public:
  virtual ~RuleBook() = default;

  // The embedded tables, with files of `override_dir` in their place where given. An error names
  // the file, the line, the column and what is allowed there.
  static absl::StatusOr<std::shared_ptr<const RuleBook>> Load(const std::string& override_dir = "");

  virtual const ClassInfo& Class(ClassId id) const = 0;  // unknown ids: the unclassified class
  virtual ClassId ClassByName(absl::string_view name) const = 0;  // 0 when there is none
  virtual absl::Span<const ClassInfo> classes() const = 0;

  // First rule that matches, else an UNKNOWN_* class by place and event type ("Normal" or
  // "Warning").
  virtual ClassId Classify(SignalPlace place, absl::string_view reason, absl::string_view message,
                           absl::string_view type) const = 0;

  // The classes of a change, from the kind of object and the paths that changed; most telling
  // first, each once. A path may carry the new value ("spec.replicas = 0"); {"@created"} and
  // {"@deleted"} stand for an object that appeared or went. Bookkeeping gives classes of category
  // info.
  virtual std::vector<ClassId> ClassifyChange(absl::string_view kind,
                                              absl::Span<const std::string> paths) const = 0;

  // compat §3.5 with the bare-number rule fixed: does a line deserve to be kept?
  virtual bool IsHighSignal(absl::string_view severity, absl::string_view line) const = 0;
  virtual LogClass ClassifyLog(absl::string_view severity, absl::string_view line) const = 0;

  // `for` of a well-known alert (ecosystem §D.5); nullopt when unknown. Predictive alerts: zero.
  virtual std::optional<Duration> AlertFor(absl::string_view alertname) const = 0;

  virtual PairPrior Prior(ClassId cause, ClassId effect, PathKind path) const = 0;
  // The longest lag that any row with this cause allows.
  virtual Duration MaxLag(ClassId cause) const = 0;
  // The longest lag of any row with this effect: how far back to look.
  virtual Duration MaxLookBack(ClassId effect) const = 0;

  virtual const EdgeTypeInfo& EdgeType(EdgeTypeId id) const = 0;        // unknown: travels none
  virtual EdgeTypeId EdgeTypeByName(absl::string_view name) const = 0;  // 0 when there is none
  virtual absl::Span<const EdgeTypeInfo> edge_types() const = 0;
  virtual absl::Span<const EdgePath> edge_paths() const = 0;

  // By kind, plural or short name, in any case ("deploy", "Deployment", "deployments").
  virtual std::optional<KindInfo> KindByName(absl::string_view name) const = 0;
  virtual absl::Span<const KindInfo> kinds() const = 0;
};

}  // namespace kg
