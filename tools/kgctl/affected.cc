#include "tools/kgctl/affected.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tools/kgctl/json_view.h"

namespace kg::kgctl {
namespace {

constexpr size_t kShown = 12;

}  // namespace

void PrintAffected(const boost::json::array& affected, size_t total, const PageStyle& style,
                   std::ostream& out) {
  total = std::max(total, affected.size());
  const auto suffers = [](const boost::json::value& row) {
    return Str(row, "state") == "affected";
  };
  const auto now = std::count_if(affected.begin(), affected.end(), suffers);
  out << Bold(style,
              absl::StrCat("affected: ", now, ", at risk: ", total - static_cast<size_t>(now)))
      << "\n";
  Table table({"STATE", "HOPS", "OBJECT", "SHOWN BY", "BECAUSE OF"});
  const size_t shown = style.wide ? affected.size() : std::min(affected.size(), kShown);
  for (size_t i = 0; i < shown; ++i) {
    const boost::json::value& row = affected[i];
    std::string because;
    for (const boost::json::value& rank : List(row, "because_of")) {
      absl::StrAppend(&because, because.empty() ? "" : ",", Int(rank, ""));
    }
    const bool is_affected = suffers(row);
    table.Add({is_affected ? "affected" : "at risk", absl::StrCat(Int(row, "distance")),
               ResourceText(Get(row, "resource")), Str(row, "episode.class"), because});
  }
  table.Print(style, out, 3);
  if (shown < total)
    out << "   and " << total - shown << " more" << (style.wide ? "\n" : " (-o wide)\n");
}

}  // namespace kg::kgctl
