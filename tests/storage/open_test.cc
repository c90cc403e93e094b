#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "rocksdb/db.h"
#include "storage/internal/directory.h"
#include "tests/storage/support.h"

namespace kg::storage {
namespace {

using absl::StatusCode;

std::string Message(const absl::Status& s) {
  return std::string(s.message());
}

// Writes with plain RocksDB into `family` of what is in `path`, past the store.
void PutRaw(const std::string& path, const std::string& family, const std::string& key,
            const std::string& value) {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  std::vector<std::string> names;
  if (!rocksdb::DB::ListColumnFamilies(options, path, &names).ok()) names = {"default"};
  if (std::find(names.begin(), names.end(), family) == names.end()) names.push_back(family);
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const std::string& name : names)
    descriptors.emplace_back(name, rocksdb::ColumnFamilyOptions());
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  REQUIRE(rocksdb::DB::Open(options, path, descriptors, &handles, &db).ok());
  for (rocksdb::ColumnFamilyHandle* handle : handles) {
    if (handle->GetName() == family && !key.empty()) {
      REQUIRE(db->Put(rocksdb::WriteOptions(), handle, key, value).ok());
    }
  }
  for (rocksdb::ColumnFamilyHandle* handle : handles) db->DestroyColumnFamilyHandle(handle);
  delete db;
}

std::map<std::string, uint64_t> Listing(const std::string& dir) {
  std::map<std::string, uint64_t> sizes;
  for (const auto& file : std::filesystem::directory_iterator(dir)) {
    sizes[file.path().filename().string()] = file.file_size();
  }
  return sizes;
}

void MakeStore(const std::string& path) {
  PutAt(MustOpen(path, SmallOptions()).get(), kT0, "k", "v");
}

TEST_CASE("a directory that holds something else is refused and left alone") {
  TempDir dir;
  std::filesystem::create_directories(dir.Sub("home"));
  std::ofstream(dir.Sub("home") + "/letter.txt") << "dear";
  const absl::Status s = OpenStatus(dir.Sub("home"), SmallOptions());
  CHECK(s.code() == StatusCode::kFailedPrecondition);
  CHECK(Message(s).find("holds something else (letter.txt)") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(dir.Sub("home") + "/LOCK"));
  CHECK(OpenStatus(dir.Sub("home") + "/letter.txt", SmallOptions()).code() ==
        StatusCode::kFailedPrecondition);
}

TEST_CASE("without create_if_missing an absent store is not found") {
  TempDir dir;
  StoreOptions options = SmallOptions();
  options.create_if_missing = false;
  CHECK(OpenStatus(dir.Sub("db"), options).code() == StatusCode::kNotFound);
  options.read_only = true;
  CHECK(OpenStatus(dir.Sub("db"), options).code() == StatusCode::kNotFound);
  CHECK_FALSE(std::filesystem::exists(dir.Sub("db")));
}

TEST_CASE("another program's RocksDB is refused, a creation that was interrupted is finished") {
  TempDir dir;
  PutRaw(dir.Sub("other"), "default", "k", "v");
  const absl::Status s = OpenStatus(dir.Sub("other"), SmallOptions());
  CHECK(s.code() == StatusCode::kFailedPrecondition);
  CHECK(Message(s).find("another program's RocksDB") != std::string::npos);

  PutRaw(dir.Sub("half"), "meta", "", "");
  CHECK(OpenStatus(dir.Sub("half"), SmallOptions()).ok());
  CHECK(OpenStatus(dir.Sub("half"), SmallOptions()).ok());
}

TEST_CASE("an unknown column family is refused, and the message says what to do") {
  TempDir dir;
  MakeStore(dir.Sub("db"));
  PutRaw(dir.Sub("db"), "vectors", "k", "v");
  for (const bool read_only : {false, true}) {
    StoreOptions options = SmallOptions();
    options.read_only = read_only;
    const absl::Status s = OpenStatus(dir.Sub("db"), options);
    CHECK(s.code() == StatusCode::kFailedPrecondition);
    CHECK(Message(s).find("\"vectors\"") != std::string::npos);
    CHECK(Message(s).find("Open it with that version, or choose another directory") !=
          std::string::npos);
  }
}

TEST_CASE("a newer format is refused, and the message says what to do") {
  TempDir dir;
  MakeStore(dir.Sub("db"));
  PutRaw(dir.Sub("db"), "meta", internal::FormatKey(),
         internal::EncodeFormat({internal::kFormatVersion + 1, "id", 1}));
  const absl::Status s = OpenStatus(dir.Sub("db"), SmallOptions());
  CHECK(s.code() == StatusCode::kFailedPrecondition);
  CHECK(Message(s).find("has format 3, this version knows up to 2: use a newer kgctl") !=
        std::string::npos);
}

TEST_CASE("damaged rows of the store's own are data loss, not a crash") {
  TempDir dir;
  for (const std::string& key : {internal::FormatKey(), internal::ProgressKey(),
                                 internal::ExpiryKey(), internal::BucketRowKey(kT0)}) {
    INFO(key.substr(5));
    const std::string path = dir.Sub("db" + std::to_string(key.size()) + key.substr(5, 3));
    MakeStore(path);
    PutRaw(path, "meta", key, "garbage");
    CHECK(OpenStatus(path, SmallOptions()).code() == StatusCode::kDataLoss);
  }
}

TEST_CASE("rows in a bucket without a manifest row are never thrown away silently") {
  TempDir dir;
  MakeStore(dir.Sub("db"));
  PutRaw(dir.Sub("db"), internal::BucketName(kT0 + 10h), "k", "v");
  const absl::Status s = OpenStatus(dir.Sub("db"), SmallOptions());
  CHECK(s.code() == StatusCode::kDataLoss);
  CHECK(Message(s).find("no manifest row") != std::string::npos);
}

TEST_CASE("a second owner in this process is refused, and named what to do") {
  TempDir dir;
  auto store = MustOpen(dir.Sub("db"), SmallOptions());
  PutAt(store.get(), kT0, "k", "v");
  for (const bool read_only : {false, true}) {
    StoreOptions options = SmallOptions();
    options.read_only = read_only;
    const absl::Status s = OpenStatus(dir.Sub("db"), options);
    CHECK(s.code() == StatusCode::kUnavailable);
    CHECK(Message(s).find("--server") != std::string::npos);
  }
  // The refusals must not have taken the owner's lock away.
  PutAt(store.get(), kT0, "k2", "v");
  CHECK(store->Health().ok());
}

// The child makes system calls only, so that forking beside RocksDB's threads is safe.
bool OwnerSeenByChild(const std::string& lock_file) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(internal::LockHeldByOther(lock_file.c_str()) ? 1 : 0);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WEXITSTATUS(status) == 1;
}

TEST_CASE("a reader sees that another process owns the directory") {
  TempDir dir;
  auto store = MustOpen(dir.Sub("db"), SmallOptions());
  CHECK(OwnerSeenByChild(dir.Sub("db") + "/LOCK"));
  store.reset();
  CHECK_FALSE(OwnerSeenByChild(dir.Sub("db") + "/LOCK"));
  CHECK_FALSE(OwnerSeenByChild(dir.Sub("absent")));
}

TEST_CASE("a read-only open reads everything, several at once, and changes nothing") {
  TempDir dir;
  MakeStore(dir.Sub("db"));
  StoreOptions options = SmallOptions();
  options.read_only = true;
  const auto before = Listing(dir.Sub("db"));
  {
    auto one = MustOpen(dir.Sub("db"), options);
    auto two = MustOpen(dir.Sub("db"), options);
    for (Store* store : {one.get(), two.get()}) {
      CHECK(store->DataClock() == kT0);
      CHECK(store->GetSnapshot()->sequence() == 1);
      CHECK(GetAt(*store->GetSnapshot(), kT0, "k") == "v");
      CHECK(store->Health().ok());
      CHECK(store->Buckets().size() == 1);
      // Far beyond retention: still nothing is dropped.
      store->AdvanceDataClock(kT0 + 1000h);
      CHECK(store->BeginWrite({}).status().code() == StatusCode::kFailedPrecondition);
      CHECK(store->Maintain().status().code() == StatusCode::kFailedPrecondition);
      CHECK(store->CutOpenBucket().code() == StatusCode::kFailedPrecondition);
      CHECK(store->BeginEpoch().code() == StatusCode::kFailedPrecondition);
    }
  }
  CHECK(Listing(dir.Sub("db")) == before);
  auto store = MustOpen(dir.Sub("db"), SmallOptions());
  CHECK(GetAt(*store->GetSnapshot(), kT0, "k") == "v");
}

TEST_CASE("RocksDB options pass through by name; unknown and fixed ones are refused by name") {
  TempDir dir;
  StoreOptions options = SmallOptions();
  options.rocksdb_options = {{"max_background_jobs", "3"},
                             {"level0_file_num_compaction_trigger", "7"},
                             {"block_size", "16384"}};
  CHECK(OpenStatus(dir.Sub("db"), options).ok());
  for (const auto& [name, value] : std::map<std::string, std::string>{
           {"max_backgruond_jobs", "3"}, {"block_size", "many"}, {"unordered_write", "true"}}) {
    options.rocksdb_options = {{name, value}};
    const absl::Status s = OpenStatus(dir.Sub("db"), options);
    CHECK(s.code() == StatusCode::kInvalidArgument);
    CHECK(Message(s).find("\"" + name + "\"") != std::string::npos);
  }
}

}  // namespace
}  // namespace kg::storage
