# cmake -DOUT=file.cc -DDIR=folder -DTABLES=a,b,c -P embed.cmake
# Writes the tables as character arrays, so that the program needs no files beside it.
string(REPLACE "," ";" names "${TABLES}")
set(arrays "")
set(entries "")
foreach(name IN LISTS names)
  file(READ "${DIR}/${name}.tsv" text)
  string(APPEND arrays "const char k_${name}[] = R\"KGTABLE(${text})KGTABLE\";\n")
  string(APPEND entries "    {\"${name}.tsv\", {k_${name}, sizeof(k_${name}) - 1}},\n")
endforeach()
file(WRITE "${OUT}"
"#include \"engine/rules/internal/embedded.h\"

namespace kg::rules {
namespace {
${arrays}
const EmbeddedTable kTables[] = {
${entries}};
}  // namespace

absl::Span<const EmbeddedTable> EmbeddedTables() { return kTables; }

}  // namespace kg::rules
")
