#include "server/load_run.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "server/times.h"

namespace kg::server {
namespace {

// Raise it when decoders make other records of the same bytes: files loaded before are then read.
constexpr char kReading[] = "1";
constexpr char kFilePosition[] = "file:";
constexpr size_t kMostFilesText = 4096;
constexpr size_t kLettersLookedAt = 100'000;
// A load says much of the same things again and again: what a commit writes once of each is the
// less the more it holds.
constexpr size_t kLoadBatch = 4000;
constexpr auto kLiveFlush = std::chrono::seconds(1);

Timestamp SteadyNow() {
  return Timestamp(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

std::string FingerprintOf(absl::string_view text) {
  ingest::Fingerprint f;
  f.Add(text);
  return f.Hex();
}

void CountAbsent(const View& view, const CompletenessRecord& record, Absent* absent) {
  absent->asked = true;
  const std::optional<ScopeId> scope = view.FindScope(record.scope);
  if (!scope) return;
  std::set<ResourceId> present;
  for (const ObjectRef& ref : record.present) {
    if (const std::optional<ResourceId> id = view.Find(*scope, ref)) present.insert(*id);
  }
  std::vector<std::string> namespaces = record.namespaces;
  if (namespaces.empty()) namespaces.emplace_back();
  for (const std::string& ns : namespaces) {
    for (const ObjectRef& kind : record.kinds) {
      for (const ResourceId id : view.List(*scope, ns, kind.kind)) {
        const Node* node = view.graph().Find(id);
        if (node == nullptr || node->AliveAt(record.at) == nullptr) continue;
        if (kind.group_known && node->name->group != kind.group) continue;
        ++absent->known;
        if (present.count(id) == 0) ++absent->missing;
      }
    }
  }
}

}  // namespace

absl::StatusOr<std::string> RulesId(const std::string& dir) {
  if (dir.empty()) return std::string();
  std::vector<std::string> tables;
  std::error_code error;
  for (std::filesystem::directory_iterator it(dir, error), end; it != end && !error;
       it.increment(error)) {
    if (it->path().extension() == ".tsv") tables.push_back(it->path().string());
  }
  if (error) return absl::NotFoundError(absl::StrCat(dir, ": ", error.message()));
  std::sort(tables.begin(), tables.end());
  std::string all;
  for (const std::string& table : tables) {
    const absl::StatusOr<std::string> content = ingest::FingerprintOfFile(table);
    if (!content.ok()) return content.status();
    absl::StrAppend(&all, std::filesystem::path(table).filename().string(), " ", *content, "\n");
  }
  return FingerprintOf(all);
}

LoadRun::LoadRun(Database* database, LoadOptions options)
    : database_(database), options_(std::move(options)), flushed_at_(SteadyNow()) {}

absl::StatusOr<std::unique_ptr<LoadRun>> LoadRun::Create(Database* database, LoadOptions options) {
  std::unique_ptr<LoadRun> run(new LoadRun(database, std::move(options)));
  ingest::DecodeOptions decode = DecodeOptionsFor(*database, run->options_.now, &run->mac_key_);
  decode.limits = run->options_.input;
  absl::Status read = ReadDecodeParams(run->options_.how, Complete::kTaken, &decode);
  if (!read.ok()) return read;
  run->depends_on_set_ = decode.complete || !decode.at.has_value();

  // "-15m" means another moment each time.
  Params how = run->options_.how;
  if (decode.at) how["at"] = FormatTime(*decode.at);
  run->how_ = absl::StrCat(kReading, "\n", EncodeQuery(how), "\n", run->options_.rules_id, "\n",
                           run->mac_key_.id);

  // What a retry reads again deletes nothing.
  for (const char* name : {"complete", "all_namespaces", "kinds"}) how.erase(name);
  if (!run->options_.files.empty() && run->options_.files.size() <= kMostFilesText)
    how["files"] = run->options_.files;

  ApplySink::Options sink;
  sink.batch_mutations = kLoadBatch;
  sink.strict = run->options_.strict;
  sink.hold_completeness = true;
  sink.read_with = EncodeQuery(how);
  sink.progress = [run = run.get()](uint64_t bytes, uint64_t records) {
    run->records_ = records;
    if (run->options_.progress) run->options_.progress(bytes, records);
  };
  run->sink_ = std::make_unique<ApplySink>(database, std::move(sink));
  auto set = ingest::InputSet::Create(std::move(decode), run->sink_.get());
  if (!set.ok()) return set.status();
  run->set_reader_ = *std::move(set);
  return run;
}

std::string LoadRun::PositionOf(const std::string& content) const {
  return absl::StrCat(kFilePosition, FingerprintOf(absl::StrCat(content, "\n", how_, "\n",
                                                                depends_on_set_ ? set_ : "")));
}

std::vector<bool> LoadRun::Announce(std::vector<std::string> contents) {
  std::vector<std::string> sorted = contents;
  std::sort(sorted.begin(), sorted.end());
  std::string all;
  for (const std::string& content : sorted) absl::StrAppend(&all, content, "\n");
  set_ = FingerprintOf(all);
  std::vector<bool> done;
  for (const std::string& content : contents)
    done.push_back(database_->Position(PositionOf(content), 0).has_value());
  // Files that are understood together are read together.
  const bool all_done = std::find(done.begin(), done.end(), false) == done.end();
  if (options_.again || options_.mend || (depends_on_set_ && !all_done))
    done.assign(done.size(), false);
  already_loaded_ = std::count(done.begin(), done.end(), true);
  announced_ = std::move(contents);
  return done;
}

// What came before an error is kept: it was read in good order.
absl::Status LoadRun::Stopped(absl::Status status) {
  if (status.ok()) return status;
  const absl::Status kept = sink_->Finish();
  return kept.ok() ? status : kept;
}

absl::Status LoadRun::Begin(ingest::StreamOptions stream, const std::string& content) {
  streams_.push_back({stream.source_name, content, {}, 0});
  open_ = set_reader_->OpenStream(std::move(stream));
  return absl::OkStatus();
}

absl::Status LoadRun::Feed(absl::string_view bytes) {
  Stream& stream = streams_.back();
  stream.bytes += bytes.size();
  if (!stream.content.empty()) stream.read.Add(bytes);
  if (absl::Status fed = open_->Feed(bytes); !fed.ok()) return Stopped(std::move(fed));
  // A watch is a stream without end: what it said a while ago must not wait for a full batch.
  if (const Timestamp now = SteadyNow(); now - flushed_at_ >= kLiveFlush) {
    flushed_at_ = now;
    return sink_->HandOver();
  }
  return absl::OkStatus();
}

absl::Status LoadRun::End() {
  absl::Status ended = open_->Finish();
  open_.reset();
  const Stream& stream = streams_.back();
  if (!stream.content.empty() && stream.read.Hex() != stream.content) changed_meanwhile_ = true;
  return Stopped(std::move(ended));
}

absl::StatusOr<Absent> LoadRun::FinishReading() {
  absl::Status read = set_reader_->Finish();
  if (!read.ok()) return Stopped(std::move(read));
  if (absl::Status flushed = sink_->Flush(); !flushed.ok()) return flushed;
  Absent absent;
  const std::shared_ptr<const View> view = database_->GetView();
  for (const CompletenessRecord& record : sink_->held_completeness())
    CountAbsent(*view, record, &absent);
  return absent;
}

std::vector<SourcePosition> LoadRun::Positions() const {
  std::vector<SourcePosition> out;
  if (!announced_ || changed_meanwhile_ || sink_->refused_some()) return out;
  // Of files that belong together either all are done or none.
  if (depends_on_set_ && !sink_->lossy_sources().empty()) return out;
  for (const Stream& stream : streams_) {
    if (stream.content.empty() || sink_->lossy_sources().count(stream.source) > 0) continue;
    out.push_back(
        {PositionOf(stream.content), 0, static_cast<int64_t>(stream.bytes), -1, std::string()});
  }
  return out;
}

absl::Status LoadRun::TakeOutMended(IngestReport* report) {
  if (!options_.mend) return absl::OkStatus();
  std::set<std::string> sources;
  for (const Stream& stream : streams_) sources.insert(stream.source);
  Batch batch;
  const std::shared_ptr<const View> view = database_->GetView();
  for (const ScopeDescription& scope : view->scopes()) {
    const auto letters = view->DeadLetters(scope.id, kLettersLookedAt);
    if (!letters.ok()) return letters.status();
    for (const DeadLetter& letter : *letters) {
      if (letter.mutation || sources.count(letter.source) == 0) continue;
      const std::string id = DeadLetterId(letter);
      if (sink_->letter_ids().count(id) == 0) batch.mended.push_back({scope.id, id});
    }
  }
  report->mended = static_cast<int64_t>(batch.mended.size());
  if (batch.mended.empty()) return absl::OkStatus();
  return database_->Apply(std::move(batch)).status();
}

absl::StatusOr<IngestReport> LoadRun::Conclude(Consent consent) {
  const bool agreed = consent == Consent::kDelete || sink_->held_completeness().empty();
  if (agreed && !sink_->held_completeness().empty()) {
    Batch batch;
    for (CompletenessRecord& record : sink_->held_completeness())
      batch.mutations.emplace_back(std::move(record));
    const absl::StatusOr<ApplyResult> applied = database_->Apply(std::move(batch));
    if (!applied.ok()) return applied.status();
    sink_->report().applied += applied->applied;
    sink_->report().unchanged += applied->unchanged;
    sink_->report().refused += applied->refused;
  }
  if (absl::Status mended = TakeOutMended(&sink_->report()); !mended.ok()) return mended;
  Batch done;
  if (agreed) done.positions = Positions();
  if (!done.positions.empty()) {
    const absl::StatusOr<ApplyResult> noted = database_->Apply(std::move(done));
    if (!noted.ok()) return noted.status();
  }
  // Writes confirmations and positions together.
  if (absl::Status finished = sink_->Finish(); !finished.ok()) return finished;
  IngestReport report = sink_->report();
  report.decoded = set_reader_->stats();
  report.already_loaded = already_loaded_;
  return report;
}

}  // namespace kg::server
