#pragma once

#include <boost/json.hpp>
#include <optional>
#include <vector>

#include "server/render.h"

// Building blocks of the renderers: an overload for each part of an answer, and the lists of them.

namespace kg::server {

boost::json::value Render(const query::CauseAnswer& a);
boost::json::value Render(const query::AffectedAnswer& a);
boost::json::value Render(const query::IncidentMember& a);
boost::json::value Render(const query::Explained& a);
boost::json::value Render(const query::FindingAnswer& a);
boost::json::value Render(const query::ScoreParts& a);
boost::json::value Render(const query::Evidence& a);
boost::json::value Render(const query::Against& a);
boost::json::value Render(const query::Gap& a);
boost::json::value Render(const query::Question& a);
boost::json::value Render(const query::BucketAnswer& a);
boost::json::value Render(const SourcePosition& a);
boost::json::value Render(const query::NeighbourAnswer& a);
boost::json::value Render(const query::TimelineEntry& a);
boost::json::value Render(const query::FieldAnswer& a);
boost::json::value Render(const query::FieldDelta& a);
boost::json::value Render(const query::LifeAnswer& a);
boost::json::value Render(const query::RevisionAnswer& a);
boost::json::value Render(const query::EdgeGroup& a);
boost::json::value Render(const query::ChangedResource& a);

template <typename T>
boost::json::array RenderAll(const std::vector<T>& items) {
  boost::json::array out;
  out.reserve(items.size());
  for (const T& item : items) out.push_back(Render(item));
  return out;
}

template <typename T>
boost::json::value RenderOrNull(const std::optional<T>& item) {
  return item ? Render(*item) : boost::json::value(nullptr);
}

template <typename T>
boost::json::value RenderCut(const query::Cut<T>& cut) {
  return boost::json::object{{"total", cut.total}, {"shown", RenderAll(cut.shown)}};
}

}  // namespace kg::server
