#include "tests/ingest/fuzz_decoders.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return kg::ingest::FuzzDecoder(data, size);
}
