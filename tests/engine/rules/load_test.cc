#include <catch2/catch.hpp>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/rules/internal/embedded.h"
#include "tests/engine/rules/rules_testing.h"

namespace kg {
namespace {

// A folder of its own, gone at the end.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "kg-rules-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }

  void Write(const std::string& file, const std::string& text) const {
    std::ofstream(path_ + "/" + file, std::ios::binary) << text;
  }
  std::string LoadError() const { return std::string(RuleBook::Load(path_).status().message()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string Embedded(absl::string_view file) {
  for (const rules::EmbeddedTable& table : rules::EmbeddedTables()) {
    if (table.file == file) return std::string(table.text);
  }
  return "";
}

}  // namespace

TEST_CASE("a folder's table stands in for the embedded one, the others stay") {
  const Folder folder;
  folder.Write("alerts.tsv", "# mine\nalertname\tfor\tpredictive\nMyAlert\t7m\tno\n");
  const auto book = RuleBook::Load(folder.path());
  REQUIRE(book.ok());
  CHECK((*book)->AlertFor("MyAlert") == Duration(7min));
  CHECK_FALSE((*book)->AlertFor("TargetDown").has_value());
  CHECK((*book)->ClassByName("OOM_KILLED") == Id("OOM_KILLED"));
}

TEST_CASE("a rule of one's own for one's own reason") {
  const Folder folder;
  folder.Write("classify.tsv",
               absl::StrCat(Embedded("classify.tsv"), "ev\tMyReason\t(?i)boom\tEXIT_ERROR\n"));
  const auto book = RuleBook::Load(folder.path());
  REQUIRE(book.ok());
  CHECK((*book)->Classify(SignalPlace::kEvent, "MyReason", "BOOM", "") == Id("EXIT_ERROR"));
  CHECK((*book)->Classify(SignalPlace::kEvent, "MyReason", "ok", "") == Id("UNKNOWN_NORMAL"));
}

TEST_CASE("an empty or missing folder changes nothing") {
  const Folder folder;
  CHECK(RuleBook::Load(folder.path()).ok());
  CHECK(RuleBook::Load(folder.path() + "/none").ok());
}

TEST_CASE("what is wrong in a table is said with file, line, column and what is allowed") {
  const auto error = [](const char* file, const char* text) {
    const Folder folder;
    folder.Write(file, text);
    return folder.LoadError();
  };
  CHECK(error("alerts.tsv", "alertname\tfor\tpredictive\nA\t7 minutes\tno\n") ==
        "alerts.tsv:2: column `for`: `7 minutes`: allowed are times such as 2s, 10m, 24h");
  CHECK(error("alerts.tsv", "alertname\tfor\tpredictive\nA\t7m\tmaybe\n") ==
        "alerts.tsv:2: column `predictive`: `maybe`: allowed are no, yes");
  CHECK(error("alerts.tsv", "alertname\tfor\n") ==
        "alerts.tsv:1: the header line must read `alertname<tab>for<tab>predictive`");
  CHECK(error("alerts.tsv", "alertname\tfor\tpredictive\n\n# x\nA\t7m\n") ==
        "alerts.tsv:4: has 2 columns; allowed are exactly 3: alertname<tab>for<tab>predictive");
  CHECK(absl::StartsWith(error("alerts.tsv", ""), "alerts.tsv:1: no header line"));
  CHECK(error("classify.tsv", "place\treason\tmessage\tclass\nev\tA\t.\tNO_SUCH\n") ==
        "classify.tsv:2: column `class`: no class `NO_SUCH`: allowed are the names of classes.tsv");
  CHECK(absl::StartsWith(
      error("classify.tsv", "place\treason\tmessage\tclass\nev\tA\t(\tLIFECYCLE\n"),
      "classify.tsv:2: column `message`: missing )"));
  CHECK(absl::StartsWith(
      error("classify.tsv", "place\treason\tmessage\tclass\nxx\tA\t.\tLIFECYCLE\n"),
      "classify.tsv:2: column `place`: `xx`: allowed are ev, w, t, pod, cond"));
  const std::string priors = "causes\teffects\tpaths\tlag_min\tlag_typ\tlag_max\tprior\tsource\n";
  CHECK(absl::StartsWith(
      error("priors.tsv", (priors + "OOM_KILLED\tCRASHLOOP\tself\t0s\t9m\t2m\t.9\tme\n").c_str()),
      "priors.tsv:2: column `lag_max`: must not be less"));
  CHECK(absl::StartsWith(
      error("priors.tsv", (priors + "OOM_KILLED\tCRASHLOOP\tself\t0s\t1m\t2m\t9\tme\n").c_str()),
      "priors.tsv:2: column `prior`: `9`: allowed are numbers from 0 to 1"));
  CHECK(absl::StartsWith(
      error("priors.tsv", (priors + "LIFECYCLE\tCRASHLOOP\tself\t0s\t1m\t2m\t.9\tme\n").c_str()),
      "priors.tsv:2: column `causes`: `LIFECYCLE` is of a category"));
  CHECK(absl::StartsWith(
      error("priors.tsv", (priors + "OOM_KILLED\tCRASHLOOP\tsky\t0s\t1m\t2m\t.9\tme\n").c_str()),
      "priors.tsv:2: column `paths`: `sky`: allowed are any, self"));
  CHECK(absl::StartsWith(error("edge_paths.tsv",
                               "kinds\tpath\tedge\tto_group\tto_kind\tto_ns\tdirection\toptional\n"
                               "Pod\tspec.x\tNO_EDGE\tcore\tSecret\tsame\tout\t-\n"),
                         "edge_paths.tsv:2: column `edge`: no edge `NO_EDGE`"));
}

TEST_CASE("ids are unique and never outside of their range") {
  std::set<uint16_t> ids;
  for (const ClassInfo& info : Rules().classes()) {
    CHECK(info.id.value != 0);
    CHECK(ids.insert(info.id.value).second);
    CHECK_FALSE(info.meaning.empty());
    CHECK(info.gap > Duration(0));
  }
  CHECK(Rules().Class(ClassId(4000)).name == "UNCLASSIFIED");
  CHECK(Rules().Class(ClassId()).category == Category::kInfo);
}

TEST_CASE("changes of the ids that stored rows hold are noticed") {
  CHECK(Id("IMG_NOTFOUND").value == 10);
  CHECK(Id("OOM_KILLED").value == 50);
  CHECK(Id("NODE_NOTREADY").value == 190);
  CHECK(Id("LOG_PANIC").value == 300);
  CHECK(Id("CHANGE_IMAGE").value == 401);
  CHECK(Id("ALERT_POD_CRASHLOOP").value == 500);
  CHECK(Rules().EdgeTypeByName("CONTROLS").value == 1);
  CHECK(Rules().EdgeTypeByName("CALLS").value == 20);
}

TEST_CASE("every class of a table is known, and every class is produced somewhere") {
  std::string everything;
  for (const char* file : {"classify.tsv", "log_classes.tsv", "changes.tsv"}) {
    everything += Embedded(file);
  }
  // Given by code: fallbacks, what is derived from several objects, findings of the graph.
  const std::set<std::string> by_code = {
      "UNKNOWN_WARNING",   "UNKNOWN_NORMAL", "UNKNOWN_LOG",          "UNKNOWN_STATUS",
      "LOG_ERROR",         "ALERT_OTHER",    "REPLICAS_UNAVAILABLE", "NO_READY_ENDPOINTS",
      "STUCK_TERMINATING", "REF_MISSING",    "SELECTOR_EMPTY",       "PORT_MISMATCH",
      "ZERO_REPLICAS",     "WEBHOOK_DEAD",   "NETWORK_ISOLATED",     "CHANGE_DNS_CONFIG"};
  for (const ClassInfo& info : Rules().classes()) {
    INFO(info.name);
    const bool produced = absl::StrContains(everything, absl::StrCat("\t", info.name, "\n")) ||
                          absl::StrContains(everything, absl::StrCat("\t", info.name, "\t"));
    CHECK((produced || by_code.count(info.name) == 1));
  }
}

TEST_CASE("no rule names a particular service, namespace or data set") {
  for (const rules::EmbeddedTable& table : rules::EmbeddedTables()) {
    for (absl::string_view line : absl::StrSplit(table.text, '\n')) {
      if (line.empty() || line[0] == '#') continue;
      INFO(table.file << ": " << std::string(line));
      for (const char* name : {"nezha", "petshop", "rootcausebench", "trainticket", "train-ticket",
                               "cart", "checkout", "frontend", "kg-testing", "buglab",
                               "kube-system", "productcatalog", "online-boutique", "sock-shop"}) {
        REQUIRE_FALSE(absl::StrContains(line, name));
      }
    }
  }
}

}  // namespace kg
