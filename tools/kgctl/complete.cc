#include "tools/kgctl/complete.h"

#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "server/http.h"
#include "tools/kgctl/json_view.h"
#include "tools/kgctl/source.h"
#include "tools/kgctl/table.h"

namespace kg::kgctl {
namespace {

// Enough to choose from, and no more than a screen bears.
constexpr char kMostNames[] = "200";

// Knows the flags of one command, and takes their values from words already typed.
class TypedFlags : public FlagSet {
 public:
  void Text(const std::string& names, const std::string&, std::string* target,
            const std::string&) override {
    for (const std::string& name : Split(names)) texts_[name] = target;
  }
  void Texts(const std::string& names, const std::string&, std::vector<std::string>*,
             const std::string&) override {
    for (const std::string& name : Split(names)) texts_[name] = nullptr;
  }
  void Switch(const std::string& names, bool*, const std::string&) override {
    for (const std::string& name : Split(names)) switches_.insert(name);
  }
  void Argument(const std::string& name, std::string*, const std::string&) override {
    arguments_.insert(name);
  }
  void Arguments(const std::string& name, std::vector<std::string>*, const std::string&) override {
    arguments_.insert(name);
  }

  bool TakesValue(const std::string& flag) const { return texts_.count(flag) > 0; }
  bool TakesArgument(const std::string& name) const { return arguments_.count(name) > 0; }
  // Also switches.
  std::set<std::string> Names() const {
    std::set<std::string> names = switches_;
    for (const auto& [name, target] : texts_) names.insert(name);
    return names;
  }
  // Leaves what stands behind the last word with its value alone.
  void Take(const std::vector<std::string>& words) {
    for (size_t i = 0; i + 1 < words.size(); ++i) {
      const auto flag = texts_.find(words[i]);
      if (flag == texts_.end()) continue;
      ++i;
      typed_[flag->first] = words[i];
      if (flag->second != nullptr) *flag->second = words[i];
    }
  }
  std::string Typed(const std::string& flag) const {
    const auto found = typed_.find(flag);
    return found == typed_.end() ? "" : found->second;
  }

 private:
  static std::vector<std::string> Split(const std::string& names) {
    return absl::StrSplit(names, ',');
  }
  std::map<std::string, std::string*> texts_;
  std::set<std::string> switches_ = {"--help"};
  std::set<std::string> arguments_;
  std::map<std::string, std::string> typed_;
};

// bash cuts words at ':' and '=': "--server", "http", ":", "//host".
std::vector<std::string> Joined(const std::vector<std::string>& words) {
  std::vector<std::string> out;
  bool glue = false;
  for (const std::string& word : words) {
    const bool is_cut = word == ":" || word == "=";
    if ((is_cut || glue) && !out.empty()) {
      out.back() += word;
    } else {
      out.push_back(word);
    }
    glue = is_cut;
  }
  return out;
}

void Offer(const std::vector<std::string>& all, const std::string& current, Environment* env) {
  for (const std::string& word : all) {
    if (absl::StartsWith(word, current)) env->out << word << "\n";
  }
}

std::vector<std::string> CommandNames() {
  std::vector<std::string> names;
  for (const CommandPtr& command : AllCommands()) names.push_back(command->name());
  names.emplace_back("help");
  return names;
}

// The names that the data knows; `words` say where the data is, and in which scope.
std::vector<std::string> NamesInData(const std::string& of, const std::string& prefix,
                                     const TypedFlags& typed, Place* place) {
  if (!place->Settle().ok()) return {};
  absl::StatusOr<std::unique_ptr<Source>> source = Source::Open(*place);
  if (!source.ok()) return {};
  server::Params params = {
      {"of", of}, {"prefix", prefix}, {"limit", kMostNames}, {"timeout", "1s"}};
  const std::pair<const char*, const char*> scope[] = {{"--tenant", "tenant"},
                                                       {"--cluster", "cluster"}};
  for (const auto& [flag, param] : scope) {
    if (const std::string value = typed.Typed(flag); !value.empty()) params[param] = value;
  }
  for (const char* flag : {"-n", "--namespace"}) {
    if (const std::string value = typed.Typed(flag); !value.empty() && of == "objects")
      params["namespace"] = value;
  }
  const auto answer = (*source)->Ask("names", params);
  if (!answer.ok()) return {};
  std::vector<std::string> names;
  for (const boost::json::value& name : List(*answer, "names"))
    names.push_back(Printable(Str(name)));
  return names;
}

std::vector<std::string> ValuesOf(const std::string& flag, const std::string& current,
                                  const TypedFlags& typed, Place* place) {
  static const auto* const values = new std::map<std::string, std::vector<std::string>>{
      {"-o", {"table", "wide", "json", "yaml", "name"}},
      {"--output", {"table", "wide", "json", "yaml", "name"}},
      {"--color", {"auto", "always", "never"}},
      {"--severity", {"info", "warning", "error", "fatal"}},
      {"--category", {"change", "state", "symptom", "info", "noise"}},
      {"--status", {"open", "resolved"}},
      {"--type", {"Normal", "Warning"}},
      {"--direction", {"out", "in", "both"}},
      {"--format", {"json", "yaml", "logs"}},
      {"--data-dir", {":dirs"}},
      {"--rules", {":dirs"}},
      {"--config", {":files"}}};
  if (flag == "-n" || flag == "--namespace")
    return NamesInData("namespaces", current, typed, place);
  const auto found = values->find(flag);
  return found == values->end() ? std::vector<std::string>() : found->second;
}

}  // namespace

void Complete(std::vector<std::string> words, Environment* env) {
  words = Joined(words);
  if (words.empty()) words.emplace_back();
  const std::string current = words.back();
  if (words.size() == 1) return Offer(CommandNames(), current, env);
  const std::string& name = words.front();
  if (name == "help") {
    std::vector<std::string> topics = CommandNames();
    topics.back() = "config";
    return Offer(topics, current, env);
  }
  for (const CommandPtr& command : AllCommands()) {
    if (command->name() != name) continue;
    TypedFlags typed;
    command->Define(&typed);
    // The command keeps its own place to itself; this one gets the same words.
    Place place;
    TypedFlags of_place;
    place.Define(kQuestions, &of_place);
    const std::vector<std::string> before(words.begin(), words.end() - 1);
    typed.Take(before);
    of_place.Take(before);
    const std::string& previous = words[words.size() - 2];
    if (typed.TakesValue(previous)) {
      const std::vector<std::string> values = ValuesOf(previous, current, typed, &place);
      const bool by_shell = !values.empty() && values.front().front() == ':';
      return Offer(values, by_shell ? "" : current, env);
    }
    if (absl::StartsWith(current, "-")) {
      const std::set<std::string> flags = typed.Names();
      return Offer({flags.begin(), flags.end()}, current, env);
    }
    if (name == "completion") return Offer({"bash", "zsh", "fish"}, current, env);
    if (name == "dead-letters") return Offer({"list", "retry", "export"}, current, env);
    if (name == "backup") return Offer({"create", "list", "verify", "prune"}, current, env);
    if (typed.TakesArgument("file")) return Offer({":files"}, "", env);
    if (typed.TakesArgument("object") || typed.TakesArgument("from"))
      return Offer(NamesInData("objects", current, typed, &place), "", env);
  }
}

}  // namespace kg::kgctl
