#pragma once

#include <cstdint>
#include <string>

#include "engine/mutation.h"

// Input as bytes, as a cluster and the predecessor's collectors write it.

namespace kg::bench {

// The event as an API server sends it, about as short as it can be; one line.
std::string EventLine(const EventRecord& event);

// "2026-01-01T00:00:30.500000Z".
std::string TimeText(Timestamp t);
// A record as `kcat -J` prints it, its value as text; one line.
std::string KcatLine(const std::string& topic, uint64_t offset, Timestamp at,
                     const std::string& key, const std::string& value);
// An object as the state watcher repeats it on `state.k8s.resource`, as `kcat -J` prints the
// record; one line. Of an ObjectRecord of bench/cluster.h.
std::string StateLine(const ObjectRecord& object, Timestamp at);

// The first `events` of the steady run, a line each.
void WriteEvents(const std::string& path, uint64_t events);
// All objects of the cluster, once in each second from..to of the run; how many lines.
uint64_t WriteStates(const std::string& path, int from, int to);

struct MixCounts {
  uint64_t logs = 0, resources = 0, topology = 0, targets = 0, events = 0;
  uint64_t bytes = 0;
  uint64_t messages() const { return logs + resources + topology + targets + events; }
};

// What one consumer group of the predecessor read in its life, by kind of message: 802 k log lines,
// 271 k states of objects, 225 k edges, 55 k scrape targets and 4.5 k events. The shares are those
// of a cluster of 335 objects whose whole state is published every 30 s, 808 times: so nearly all
// of it repeats what is known. One file of `kcat -J` lines in the order of time, the same on each
// machine; `scale` of 1 is the whole.
MixCounts WriteMix(const std::string& path, double scale);

}  // namespace kg::bench
