#include "ingest/internal/json_splitter.h"

#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace kg::ingest {
namespace {

constexpr size_t kHeadBytes = 4096;  // kept of what is too large
constexpr size_t kCompactBytes = 1u << 20;
constexpr size_t kListHeadBytes = 64u << 10;

// Bytes of `word` that equal `c`, as set high bits; exact up to and including the first of them.
uint64_t EqualBytes(uint64_t word, unsigned char c) {
  const uint64_t x = word ^ (0x0101010101010101ull * c);
  return (x - 0x0101010101010101ull) & ~x & 0x8080808080808080ull;
}

// The first of '"', '\\' and '\n' at or after `from`.
size_t FindInString(const std::string& s, size_t from) {
  const size_t size = s.size();
  for (; from + 8 <= size; from += 8) {
    uint64_t word;
    std::memcpy(&word, s.data() + from, 8);
    if ((EqualBytes(word, '"') | EqualBytes(word, '\\') | EqualBytes(word, '\n')) != 0) break;
  }
  while (from < size && s[from] != '"' && s[from] != '\\' && s[from] != '\n') ++from;
  return from;
}

bool IsListKey(absl::string_view key) {
  return key == "kind" || key == "apiVersion" || key == "metadata" || key == "selfLink";
}

}  // namespace

absl::Status JsonSplitter::Feed(absl::string_view chunk) {
  buffer_.append(chunk.data(), chunk.size());
  const absl::Status status = Scan();
  Compact();
  return status;
}

absl::Status JsonSplitter::Finish() {
  finished_ = true;
  absl::Status status = Scan();
  if (!status.ok() || mode_ == Mode::kBetween) return status;
  return Abandon("the input ends inside this document; it was cut off, collect it again");
}

absl::Status JsonSplitter::Scan() {
  bool wait = false;
  while (pos_ < buffer_.size() && !wait) {
    absl::Status status;
    if (mode_ == Mode::kBetween) {
      status = ScanBetween(&wait);
    } else if (in_string_) {
      status = ScanString(&wait);
    } else {
      status = ScanInside(&wait);
    }
    if (!status.ok()) return status;
    if (InUnit() && pos_ - unit_ + unit_dropped_ > limits_.document_bytes) Overflow();
  }
  return absl::OkStatus();
}

absl::Status JsonSplitter::ScanBetween(bool* wait) {
  const char c = buffer_[pos_];
  if (c == '\n') {
    ++line_, ++pos_;
    return absl::OkStatus();
  }
  if (!text_mode_) {
    if (absl::ascii_isspace(c) || c == ',' || c == '\x1e') {
      ++pos_;
      return absl::OkStatus();
    }
    if (resynced_ && (c == ']' || c == '}')) {
      ++pos_;
      return absl::OkStatus();
    }
    if (c == '{' || c == '[') return Open(c);
  }
  const size_t end = buffer_.find('\n', pos_);
  if (end == std::string::npos && !finished_ && buffer_.size() - pos_ <= limits_.document_bytes) {
    *wait = true;
    return absl::OkStatus();
  }
  const size_t stop = end == std::string::npos ? buffer_.size() : end;
  unit_line_ = line_, unit_offset_ = base_ + pos_;
  const size_t begin = pos_;
  pos_ = stop;
  return Emit(Piece::Kind::kText, begin, stop, "");
}

absl::Status JsonSplitter::ScanString(bool* wait) {
  pos_ = FindInString(buffer_, pos_);
  if (pos_ >= buffer_.size()) return absl::OkStatus();
  if (buffer_[pos_] == '"') {
    if (depth_ == 1 && !Streaming() && pos_ > string_begin_ && pos_ - string_begin_ <= 64) {
      depth1_string_ = buffer_.substr(string_begin_ + 1, pos_ - string_begin_ - 1);
    } else if (depth_ == 1) {
      depth1_string_.assign(1, '?');
    }
    in_string_ = false;
    last_ = '"';
    ++pos_;
    return absl::OkStatus();
  }
  if (buffer_[pos_] == '\n') return TakeNewline(wait);
  // A backslash takes the next byte with it, unless that is the end of a line that was cut.
  if (pos_ + 1 >= buffer_.size() && !finished_) {
    *wait = true;
    return absl::OkStatus();
  }
  pos_ += pos_ + 1 < buffer_.size() && buffer_[pos_ + 1] != '\n' ? 2 : 1;
  return absl::OkStatus();
}

// A line that begins with '{' where no value can begin starts a new document: the one before it is
// broken.
absl::Status JsonSplitter::TakeNewline(bool* wait) {
  if (pos_ + 1 >= buffer_.size() && !finished_) {
    *wait = true;
    return absl::OkStatus();
  }
  ++line_, ++pos_;
  if (pos_ >= buffer_.size() || buffer_[pos_] != '{') return absl::OkStatus();
  const bool may_begin = !in_string_ && (last_ == '[' || last_ == ',' || last_ == ':');
  const bool at_element = Streaming() && !InUnit();
  if (at_element || (may_begin && !one_line_)) return absl::OkStatus();
  return Abandon("the document is not complete when the next one begins");
}

absl::Status JsonSplitter::ScanInside(bool* wait) {
  const size_t size = buffer_.size();
  for (; pos_ < size; ++pos_) {
    const char c = buffer_[pos_];
    switch (c) {
      case ' ':
      case '\t':
      case '\r':
        continue;
      case '\n':
        return TakeNewline(wait);
      case '{':
      case '[':
        return Open(c);
      case '}':
      case ']':
        return Close(c);
      case '"':
        if (Streaming() && !InUnit() && depth_ == ElementDepth()) Begin(pos_);
        in_string_ = true;
        string_begin_ = pos_++;
        return absl::OkStatus();
      case ':':
        if (depth_ == 1 && !Streaming()) {
          if (last_ == '"' && !key_.empty()) list_keys_only_ = list_keys_only_ && IsListKey(key_);
          key_ = depth1_string_;
        }
        break;
      case ',':
        if (Streaming() && depth_ == ElementDepth() && InUnit()) {
          const absl::Status status = EndElement();
          if (!status.ok()) return status;
        }
        break;
      default:
        if (Streaming() && !InUnit() && depth_ == ElementDepth()) Begin(pos_);
        break;
    }
    last_ = c;
  }
  return absl::OkStatus();
}

void JsonSplitter::Begin(size_t at) {
  unit_ = at;
  unit_line_ = line_, unit_offset_ = base_ + at, unit_dropped_ = 0;
  overflow_ = false;
  unit_head_.clear();
}

bool JsonSplitter::ListSoFar() const {
  return list_keys_only_ && key_ == "items" && !overflow_ && pos_ - unit_ < kListHeadBytes;
}

void JsonSplitter::StartItems() {
  head_ = buffer_.substr(unit_, pos_ + 1 - unit_);
  mode_ = Mode::kItems;
  unit_ = kNone;
}

absl::Status JsonSplitter::Open(char c) {
  if (mode_ == Mode::kBetween) {
    mode_ = c == '[' ? Mode::kArray : Mode::kDocument;
    depth_ = 0;
    key_.clear();
    depth1_string_.clear();
    list_keys_only_ = true;
    if (c == '{') {
      Begin(pos_);
    } else {
      head_.assign(1, '[');
    }
  } else if (mode_ == Mode::kDocument && c == '[' && depth_ == 1 && last_ == ':' && ListSoFar()) {
    StartItems();
  } else if (Streaming() && !InUnit() && depth_ == ElementDepth()) {
    Begin(pos_);
  }
  ++depth_, ++pos_;
  last_ = c;
  return absl::OkStatus();
}

absl::Status JsonSplitter::Close(char c) {
  last_ = c;
  if (Streaming() && depth_ == ElementDepth() && c == '}') {
    ++pos_;
    return Abandon("a list is closed by a brace");
  }
  if (Streaming() && depth_ == ElementDepth()) {
    if (InUnit()) {
      const absl::Status status = EndElement();
      if (!status.ok()) return status;
    }
    // What follows the elements belongs to the list's own document again.
    if (mode_ == Mode::kItems) {
      mode_ = Mode::kDocument;
      key_.assign(1, '?');  // whatever follows, these are no longer keys of a list alone
      unit_dropped_ = 0;
      buffer_.replace(0, pos_, head_);
      base_ += pos_ - head_.size();
      pos_ = head_.size();
      unit_ = 0;
      head_from_ = 0;
    }
  }
  ++pos_;
  if (depth_ > 0) --depth_;
  return depth_ == 0 ? EndDocument() : absl::OkStatus();
}

absl::Status JsonSplitter::EndElement() {
  const size_t begin = unit_;
  unit_ = kNone;
  return overflow_ ? Emit(Piece::Kind::kBroken, begin, pos_, "too large")
                   : Emit(Piece::Kind::kItem, begin, pos_, "");
}

absl::Status JsonSplitter::EndDocument() {
  const Mode mode = mode_;
  const size_t begin = unit_;
  mode_ = Mode::kBetween;
  unit_ = kNone;
  resynced_ = false;
  one_line_ = line_ == unit_line_;
  if (mode == Mode::kArray) return absl::OkStatus();
  if (head_from_ != kNone) {
    head_from_ = kNone;
    return Emit(Piece::Kind::kListEnd, begin, pos_, "");
  }
  return overflow_ ? Emit(Piece::Kind::kBroken, begin, pos_, "too large")
                   : Emit(Piece::Kind::kDocument, begin, pos_, "");
}

absl::Status JsonSplitter::Abandon(const std::string& reason) {
  const size_t begin = InUnit() ? unit_ : pos_;
  if (!InUnit()) unit_line_ = line_, unit_offset_ = base_ + pos_, unit_dropped_ = 0;
  mode_ = Mode::kBetween;
  unit_ = kNone;
  head_from_ = kNone;
  in_string_ = false;
  depth_ = 0;
  resynced_ = true;
  return Emit(Piece::Kind::kBroken, begin, pos_, overflow_ ? "too large" : reason);
}

absl::Status JsonSplitter::Emit(Piece::Kind kind, size_t begin, size_t end,
                                const std::string& reason) {
  Piece piece;
  piece.kind = kind;
  piece.text = absl::string_view(buffer_).substr(begin, end - begin);
  piece.size_bytes = piece.text.size() + unit_dropped_;
  if (kind == Piece::Kind::kBroken && overflow_) piece.text = unit_head_;
  if (kind == Piece::Kind::kItem) piece.head = head_;
  piece.line = unit_line_;
  piece.offset = unit_offset_;
  if (kind == Piece::Kind::kDocument || kind == Piece::Kind::kItem) ++number_;
  piece.number = number_;
  piece.reason = reason;
  if (reason == "too large") {
    piece.reason = absl::StrCat("the document is larger than ", limits_.document_bytes, " bytes");
  }
  overflow_ = false;
  unit_dropped_ = 0;
  return handler_(piece);
}

void JsonSplitter::Overflow() {
  if (!overflow_) unit_head_ = buffer_.substr(unit_, kHeadBytes);
  overflow_ = true;
  unit_dropped_ += pos_ - unit_;
  unit_ = pos_;
  string_begin_ = pos_;
}

void JsonSplitter::Compact() {
  const size_t keep = InUnit() ? unit_ : pos_;
  if (keep == 0 || (keep < kCompactBytes && keep < buffer_.size())) return;
  buffer_.erase(0, keep);
  base_ += keep;
  pos_ -= keep;
  string_begin_ = string_begin_ >= keep ? string_begin_ - keep : 0;
  if (InUnit()) unit_ = 0;
}

}  // namespace kg::ingest
