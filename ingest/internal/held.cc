#include "ingest/internal/held.h"

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace kg::ingest {
namespace {

// One field list serves both directions: `archive(x)` writes x or reads into it.
class Writer {
 public:
  explicit Writer(std::string* out) : out_(out) {}
  void operator()(const std::string& s) {
    Number(s.size());
    out_->append(s);
  }
  void operator()(bool b) { out_->push_back(b ? 1 : 0); }
  void operator()(int64_t n) { Number(static_cast<uint64_t>(n)); }
  void operator()(Timestamp t) { Number(static_cast<uint64_t>(ToMicros(t))); }
  template <typename E>
  requires std::is_enum_v<E>
  void operator()(E e) { out_->push_back(static_cast<char>(e)); }
  template <typename T>
  void operator()(const std::optional<T>& o) {
    (*this)(o.has_value());
    if (o) (*this)(*o);
  }
  template <typename T>
  void operator()(const std::vector<T>& v) {
    Number(v.size());
    for (const T& x : v) Fields(*this, const_cast<T&>(x));
  }

 private:
  void Number(uint64_t n) {
    char bytes[8];
    std::memcpy(bytes, &n, 8);
    out_->append(bytes, 8);
  }
  std::string* out_;
};

class Reader {
 public:
  explicit Reader(absl::string_view in) : in_(in) {}
  bool ok() const { return ok_; }
  void operator()(std::string& s) {
    const uint64_t n = Number();
    if (n > in_.size()) return Fail();
    s.assign(in_.data(), n);
    in_.remove_prefix(n);
  }
  void operator()(bool& b) { b = Byte() != 0; }
  void operator()(int64_t& n) { n = static_cast<int64_t>(Number()); }
  void operator()(Timestamp& t) { t = FromMicros(static_cast<int64_t>(Number())); }
  template <typename E>
  requires std::is_enum_v<E>
  void operator()(E& e) { e = static_cast<E>(Byte()); }
  template <typename T>
  void operator()(std::optional<T>& o) {
    bool has = false;
    (*this)(has);
    if (has) (*this)(o.emplace());
  }
  template <typename T>
  void operator()(std::vector<T>& v) {
    const uint64_t n = Number();
    if (n > in_.size()) return Fail();
    v.resize(n);
    for (T& x : v) Fields(*this, x);
  }

 private:
  void Fail() { ok_ = false, in_ = {}; }
  uint8_t Byte() {
    if (in_.empty()) return Fail(), 0;
    const auto b = static_cast<uint8_t>(in_[0]);
    in_.remove_prefix(1);
    return b;
  }
  uint64_t Number() {
    if (in_.size() < 8) return Fail(), 0;
    uint64_t n;
    std::memcpy(&n, in_.data(), 8);
    in_.remove_prefix(8);
    return n;
  }
  absl::string_view in_;
  bool ok_ = true;
};

template <typename A>
void Fields(A& a, Field& f) {
  a(f.path), a(f.value), a(f.kind);
}
template <typename A>
void Fields(A& a, ManagedStamp& m) {
  a(m.manager), a(m.operation), a(m.time);
}
template <typename A>
void Fields(A& a, ScopeName& s) {
  a(s.tenant), a(s.cluster);
}
template <typename A>
void Fields(A& a, ObjectRef& r) {
  a(r.group), a(r.group_known), a(r.kind), a(r.ns), a(r.name), a(r.uid);
}
template <typename A>
void Fields(A& a, ObjectRecord& r) {
  Fields(a, r.scope), Fields(a, r.ref), a(r.presence), a(r.shape), a(r.created), a(r.deleting);
  a(r.generation), a(r.fields), a(r.managed);
}
template <typename A>
void Fields(A& a, EdgeRecord& r) {
  Fields(a, r.scope), a(r.type), Fields(a, r.from), Fields(a, r.to), a(r.presence), a(r.asserter);
}
template <typename A>
void Fields(A& a, LogRecord& r) {
  Fields(a, r.scope), a(r.event_id), Fields(a, r.subject), a(r.container), a(r.severity), a(r.line);
}

enum class HeldKind : uint8_t { kObject = 1, kEdge = 2, kLog = 3 };

template <typename T>
bool Read(absl::string_view bytes, Mutation* mutation) {
  Reader reader(bytes);
  T record;
  Fields(reader, record);
  if (reader.ok()) *mutation = std::move(record);
  return reader.ok();
}

absl::Status FileError() {
  return absl::UnavailableError(absl::StrCat(
      "records that wait for the end of the input don't fit into the temporary folder: ",
      std::strerror(errno), "; name their time with --at to need none"));
}

}  // namespace

std::string EncodeHeld(const Mutation& mutation) {
  std::string out;
  Writer writer(&out);
  // Writer takes the fields by const reference; only the shared field lists ask for a mutable one.
  if (const auto* object = std::get_if<ObjectRecord>(&mutation)) {
    writer(HeldKind::kObject);
    Fields(writer, const_cast<ObjectRecord&>(*object));
  } else if (const auto* edge = std::get_if<EdgeRecord>(&mutation)) {
    writer(HeldKind::kEdge);
    Fields(writer, const_cast<EdgeRecord&>(*edge));
  } else if (const auto* log = std::get_if<LogRecord>(&mutation)) {
    writer(HeldKind::kLog);
    Fields(writer, const_cast<LogRecord&>(*log));
  }
  return out;
}

bool DecodeHeld(absl::string_view bytes, Mutation* mutation) {
  if (bytes.empty()) return false;
  const absl::string_view rest = bytes.substr(1);
  switch (static_cast<HeldKind>(bytes[0])) {
    case HeldKind::kObject:
      return Read<ObjectRecord>(rest, mutation);
    case HeldKind::kEdge:
      return Read<EdgeRecord>(rest, mutation);
    case HeldKind::kLog:
      return Read<LogRecord>(rest, mutation);
  }
  return false;
}

HeldRecords::~HeldRecords() {
  if (file_ != nullptr) std::fclose(file_);
}

absl::Status HeldRecords::Spill() {
  if (file_ == nullptr) file_ = std::tmpfile();
  if (file_ == nullptr) return FileError();
  if (std::fwrite(buffer_.data(), 1, buffer_.size(), file_) != buffer_.size()) return FileError();
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status HeldRecords::Add(const Mutation& mutation) {
  const std::string record = EncodeHeld(mutation);
  if (record.empty()) return absl::InternalError("this kind of record can't be held");
  const uint64_t size = record.size();
  char bytes[8];
  std::memcpy(bytes, &size, 8);
  buffer_.append(bytes, 8);
  buffer_ += record;
  ++count_;
  return buffer_.size() > memory_bytes_ ? Spill() : absl::OkStatus();
}

absl::Status HeldRecords::Drain(const std::function<absl::Status(Mutation)>& take) {
  std::string record;
  const auto hand_on = [&take](absl::string_view bytes) {
    Mutation mutation;
    if (!DecodeHeld(bytes, &mutation)) return absl::InternalError("a held record is damaged");
    return take(std::move(mutation));
  };
  if (file_ != nullptr) {
    std::rewind(file_);
    uint64_t size = 0;
    while (std::fread(&size, 1, 8, file_) == 8) {
      record.resize(size);
      if (std::fread(record.data(), 1, size, file_) != size) return FileError();
      const absl::Status status = hand_on(record);
      if (!status.ok()) return status;
    }
    std::fclose(file_);
    file_ = nullptr;
  }
  absl::string_view rest = buffer_;
  while (rest.size() >= 8) {
    uint64_t size = 0;
    std::memcpy(&size, rest.data(), 8);
    const absl::Status status = hand_on(rest.substr(8, size));
    if (!status.ok()) return status;
    rest.remove_prefix(8 + size);
  }
  buffer_.clear();
  count_ = 0;
  return absl::OkStatus();
}

}  // namespace kg::ingest
