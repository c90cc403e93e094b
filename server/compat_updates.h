#pragma once

#include "server/ask.h"
#include "server/http.h"

namespace kg::server {

// POST /api/v1/updates with one update, or /updates/batch with a list of them (bare or as
// "updates"): {timestamp, client_id?, cluster?, resources[], edges[], events[]}. Everything in it
// is applied; what can't be is listed in "rejected" with its place and reason.
HttpResponse HandleUpdates(Database* database, const HttpRequest& request,
                           const AskOptions& options);

}  // namespace kg::server
