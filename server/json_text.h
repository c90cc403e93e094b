#pragma once

#include <boost/json.hpp>
#include <string>

// A JSON value as text. Every surface prints through here, so that the same answer is the same
// bytes from a node, from a data directory and in tests.

namespace kg::server {

enum class JsonLayout { kCompact, kPretty };

// Members in the order they were added. Doubles are written without an exponent and with at most
// six decimals ("0.83", "1"); what is not finite is null. Bytes that are not UTF-8 become U+FFFD.
// kPretty indents by two spaces and ends in a newline; kCompact adds nothing.
std::string ToJsonText(const boost::json::value& value, JsonLayout layout);

// The same data as YAML 1.2, in block style. Strings that a reader could take for something else
// are quoted as in JSON. Ends in a newline.
std::string ToYamlText(const boost::json::value& value);

// `text` with what is not UTF-8 replaced by U+FFFD.
std::string ValidUtf8(const std::string& text);

}  // namespace kg::server
