#pragma once

#include <string>

#include "engine/database.h"

namespace kg::faults {

// What /readyz answers.
struct Readiness {
  int status = 0;
  std::string text;
};
Readiness AskReady(Database* db);

// What the doctor's check of the store says: "ok: …", "failed: …".
std::string AskDoctor(const Database& db);

}  // namespace kg::faults
