#pragma once

#include <memory>
#include <string>

#include "bench/cluster.h"
#include "engine/database.h"

namespace kg::bench {

// A new database, or one that is there, whose wall clock stands well after all data time.
std::unique_ptr<Database> OpenAt(const std::string& dir);
// A new one that knows the cluster's objects.
std::unique_ptr<Database> OpenWith(const std::string& dir, const Cluster& cluster);

// How far apart `events` stand: 100,000 a day, closer where they would outrun retention.
Duration Spacing(uint64_t events);

}  // namespace kg::bench
