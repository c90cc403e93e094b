#include "tests/fuzz/requests.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "query/page.h"
#include "query/scope.h"
#include "server/api.h"
#include "server/hosts.h"
#include "server/http.h"
#include "server/listener.h"
#include "server/metrics.h"
#include "server/times.h"
#include "tests/fuzz/database.h"
#include "tests/fuzz/expect.h"

namespace kg::fuzz {
namespace {

using server::HttpRequest;
using server::HttpResponse;

constexpr char kSecret[] = "hunter2";  // planted in the small database

bool SaysSecret(const HttpRequest& request) {
  const auto says = [](const auto& texts) {
    return std::any_of(texts.begin(), texts.end(), [](const auto& text) {
      return absl::StrContains(text.first, kSecret) || absl::StrContains(text.second, kSecret);
    });
  };
  return says(request.query) || says(request.headers) || absl::StrContains(request.path, kSecret) ||
         absl::StrContains(request.body, kSecret);
}

enum class Secret { kIsUntold, kWasTold };

// What every answer must be, whatever was asked. Who names the secret already is told so, and what
// was put in under its name is shown under it: fuzzers learn words.
void CheckAnswer(const HttpResponse& response, Secret secret) {
  Expect(response.status >= 200 && response.status <= 599, "a status is one");
  Expect(response.status != 500, "no question is the server's fault");
  Expect(secret == Secret::kWasTold || !absl::StrContains(response.body, kSecret),
         "no answer holds a secret");
  if (!absl::StrContains(response.content_type, "json") || response.body.empty()) return;
  boost::system::error_code error;
  boost::json::parse(response.body, error);
  Expect(!error, "an answer is JSON");
}

server::ApiOptions ApiOptions() {
  server::ApiOptions options;
  options.now = WallClock;
  return options;
}

// A small database and what answers about it.
struct Node {
  std::unique_ptr<Database> database = SmallDatabase::Open();
  server::Metrics metrics;
  server::Api api{database.get(), &metrics, ApiOptions()};
};

// The same behind a port. What is put in changes the database, so now and then there is a new one.
struct PortNode : Node {
  PortNode() {
    server::ListenerOptions options;
    options.port = 0;
    options.workers = 1;
    options.body_bytes = 1 << 20;
    auto started = server::Listener::Start(options, [this](const HttpRequest& request) {
      HttpResponse response = api.Handle(request);
      if (SaysSecret(request)) secret = Secret::kWasTold;
      CheckAnswer(response, secret);
      return response;
    });
    Expect(started.ok(), "a port can be had");
    listener = *std::move(started);
  }
  ~PortNode() { listener->Stop(); }
  Secret secret = Secret::kIsUntold;  // the one worker's
  std::unique_ptr<server::Listener> listener;
};

PortNode* CurrentNode() {
  constexpr int kInputsPerNode = 3000;
  // The last one is never destroyed: RocksDB's own globals go first.
  static PortNode* node = nullptr;
  static int inputs = 0;
  if (node == nullptr || ++inputs % kInputsPerNode == 0) {
    delete node;
    node = new PortNode();
  }
  return node;
}

// Sends all, says that no more comes, and reads until the other side ends.
std::string Exchange(uint16_t port, absl::string_view bytes) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  Expect(fd >= 0, "a socket");
  // Ends by reset, so that thousands of connections leave nothing that waits.
  const linger at_once{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  const timeval patience{30, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  Expect(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0,
         "a connection");
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) break;  // refused before it was whole
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  shutdown(fd, SHUT_WR);
  std::string reply;
  char buffer[4096];
  while (true) {
    const ssize_t got = recv(fd, buffer, sizeof(buffer), 0);
    if (got < 0) Expect(errno != EAGAIN && errno != EWOULDBLOCK, "the port answers or closes");
    if (got <= 0) break;
    reply.append(buffer, static_cast<size_t>(got));
  }
  close(fd);
  return reply;
}

void CheckTimes(absl::string_view text) {
  const auto moment = server::ParseMoment(text, WallClock());
  if (moment.ok()) {
    const auto again = server::ParseMoment(server::FormatTime(*moment), WallClock());
    const bool bounded = *moment != kForever && *moment != kBeginning;
    Expect(!bounded || (again.ok() && *again == *moment), "a moment reads back");
    server::FormatTimeForPeople(*moment);
  }
  const auto duration = server::ParseDuration(text);
  if (!duration.ok()) return;
  Expect(duration->count() >= 0, "no duration is negative");
  server::FormatDuration(*duration);
  server::FormatDuration(-*duration);
}

void CheckTarget(absl::string_view text) {
  HttpRequest request;
  if (!server::ParseTarget(text, &request).ok()) return;
  HttpRequest again;
  const std::string target =
      absl::StrCat(server::PercentEncode(request.path), "?", server::EncodeQuery(request.query));
  Expect(server::ParseTarget(target, &again).ok(), "an address that was written can be read");
  Expect(again.path == request.path && again.query == request.query, "an address reads back");
}

void CheckHandle(absl::string_view text) {
  if (const auto key = query::ParseEpisodeHandle(text))
    Expect(query::ParseEpisodeHandle(query::EpisodeHandle(*key)) == key, "a handle reads back");
}

void CheckCursor(absl::string_view text) {
  for (const size_t parts : {size_t{1}, size_t{2}, size_t{3}}) {
    const auto read = query::DecodeCursor("events", text, parts);
    if (!read.ok()) continue;
    Expect(read->size() == parts, "a cursor has its parts");
    const auto again = query::DecodeCursor("events", query::EncodeCursor("events", *read), parts);
    Expect(again.ok() && *again == *read, "a cursor reads back");
  }
}

}  // namespace

void Parameters(absl::string_view input) {
  if (input.empty()) return;
  const absl::string_view text = input.substr(1);
  switch (static_cast<uint8_t>(input[0]) % 6) {
    case 0:
      return CheckTimes(text);
    case 1:
      return CheckTarget(text);
    case 2:
      (void)query::ParseLabelSelector(text);
      return;
    case 3:
      return CheckHandle(text);
    case 4:
      return CheckCursor(text);
    default:
      (void)server::IsOwnHost(text, {"kg", "node.example"});
  }
}

Seeds ParameterSeeds() {
  Seeds seeds = Behind('\0', {"2026-03-02T10:42:00Z", "2026-03-02 10:42:00.25+01:00", "2026-03-02",
                              "now", "-15m", "10:42:13", "1h30m", "2d", "1w", "250ms"});
  Append(Behind('\1', {"/api/v1/rca?namespace=a%20b&since=1h&all_namespaces", "/a+b?x=1+2&&=y&z"}),
         &seeds);
  Append(Behind('\2', {"app=web,tier!=db,env in (a,b),env notin (c),canary,!old", "a==b"}), &seeds);
  Append(Behind('\3', {query::EpisodeHandle({WallClock(), EpisodeHash(7)})}), &seeds);
  Append(Behind('\4',
                {query::EncodeCursor("events", {"a"}), query::EncodeCursor("events", {"a", "b:c"}),
                 query::EncodeCursor("events", {"", "%", "\n"})}),
         &seeds);
  Append(Behind('\5', {"[::1]:8080", "127.0.0.1", "localhost:80", "kg", "1.2.3.4:5", "a.b:c"}),
         &seeds);
  return seeds;
}

void Questions(absl::string_view input) {
  // Never destroyed: RocksDB's own globals go first.
  static Node* const node = new Node();
  HttpRequest request;
  request.method = "GET";
  if (!server::ParseTarget(input, &request).ok()) return;
  CheckAnswer(node->api.Handle(request),
              SaysSecret(request) ? Secret::kWasTold : Secret::kIsUntold);
}

Seeds QuestionSeeds() {
  const std::string pod = "object=pod/billing-x9z&namespace=pay";
  return {
      "/api/v1/rca?" + pod + "&since=1h&at=10:25&timeout=2s",
      "/api/v1/rca?all_namespaces&selector=app%20in%20(billing),!x",
      "/api/v1/blast-radius?hops=3&" + pod,
      "/api/v1/neighbours?hops=2&types=RUNS_ON,CONTROLS&direction=both&" + pod,
      "/api/v1/path?to=node/n1&" + pod,
      "/api/v1/timeline?neighbours&category=change,symptom&limit=2&" + pod,
      "/api/v1/resource?" + pod + "&at=-15m",
      "/api/v1/"
      "events?limit=2&severity=warning&class=MOUNT_*&reason=FailedMount&text=secret&since=1d",
      "/api/v1/events?kind=Pod&type=Warning&etype=k8s.event&cursor=x",
      "/api/v1/incidents?status=open&severity=error&members=1",
      "/api/v1/stats?pretty",
      "/api/v1/diff?from=2026-03-02T10:00:00Z&since=2h",
      "/api/v1/dead-letters?limit=3",
      "/api/v1/doctor",
      "/api/v1/names?prefix=bil&of=objects",
      "/api/v1/graph/stats",
      "/api/v1/graph/resource/p-1",
      "/api/v1/graph/topology/p-1?depth=2",
      "/api/v1/incidents/p-1",
      "/api/v1/rca/e-1",
      "/readyz?verbose",
      "/metrics",
  };
}

void Requests(absl::string_view input) {
  const std::string reply = Exchange(CurrentNode()->listener->port(), input);
  Expect(reply.empty() || absl::StartsWith(reply, "HTTP/1."), "a reply is HTTP");
}

Seeds RequestSeeds() {
  const auto post = [](const std::string& path, const std::string& body) {
    return absl::StrCat("POST ", path,
                        " HTTP/1.1\r\nHost: localhost\r\nContent-Length: ", body.size(), "\r\n\r\n",
                        body);
  };
  Seeds seeds;
  for (const std::string& target : QuestionSeeds()) {
    seeds.push_back(absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"));
  }
  seeds.push_back(post("/api/v1/ingest?namespace=pay",
                       R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}})"));
  seeds.push_back(post("/api/v1/loads?namespace=pay", R"({"files":"a.json","contents":["0123"]})"));
  seeds.push_back(post("/api/v1/loads/0123456789abcdef/bytes?offset=0&end&source=x", "{}"));
  seeds.push_back(post("/api/v1/dead-letters/retry?tenant=default", ""));
  seeds.push_back(post("/api/v1/rca", R"({"event_id":"e-1","window_minutes":15,"client_id":""})"));
  seeds.push_back(post("/api/v1/updates", R"({"action":"CREATE","resource":{"rid":"pod:pay:x",)"
                                          R"("kind":"Pod","name":"x","namespace":"pay"}})"));
  seeds.push_back(post("/api/v1/updates/batch", R"({"updates":[{"action":"DELETE"}]})"));
  seeds.push_back(
      "POST /api/v1/ingest HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
      "Content-Encoding: identity\r\nX-Request-Id: a\r\n\r\n2\r\n{}\r\n0\r\n\r\n");
  seeds.push_back(
      "HEAD /readyz HTTP/1.1\r\nHost: [::1]:1\r\nOrigin: http://a.example\r\n\r\n"
      "DELETE /api/v1/loads/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  return seeds;
}

}  // namespace kg::fuzz
