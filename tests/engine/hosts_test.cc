#include <catch2/catch.hpp>

#include "engine/internal/blame.h"
#include "engine/internal/hosts.h"

namespace kg {
namespace {

std::string Service(absl::string_view host) {
  const auto s = ServiceOfHost(host, "shop");
  return s.has_value() ? s->ns + "/" + s->name : "";
}

using Hosts = std::vector<std::string>;

TEST_CASE("the service that a host name means") {
  CHECK(Service("db") == "shop/db");
  CHECK(Service("db.infra") == "infra/db");
  CHECK(Service("db.infra.svc") == "infra/db");
  CHECK(Service("db.infra.svc.cluster.local") == "infra/db");
  CHECK(Service("db-0.db.infra.svc.cluster.local") == "infra/db");  // a pod behind a headless one
  CHECK(Service("db-0.db") == "shop/db");
  for (const char* none : {"localhost", "10.0.0.1", "example.com", "api.github.com", "mail.example",
                           "DB", "", "-x", "a..b"}) {
    INFO(none);
    CHECK(Service(none).empty());
  }
  CHECK_FALSE(ServiceOfHost("db", "").has_value());  // a cluster-wide object names no neighbours
}

TEST_CASE("hosts in settings") {
  CHECK(HostsInSetting("DB_HOST", "db") == Hosts{"db"});
  CHECK(HostsInSetting("DATABASE_URL", "postgres://u:p@db.infra:5432/x") == Hosts{"db.infra"});
  CHECK(HostsInSetting("CACHE", "redis:6379") == Hosts{"redis"});
  CHECK(HostsInSetting("MODE", "production").empty());
  CHECK(HostsInSetting("DB_HOST", "12").empty());
  CHECK(HostsInSetting("X", "http://api.shop.svc.cluster.local/v1") ==
        Hosts{"api.shop.svc.cluster.local"});
}

TEST_CASE("hosts in failure texts") {
  CHECK(HostsInText("dial tcp: lookup db.shop.svc: no such host") == Hosts{"db.shop.svc"});
  CHECK(HostsInText("Get \"http://api:8080/health\": connection refused") == Hosts{"api"});
  CHECK(HostsInText("getaddrinfo ENOTFOUND cache") == Hosts{"cache"});
  CHECK(HostsInText("Connection refused: api/10.96.0.7:8080") == Hosts{"api"});
  CHECK(HostsInText("panic at main.go:42").empty());
  CHECK(HostsInText("all is well").empty());
}

TEST_CASE("the object that a message blames") {
  const auto blamed = [](absl::string_view text) {
    const auto b = BlamedObject(text, "shop");
    return b.has_value() ? b->kind + "/" + b->ns + "/" + b->name : std::string();
  };
  CHECK(blamed("MountVolume.SetUp failed for volume \"v\" : configmap \"settings\" not found") ==
        "configmap/shop/settings");
  CHECK(blamed("Error: secret \"db\" not found") == "secret/shop/db");
  CHECK(blamed("pods \"x\" is forbidden: exceeded quota: compute, requested: pods=1") ==
        "ResourceQuota/shop/compute");
  CHECK(blamed("storageclass.storage.k8s.io \"fast\" not found") == "StorageClass//fast");
  CHECK(blamed("Readiness probe failed") == "");
}

}  // namespace
}  // namespace kg
