#pragma once

#include <vector>

#include "query/asked_failures.h"
#include "query/causes.h"

namespace kg::query {

// The link that a burst hangs on, if any.
const CauseLink* BestLink(const Inquiry& inquiry, const Burst& burst);

// From a burst to where its best links lead; [0] is the burst itself. Empty: the graph does not
// hold it.
std::vector<BurstPtr> ChainOf(const Inquiry& inquiry, const BurstAt& at);

// A chain up to what ends it.
struct Trail {
  std::vector<BurstPtr> chain;        // [0] the burst itself; empty: the graph does not hold it
  std::optional<FoundCause> finding;  // what explains the last of them
  EpisodeKey top;                     // where the links alone would have led: the incident's root
};

// A chain ends where a message blames an object by name and nothing that happened to that object
// explains the message better, or, if it leads to no change, where a finding explains a burst
// better than its best link does.
Trail TrailOf(const Inquiry& inquiry, const BurstAt& at);

// Where the chains of what is asked about end, each with all that its incident holds, by key.
// Chains that end alike are one root.
std::vector<Root> FindRoots(const Inquiry& inquiry, const AskedFailures& asked);

// Replicas of one workload that fail alike are one root: the first of them, which then explains
// what the others do.
std::vector<Root> RolledUp(const Inquiry& inquiry, std::vector<Root> roots);

}  // namespace kg::query
