#include "storage/internal/format.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "schemas/manifest_generated.h"
#include "storage/keys.h"
#include "storage/records.h"

namespace kg::storage {

uint32_t NewestFormat() {
  return internal::kFormatVersion;
}

}  // namespace kg::storage

namespace kg::storage::internal {
namespace {

constexpr absl::string_view kTableNames[kTables] = {"meta", "resource", "alias", "edge",
                                                    "open", "incident", "system"};
constexpr absl::string_view kBucketPrefix = "t@";

// Scope 0 and the byte that sets the store's own rows apart.
std::string OwnKey(absl::string_view name) {
  return absl::StrCat(RowPrefix(ScopeId{}).view(), "\x01", name);
}

}  // namespace

absl::string_view TableName(Table table) {
  return kTableNames[static_cast<size_t>(table)];
}

std::optional<Table> TableOfName(absl::string_view name) {
  for (int i = 0; i < kTables; ++i) {
    if (kTableNames[i] == name) return static_cast<Table>(i);
  }
  return std::nullopt;
}

std::string BucketName(Timestamp start) {
  return absl::StrCat(kBucketPrefix, ToMicros(start));
}

std::optional<Timestamp> StartOfName(absl::string_view name) {
  int64_t start = 0;
  if (!absl::ConsumePrefix(&name, kBucketPrefix) || !absl::SimpleAtoi(name, &start)) {
    return std::nullopt;
  }
  return FromMicros(start);
}

RowPrefix::RowPrefix(ScopeId scope) : size(4) {
  for (int i = 0; i < 4; ++i) bytes[i] = static_cast<char>(scope.value >> (24 - 8 * i) & 0xff);
  bytes[4] = 0;
}

RowPrefix::RowPrefix(ScopeId scope, RecordKind kind) : RowPrefix(scope) {
  bytes[4] = static_cast<char>(kind);
  size = 5;
}

RowPrefix RowPrefix::None() {
  RowPrefix none{ScopeId{}};
  none.size = 0;
  return none;
}

std::string PrefixEnd(absl::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<uint8_t>(end.back()) == 0xff) end.pop_back();
  if (!end.empty()) ++end.back();
  return end;
}

std::string FormatKey() {
  return OwnKey("format");
}
std::string ProgressKey() {
  return OwnKey("progress");
}
std::string ExpiryKey() {
  return OwnKey("expiry");
}
std::string BucketRowPrefix() {
  return OwnKey("bucket/");
}

std::string BucketRowKey(Timestamp start) {
  std::string key = BucketRowPrefix();
  keys::AppendTime(&key, start);
  return key;
}

std::string EncodeFormat(const StoreIdentity& identity) {
  flatbuffers::FlatBufferBuilder b;
  const auto id = b.CreateString(identity.store_id);
  return EncodeTable(&b, fb::CreateStoreFormat(b, identity.format_version, id, identity.epoch));
}

absl::StatusOr<StoreIdentity> DecodeFormat(absl::string_view bytes) {
  auto row = DecodeTable<fb::StoreFormat>(bytes);
  if (!row.ok()) return row.status();
  const fb::StoreFormat& f = **row;
  return StoreIdentity{f.version(), f.store_id() == nullptr ? "" : f.store_id()->str(), f.epoch()};
}

std::string EncodeBucket(const BucketInfo& info) {
  flatbuffers::FlatBufferBuilder b;
  return EncodeTable(&b,
                     fb::CreateBucketRow(b, ToMicros(info.start), ToMicros(info.end),
                                         static_cast<uint8_t>(info.state), info.first_sequence));
}

absl::StatusOr<BucketInfo> DecodeBucket(absl::string_view bytes) {
  auto row = DecodeTable<fb::BucketRow>(bytes);
  if (!row.ok()) return row.status();
  BucketInfo info;
  info.start = FromMicros((*row)->start());
  info.end = FromMicros((*row)->end());
  info.state = static_cast<BucketState>((*row)->state());
  info.first_sequence = (*row)->first_sequence();
  if (info.end <= info.start || info.state > BucketState::kDropped) {
    return absl::DataLossError("damaged bucket row");
  }
  return info;
}

std::string EncodeProgress(const ProgressRow& row) {
  const fb::StoreProgress p(ToMicros(row.data_clock), row.sequence,
                            ToMicros(row.newest_in_clock_bucket));
  return std::string(EncodeStruct(p));
}

absl::StatusOr<ProgressRow> DecodeProgress(absl::string_view bytes) {
  auto p = DecodeStruct<fb::StoreProgress>(bytes);
  if (!p.ok()) return p.status();
  return ProgressRow{FromMicros(p->data_clock()), p->sequence(),
                     FromMicros(p->newest_in_clock_bucket())};
}

std::string EncodeExpiry(Timestamp dropped_until) {
  flatbuffers::FlatBufferBuilder b;
  return EncodeTable(&b, fb::CreateStoreExpiry(b, ToMicros(dropped_until)));
}

absl::StatusOr<Timestamp> DecodeExpiry(absl::string_view bytes) {
  auto row = DecodeTable<fb::StoreExpiry>(bytes);
  if (!row.ok()) return row.status();
  return FromMicros((*row)->dropped_until());
}

}  // namespace kg::storage::internal
