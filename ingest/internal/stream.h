#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ingest/decoder.h"
#include "ingest/internal/context.h"
#include "ingest/internal/inflate.h"
#include "ingest/internal/json_splitter.h"
#include "ingest/internal/log_text.h"
#include "ingest/internal/sniff.h"
#include "ingest/internal/yaml_splitter.h"

namespace kg::ingest {

// One stream of a set: inflate, recognise, split, parse, decode.
class Stream : public StreamDecoder {
 public:
  Stream(SetState* set, StreamOptions options, std::function<void(uint64_t)> progress);

  absl::Status Feed(absl::string_view chunk) override;
  absl::Status Finish() override;

 private:
  absl::Status FeedAll(absl::string_view chunk);
  absl::Status FinishAll();
  absl::Status TakePlain(absl::string_view data);
  absl::Status Start(bool all);
  absl::Status Split(absl::string_view data);
  absl::Status TakePiece(const Piece& piece);
  void TakeDocument(const Piece& piece);
  void TakeListEnd(const Piece& piece);
  void TakeTextLine(const Piece& piece);
  void DecodeParsed(const json::value& value, const Piece& piece);
  // The parsed text in `memory`; nullopt after a dead letter.
  std::optional<json::value> Parse(const Piece& piece, absl::string_view text,
                                   json::storage_ptr memory);
  void ReadListHead(absl::string_view head);
  void GiveUp(absl::string_view reason);

  SetState& set_;
  const StreamOptions options_;
  const std::function<void(uint64_t)> progress_;
  Inflater inflater_;
  std::string head_;
  bool started_ = false, dead_ = false;
  Syntax syntax_ = Syntax::kNone;
  std::unique_ptr<JsonSplitter> json_;
  std::unique_ptr<YamlSplitter> yaml_;
  StreamClock clock_;
  Origin base_;  // of every record of this stream
  LogSource log_source_;
  bool in_log_section_ = false;
  std::string list_head_;  // as last parsed
  Origin list_origin_;
  struct Waiting {
    std::string text;
    Piece piece;
  };
  std::vector<Waiting> waiting_;  // elements whose list has not named its kind yet
  uint64_t waiting_bytes_ = 0;
  std::vector<unsigned char> scratch_;
};

}  // namespace kg::ingest
