#include "storage/records.h"

#include <catch2/catch.hpp>

#include "schemas/manifest_generated.h"
#include "storage/internal/format.h"
#include "tests/storage/support.h"

namespace kg::storage {
namespace {

std::string SomeRow() {
  flatbuffers::FlatBufferBuilder b;
  return EncodeTable(&b, fb::CreateBucketRow(b, 0x1122334455667788, -5, 3, 42));
}

TEST_CASE("a table decodes from bytes at any address") {
  const std::string row = SomeRow();
  for (size_t offset = 0; offset < 16; ++offset) {
    const std::string shifted = std::string(offset, 'x') + row;
    auto decoded = DecodeTable<fb::BucketRow>(absl::string_view(shifted).substr(offset));
    REQUIRE(decoded.ok());
    CHECK(reinterpret_cast<uintptr_t>(decoded->get()) % 4 == 0);
    CHECK((*decoded)->start() == 0x1122334455667788);
    CHECK((*decoded)->first_sequence() == 42);
    const auto moved = *std::move(decoded);
    CHECK(moved->end() == -5);
  }
}

TEST_CASE("every truncation and every flipped byte of a table is refused or read safely") {
  const std::string row = SomeRow();
  CHECK(DecodeTable<fb::BucketRow>("").status().code() == absl::StatusCode::kDataLoss);
  for (size_t length = 0; length < row.size(); ++length) {
    auto cut = DecodeTable<fb::BucketRow>(absl::string_view(row).substr(0, length));
    if (cut.ok()) CHECK((*cut)->start() + (*cut)->end() != 0);
  }
  for (size_t i = 0; i < row.size(); ++i) {
    std::string damaged = row;
    damaged[i] = static_cast<char>(damaged[i] ^ 0xff);
    auto read = DecodeTable<fb::BucketRow>(damaged);
    if (read.ok()) (void)((*read)->start() ^ (*read)->end());
  }
}

TEST_CASE("a struct decodes from exactly its own length, at any address") {
  const fb::StoreProgress progress(1, 2, 3);
  const std::string bytes(EncodeStruct(progress));
  CHECK(bytes.size() == 24);
  for (size_t offset = 0; offset < 8; ++offset) {
    const std::string shifted = std::string(offset, 'x') + bytes;
    auto decoded = DecodeStruct<fb::StoreProgress>(absl::string_view(shifted).substr(offset));
    REQUIRE(decoded.ok());
    CHECK(decoded->sequence() == 2);
  }
  CHECK_FALSE(DecodeStruct<fb::StoreProgress>(bytes + "x").ok());
  CHECK_FALSE(DecodeStruct<fb::StoreProgress>(bytes.substr(1)).ok());
}

TEST_CASE("the store's own rows keep their bytes") {
  using namespace internal;
  CHECK(FormatKey() == std::string("\0\0\0\0\x01"
                                   "format",
                                   11));
  CHECK(ProgressKey() == std::string("\0\0\0\0\x01"
                                     "progress",
                                     13));
  CHECK(ExpiryKey() == std::string("\0\0\0\0\x01"
                                   "expiry",
                                   11));
  CHECK(BucketRowKey(FromMicros(1)) == std::string("\0\0\0\0\x01"
                                                   "bucket/\x80\0\0\0\0\0\0\x01",
                                                   20));
  CHECK(BucketName(FromMicros(-3)) == "t@-3");
  CHECK(*StartOfName("t@1700006400000000") == kT0);
  CHECK_FALSE(StartOfName("t@").has_value());
  CHECK_FALSE(StartOfName("edge").has_value());
  CHECK(EncodeProgress({FromMicros(1), 2, FromMicros(-1)}) ==
        std::string("\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 24));
  const RowPrefix in_bucket(ScopeId{0x01020304}, RecordKind::kEpisode);
  CHECK(in_bucket.view() == absl::string_view("\1\2\3\4E", 5));
  CHECK(RowPrefix(ScopeId{0x01020304}).view() == absl::string_view("\1\2\3\4", 4));
}

TEST_CASE("table names and their order are on disk") {
  using namespace internal;
  const char* const names[] = {"meta", "resource", "alias", "edge", "open", "incident", "system"};
  for (int i = 0; i < kTables; ++i) {
    CHECK(TableName(static_cast<Table>(i)) == names[i]);
    CHECK(*TableOfName(names[i]) == static_cast<Table>(i));
  }
  CHECK_FALSE(TableOfName("default").has_value());
}

}  // namespace
}  // namespace kg::storage
