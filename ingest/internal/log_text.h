#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "ingest/internal/context.h"

namespace kg::ingest {

// Whose log a run of lines is, where the lines don't say so themselves.
struct LogSource {
  std::string ns, pod, container;
};

// "==== START logs for container C of pod NS/POD ====": sets `source`.
bool IsLogStart(absl::string_view line, LogSource* source);
bool IsLogEnd(absl::string_view line);

// One line of text: "[pod/NAME/CONTAINER] TIME line", with either part left out.
void DecodeLogLine(absl::string_view line, const LogSource& source, Context& ctx);

// The way of every log line: filtered, redacted, named, handed on. `at` empty: undated. `sent_time`
// is the time as it was written, which ids are computed from.
void EmitLog(LogRecord record, absl::string_view raw_line, std::optional<Timestamp> at,
             absl::string_view sent_time, Context& ctx);

}  // namespace kg::ingest
