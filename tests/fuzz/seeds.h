#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

// Good inputs, from the recordings and tables of the repository.

namespace kg::fuzz {

inline constexpr size_t kSeedBytes = 6000;

using Seeds = std::vector<std::string>;

// Below the root of the sources; ends the process where it can't be read.
std::string SourceFile(const std::string& path);
// The beginnings of all recordings of this name ("watch.jsonl"), in order of the cases.
Seeds Recordings(const std::string& file);
// The payloads of one topic of the predecessor, one seed for each case that has some.
Seeds TopicPayloads(const std::string& topic);
// Each with `pick` in front.
Seeds Behind(char pick, Seeds seeds);
void Append(Seeds more, Seeds* seeds);

// A directory of its own, gone at the end.
class ScratchDir {
 public:
  ScratchDir();
  ~ScratchDir();
  ScratchDir(const ScratchDir&) = delete;
  ScratchDir& operator=(const ScratchDir&) = delete;
  std::string operator/(absl::string_view name) const;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace kg::fuzz
