#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <string>

// Reading an answer without caring whether it has everything: what is missing or of another type is
// null, "", 0, false or an empty list. An answer may come from a node of another version.

namespace kg::kgctl {

// The member at a path like "resource.name".
const boost::json::value& Get(const boost::json::value& value, const std::string& path);
const boost::json::array& List(const boost::json::value& value, const std::string& path);
std::string Str(const boost::json::value& value, const std::string& path = "");
int64_t Int(const boost::json::value& value, const std::string& path);
double Num(const boost::json::value& value, const std::string& path);
bool Bool(const boost::json::value& value, const std::string& path);
bool IsNull(const boost::json::value& value, const std::string& path);

// "Deployment shop/checkout", "Node n3".
std::string ResourceText(const boost::json::value& resource);
// "deployment.apps/checkout", as kubectl's -o name.
std::string ResourceRef(const boost::json::value& resource);

// "2026-03-02 10:42:00" of an RFC 3339 time in UTC; "-" for null. ClockText is "10:42:00" of it.
std::string TimeText(const boost::json::value& value, const std::string& path);
std::string ClockText(const boost::json::value& value, const std::string& path);

}  // namespace kg::kgctl
