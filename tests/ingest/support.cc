#include "tests/ingest/support.h"

#include <zlib.h>
#include <zstd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "ingest/internal/times.h"

namespace kg::ingest {
namespace {

void Put(std::string* out, const Field& f) {
  absl::StrAppend(out, "  ", f.path, " = ", f.value, " (", static_cast<int>(f.kind), ")\n");
}

std::string Put(const ObjectRef& r) {
  return absl::StrCat(r.group_known ? absl::StrCat(r.group, "/") : "?/", r.kind, " ", r.ns, "/",
                      r.name, " uid=", r.uid);
}

std::string Put(const ScopeName& s) {
  return absl::StrCat("[", s.tenant, ",", s.cluster, "] ");
}

std::string Put(Timestamp t, TimeSource source) {
  return absl::StrCat("@", FormatTime(t), "/", static_cast<int>(source), " ");
}

std::string Put(Presence p) {
  return p == Presence::kDeleted ? "deleted " : "";
}

struct Dumper {
  std::string operator()(const ObjectRecord& r) const {
    std::string out =
        absl::StrCat("object ", Put(r.scope), Put(r.at, r.at_source), Put(r.presence), Put(r.ref),
                     " shape=", static_cast<int>(r.shape), " generation=", r.generation);
    if (r.created) absl::StrAppend(&out, " created=", FormatTime(*r.created));
    if (r.deleting) absl::StrAppend(&out, " deleting=", FormatTime(*r.deleting));
    out += "\n";
    for (const ManagedStamp& m : r.managed) {
      absl::StrAppend(&out, "  by ", m.manager, " ", m.operation, " ", FormatTime(m.time), "\n");
    }
    for (const Field& f : r.fields) Put(&out, f);
    return out;
  }
  std::string operator()(const EdgeRecord& r) const {
    return absl::StrCat("edge ", Put(r.scope), Put(r.at, r.at_source), Put(r.presence), r.type, " ",
                        Put(r.from), " -> ", Put(r.to), " by ", r.asserter, "\n");
  }
  std::string operator()(const EventRecord& r) const {
    std::string out = absl::StrCat("event ", Put(r.scope), Put(r.first, r.at_source), "to ",
                                   FormatTime(r.last), " x", r.count, " ", r.event_id, " ", r.etype,
                                   " ", Put(r.subject), "{", r.container, "} ");
    if (r.related) absl::StrAppend(&out, "related ", Put(*r.related), " ");
    absl::StrAppend(&out, r.reason, " ", r.severity, " ", r.type, " ", r.emitter, ": ", r.message,
                    "\n");
    for (const std::string& id : r.other_ids) absl::StrAppend(&out, "  id ", id, "\n");
    return out;
  }
  std::string operator()(const AlertRecord& r) const {
    std::string out = absl::StrCat("alert ", Put(r.scope), Put(r.at, r.at_source), r.fingerprint,
                                   " ", r.name, " ", Put(r.subject), " ", r.severity,
                                   r.firing ? " firing " : " resolved ", FormatTime(r.starts_at));
    if (r.ends_at) absl::StrAppend(&out, " to ", FormatTime(*r.ends_at));
    if (r.active_at) absl::StrAppend(&out, " active ", FormatTime(*r.active_at));
    absl::StrAppend(&out, ": ", r.message, "\n");
    for (const Field& f : r.labels) Put(&out, f);
    for (const Field& f : r.annotations) Put(&out, f);
    return out;
  }
  std::string operator()(const LogRecord& r) const {
    return absl::StrCat("log ", Put(r.scope), Put(r.at, r.at_source), r.event_id, " ",
                        Put(r.subject), "{", r.container, "} ", r.severity, ": ", r.line, "\n");
  }
  std::string operator()(const CompletenessRecord& r) const {
    std::string out = absl::StrCat("complete ", Put(r.scope), Put(r.at, r.at_source));
    for (const std::string& ns : r.namespaces) absl::StrAppend(&out, " ns=", ns);
    for (const ObjectRef& k : r.kinds) absl::StrAppend(&out, " kind=", k.group, "/", k.kind);
    out += "\n";
    for (const ObjectRef& p : r.present) absl::StrAppend(&out, "  ", Put(p), "\n");
    return out;
  }
};

}  // namespace

template <typename Record>
Record Decoded::One() const {
  const std::vector<Record> records = All<Record>();
  INFO(Dump(batch));
  CHECK(records.size() == 1);
  return records.size() == 1 ? records[0] : Record();
}
template ObjectRecord Decoded::One<ObjectRecord>() const;
template EdgeRecord Decoded::One<EdgeRecord>() const;
template EventRecord Decoded::One<EventRecord>() const;
template AlertRecord Decoded::One<AlertRecord>() const;
template LogRecord Decoded::One<LogRecord>() const;
template CompletenessRecord Decoded::One<CompletenessRecord>() const;

std::string Decoded::Rejected() const {
  INFO(Dump(batch));
  CHECK(batch.dead_letters.size() == 1);
  return batch.dead_letters.size() == 1 ? batch.dead_letters[0].reason : "";
}

DecodeOptions TestOptions() {
  static const MacKey key{"k1", "0123456789abcdef0123456789abcdef"};
  DecodeOptions options;
  options.wall_now = At("2025-11-02T12:00:00Z");
  options.mac_key = &key;
  return options;
}

Decoded Decode(absl::string_view body, const DecodeOptions& options) {
  return DecodeChunked(body, body.size() + 1, options);
}

Decoded DecodeChunked(absl::string_view body, size_t chunk, const DecodeOptions& options) {
  Decoded decoded;
  BatchSink sink;
  absl::StatusOr<std::unique_ptr<InputSet>> set = InputSet::Create(options, &sink);
  if (!set.ok()) {
    decoded.status = set.status();
    return decoded;
  }
  StreamOptions stream_options;
  stream_options.source_name = "test";
  std::unique_ptr<StreamDecoder> stream = (*set)->OpenStream(stream_options);
  for (size_t at = 0; at < body.size() && decoded.status.ok(); at += chunk) {
    decoded.status = stream->Feed(body.substr(at, chunk));
  }
  if (decoded.status.ok()) decoded.status = stream->Finish();
  if (decoded.status.ok()) decoded.status = (*set)->Finish();
  CHECK(decoded.status.ok());
  decoded.batch = std::move(sink.batch);
  decoded.stats = (*set)->stats();
  return decoded;
}

Timestamp At(const std::string& rfc3339) {
  const TimeReading reading = ParseTime(rfc3339);
  REQUIRE(reading.kind == TimeReading::Kind::kGood);
  return reading.time;
}

std::string FieldOf(const std::vector<Field>& fields, const std::string& path) {
  for (const Field& field : fields) {
    if (field.path == path) return field.value;
  }
  return "(no " + path + ")";
}

bool HasField(const std::vector<Field>& fields, const std::string& path) {
  return FieldOf(fields, path) != "(no " + path + ")";
}

std::string Dump(const Mutation& mutation) {
  return std::visit(Dumper(), mutation);
}

std::string Dump(const Batch& batch) {
  std::string out;
  for (const Mutation& mutation : batch.mutations) out += Dump(mutation);
  for (const DeadLetter& letter : batch.dead_letters) {
    absl::StrAppend(&out, "dead ", letter.source, " ", letter.position, " ", letter.size_bytes,
                    ": ", letter.reason, "\n", letter.excerpt, "\n");
  }
  return out;
}

std::string Gzip(const std::string& text) {
  z_stream z{};
  REQUIRE(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&z, text.size()), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&z, Z_FINISH) == Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

std::string Zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::string Fixture(const std::string& name) {
  std::ifstream in(std::string(KG_FIXTURES) + "/" + name, std::ios::binary);
  INFO(name);
  REQUIRE(in.good());
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace kg::ingest
