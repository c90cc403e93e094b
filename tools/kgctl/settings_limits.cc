#include "tools/kgctl/settings_limits.h"

#include <algorithm>
#include <limits>
#include <type_traits>

// What bounds a store, its input, its questions and its port. Defaults stand in the option structs
// that they fill, too; tests/tools/limits_test.cc holds both and the README together.

namespace kg::kgctl {

std::vector<SettingInfo> LimitSettings() {
  using T = SettingType;
  constexpr unsigned kAll = kQuestions | kLoad | kServe | kVerify;
  return {
      {Setting::kMaxWaiting,
       "--max-waiting",
       "N",
       "KG_MAX_WAITING",
       {},
       "max_waiting",
       T::kNumber,
       "64",
       kServe,
       "Requests that wait for a thread; further ones get 503"},
      {Setting::kMaxHeaderBytes,
       "--max-header-bytes",
       "SIZE",
       "KG_MAX_HEADER_BYTES",
       {},
       "max_header_bytes",
       T::kBytes,
       "16KiB",
       kServe,
       "Largest header of one request; a larger one gets 431"},
      {Setting::kMaxBodiesBytes,
       "--max-bodies-bytes",
       "SIZE",
       "KG_MAX_BODIES_BYTES",
       {},
       "max_bodies_bytes",
       T::kBytes,
       "256MiB",
       kServe,
       "Bodies of all requests at a time; further ones get 503"},
      {Setting::kMaxLoads,
       "--max-loads",
       "N",
       "KG_MAX_LOADS",
       {},
       "max_loads",
       T::kNumber,
       "8",
       kServe,
       "Loads in pieces at a time; further ones get 503"},
      {Setting::kQueryTime,
       "--query-time",
       "DURATION",
       "KG_QUERY_TIME",
       {},
       "query_time",
       T::kDuration,
       "2s",
       kServe,
       "How long a question may take that names no timeout; it is cut then"},
      {Setting::kQueryNodes,
       "--query-nodes",
       "N",
       "KG_QUERY_NODES",
       {},
       "query_nodes",
       T::kNumber,
       "100000",
       kQuestions | kServe,
       "Objects that a question may visit; it is cut then"},
      {Setting::kQueryEdges,
       "--query-edges",
       "N",
       "KG_QUERY_EDGES",
       {},
       "query_edges",
       T::kNumber,
       "1000000",
       kQuestions | kServe,
       "Edges that a question may look at; it is cut then"},
      {Setting::kQueryBytes,
       "--query-bytes",
       "SIZE",
       "KG_QUERY_BYTES",
       {},
       "query_bytes",
       T::kBytes,
       "256MiB",
       kQuestions | kServe,
       "Events and states that a question may read; it is cut then"},
      {Setting::kQueryResults,
       "--query-results",
       "N",
       "KG_QUERY_RESULTS",
       {},
       "query_results",
       T::kNumber,
       "10000",
       kQuestions | kServe,
       "Rows of one list in an answer; it is cut then"},
      {Setting::kMaxViewAge,
       "--max-view-age",
       "DURATION",
       "KG_MAX_VIEW_AGE",
       {},
       "max_view_age",
       T::kDuration,
       "10m",
       kAll,
       "How long a question may hold on to one state of the store; then it fails"},
      {Setting::kMaxOpenFiles,
       "--max-open-files",
       "N",
       "KG_MAX_OPEN_FILES",
       {},
       "max_open_files",
       T::kNumber,
       "",
       kLoad | kServe,
       "Table files kept open; none: half of what ulimit -n allows, 64 to 8192"},
      {Setting::kMaxWalBytes,
       "--max-wal-bytes",
       "SIZE",
       "KG_MAX_WAL_BYTES",
       {},
       "max_wal_bytes",
       T::kBytes,
       "256MiB",
       kLoad | kServe,
       "Log of writes that are not yet in table files; with --max-bytes at most an eighth of that"},
      {Setting::kMaxDocumentBytes,
       "--max-document-bytes",
       "SIZE",
       "KG_MAX_DOCUMENT_BYTES",
       {},
       "max_document_bytes",
       T::kBytes,
       "16MiB",
       kLoad | kServe,
       "Largest object, event or line of input; a larger one is a dead letter"},
      {Setting::kMaxDepth,
       "--max-depth",
       "N",
       "KG_MAX_DEPTH",
       {},
       "max_depth",
       T::kNumber,
       "64",
       kLoad | kServe,
       "Nesting of one object of input; a deeper one is a dead letter"},
      {Setting::kMaxLabels,
       "--max-labels",
       "N",
       "KG_MAX_LABELS",
       {},
       "max_labels",
       T::kNumber,
       "4096",
       kLoad | kServe,
       "Labels of one object of input; one with more is a dead letter"},
      {Setting::kMaxFields,
       "--max-fields",
       "N",
       "KG_MAX_FIELDS",
       {},
       "max_fields",
       T::kNumber,
       "100000",
       kLoad | kServe,
       "Fields of one object of input; one with more is a dead letter"},
      {Setting::kMaxValueBytes,
       "--max-value-bytes",
       "SIZE",
       "KG_MAX_VALUE_BYTES",
       {},
       "max_value_bytes",
       T::kBytes,
       "64KiB",
       kLoad | kServe,
       "Value of one field of input; a longer one is cut and ends in its size and hash"},
      {Setting::kMaxLineBytes,
       "--max-line-bytes",
       "SIZE",
       "KG_MAX_LINE_BYTES",
       {},
       "max_line_bytes",
       T::kBytes,
       "4KiB",
       kLoad | kServe,
       "What is kept of a log line or a message of input; a longer one is cut and says so"},
      {Setting::kMaxBatch,
       "--max-batch",
       "N",
       "KG_MAX_BATCH",
       {},
       "max_batch",
       T::kNumber,
       "1000000",
       kLoad | kServe,
       "Records of one commit; a larger batch is refused"},
      {Setting::kMaxBatchBytes,
       "--max-batch-bytes",
       "SIZE",
       "KG_MAX_BATCH_BYTES",
       {},
       "max_batch_bytes",
       T::kBytes,
       "256MiB",
       kLoad | kServe,
       "Bytes of one commit; a larger batch is refused"},
      {Setting::kMaxRecordBytes,
       "--max-record-bytes",
       "SIZE",
       "KG_MAX_RECORD_BYTES",
       {},
       "max_record_bytes",
       T::kBytes,
       "32MiB",
       kLoad | kServe,
       "Bytes of one record as it is applied; a larger one is a dead letter"},
      {Setting::kMaxRecordItems,
       "--max-record-items",
       "N",
       "KG_MAX_RECORD_ITEMS",
       {},
       "max_record_items",
       T::kNumber,
       "500000",
       kLoad | kServe,
       "Fields, labels or ids of one record; one with more is a dead letter"},
      {Setting::kMaxNameBytes,
       "--max-name-bytes",
       "SIZE",
       "KG_MAX_NAME_BYTES",
       {},
       "max_name_bytes",
       T::kBytes,
       "4KiB",
       kLoad | kServe,
       "Longest name, kind, uid or id; a record with a longer one is a dead letter"},
      {Setting::kMaxMessageBytes,
       "--max-message-bytes",
       "SIZE",
       "KG_MAX_MESSAGE_BYTES",
       {},
       "max_message_bytes",
       T::kBytes,
       "64KiB",
       kLoad | kServe,
       "Longest message as it is applied; a longer one is cut and says so"},
      {Setting::kMaxScopes,
       "--max-scopes",
       "N",
       "KG_MAX_SCOPES",
       {},
       "max_scopes",
       T::kNumber,
       "1000",
       kLoad | kServe,
       "Pairs of tenant and cluster; a record of one more is a dead letter"},
      {Setting::kMaxDeadLetters,
       "--max-dead-letters",
       "N",
       "KG_MAX_DEAD_LETTERS",
       {},
       "max_dead_letters",
       T::kNumber,
       "100000",
       kLoad | kServe,
       "Dead letters kept; further ones are counted only"},
      {Setting::kMaxPositions,
       "--max-positions",
       "N",
       "KG_MAX_POSITIONS",
       {},
       "max_positions",
       T::kNumber,
       "100000",
       kLoad | kServe,
       "Sources whose position is kept; what a further one covers is read again"},
      {Setting::kMaxDirtySlots,
       "--max-dirty-slots",
       "N",
       "KG_MAX_DIRTY_SLOTS",
       {},
       "max_dirty_slots",
       T::kNumber,
       "200000",
       kLoad | kServe,
       "Objects near what a commit changed, to be linked again; beyond, all are, in the same time"},
  };
}

query::Budget BudgetFrom(const Settings& settings) {
  query::Budget budget;
  const auto set = [&](Setting id, uint64_t* value) {
    if (!settings.Text(id).empty()) *value = settings.Number(id);
  };
  if (!settings.Text(Setting::kQueryTime).empty()) budget.time = settings.Time(Setting::kQueryTime);
  set(Setting::kQueryNodes, &budget.nodes);
  set(Setting::kQueryEdges, &budget.edges);
  set(Setting::kQueryBytes, &budget.bytes);
  set(Setting::kQueryResults, &budget.results);
  return budget;
}

ingest::Limits InputLimitsFrom(const Settings& settings) {
  ingest::Limits limits;
  const auto set = [&](Setting id, auto* value) {
    using Value = std::remove_pointer_t<decltype(value)>;
    if (settings.Text(id).empty()) return;
    *value = static_cast<Value>(
        std::min<uint64_t>(settings.Number(id), std::numeric_limits<Value>::max()));
  };
  set(Setting::kMaxDocumentBytes, &limits.document_bytes);
  set(Setting::kMaxDepth, &limits.depth);
  set(Setting::kMaxLabels, &limits.labels_per_object);
  set(Setting::kMaxFields, &limits.fields_per_object);
  set(Setting::kMaxValueBytes, &limits.string_bytes);
  set(Setting::kMaxLineBytes, &limits.line_bytes);
  return limits;
}

void SetDatabaseLimits(const Settings& settings, DatabaseOptions* options) {
  DatabaseLimits& limits = options->limits;
  const auto set = [&](Setting id, uint64_t* value) {
    if (!settings.Text(id).empty()) *value = settings.Number(id);
  };
  set(Setting::kMaxBatch, &limits.batch_mutations);
  set(Setting::kMaxBatchBytes, &limits.batch_bytes);
  set(Setting::kMaxRecordBytes, &limits.record_bytes);
  set(Setting::kMaxRecordItems, &limits.record_items);
  set(Setting::kMaxNameBytes, &limits.name_bytes);
  set(Setting::kMaxMessageBytes, &limits.message_bytes);
  set(Setting::kMaxScopes, &limits.scopes);
  set(Setting::kMaxDeadLetters, &limits.dead_letters);
  set(Setting::kMaxPositions, &limits.positions);
  set(Setting::kMaxDirtySlots, &limits.dirty_slots);
  set(Setting::kMaxWalBytes, &options->max_wal_bytes);
  if (!settings.Text(Setting::kMaxViewAge).empty())
    limits.view_age = settings.Time(Setting::kMaxViewAge);
  options->max_open_files =
      static_cast<int>(std::min<uint64_t>(settings.Number(Setting::kMaxOpenFiles), 1'000'000));
}

}  // namespace kg::kgctl
