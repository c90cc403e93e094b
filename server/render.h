#pragma once

#include <boost/json.hpp>

#include "engine/mutation.h"
#include "query/answers.h"

// Answers as JSON values. The members of `rca`, `incidents`, `blast-radius` and `stats` are a
// contract: names and order stay, new ones are added behind. A resource always has the same seven
// members, a cut list is {"total","shown"}, times are RFC 3339 in UTC, and what is absent is null.

namespace kg::server {

boost::json::value Render(const query::ResourceAnswer& a);
boost::json::value Render(const query::PathStep& a);
boost::json::value Render(const query::EpisodeAnswer& a);
boost::json::value Render(const query::EventAnswer& a);
boost::json::value Render(const query::IncidentAnswer& a);
boost::json::value Render(const query::Truncated& a);

boost::json::value Render(const query::RootCauseAnswer& a);
boost::json::value Render(const query::IncidentsAnswer& a);
boost::json::value Render(const query::BlastRadiusAnswer& a);
boost::json::value Render(const query::Neighbours& a);
boost::json::value Render(const query::PathAnswer& a);
boost::json::value Render(const query::EventsAnswer& a);
boost::json::value Render(const query::TimelineAnswer& a);
boost::json::value Render(const query::ResourceDetail& a);
boost::json::value Render(const query::DiffAnswer& a);
boost::json::value Render(const query::StatsAnswer& a);

// A record as it was decoded, with what it names and says; by "type".
boost::json::value Render(const Mutation& mutation);

// An RFC 3339 string, or null for kForever and kBeginning.
boost::json::value RenderTime(Timestamp t);
// The text, or null when it is empty.
boost::json::value RenderOptional(const std::string& text);

}  // namespace kg::server
