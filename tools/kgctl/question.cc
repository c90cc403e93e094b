#include "tools/kgctl/question.h"

#include <algorithm>
#include <cstdlib>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/json_text.h"
#include "server/suggest.h"
#include "tools/kgctl/json_view.h"

namespace kg::kgctl {
namespace {

bool IsSet(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

bool IsDumbTerminal() {
  const char* term = std::getenv("TERM");
  return term != nullptr && std::string(term) == "dumb";
}

}  // namespace

void QuestionCommand::Define(FlagSet* flags) {
  if (!ObjectHelp().empty()) flags->Arguments("object", &objects_, ObjectHelp());
  if (TakesNamespace()) {
    flags->Text("-n,--namespace", "NS", &namespace_, "Namespace asked about (default: all)");
    flags->Switch("-A,--all-namespaces", &all_namespaces_, "All namespaces");
  }
  if (TakesSelector()) {
    flags->Text("-l,--selector", "SELECTOR", &selector_, "Labels, as kubectl's -l");
  }
  flags->Text("--tenant", "NAME", &tenant_, "Tenant, where there are several");
  flags->Text("--cluster", "NAME", &cluster_, "Cluster, where there are several");
  flags->Text("--at", "TIME", &at_,
              "Moment asked about: 2026-03-02T10:42:00Z, 10:42, -15m (default: the newest data; "
              "on a node, now)");
  if (TakesWindow()) {
    flags->Text("--since", "DURATION", &since_, WindowHelp());
  }
  if (HasPages()) {
    flags->Text("--limit", "N", &limit_, "Rows at most (default 100)");
    flags->Text("--cursor", "CURSOR", &cursor_, "Where the page before ended");
  }
  for (const TextFlag& flag : TextFlags())
    flags->Text(flag.name, flag.value, &texts_[flag.param], flag.help);
  DefineOwn(flags);
  place_.Define(Uses(), flags);
  flags->Text("-o,--output", "FORMAT", &output_, "table, wide, json, yaml or name");
  flags->Switch("--no-headers", &no_headers_, "No headers in tables");
  flags->Text("--color", "WHEN", &color_, "auto, always or never (env NO_COLOR)");
  flags->Text("--timeout", "DURATION", &timeout_,
              "Time for the answer (default 20s, on a node 2s)");
}

void QuestionCommand::Set(server::Params* params, const std::string& name,
                          const std::string& value) {
  if (!value.empty()) (*params)[name] = value;
}

absl::StatusOr<server::Params> QuestionCommand::MakeParams() {
  server::Params params;
  if (all_namespaces_ && !namespace_.empty()) {
    return absl::InvalidArgumentError("-n and -A exclude each other; give one");
  }
  Set(&params, "object", absl::StrJoin(objects_, " "));
  Set(&params, "namespace", namespace_);
  if (all_namespaces_) params["all_namespaces"] = "true";
  Set(&params, "selector", selector_);
  Set(&params, "tenant", tenant_);
  Set(&params, "cluster", cluster_);
  Set(&params, "at", at_);
  Set(&params, "since", since_);
  Set(&params, "timeout", timeout_);
  Set(&params, "limit", limit_);
  Set(&params, "cursor", cursor_);
  for (const auto& [param, value] : texts_) Set(&params, param, value);
  if (absl::Status filled = Fill(&params); !filled.ok()) return filled;
  return params;
}

PageStyle QuestionCommand::Style(const Environment& env) const {
  PageStyle style;
  style.headers = !no_headers_;
  style.wide = output_ == "wide";
  style.color = color_ == "always" || (color_ == "auto" && env.out_is_terminal &&
                                       !IsSet("NO_COLOR") && !IsDumbTerminal());
  return style;
}

absl::StatusOr<int> QuestionCommand::Run(Environment* env) {
  if (output_ != "table" && output_ != "wide" && output_ != "json" && output_ != "yaml" &&
      output_ != "name") {
    return absl::InvalidArgumentError(
        absl::StrCat("-o ", output_, " is no format; give table, wide, json, yaml or name"));
  }
  if (color_ != "auto" && color_ != "always" && color_ != "never") {
    return absl::InvalidArgumentError(
        absl::StrCat("--color ", color_, " is unknown; give auto, always or never"));
  }
  const absl::StatusOr<server::Params> params = MakeParams();
  if (!params.ok()) return params.status();
  if (absl::Status settled = place_.Settle(); !settled.ok()) return settled;
  absl::StatusOr<std::unique_ptr<Source>> source = Source::Open(place_);
  if (!source.ok()) return source.status();
  const absl::StatusOr<boost::json::value> answer = (*source)->Ask(name(), *params);
  if (!answer.ok()) return answer.status();
  if (!namespace_.empty()) NoteStrangeNamespace(source->get(), env);
  if (output_ == "json") {
    env->out << server::ToJsonText(*answer, server::JsonLayout::kPretty);
  } else if (output_ == "yaml") {
    env->out << server::ToYamlText(*answer);
  } else if (output_ == "name") {
    for (const std::string& line : Names(*answer)) env->out << Printable(line) << "\n";
  } else {
    Print(*answer, Page{env->out, Style(*env), (*source)->ClockName(), !at_.empty()});
  }
  return ExitCode(*answer);
}

// "Nothing is wrong" in a namespace that there is not must not pass for good news.
void QuestionCommand::NoteStrangeNamespace(Source* source, Environment* env) const {
  server::Params params = {{"of", "namespaces"}, {"limit", "10000"}};
  Set(&params, "tenant", tenant_);
  Set(&params, "cluster", cluster_);
  const absl::StatusOr<boost::json::value> answer = source->Ask("names", params);
  if (!answer.ok()) return;
  std::vector<std::string> known;
  for (const boost::json::value& name : List(*answer, "names")) known.push_back(Str(name));
  const bool all = Int(*answer, "total") == static_cast<int64_t>(known.size());
  if (!all || std::find(known.begin(), known.end(), namespace_) != known.end()) return;
  env->err << "note: nothing is known of a namespace '" << Printable(namespace_) << "'"
           << server::DidYouMean(namespace_, known) << "\n";
}

std::string QuestionCommand::Moment(const boost::json::value& answer, const std::string& path,
                                    const Page& page) {
  return absl::StrCat("as of ", TimeText(answer, path), " UTC",
                      page.at_given ? "" : absl::StrCat(" (", page.clock_name, ")"));
}

void QuestionCommand::PrintLimits(const boost::json::value& answer, const Page& page) {
  const boost::json::value& cut = Get(answer, "truncated");
  if (!cut.is_null()) {
    page.out << "\nNOT COMPLETE: the limit on " << Str(cut, "limit") << " was reached in "
             << Str(cut, "where") << "; narrow the question (-n, -l, --since)"
             << (Str(cut, "limit") == "time" ? " or give it a longer --timeout" : "") << "\n";
  }
  if (const std::string next = Str(answer, "next"); !next.empty()) {
    page.out << "\nmore: --cursor " << Printable(next) << "\n";
  }
}

}  // namespace kg::kgctl
