#pragma once

#include <string>
#include <vector>

namespace kg::bench {

// What has to happen in a process of its own (process.h, RunTask); the exit code.
//   crash DIR N   opens the database in DIR, applies N warnings more and dies by SIGKILL
//   workload DIR N   a new database with 5,000 objects and N events a day; prints its resident
//   bytes
//   mix FILE N   writes the predecessor's mix at N per cent of its size
//   events FILE N, states FILE N   N events of core/v1; N rounds of states, as kcat prints them
int DoTask(const std::vector<std::string>& arguments);

}  // namespace kg::bench
