#pragma once

#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>

#include "engine/rules.h"

namespace kg {

// The embedded tables, parsed once for all tests.
inline const RuleBook& Rules() {
  static const std::shared_ptr<const RuleBook> book = [] {
    auto loaded = RuleBook::Load();
    if (!loaded.ok()) {
      std::cerr << loaded.status() << "\n";
      std::abort();
    }
    return *loaded;
  }();
  return *book;
}

inline ClassId Id(absl::string_view name) {
  const ClassId id = Rules().ClassByName(name);
  if (id.value == 0) {
    std::cerr << "no class " << name << "\n";
    std::abort();
  }
  return id;
}

inline const std::string& NameOf(ClassId id) {
  return Rules().Class(id).name;
}

}  // namespace kg
