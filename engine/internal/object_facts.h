#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/fields.h"
#include "engine/rules.h"

// What one state of a Kubernetes object says about the world, read off its fields by the rule
// tables. A pure function of the object: nothing here knows time, other objects or the store.

namespace kg {

// The object names another one.
struct Reference {
  EdgeTypeId type;
  ObjectRef other;
  bool reverse = false;           // the edge runs from `other` to the object
  uint16_t flags = 0;             // EdgeFlags
  std::optional<ObjectRef> from;  // where the object asserts an edge between two others
};

// Something its status says. Holding signals stay true while the state lasts; the others happened
// at `since`.
struct Signal {
  std::string id;  // with the object's uid it names the episode; states only what a record says
  SignalPlace place = SignalPlace::kCondition;
  ClassId cls;
  std::string container;
  std::string reason;
  std::string message;
  bool holds = true;
  std::optional<Timestamp> since;  // the source's own instant
  // It may have begun before `since`, or before it was first seen, but not before this.
  std::optional<Timestamp> not_before;
  std::optional<ObjectRef> about;  // where the episode's subject is another object
};

struct LabelSelector {
  struct Expression {
    std::string key, op;
    std::vector<std::string> values;
    bool operator==(const Expression&) const = default;
  };
  std::map<std::string, std::string> equals;
  std::vector<Expression> expressions;
  bool when_empty =
      false;  // an empty selector selects: nothing (Service) or all (PDB, NetworkPolicy)

  bool Matches(const std::map<std::string, std::string>& labels) const;
  bool operator==(const LabelSelector&) const = default;
};

struct ObjectFacts {
  std::vector<Reference> references;
  std::vector<Signal> signals;
  std::map<std::string, std::string> labels;
  std::optional<LabelSelector> selector;  // of Pods in the same namespace
  EdgeTypeId selects;                     // the edge type that the selector gives
};

// `object` is canonical. Rules whose class is normal life give no signal.
ObjectFacts DeriveFacts(const RuleBook& rules, const ObjectRef& object, const Fields& fields);

}  // namespace kg
