#pragma once

#include <sqlite3.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/view.h"

// The peer: the same questions put to SQLite, as somebody would who had only SQL.

namespace kg::bench {

// One prepared statement. Ends the program on an error of SQLite, which would mean a wrong figure.
class Sql {
 public:
  Sql(sqlite3* db, const char* text);
  ~Sql();
  Sql(const Sql&) = delete;
  Sql& operator=(const Sql&) = delete;

  Sql& Bind(int place, int64_t value);
  Sql& BindReal(int place, double value);
  Sql& BindText(int place, const std::string& value);  // copied by reference: valid until Run
  // A row is there.
  bool Step();
  // Steps to the end, counts rows, resets.
  int64_t Run();
  int64_t Int(int column) const;
  void Reset();

 private:
  sqlite3* const db_;
  sqlite3_stmt* statement_ = nullptr;
};

// Runs statements without parameters.
void ExecSql(sqlite3* db, const char* text);
// A new database in WAL mode with synchronous=FULL, as durable as kg's commits, and with as much
// memory for pages as kg has for blocks and memtables together.
sqlite3* OpenSql(const std::string& file);

// What SQLite is asked to do besides storing events and linking failures.
enum class PeerJob : uint8_t {
  // Nothing: objects and classes are handed to it, no question but that for causes has an index.
  kLinksOnly,
  // What kg's figure contains, too: names are looked up, messages classified, each failure is put
  // into an incident, and events can be listed by time and by object.
  kSameJob,
};

// An event as SQLite takes it.
struct PeerEvent {
  std::string id;
  uint32_t slot = 0;
  uint16_t cls = 0;
  bool failure = false;
  int64_t at_us = 0;
  int64_t look_back_us = 0;
  std::string reason;
  std::string message;
};

struct PeerOptions {
  PeerJob job = PeerJob::kSameJob;
  // How many failures of one object a search weighs, newest first; -1: all that its class looks
  // back on.
  int64_t newest = -1;
};

// Events with their causes, linked in SQL by the rule that kg links by: failures on the same object
// or within three edges in the direction in which failure travels, by the priors, lags and costs of
// the same rule tables, at most five for an effect, each of another (object, class). Keeps no
// history of objects and edges and looks at an effect once, which is less than kg does. One thread.
class SqlitePeer {
 public:
  // With the edges that `view` has now, and the priors between the classes of `samples`.
  SqlitePeer(const std::string& file, const View& view, const std::vector<EventRecord>& samples,
             PeerOptions options);
  ~SqlitePeer();

  // Finds the object by its name and the class by the rules.
  PeerEvent Prepare(const RuleBook& rules, const EventRecord& event) const;
  // One synced transaction: stores them, then links the failures among them.
  void Apply(const std::vector<PeerEvent>& batch);

  int64_t links();
  // Slots within reach of the effect: where its candidates are.
  int64_t Reach(uint32_t slot);
  // The causes of an event searched anew, with what they say; rows.
  int64_t RootCause(const PeerEvent& effect);
  // Who depends on the slot, how often each failed in the day before `at` and when last in the
  // hour; rows.
  int64_t Blast(uint32_t slot, int64_t at_us);

 private:
  void BindSearch(const PeerEvent& effect, Sql* sql) const;

  const PeerOptions options_;
  sqlite3* db_ = nullptr;
  std::unique_ptr<Sql> find_, insert_, link_, join_, root_cause_, blast_, reach_;
};

}  // namespace kg::bench
