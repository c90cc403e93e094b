#pragma once

#include <string>
#include <vector>

#include "bench/measure.h"
#include "engine/mutation.h"
#include "storage/keys.h"

// A synthetic cluster and what happens in it.

namespace kg::bench {

// When the recorded day begins; all data time is given from here.
inline constexpr Timestamp kStart = FromMicros(1'767'225'600'000'000);

struct EventMix {
  double failures = 0.2;  // share of events that say that something is wrong
  Duration spacing = std::chrono::milliseconds(864);  // 100,000 a day
};

// About `resources` objects: for each 12 a Deployment, its ReplicaSet, its 8 pods, a Service that
// selects them and a ConfigMap; a node per 50 objects; a quarter of the pods call a Service. With
// 5,000 objects that makes about 11,000 edges. The same seed gives the same cluster.
class Cluster {
 public:
  Cluster(size_t resources, uint64_t seed);

  // Every object as seen at `at`, and the declared calls.
  std::vector<Mutation> Objects(Timestamp at) const;
  size_t size() const;
  size_t pods() const { return pods_.size(); }

  // The `n`th event of a run: in order of time, each of an id of its own. Seven in ten failures
  // befall six deployments and a node that are in trouble for some minutes; the rest anyone.
  EventRecord Event(uint64_t n, const EventMix& mix);
  // A warning about one of the first `among` pods or their nodes.
  EventRecord Warning(uint64_t n, Timestamp at, size_t among);

 private:
  struct Pod {
    size_t deployment;
    size_t node;
  };

  ObjectRef Ref(const char* group, const char* kind, const std::string& ns,
                const std::string& name) const;
  ObjectRef PodRef(size_t pod) const;
  ObjectRef NodeRef(size_t node) const;
  ObjectRef DeploymentRef(size_t deployment) const;
  std::string Namespace(size_t deployment) const;
  void Say(EventRecord* e, size_t pod, size_t what);

  size_t deployments_ = 0;
  size_t nodes_ = 0;
  std::vector<Pod> pods_;
  Random random_;
  // In trouble now.
  std::vector<size_t> hot_;
  size_t hot_node_ = 0;
  Timestamp hot_until_ = kBeginning;
};

}  // namespace kg::bench
