#pragma once

#include "absl/strings/string_view.h"
#include "tests/fuzz/seeds.h"

// What is read from disk: keys, rows, manifests, archives.

namespace kg::fuzz {

void Keys(absl::string_view input);             // the first byte picks the kind of key
void EngineRows(absl::string_view input);       // the first byte picks the kind of row
void StoreRows(absl::string_view input);        // the same of the store's own
void BackupManifests(absl::string_view input);  // behind a checksum that is right
void Archives(absl::string_view input);         // .tar.zst and .tar
void Restores(absl::string_view input);         // a whole restore from such

Seeds KeySeeds();
Seeds EngineRowSeeds();
Seeds StoreRowSeeds();
Seeds ManifestSeeds();
Seeds ArchiveSeeds();
Seeds RestoreSeeds();

}  // namespace kg::fuzz
