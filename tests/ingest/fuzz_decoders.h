#pragma once

#include <cstddef>
#include <cstdint>

namespace kg::ingest {

// One entry per group of decoders; each takes any bytes and returns 0. They abort on what must
// never happen: a sink's error out of nowhere, an excerpt beyond its limit, text that is no UTF-8.
int FuzzStream(const uint8_t* data, size_t size);  // recognised by content, in odd pieces
int FuzzYaml(const uint8_t* data, size_t size);
int FuzzLogs(const uint8_t* data, size_t size);
int FuzzTopics(const uint8_t* data, size_t size);  // the first byte picks the topic
int FuzzRedactor(const uint8_t* data, size_t size);

// The first byte picks one of the above.
int FuzzDecoder(const uint8_t* data, size_t size);

}  // namespace kg::ingest
