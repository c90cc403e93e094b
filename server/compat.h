#pragma once

#include <optional>
#include <string>

#include "server/ask.h"
#include "server/http.h"

// The routes of the API that kg replaces, with its shapes, filled in.

namespace kg::server {

// POST /api/v1/rca and GET /api/v1/rca/{event_id}; POST /api/v1/updates and /api/v1/updates/batch;
// GET /api/v1/graph/stats, /api/v1/graph/resource/{uid}, /api/v1/graph/topology/{uid} and
// /api/v1/incidents/{resource_id}. nullopt: none of them.
std::optional<HttpResponse> HandleCompat(Database* database, const HttpRequest& request,
                                         const AskOptions& options);

}  // namespace kg::server
