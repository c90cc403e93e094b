#include "tests/architecture/layering.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <tuple>

namespace kg::architecture {
namespace {

namespace fs = std::filesystem;

using Names = std::set<std::string>;

// Folder, and what it may include besides itself: a whole folder, or one header of it.
const std::map<std::string, Names>& AllowedEdges() {
  static const auto* edges = new std::map<std::string, Names>{
      {"schemas", {}},
      {"storage", {"schemas"}},
      {"engine", {"storage", "schemas"}},
      {"query", {"engine", "storage", "schemas"}},
      {"ingest", {"engine", "schemas", "storage/types.h"}},
      {"server", {"query", "ingest", "engine", "schemas", "storage/types.h"}},
      {"tools", {"server", "query", "ingest", "engine", "storage", "schemas"}},
      {"bench", {"tools", "server", "query", "ingest", "engine", "storage", "schemas"}},
      {"tests", {"bench", "tools", "server", "query", "ingest", "engine", "storage", "schemas"}},
  };
  return *edges;
}

// A library, by how its headers begin, and the beginnings of the files that may see it.
struct LibraryRule {
  std::string header_prefix;
  std::vector<std::string> allowed;
  bool sources_only;  // not even there in a header
  std::string where;  // for the message
};

const std::vector<LibraryRule>& LibraryRules() {
  static const auto* rules = new std::vector<LibraryRule>{
      {"rocksdb/",
       {"storage/internal/", "storage/*.cc", "tests/storage/", "bench/"},
       false,
       "storage/internal and the .cc files of storage"},
      {"boost/asio",
       {"server/", "ingest/http_client", "tests/", "bench/"},
       true,
       "the .cc files of server and of ingest/http_client"},
      {"boost/beast",
       {"server/", "ingest/http_client", "tests/", "bench/"},
       true,
       "the .cc files of server and of ingest/http_client"},
      {"archive.h", {"storage/archive.cc", "tests/storage/"}, true, "storage/archive.cc"},
      {"archive_entry.h", {"storage/archive.cc", "tests/storage/"}, true, "storage/archive.cc"},
      {"librdkafka/", {"ingest/kafka", "tests/ingest/"}, false, "ingest/kafka"},
      {"toml++/", {"tools/kgctl/settings_file.cc"}, true, "tools/kgctl/settings_file.cc"},
      {"boost/json",
       {"ingest/", "server/", "tools/", "tests/", "bench/"},
       false,
       "ingest, server and tools"},
  };
  return *rules;
}

const Names& TopLevelFolders() {
  static const auto* names = new Names{"engine",  "storage", "ingest", "query", "server",
                                       "schemas", "bench",   "tests",  "tools"};
  return *names;
}

const Names& TopLevelFiles() {
  static const auto* names =
      new Names{"CMakeLists.txt", "CMakePresets.json", "LICENSE", "README.md"};
  return *names;
}

bool StartsWith(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

bool EndsWith(const std::string& text, const std::string& suffix) {
  return text.size() >= suffix.size() &&
         text.compare(text.size() - suffix.size(), suffix.size(), suffix) == 0;
}

std::string FirstPart(const std::string& path) {
  return path.substr(0, path.find('/'));
}

std::string Join(const Names& names) {
  std::string joined;
  for (const std::string& name : names) joined += (joined.empty() ? "" : ", ") + name;
  return joined.empty() ? "nothing" : joined;
}

// "storage/*.cc" matches the files of that folder but not of its sub-folders.
bool Matches(const std::string& file, const std::string& pattern) {
  const size_t star = pattern.find('*');
  if (star == std::string::npos) return StartsWith(file, pattern);
  const std::string folder = pattern.substr(0, star);
  return StartsWith(file, folder) && file.find('/', folder.size()) == std::string::npos &&
         EndsWith(file, pattern.substr(star + 1));
}

// What an include directive names; empty when the line is none.
std::string Included(const std::string& line) {
  size_t at = line.find_first_not_of(" \t");
  if (at == std::string::npos || line[at] != '#') return "";
  at = line.find_first_not_of(" \t", at + 1);
  if (at == std::string::npos || line.compare(at, 7, "include") != 0) return "";
  const size_t open = line.find_first_of("\"<", at + 7);
  if (open == std::string::npos) return "";
  const size_t close = line.find_first_of("\">", open + 1);
  if (close == std::string::npos) return "";
  return line.substr(open + 1, close - open - 1);
}

std::string CheckFolderEdge(const std::string& folder, const std::string& header) {
  const std::string target = FirstPart(header);
  if (StartsWith(header, "./") || StartsWith(header, "../")) {
    return "includes are written from the top of the tree, not as " + header;
  }
  if (StartsWith(header, "internal/")) {
    return "includes are written from the top of the tree: " + folder + "/" + header;
  }
  if (TopLevelFolders().count(target) == 0 || target == folder) return "";
  const auto edge = AllowedEdges().find(folder);
  if (edge == AllowedEdges().end()) return "";
  if (edge->second.count(target) == 0 && edge->second.count(header) == 0) {
    return folder + " may not include " + header + "; it may include " + Join(edge->second);
  }
  if (header.find("/internal/") != std::string::npos && folder != "tests" && folder != "bench") {
    return header + " is private to " + target;
  }
  return "";
}

std::string CheckLibrary(const std::string& file, const std::string& header) {
  for (const LibraryRule& rule : LibraryRules()) {
    if (!StartsWith(header, rule.header_prefix)) continue;
    const bool allowed =
        std::any_of(rule.allowed.begin(), rule.allowed.end(),
                    [&file](const std::string& pattern) { return Matches(file, pattern); }) &&
        !(rule.sources_only && EndsWith(file, ".h"));
    if (!allowed) return header + " may be included only in " + rule.where;
  }
  return "";
}

bool IsSource(const std::string& file) {
  for (const char* suffix : {".cc", ".h", ".cpp", ".hpp", ".inc"}) {
    if (EndsWith(file, suffix)) return true;
  }
  return false;
}

bool IsSkipped(const fs::path& entry) {
  const std::string name = entry.filename().string();
  return (StartsWith(name, ".") && name != ".ci") || StartsWith(name, "build");
}

bool ReadFile(const fs::path& path, std::string* text) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return false;
  std::ostringstream all;
  all << in.rdbuf();
  *text = all.str();
  return true;
}

void Append(std::vector<Violation> more, std::vector<Violation>* all) {
  all->insert(all->end(), std::make_move_iterator(more.begin()),
              std::make_move_iterator(more.end()));
}

void CheckFile(const fs::path& path, const std::string& name, TreeReport* report) {
  std::string text;
  if (!ReadFile(path, &text)) {
    report->violations.push_back({name, 0, "can't be read"});
    return;
  }
  Append(CheckPaths(name, text), &report->violations);
  if (!IsSource(name)) return;
  ++report->sources;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) report->includes += !Included(line).empty();
  Append(CheckIncludes(name, text), &report->violations);
}

}  // namespace

std::string Violation::ToString() const {
  return file + ":" + (line > 0 ? std::to_string(line) + ": " : " ") + what;
}

std::vector<Violation> CheckIncludes(const std::string& file, const std::string& text) {
  std::vector<Violation> found;
  const std::string folder = FirstPart(file);
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const std::string header = Included(line);
    if (header.empty()) continue;
    for (const std::string& what : {CheckFolderEdge(folder, header), CheckLibrary(file, header)}) {
      if (!what.empty()) found.push_back({file, number, what});
    }
  }
  return found;
}

std::vector<Violation> CheckPaths(const std::string& file, const std::string& text) {
  std::vector<Violation> found;
  // In two pieces, so that this file does not accuse itself.
  static const std::string* outside = new std::string(std::string("../") + "shared");
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.find(*outside) != std::string::npos) {
      found.push_back({file, number, "names " + *outside + ", which lies outside the tree"});
    }
  }
  return found;
}

std::vector<Violation> CheckTopLevel(const std::string& name, bool is_directory) {
  const Names& allowed = is_directory ? TopLevelFolders() : TopLevelFiles();
  if (StartsWith(name, ".") || (is_directory && StartsWith(name, "build")) ||
      allowed.count(name) != 0) {
    return {};
  }
  return {{name, 0,
           std::string("does not belong at the top level; its ") +
               (is_directory ? "folders" : "files") + " are " + Join(allowed)}};
}

TreeReport CheckTree(const std::string& root) {
  TreeReport report;
  for (const fs::directory_entry& entry : fs::directory_iterator(root)) {
    Append(CheckTopLevel(entry.path().filename().string(), entry.is_directory()),
           &report.violations);
  }
  for (auto it = fs::recursive_directory_iterator(root); it != fs::end(it); ++it) {
    if (it->is_directory() && IsSkipped(it->path())) {
      it.disable_recursion_pending();
    } else if (it->is_regular_file()) {
      CheckFile(it->path(), fs::relative(it->path(), root).generic_string(), &report);
    }
  }
  std::sort(report.violations.begin(), report.violations.end(),
            [](const Violation& a, const Violation& b) {
              return std::tie(a.file, a.line, a.what) < std::tie(b.file, b.line, b.what);
            });
  return report;
}

}  // namespace kg::architecture
