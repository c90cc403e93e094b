#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/bench.h"
#include "bench/cluster.h"
#include "bench/event_run.h"
#include "bench/process.h"
#include "bench/setup.h"
#include "bench/wire.h"
#include "ingest/decoder.h"
#include "server/ingest_run.h"

// `kgctl load` of JSON lines, in a process of its own, beside decoding alone.

namespace kg::bench {
namespace {

class Discard : public ingest::Sink {
 public:
  absl::Status OnMutation(Mutation) override {
    ++mutations;
    return absl::OkStatus();
  }
  absl::Status OnDeadLetter(DeadLetter letter) override {
    ++letters;
    if (letters == 1) first_problem = letter.reason;
    return absl::OkStatus();
  }
  uint64_t mutations = 0, letters = 0;
  std::string first_problem;
};

// The bound: the same bytes understood and thrown away, with the rules and the key of a database.
double DecodeSeconds(const Database& db, const std::string& file, Report* report) {
  ingest::MacKey key;
  const ingest::DecodeOptions options = server::DecodeOptionsFor(db, kStart + 24h * 30, &key);
  Discard sink;
  const CpuStopwatch processor;
  const Stopwatch watch;
  const auto stats = ingest::DecodePaths({file}, options, &sink);
  const double seconds = watch.seconds(), worked = processor.seconds();
  Check(stats.status(), "decoding");
  report->Note(absl::StrFormat(
      "decode-only: %d mutations, %d dead letters, %.1f MB in %.2f s (%.2f s of processor)%s",
      sink.mutations, sink.letters, static_cast<double>(stats->bytes_read) / 1e6, seconds, worked,
      sink.letters > 0 ? "; " + sink.first_problem : ""));
  return seconds;
}

// A number of the report that `kgctl load -o json` prints.
int64_t Reported(const ProcessResult& load, const std::string& name) {
  const std::string key = absl::StrCat("\"", name, "\":");
  const size_t at = load.output.find(key);
  return at == std::string::npos ? -1
                                 : std::strtoll(load.output.c_str() + at + key.size(), nullptr, 10);
}

ProcessResult Load(const std::string& data, const std::string& file, const std::string& what,
                   Report* report) {
  const ProcessResult load =
      RunProcess({KgctlPath(), "load", "--data-dir", data, "-o", "json", file});
  if (load.exit_code != 0) Check(absl::InternalError(load.output), "kgctl load");
  report->Note(absl::StrFormat(
      "%s: applied %d, unchanged %d, refused %d, dead letters %d; %.2f s (%.2f s of "
      "processor), %.0f MiB resident at most",
      what, Reported(load, "applied"), Reported(load, "unchanged"), Reported(load, "refused"),
      Reported(load, "dead_letters"), load.seconds, load.processor_seconds,
      static_cast<double>(load.peak_bytes) / 1048576));
  return load;
}

void Events(const ScratchDir& scratch, uint64_t events, Report* report) {
  const std::string file = scratch.Sub("events.jsonl"), data = scratch.Sub("events");
  EventMix mix;
  mix.spacing = Spacing(events);
  WriteEvents(file, events);
  double decode = 0, apply = 0;
  {
    Cluster cluster(kResources, 1);
    const auto db = OpenWith(scratch.Sub("events-applied"), cluster);
    decode = static_cast<double>(events) / DecodeSeconds(*db, file, report);
    const EventRun run =
        ApplyEvents(db.get(), 0, events, 1, [&](uint64_t i) { return cluster.Event(i, mix); });
    NoteCounts(run, report);
    apply = run.rate();
  }
  OpenWith(data, Cluster(kResources, 1)).reset();
  const ProcessResult load = Load(data, file, "kgctl load of events", report);
  report->Note(
      absl::StrFormat("decode-only %.0f/s, the same events as mutations %.0f/s", decode, apply));
  report->Add({"load", absl::StrFormat("%d events from JSON lines", events),
               static_cast<double>(events) / load.seconds, "events/s", Better::kHigher,
               decode < apply ? "decode-only" : "applying alone", std::min(decode, apply),
               "applying: the store's write, then linking", 60'000, 0.7});
}

void Refreshes(const ScratchDir& scratch, int rounds, Report* report) {
  const std::string data = scratch.Sub("refresh"), first = scratch.Sub("first.jsonl"),
                    file = scratch.Sub("refresh.jsonl");
  WriteStates(first, 0, 1);
  const uint64_t records = WriteStates(file, 1, rounds + 1);
  Load(data, first, "first sight", report);
  double decode = 0;
  {
    const auto db = OpenAt(scratch.Sub("refresh-decode"));
    decode = DecodeSeconds(*db, file, report);
  }
  const ProcessResult load = Load(data, file, "kgctl load of refreshes", report);
  report->Add({"load", "state refresh that changes nothing, from JSON",
               static_cast<double>(records) / load.seconds, "records/s", Better::kHigher,
               "decode-only", static_cast<double>(records) / decode,
               "decoding, where there is a processor for each", 300'000, 0.6});
  report->Add({"load", "refreshes that said something new",
               static_cast<double>(Reported(load, "applied")), "records", Better::kLower, "", 0,
               ""});
}

void Mix(const ScratchDir& scratch, double scale, Report* report) {
  const std::string data = scratch.Sub("mix"), file = scratch.Sub("mix.jsonl");
  const MixCounts counts = WriteMix(file, scale);
  report->Note(absl::StrFormat(
      "mix: %d messages, %.0f MB: %d logs, %d states, %d edges, %d targets, %d events",
      counts.messages(), static_cast<double>(counts.bytes) / 1e6, counts.logs, counts.resources,
      counts.topology, counts.targets, counts.events));
  double decode = 0;
  {
    const auto db = OpenAt(scratch.Sub("mix-decode"));
    decode = DecodeSeconds(*db, file, report);
  }
  const ProcessResult load = Load(data, file, "kgctl load of the mix", report);
  const std::string name = absl::StrFormat("mix of %.2f M messages from file",
                                           static_cast<double>(counts.messages()) / 1e6);
  const bool whole = scale >= 1;
  report->Add({"load", name, load.seconds, "s", Better::kLower, "decode-only", decode,
               "decoding; log lines that nobody keeps", whole ? 10.0 : 0.0, 2.0});
  report->Add({"load", name + ", resident at most", static_cast<double>(load.peak_bytes) / 1048576,
               "MiB", Better::kLower, "", 0, "", 512});
}

}  // namespace

void RunLoad(const Settings& settings, Report* report) {
  const ScratchDir scratch(settings.scratch);
  Events(scratch, settings.quick ? 50'000 : 200'000, report);
  Refreshes(scratch, settings.quick ? 20 : 100, report);
  Mix(scratch, settings.quick ? 0.1 : 1.0, report);
}

}  // namespace kg::bench
