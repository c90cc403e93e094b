#include <algorithm>
#include <cstdio>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "tools/kgctl/affected.h"
#include "tools/kgctl/json_view.h"
#include "tools/kgctl/question.h"

namespace kg::kgctl {
namespace {

namespace json = boost::json;

constexpr size_t kIndent = 3;
constexpr size_t kLabel = 10;
constexpr size_t kEvidenceShown = 6;
constexpr size_t kDetailed = 3;

std::string Score(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof(buffer), "%.2f", value);
  return buffer;
}

// "Pod web-1", with its namespace only where it is not `ns`.
std::string Near(const json::value& resource, const std::string& ns) {
  if (Str(resource, "namespace") != ns) return ResourceText(resource);
  return absl::StrCat(Str(resource, "kind"), " ", Str(resource, "name"));
}

std::string PathText(const json::array& path) {
  if (path.empty()) return "";
  const std::string ns = Str(path.front(), "from.namespace");
  std::string out = Near(Get(path.front(), "from"), ns);
  for (const json::value& step : path) {
    const std::string type = Str(step, "type");
    absl::StrAppend(&out, Bool(step, "against_arrow") ? " <-" + type + "- " : " -" + type + "-> ",
                    Near(Get(step, "to"), ns));
  }
  return out;
}

std::string What(const json::value& cause) {
  if (!IsNull(cause, "finding")) return Str(cause, "finding.text");
  const std::string cls = Str(cause, "episode.class");
  const std::string reason = Str(cause, "episode.reason");
  const std::string message = Str(cause, "episode.message");
  return absl::StrCat(cls, reason.empty() || reason == cls ? "" : absl::StrCat(" (", reason, ")"),
                      message.empty() ? "" : ": ", message);
}

class Rca : public QuestionCommand {
 public:
  std::string name() const override { return "rca"; }
  std::string about() const override {
    return "The root cause: of an object, an incident, or all that is wrong";
  }
  std::string examples() const override {
    return "  kgctl rca -n shop                               # all that is wrong in a namespace\n"
           "  kgctl rca pod/cart-7d9c -n shop --at 10:42      # one object, at a time\n"
           "  kgctl rca incident/1f0c9a52b7d3e846 -o wide     # and who else was considered\n"
           "  kgctl rca -A --since 6h -o json | jq .verdict";
  }
  std::string notes() const override {
    return "The verdict is explained, partial, unknown or healthy; each of them exits 0.\n"
           "confidence = 0.3 x temporal + 0.3 x distance + 0.4 x domain, as the parts show.";
  }

 protected:
  bool TakesSelector() const override { return true; }
  std::string ObjectHelp() const override {
    return "KIND/NAME, incident/ID or event/ID; without one, all that is wrong in the namespace";
  }

  void Print(const json::value& answer, const Page& page) override {
    PrintHead(answer, page);
    const json::array& causes = List(answer, "root_causes");
    for (size_t i = 0; i < causes.size(); ++i) {
      PrintCause(causes[i], page, page.style.wide || i < kDetailed);
    }
    if (!List(answer, "affected").empty()) {
      page.out << "\n";
      PrintAffected(List(answer, "affected"), static_cast<size_t>(Int(answer, "affected_total")),
                    page.style, page.out);
    }
    if (page.style.wide) PrintCandidates(answer, page);
    PrintAdvice(answer, page);
    PrintLimits(answer, page);
  }

  std::vector<std::string> Names(const json::value& answer) override {
    std::vector<std::string> names;
    for (const json::value& cause : List(answer, "root_causes")) {
      names.push_back(ResourceRef(Get(cause, "resource")));
    }
    return names;
  }

 private:
  static std::string Subject(const json::value& answer) {
    const std::string object = Str(answer, "question.object");
    const std::string ns = Str(answer, "question.namespace");
    return absl::StrCat(object.empty() ? "" : object + ", ",
                        ns.empty() ? "all namespaces" : "namespace " + ns);
  }

  static void PrintHead(const json::value& answer, const Page& page) {
    page.out << Moment(answer, "as_of", page) << ", looking back " << Str(answer, "question.since")
             << ", " << Printable(Subject(answer)) << "\n";
    const std::string verdict = Str(answer, "verdict");
    const std::string word = absl::AsciiStrToUpper(verdict);
    std::string sentence;
    const size_t causes = List(answer, "root_causes").size();
    const std::string count = absl::StrCat(causes, causes == 1 ? " root cause" : " root causes");
    if (verdict == "explained") {
      sentence = absl::StrCat(count, " for all that is wrong");
    } else if (verdict == "partial") {
      sentence = absl::StrCat(count, " for a part of what is wrong; the rest has none in the data");
    } else if (verdict == "healthy") {
      sentence = "nothing is wrong here";
    } else {
      sentence = "something is wrong, and nothing in the data explains it well enough";
    }
    page.out << (verdict == "healthy" ? Green(page.style, word) : Red(page.style, word)) << ": "
             << sentence << "\n";
  }

  static void PrintCause(const json::value& cause, const Page& page, bool detailed) {
    const std::string head =
        absl::StrCat(Int(cause, "rank"), ". ", ResourceText(Get(cause, "resource")),
                     Bool(cause, "resource.exists") ? "" : " (not there)");
    const std::string tail =
        absl::StrCat("confidence ", Score(Num(cause, "confidence")), "  ", Str(cause, "category"));
    const size_t room = kPageColumns - tail.size() - 2;
    const std::string fitted = Fit(page.style, head, room);
    page.out << "\n"
             << Bold(page.style, fitted)
             << std::string(room - std::min(room, Columns(fitted)) + 2, ' ') << tail << "\n";
    Field(page, TimeText(cause, "onset.latest") == "-" ? "what" : ClockText(cause, "onset.latest"),
          What(cause), 2);
    if (!detailed) return;
    if (!IsNull(cause, "parts")) {
      Field(page, "parts",
            absl::StrCat("temporal ", Score(Num(cause, "parts.temporal")), "   distance ",
                         Score(Num(cause, "parts.distance")), "   domain ",
                         Score(Num(cause, "parts.domain"))),
            1);
    }
    Field(page, "path", PathText(List(cause, "path")), 3);
    PrintEvidence(cause, page);
    for (const json::value& against : List(cause, "against")) {
      Field(page, "against", Str(against, "text"), 2);
    }
    PrintExplains(cause, page);
  }

  static void PrintEvidence(const json::value& cause, const Page& page) {
    const json::array& evidence = List(cause, "evidence");
    const size_t shown =
        page.style.wide ? evidence.size() : std::min(evidence.size(), kEvidenceShown);
    for (size_t i = 0; i < shown; ++i) {
      const json::value& e = evidence[i];
      std::string role = Str(e, "role");
      role.resize(std::max<size_t>(role.size(), 8), ' ');
      std::string cls = Str(e, "class");
      cls.resize(std::max<size_t>(cls.size(), 22), ' ');
      Field(page, i == 0 ? "evidence" : "",
            absl::StrCat(ClockText(e, "time"), "  ", role, "  ", cls, "  ", Str(e, "text")), 1);
    }
    if (shown < evidence.size()) {
      Field(page, "", absl::StrCat("and ", evidence.size() - shown, " more (-o wide)"), 1);
    }
  }

  static void PrintExplains(const json::value& cause, const Page& page) {
    const int64_t total = Int(cause, "explains.total");
    if (total == 0) return;
    std::vector<std::string> names;
    for (const json::value& e : List(cause, "explains.shown")) {
      const std::string name = ResourceText(Get(e, "resource"));
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    std::string text = absl::StrCat(total, total == 1 ? " symptom on " : " symptoms, on ");
    const size_t shown = page.style.wide ? names.size() : std::min<size_t>(names.size(), 4);
    for (size_t i = 0; i < shown; ++i) absl::StrAppend(&text, i == 0 ? "" : ", ", names[i]);
    if (shown < names.size()) absl::StrAppend(&text, " and ", names.size() - shown, " more");
    Field(page, "explains", text, 2);
  }

  static void PrintCandidates(const json::value& answer, const Page& page) {
    const json::array& candidates = List(answer, "candidates");
    if (candidates.empty()) return;
    page.out << "\n" << Bold(page.style, "also considered") << "\n";
    Table table({"CONFIDENCE", "CAUSE", "WHAT", "LOST BECAUSE"});
    for (const json::value& c : candidates) {
      const std::string what =
          IsNull(c, "finding") ? Str(c, "episode.class") : Str(c, "finding.kind");
      table.Add({Score(Num(c, "confidence")), ResourceText(Get(c, "resource")), what,
                 Str(c, "lost_because")});
    }
    table.Print(page.style, page.out, kIndent);
  }

  static void PrintAdvice(const json::value& answer, const Page& page) {
    for (const json::value& gap : List(answer, "gaps")) {
      page.out << "\ngap: " << Printable(Str(gap, "what")) << " (" << TimeText(gap, "from")
               << " to " << TimeText(gap, "to") << ")\n";
    }
    const std::string verdict = Str(answer, "verdict");
    const size_t others = List(answer, "candidates").size();
    if (verdict == "unknown" || verdict == "partial") {
      page.out << "\nnext: 'kgctl doctor' says what is missing in the data";
      if (others > 0 && !page.style.wide) {
        page.out << "; -o wide shows " << others << " weaker candidates";
      }
      page.out << "\n";
    } else if (others > 0 && !page.style.wide) {
      page.out << "\n"
               << Dim(page.style,
                      absl::StrCat("-o wide: ", others, " other candidates, and why they lost"))
               << "\n";
    }
  }

  // A label and a text of at most `lines` lines beside it.
  static void Field(const Page& page, const std::string& label, const std::string& text,
                    size_t lines) {
    if (text.empty()) return;
    const size_t room = kPageColumns - kIndent - kLabel;
    std::vector<std::string> wrapped = page.style.wide || lines == 1
                                           ? std::vector<std::string>{Fit(page.style, text, room)}
                                           : Wrap(text, room);
    if (wrapped.size() > lines) {
      wrapped.resize(lines);
      if (Columns(wrapped.back()) >= room)
        wrapped.back() = Fit(page.style, wrapped.back(), room - 1);
      wrapped.back() += "~";
    }
    for (size_t i = 0; i < wrapped.size(); ++i) {
      std::string shown = i == 0 ? label : "";
      shown.resize(std::max(shown.size(), kLabel), ' ');
      page.out << std::string(kIndent, ' ') << Dim(page.style, shown) << wrapped[i] << "\n";
    }
  }
};

}  // namespace

CommandPtr MakeRca() {
  return std::make_unique<Rca>();
}

}  // namespace kg::kgctl
