#pragma once

#include <string>
#include <vector>

// The layering of the tree as a check over its text: which folder may include which, which library
// may be seen where, and what may lie at the top level.

namespace kg::architecture {

struct Violation {
  std::string file;  // relative to the top of the tree
  int line = 0;      // from 1; 0 concerns the file as a whole
  std::string what;  // the broken rule, in a sentence that says what is allowed

  // "engine/a.cc:3: engine may not include query/…; it may include schemas, storage"
  std::string ToString() const;
};

// Checks the include directives of one source file. `file` is relative to the top of the tree and
// decides which rules hold.
std::vector<Violation> CheckIncludes(const std::string& file, const std::string& text);

// Checks that a text names no path outside the tree.
std::vector<Violation> CheckPaths(const std::string& file, const std::string& text);

// Checks the name of one entry of the top level.
std::vector<Violation> CheckTopLevel(const std::string& name, bool is_directory);

struct TreeReport {
  int sources = 0;                    // files whose includes were checked
  int includes = 0;                   // include directives in them
  std::vector<Violation> violations;  // by file and line
};

// Checks everything below `root`, without build trees and hidden folders other than .ci.
// A file that can't be read is a violation.
TreeReport CheckTree(const std::string& root);

}  // namespace kg::architecture
