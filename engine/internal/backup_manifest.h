#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/backup.h"

// What stands in a backup beside the store's files, as bytes: 8 bytes "KGBACKUP", the XXH3-128 of
// the rest (16 bytes, big endian), then one table of schemas/manifest.fbs.

namespace kg::internal {

inline constexpr char kManifestFile[] = "backup.manifest";
inline constexpr char kCheckFile[] = "backup.check";
inline constexpr char kDataFolder[] = "data";
inline constexpr uint64_t kMaxManifestBytes = 64ull << 20;

std::string EncodeManifest(const BackupManifest& manifest);
// DataLoss: damaged, or names files as no backup does. FailedPrecondition: of a newer program.
absl::StatusOr<BackupManifest> DecodeManifest(absl::string_view bytes);

std::string EncodeCheck(const BackupCheck& check);
absl::StatusOr<BackupCheck> DecodeCheck(absl::string_view bytes);

// The manifest of a backup's directory. NotFound: it has none.
absl::StatusOr<BackupManifest> ReadManifest(const std::string& backup_dir);

// What a database says of itself, as far as two equal ones say the same.
BackupManifest DescribeState(const DatabaseStats& stats);
// How the state of a copy differs from what the manifest says; empty: not at all. Epochs aside.
std::string StateDifference(const BackupManifest& manifest, const DatabaseStats& stats);
// What to open a copy with, so that it holds neither more nor less than when it was made.
DatabaseOptions OptionsForCopy(const BackupManifest& manifest);

}  // namespace kg::internal
