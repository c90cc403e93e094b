#include "ingest/internal/sniff.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "ingest/internal/times.h"

namespace kg::ingest {
namespace {

absl::string_view FirstLine(absl::string_view text) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    line = absl::StripTrailingAsciiWhitespace(line);
    if (!line.empty() && line[0] != '#' && !absl::StartsWith(line, "% ")) return line;
  }
  return {};
}

bool IsYamlLine(absl::string_view line) {
  if (absl::StartsWith(line, "---") || absl::StartsWith(line, "%YAML")) return true;
  if (absl::StartsWith(line, "- ")) line.remove_prefix(2);
  size_t i = 0;
  while (i < line.size() && (absl::ascii_isalnum(line[i]) || line[i] == '_' || line[i] == '-' ||
                             line[i] == '.' || line[i] == '/' || line[i] == '"')) {
    ++i;
  }
  return i > 0 && i < line.size() && line[i] == ':' && (i + 1 == line.size() || line[i + 1] == ' ');
}

bool IsKubectlTable(absl::string_view line) {
  return absl::StartsWith(line, "NAME ") || absl::StartsWith(line, "NAMESPACE ") ||
         absl::StartsWith(line, "LAST SEEN");
}

Sniffed None(const char* hint) {
  return {Syntax::kNone, hint};
}

}  // namespace

Sniffed Sniff(absl::string_view head, bool all) {
  if (absl::StartsWith(head, "\xef\xbb\xbf")) head.remove_prefix(3);
  if (head.find('\0') != absl::string_view::npos) {
    return None("binary data; expected JSON, YAML or log text, plain or packed by gzip or zstd");
  }
  const absl::string_view start = absl::StripLeadingAsciiWhitespace(head);
  if (start.empty()) return None(all ? "nothing in it" : "only blanks in its first 4 KiB");
  const absl::string_view line = FirstLine(start);
  absl::string_view rest;
  if (absl::StartsWith(line, "[pod/") || absl::StartsWith(line, "==== START logs for ") ||
      LeadingTime(line, &rest)) {
    return {Syntax::kLogs, ""};
  }
  if (start[0] == '{' &&
      absl::StartsWith(absl::StripLeadingAsciiWhitespace(start.substr(1)), "{")) {
    return None("a template ({{ … }}); render it first, e.g. with helm template");
  }
  if (start[0] == '{' || start[0] == '[' || start[0] == '\x1e' || line.empty()) {
    return {Syntax::kJson, ""};
  }
  if (!line.empty() && (line[0] == '{' || line[0] == '[')) return {Syntax::kJson, ""};
  if (start[0] == '<') {
    return None("HTML or XML; perhaps an error page was saved instead of the data");
  }
  if (IsKubectlTable(line)) return None("a table for people; repeat the command with -o json");
  if (absl::StartsWith(line, "No resources found") || absl::StartsWith(line, "Error from server") ||
      absl::StartsWith(line, "error: ")) {
    return None("a message of kubectl, not data");
  }
  if (IsYamlLine(line)) {
    if (absl::StrContains(head, "{{")) {
      return None("a template ({{ … }}); render it first, e.g. with helm template");
    }
    if (absl::StrContains(head, "kind: Config\n") && absl::StrContains(head, "clusters:")) {
      return None("a kubeconfig; it holds credentials and no state, and was not read");
    }
    if (absl::StrContains(head, "\nappVersion:") ||
        absl::StrContains(head, "apiVersion: v2\nname:")) {
      return None("a Helm chart's description; load what helm template or kubectl get prints");
    }
    return {Syntax::kYaml, ""};
  }
  if (line[0] == '"') return {Syntax::kJson, ""};
  return None(
      "text of no known form; expected JSON, YAML or the output of "
      "kubectl logs --prefix --timestamps");
}

}  // namespace kg::ingest
