#include "tests/fuzz/seeds.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/fuzz/expect.h"

namespace kg::fuzz {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

std::vector<std::string> Cases() {
  std::vector<std::string> cases;
  for (const auto& entry : fs::directory_iterator(fs::path(KG_SOURCE_DIR) / "tests/scenarios")) {
    if (entry.is_directory()) cases.push_back(entry.path().filename().string());
  }
  std::sort(cases.begin(), cases.end());
  return cases;
}

}  // namespace

std::string SourceFile(const std::string& path) {
  std::ifstream in(fs::path(KG_SOURCE_DIR) / path, std::ios::binary);
  Expect(in.is_open(), path.c_str());
  return std::string(std::istreambuf_iterator<char>(in), {});
}

Seeds Recordings(const std::string& file) {
  Seeds seeds;
  for (const std::string& name : Cases()) {
    const std::string path = absl::StrCat("tests/scenarios/", name, "/", file);
    if (fs::exists(fs::path(KG_SOURCE_DIR) / path))
      seeds.push_back(SourceFile(path).substr(0, kSeedBytes));
  }
  return seeds;
}

Seeds TopicPayloads(const std::string& topic) {
  Seeds seeds;
  for (const std::string& name : Cases()) {
    const std::string path = absl::StrCat("tests/scenarios/", name, "/topics.jsonl");
    if (!fs::exists(fs::path(KG_SOURCE_DIR) / path)) continue;
    std::string payloads;
    for (const absl::string_view line : absl::StrSplit(SourceFile(path), '\n')) {
      boost::system::error_code error;
      const json::value message = json::parse({line.data(), line.size()}, error);
      if (error || !message.is_object() || payloads.size() > kSeedBytes) continue;
      const json::value* of = message.as_object().if_contains("topic");
      const json::value* payload = message.as_object().if_contains("payload");
      if (of == nullptr || payload == nullptr || payload->is_null()) continue;
      if (!of->is_string() || of->as_string() != topic.c_str()) continue;
      absl::StrAppend(&payloads,
                      payload->is_string() ? std::string(payload->as_string().c_str())
                                           : json::serialize(*payload),
                      "\n");
    }
    if (!payloads.empty()) seeds.push_back(payloads.substr(0, kSeedBytes));
  }
  return seeds;
}

Seeds Behind(char pick, Seeds seeds) {
  for (std::string& seed : seeds) seed.insert(seed.begin(), pick);
  return seeds;
}

void Append(Seeds more, Seeds* seeds) {
  seeds->insert(seeds->end(), std::make_move_iterator(more.begin()),
                std::make_move_iterator(more.end()));
}

ScratchDir::ScratchDir() {
  std::string pattern = (fs::temp_directory_path() / "kg-fuzz-XXXXXX").string();
  Expect(mkdtemp(pattern.data()) != nullptr, "a scratch directory");
  path_ = pattern;
}

ScratchDir::~ScratchDir() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string ScratchDir::operator/(absl::string_view name) const {
  return absl::StrCat(path_, "/", name);
}

}  // namespace kg::fuzz
