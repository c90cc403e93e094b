#include "ingest/internal/stream.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "ingest/internal/decoders.h"
#include "ingest/internal/yaml.h"

namespace kg::ingest {
namespace {

constexpr size_t kSniffBytes = 4096;
constexpr size_t kChunkBytes = 256u << 10;
constexpr size_t kScratchBytes = 256u << 10;

// Runs `work`; what the libraries throw (no memory, above all) becomes a status.
template <typename Work>
absl::Status Guarded(Work work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory while decoding");
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("decoding failed: ", error.what()));
  }
}

}  // namespace

Stream::Stream(SetState* set, StreamOptions options, std::function<void(uint64_t)> progress)
    : set_(*set),
      options_(std::move(options)),
      progress_(std::move(progress)),
      inflater_(set->options().limits),
      scratch_(kScratchBytes) {
  const std::string& topic = options_.topic.empty() ? set_.options().topic : options_.topic;
  if (!topic.empty()) {
    TopicName name = ParseTopic(topic);
    base_.from_topic = true;
    base_.topic = name.kind;
    base_.tenant = std::move(name.tenant);
  }
  log_source_.ns =
      options_.log_namespace.empty() ? set_.options().log_namespace : options_.log_namespace;
  log_source_.pod = options_.log_pod;
}

absl::Status Stream::FeedAll(absl::string_view chunk) {
  while (!chunk.empty()) {
    const absl::string_view part = chunk.substr(0, kChunkBytes);
    chunk.remove_prefix(part.size());
    set_.stats().bytes_read += part.size();
    progress_(set_.stats().bytes_read);
    if (dead_) continue;
    const absl::Status status =
        inflater_.Feed(part, [this](absl::string_view data) { return TakePlain(data); });
    if (!set_.status().ok()) return set_.status();
    if (!status.ok() && !dead_) GiveUp(status.message());
  }
  return absl::OkStatus();
}

absl::Status Stream::Feed(absl::string_view chunk) {
  return Guarded([&] { return FeedAll(chunk); });
}

absl::Status Stream::Finish() {
  return Guarded([this] { return FinishAll(); });
}

absl::Status Stream::FinishAll() {
  if (dead_) return set_.status();
  const absl::Status inflated =
      inflater_.Finish([this](absl::string_view data) { return TakePlain(data); });
  if (set_.status().ok() && !started_ && !dead_) (void)Start(true);
  if (set_.status().ok() && !dead_) {
    if (json_ != nullptr) (void)json_->Finish();
    if (yaml_ != nullptr) (void)yaml_->Finish();
  }
  if (set_.status().ok() && !inflated.ok()) GiveUp(inflated.message());
  return set_.status();
}

// The stream as a whole is of no further use.
void Stream::GiveUp(absl::string_view reason) {
  dead_ = true;
  Piece piece;
  piece.kind = Piece::Kind::kBroken;
  piece.text = head_;
  piece.offset = inflater_.bytes_out();
  piece.size_bytes = inflater_.bytes_in();
  set_.stats().notes.push_back(absl::StrCat(options_.source_name, ": ", reason));
  set_.DeadLetterFor(piece, options_.source_name, reason, {});
}

absl::Status Stream::TakePlain(absl::string_view data) {
  set_.stats().bytes_inflated += data.size();
  if (started_) return Split(data);
  head_.append(data.data(), data.size());
  if (head_.size() < kSniffBytes) return absl::OkStatus();
  if (absl::StripLeadingAsciiWhitespace(head_).empty()) {
    head_.clear();
    return absl::OkStatus();
  }
  const absl::Status status = Start(false);
  return dead_ ? absl::CancelledError("of no known form") : status;
}

absl::Status Stream::Start(bool all) {
  started_ = true;
  const std::string& format = options_.format.empty() ? set_.options().format : options_.format;
  Sniffed sniffed = Sniff(absl::string_view(head_).substr(0, kSniffBytes), all);
  if (format == "json") sniffed = {Syntax::kJson, ""};
  if (format == "yaml") sniffed = {Syntax::kYaml, ""};
  if (format == "logs") sniffed = {Syntax::kLogs, ""};
  syntax_ = sniffed.syntax;
  const std::string head = std::move(head_);
  if (syntax_ == Syntax::kNone) {
    head_ = head.substr(0, kSniffBytes);
    if (absl::StripAsciiWhitespace(head).empty() && all) {
      dead_ = true;
      set_.stats().notes.push_back(absl::StrCat(options_.source_name, ": ", sniffed.hint));
    } else {
      GiveUp(sniffed.hint);
    }
    return absl::OkStatus();
  }
  head_.clear();
  const auto handler = [this](const Piece& piece) { return TakePiece(piece); };
  if (syntax_ == Syntax::kYaml) {
    yaml_ = std::make_unique<YamlSplitter>(set_.options().limits, handler);
  } else {
    json_ = std::make_unique<JsonSplitter>(set_.options().limits, handler);
    json_->set_text_mode(syntax_ == Syntax::kLogs);
  }
  absl::string_view text = head;
  if (absl::StartsWith(text, "\xef\xbb\xbf")) text.remove_prefix(3);
  return Split(text);
}

absl::Status Stream::Split(absl::string_view data) {
  return yaml_ != nullptr ? yaml_->Feed(data) : json_->Feed(data);
}

absl::Status Stream::TakePiece(const Piece& piece) {
  switch (piece.kind) {
    case Piece::Kind::kDocument:
    case Piece::Kind::kItem:
      TakeDocument(piece);
      break;
    case Piece::Kind::kListEnd:
      TakeListEnd(piece);
      break;
    case Piece::Kind::kText:
      TakeTextLine(piece);
      break;
    case Piece::Kind::kBroken:
      if (absl::StrContains(piece.reason, "larger than")) {
        ++set_.stats().limits["max_document_bytes"];
      }
      set_.DeadLetterFor(piece, options_.source_name, piece.reason, {});
      break;
  }
  return set_.status();
}

std::optional<json::value> Stream::Parse(const Piece& piece, absl::string_view text,
                                         json::storage_ptr memory) {
  const Limits& limits = set_.options().limits;
  if (syntax_ == Syntax::kYaml) {
    absl::StatusOr<json::value> value = ParseYaml(text, limits, std::move(memory));
    if (value.ok()) return *std::move(value);
    if (absl::StrContains(value.status().message(), "nested deeper")) {
      ++set_.stats().limits["max_depth"];
    }
    set_.DeadLetterFor(piece, options_.source_name, value.status().message(), {});
    return std::nullopt;
  }
  json::parse_options parse;
  parse.max_depth = limits.depth;
  parse.allow_invalid_utf8 = true;
  unsigned char temporary[4096];
  json::parser parser(json::storage_ptr(), parse, temporary);
  parser.reset(std::move(memory));
  json::error_code error;
  const size_t read = parser.write_some(text.data(), text.size(), error);
  if (!error) return parser.release();
  std::string reason = absl::StrCat("no valid JSON at byte ", piece.offset + read, ": ",
                                    std::string(error.message()));
  if (error == json::error::too_deep) {
    ++set_.stats().limits["max_depth"];
    reason = absl::StrCat("nested deeper than ", limits.depth, " at byte ", piece.offset + read);
  }
  set_.DeadLetterFor(piece, options_.source_name, reason, {});
  return std::nullopt;
}

void Stream::DecodeParsed(const json::value& value, const Piece& piece) {
  Context ctx(&set_, &options_.source_name, &clock_, &piece);
  const bool item = piece.kind == Piece::Kind::kItem && !piece.head.empty() && piece.head != "[";
  ctx.origin = item ? list_origin_ : base_;
  DecodeValue(value, ctx);
}

// Kind and version of a list may stand before its elements or behind them.
void Stream::ReadListHead(absl::string_view head) {
  if (head == list_head_) return;
  list_head_ = std::string(head);
  list_origin_ = base_;
  list_origin_.in_list = true;
  const std::string whole = syntax_ == Syntax::kYaml ? list_head_ : list_head_ + "]}";
  Piece piece;
  const bool empty = absl::StripAsciiWhitespace(whole).empty();
  if (empty || (syntax_ == Syntax::kYaml && whole.find(':') == std::string::npos)) return;
  const std::optional<json::value> value = Parse(piece, whole, {});
  if (!value || !value->is_object()) return;
  Context ctx(&set_, &options_.source_name, &clock_, &piece);
  ctx.origin = list_origin_;
  EnterList(value->get_object(), ctx);
  list_origin_ = ctx.origin;
}

void Stream::TakeDocument(const Piece& piece) {
  ++set_.stats().documents;
  json::monotonic_resource memory(scratch_.data(), scratch_.size());
  const std::optional<json::value> value = Parse(piece, piece.text, &memory);
  if (!value) return;
  if (piece.kind == Piece::Kind::kItem && piece.head != "[") {
    ReadListHead(piece.head);
    const json::object* object = value->if_object();
    const bool nameless = object != nullptr && !Has(*object, "kind") && !IsEventShape(*object) &&
                          list_origin_.list_kind.empty();
    if (nameless && waiting_bytes_ + piece.text.size() <= set_.options().limits.document_bytes) {
      waiting_.push_back({std::string(piece.text), piece});
      waiting_bytes_ += piece.text.size();
      return;
    }
  }
  DecodeParsed(*value, piece);
}

void Stream::TakeListEnd(const Piece& piece) {
  json::monotonic_resource memory(scratch_.data(), scratch_.size());
  const std::vector<Waiting> waiting = std::move(waiting_);
  waiting_.clear();
  waiting_bytes_ = 0;
  list_head_.clear();
  const std::optional<json::value> list = Parse(piece, piece.text, &memory);
  if (!list || !list->is_object()) return;
  Context ctx(&set_, &options_.source_name, &clock_, &piece);
  ctx.origin = base_;
  DecodeListEnd(list->get_object(), ctx);
  list_origin_ = ctx.origin;
  for (const Waiting& item : waiting) {
    Piece again = item.piece;
    again.text = item.text;
    again.head = "list";
    json::monotonic_resource item_memory;
    const std::optional<json::value> value = Parse(again, item.text, &item_memory);
    if (value) DecodeParsed(*value, again);
  }
}

void Stream::TakeTextLine(const Piece& piece) {
  const absl::string_view line = absl::StripTrailingAsciiWhitespace(piece.text);
  if (line.empty()) return;
  Context ctx(&set_, &options_.source_name, &clock_, &piece);
  ctx.origin = base_;
  if (IsLogStart(line, &log_source_)) {
    in_log_section_ = true;
    json_->set_text_mode(true);
    return;
  }
  if (IsLogEnd(line)) {
    in_log_section_ = false;
    json_->set_text_mode(syntax_ == Syntax::kLogs);
    return;
  }
  if (in_log_section_ || syntax_ == Syntax::kLogs) return DecodeLogLine(line, log_source_, ctx);
  // kcat reports the ends of partitions between records.
  if (absl::StartsWith(line, "% ")) return ctx.Ignore("kcat message");
  ctx.Reject("a JSON document is expected to begin here");
}

}  // namespace kg::ingest
