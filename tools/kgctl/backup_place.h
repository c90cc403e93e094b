#pragma once

#include <boost/json.hpp>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tools/kgctl/command.h"
#include "tools/kgctl/source.h"

namespace kg::kgctl {

// Says on standard error how far something is: one line that is written over on a terminal, a line
// now and then elsewhere; nothing of what is done at once.
class ProgressNotes {
 public:
  ProgressNotes(std::string who, Environment* env);
  ~ProgressNotes();
  ProgressNotes(const ProgressNotes&) = delete;
  ProgressNotes& operator=(const ProgressNotes&) = delete;
  // `total` 0: not known.
  void Show(absl::string_view step, uint64_t done_bytes, uint64_t total_bytes);

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

// "12.3 MiB".
std::string SizeText(uint64_t bytes);

// Takes an archive as it comes.
using TakeBytes = std::function<absl::Status(absl::string_view)>;

// Backups where the data is: in a directory nobody else has open, or on a node. Answers are the
// JSON of server/backup_render.h.
class BackupPlace {
 public:
  virtual ~BackupPlace() = default;
  static std::unique_ptr<BackupPlace> Open(const Place& place);

  virtual absl::StatusOr<boost::json::value> Create(ProgressNotes* notes) = 0;
  // The new backup as .tar.zst. Of a directory it stays nowhere else; a node keeps it, too.
  virtual absl::Status CreateArchive(const TakeBytes& take, ProgressNotes* notes) = 0;
  virtual absl::StatusOr<boost::json::value> List() = 0;
  // The backup with what was found, sound or not.
  virtual absl::StatusOr<boost::json::value> Verify(const std::string& name,
                                                    ProgressNotes* notes) = 0;
  virtual absl::StatusOr<boost::json::value> Prune(const std::string& keep,
                                                   const std::string& keep_days) = 0;
};

}  // namespace kg::kgctl
