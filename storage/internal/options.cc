#include "storage/internal/options.h"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "rocksdb/cache.h"
#include "rocksdb/convenience.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/sst_file_manager.h"
#include "rocksdb/table.h"
#include "rocksdb/write_buffer_manager.h"
#include "storage/internal/rocks_status.h"

namespace kg::storage::internal {
namespace {

constexpr uint64_t kMiB = 1ull << 20;
constexpr int kFilesForManyShards = 1024;

rocksdb::DBOptions DbDefaults(const StoreOptions& options, rocksdb::Env* env,
                              const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::DBOptions db;
  db.env = env;
  db.max_background_jobs = std::max(2, options.background_jobs);
  db.max_open_files = options.read_only ? -1 : TableFileLimit(options);
  // A shard holds one file at least, so few files are held to their number in few shards only.
  if (db.max_open_files >= 0 && db.max_open_files < kFilesForManyShards)
    db.table_cache_numshardbits = 2;
  // A cold bucket would otherwise pin the WAL from its one row on.
  // Retention by size counts the log, so the log may be no large part of it.
  db.max_total_wal_size = options.max_bytes == 0 ? options.max_wal_bytes
                                                 : std::min(options.max_wal_bytes,
                                                            std::max(options.max_bytes / 8, kMiB));
  // Else the reader that lets go of a dropped bucket last deletes its files.
  db.avoid_unnecessary_blocking_io = true;
  // allow_stall would hold up all writers with many families; back-pressure is the caller's.
  db.write_buffer_manager = std::make_shared<rocksdb::WriteBufferManager>(
      options.write_buffer_bytes, cache, /*allow_stall=*/false);
  // Trash may be as large as the store before deletion stops being throttled: a drop is a big
  // share.
  db.sst_file_manager.reset(rocksdb::NewSstFileManager(
      env, /*info_log=*/nullptr, /*trash_dir=*/"",
      static_cast<int64_t>(options.delete_bytes_per_second), /*delete_existing_trash=*/true,
      /*status=*/nullptr, /*max_trash_db_ratio=*/1.0));
  db.bytes_per_sync = kMiB;
  db.info_log_level = rocksdb::WARN_LEVEL;
  db.max_log_file_size = 8 * kMiB;
  db.keep_log_file_num = 4;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  db.skip_stats_update_on_db_open = true;
  return db;
}

rocksdb::BlockBasedTableOptions TableDefaults(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.checksum = rocksdb::kXXH3;
  table.format_version = 5;
  table.block_size = 8 << 10;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.whole_key_filtering = true;
  return table;
}

rocksdb::ColumnFamilyOptions FamilyDefaults(const StoreOptions& options) {
  rocksdb::ColumnFamilyOptions family;
  family.write_buffer_size =
      std::clamp<uint64_t>(options.write_buffer_bytes / 4, kMiB / 4, 64 * kMiB);
  // The default, an eighth of the buffer, would be charged in full to each of 50 barely used
  // families.
  family.arena_block_size = 64 << 10;
  family.compression = rocksdb::kLZ4Compression;
  family.bottommost_compression = rocksdb::kZSTD;
  family.level_compaction_dynamic_level_bytes = true;
  family.ttl = 0;
  family.periodic_compaction_seconds = 0;
  return family;
}

// Settings under which batches stop being atomic, snapshots stop being stable or keys change order.
bool BreaksTheStore(const std::string& name) {
  static constexpr std::array kNames = {"comparator",        "merge_operator",
                                        "unordered_write",   "manual_wal_flush",
                                        "two_write_queues",  "atomic_flush",
                                        "wal_dir",           "db_paths",
                                        "cf_paths",          "prefix_extractor",
                                        "wal_recovery_mode", "recycle_log_file_num",
                                        "wal_compression",   "create_missing_column_families"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

// One entry may belong to the database, to the column families or to the table format. An unknown
// name is refused by all three; a bad value of a known name is reported by the one that knows it.
absl::Status ApplyOne(const std::string& name, const std::string& value, RocksOptions* options,
                      rocksdb::BlockBasedTableOptions* table) {
  const std::unordered_map<std::string, std::string> entry = {{name, value}};
  rocksdb::ConfigOptions config;
  config.input_strings_escaped = false;
  RocksOptions changed = *options;
  rocksdb::BlockBasedTableOptions changed_table = *table;

  rocksdb::Status s = rocksdb::GetDBOptionsFromMap(config, options->db, entry, &changed.db);
  if (s.ok()) {
    options->db = changed.db;
    return absl::OkStatus();
  }
  s = rocksdb::GetColumnFamilyOptionsFromMap(config, options->family, entry, &changed.family);
  if (s.ok()) {
    options->family = changed.family;
    return absl::OkStatus();
  }
  s = rocksdb::GetBlockBasedTableOptionsFromMap(config, *table, entry, &changed_table);
  if (s.ok()) {
    *table = changed_table;
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "RocksDB option \"", name, "\" with value \"", value,
      "\" is unknown or malformed (database, column family and block-based table options of "
      "RocksDB 7.8 are accepted)"));
}

}  // namespace

}  // namespace kg::storage::internal

namespace kg::storage {

int TableFileLimit(const StoreOptions& options) {
  if (options.max_open_files > 0) return options.max_open_files;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 512;
  return static_cast<int>(std::clamp<rlim_t>(limit.rlim_cur / 2, 64, 8192));
}

}  // namespace kg::storage

namespace kg::storage::internal {

absl::StatusOr<RocksOptions> MakeRocksOptions(const StoreOptions& options, rocksdb::Env* env,
                                              std::shared_ptr<BackgroundWatch> watch) {
  rocksdb::LRUCacheOptions cache_options;
  // Memtables are charged to the cache, so that one number bounds both; without room of their own
  // they would push every block out.
  cache_options.capacity = options.block_cache_bytes + options.write_buffer_bytes;
  cache_options.high_pri_pool_ratio = 0.3;
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(cache_options);

  RocksOptions made{DbDefaults(options, env, cache), FamilyDefaults(options)};
  rocksdb::BlockBasedTableOptions table = TableDefaults(cache);
  for (const auto& [name, value] : options.rocksdb_options) {
    if (BreaksTheStore(name)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "RocksDB option \"", name, "\" is fixed: the store would not work with another value"));
    }
    if (absl::Status s = ApplyOne(name, value, &made, &table); !s.ok()) return s;
  }
  made.family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  made.db.listeners.push_back(std::move(watch));
  return made;
}

}  // namespace kg::storage::internal
