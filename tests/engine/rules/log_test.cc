#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/engine/rules/rules_testing.h"

namespace kg {

TEST_CASE("the predecessor's ten categories pass at any severity") {
  const std::vector<const char*> lines = {
      // 1 containers
      "pod is in CrashLoopBackOff", "Back-off restarting failed container web",
      "process was OOM killed", "OOMKilled", "exit code 3", "worker exited with code 2",
      "container died", "pod evicted",
      // 2 images
      "ImagePullBackOff", "ErrImagePull", "failed to pull image x", "image not found",
      "manifest unknown", "unauthorized by registry", "registry said: unauthorized",
      // 3 probes
      "readiness probe failed", "Liveness probe failed", "startup probe failed", "probe timeout",
      "health check failed",
      // 4 network
      "connection refused", "connection reset by peer", "connection timeout", "i/o timeout",
      "dial tcp 10.0.0.1:80: timeout", "no route to host", "network unreachable",
      "dns lookup failed", "could not resolve x", "unable to connect", "deadline exceeded",
      // 5 exhaustion
      "out of memory", "disk full", "no space left on device", "too many open files",
      "resource exhausted", "quota exceeded", "cpu throttling", "eviction threshold met",
      // 6 crashes
      "panic: boom", "fatal error: x", "segfault at 0", "segmentation fault", "core dumped",
      "stack overflow", "null pointer", "assertion failed",
      // 7 databases
      "database connection failed", "connection lost to database", "database query timeout",
      "deadlock in database", "database duplicate key", "constraint violation in database",
      "too many connections to database", "database connection pool is small",
      // 8 security
      "certificate has expired", "invalid certificate", "certificate verify failed",
      "untrusted certificate", "tls handshake failed", "authentication failed", "permission denied",
      // 9 storage
      "failed to mount", "volume data failed", "persistentvolume pv1 error", "failed to attach",
      "io error",
      // 10 http
      "internal server error", "bad gateway", "service unavailable", "gateway timeout"};
  for (const char* line : lines) {
    INFO(line);
    CHECK(Rules().IsHighSignal("INFO", line));
    CHECK(Rules().IsHighSignal("", line));
  }
}

TEST_CASE("a number is a status only where it stands as one") {
  for (const char* line :
       {"upstream said status=503", "GET /cart HTTP/1.1\" 503 12", "failed with code 502",
        "503 Service Unavailable", "backend returned 500", "backend returned 500 for /cart",
        "{\"status\":503,\"path\":\"/\"}", "statusCode: 504", "HTTP 500", "responded with 502",
        "status code 500"}) {
    INFO(line);
    CHECK(Rules().IsHighSignal("INFO", line));
    CHECK(NameOf(Rules().ClassifyLog("INFO", line).cls) == "LOG_HTTP_5XX");
  }
  for (const char* line :
       {"request took 1500 ms", "request took 500ms", "wrote 503 bytes", "listening on port 5003",
        "order 502 shipped", "query returned 500 rows", "batch of 504 items done",
        "GET /items/500 HTTP/1.1\" 200 500", "id=503", "latency_ms=502", "status=200 size=503",
        "response size 500", "pid 502 started", "status=5001", "retry in 500 ms"}) {
    INFO(line);
    CHECK_FALSE(Rules().IsHighSignal("INFO", line));
  }
}

TEST_CASE("golden lines of the predecessor") {
  CHECK_FALSE(Rules().IsHighSignal("INFO", "request took 1500 ms"));
  CHECK(Rules().IsHighSignal("WARNING", "certificate has expired"));
  CHECK(Rules().ClassifyLog("WARNING", "certificate has expired").reason == "LOG_WARNING");
  CHECK(NameOf(Rules().ClassifyLog("WARNING", "certificate has expired").cls) == "LOG_TLS");
  CHECK_FALSE(Rules().IsHighSignal("INFO", "unauthorized"));
  const LogClass panic =
      Rules().ClassifyLog("FATAL", "panic: runtime error: index out of range [3] with length 3");
  CHECK(panic.reason == "LOG_PANIC");
  CHECK(NameOf(panic.cls) == "LOG_PANIC");
}

TEST_CASE("severity decides for itself, and is read out of the line where none was sent") {
  for (const char* severity : {"ERROR", "FATAL", "CRITICAL", "error"}) {
    CHECK(Rules().IsHighSignal(severity, "nothing special"));
  }
  CHECK_FALSE(Rules().IsHighSignal("WARNING", "nothing special"));
  CHECK_FALSE(Rules().IsHighSignal("", "2026-01-02 INFO all good"));
  CHECK(Rules().IsHighSignal("", "2026-01-02T03:04:05Z ERROR cart: it broke"));
  CHECK(Rules().IsHighSignal("", "level=error msg=\"it broke\""));
  CHECK(Rules().IsHighSignal("", "E0102 03:04:05.000001       1 main.go:3] it broke"));
  CHECK(Rules().IsHighSignal("", "fatal: it broke"));
  CHECK(Rules().IsHighSignal("", "[error] it broke"));
  CHECK_FALSE(Rules().IsHighSignal("INFO", "ERROR is only a word here"));
  CHECK(NameOf(Rules().ClassifyLog("ERROR", "it broke").cls) == "LOG_ERROR");
  CHECK(NameOf(Rules().ClassifyLog("CRITICAL", "it broke").cls) == "LOG_FATAL");
  CHECK(NameOf(Rules().ClassifyLog("INFO", "it broke").cls) == "LOG_OTHER");
  CHECK(Rules().ClassifyLog("", "[FATAL] it broke").reason == "LOG_FATAL");
}

TEST_CASE("log lines tell their class") {
  const std::vector<std::pair<const char*, const char*>> lines = {
      {"LOG_PANIC", "panic: runtime error: invalid memory address or nil pointer dereference"},
      {"LOG_PANIC", "Uncaught Exception: boom"},
      {"LOG_PANIC", "Exception in thread \"main\" java.lang.Error"},
      {"LOG_HEAP_OOM", "java.lang.OutOfMemoryError: Java heap space"},
      {"LOG_HEAP_OOM",
       "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of "
       "memory"},
      {"LOG_SEGFAULT", "Segmentation fault (core dumped)"},
      {"LOG_CONN_REFUSED", "dial tcp 10.0.0.9:5432: connect: connection refused"},
      {"LOG_CONN_REFUSED", "panic: failed to connect to db:5432: connection refused"},
      {"LOG_CONN_REFUSED", "Error: connect ECONNREFUSED 10.1.2.3:6379"},
      {"LOG_CONN_RESET", "read tcp 10.0.0.1:4411->10.0.0.2:80: read: connection reset by peer"},
      {"LOG_TIMEOUT", "context deadline exceeded"},
      {"LOG_TIMEOUT", "upstream timed out (110: Connection timed out) while reading"},
      {"LOG_NO_HOST", "dial tcp: lookup db on 10.96.0.10:53: no such host"},
      {"LOG_NO_HOST", "could not resolve host: api"},
      {"LOG_NO_HOST", "getaddrinfo EAI_AGAIN redis"},
      {"LOG_NO_HOST", "dial tcp: lookup db on 10.96.0.10:53: i/o timeout"},
      {"LOG_TLS", "x509: certificate signed by unknown authority"},
      {"LOG_DB_AUTH", "FATAL: password authentication failed for user \"app\""},
      {"LOG_FORBIDDEN",
       "pods is forbidden: User \"system:serviceaccount:a:b\" cannot list resource"},
      {"LOG_UNAUTHORIZED", "401 Unauthorized"},
      {"LOG_TOO_MANY_CONNECTIONS", "FATAL: sorry, too many clients already"},
      {"LOG_POOL_EXHAUSTED",
       "HikariPool-1 - Connection is not available, request timed out after "
       "30000ms"},
      {"LOG_POOL_EXHAUSTED", "connection pool exhausted"},
      {"LOG_LOCK", "ERROR: deadlock detected"},
      {"LOG_NO_SPACE", "write /data/a: no space left on device"},
      {"LOG_READONLY_FS", "open /x: read-only file system"},
      {"LOG_PERMISSION", "open /data/x: permission denied"},
      {"LOG_FD_EXHAUSTED", "accept: too many open files"},
      {"LOG_ADDR_IN_USE", "listen tcp :8080: bind: address already in use"},
      {"LOG_CONFIG", "missing required environment variable DATABASE_URL"},
      {"LOG_CONFIG", "DATABASE_URL is not set"},
      {"LOG_CONFIG", "KeyError: 'DATABASE_URL'"},
      {"LOG_CONFIG", "Environment variable DATABASE_URL must be set"},
      {"LOG_CONFIG", "FATAL: required env var DATABASE_URL not set"},
      {"LOG_CONFIG", "unknown flag: --prot"},
      {"LOG_CONFIG", "open /etc/app/config.yaml: no such file or directory"},
      {"LOG_SCHEMA", "pq: relation \"orders\" does not exist"},
      {"LOG_RATE_LIMITED", "429 Too Many Requests"},
      {"LOG_CIRCUIT_OPEN", "circuit breaker payments is open"},
      {"LOG_LEADER_LOST", "leader election lost"},
      {"LOG_POISON", "message too large: 3000000 bytes"},
      {"LOG_OOM", "fork: cannot allocate memory"},
      {"LOG_OOM_KILLED", "Memory cgroup out of memory: Killed process 77 (app)"},
      {"LOG_UPSTREAM", "no healthy upstream"},
      {"LOG_READONLY_FS", "filesystem mounted read-only; stopping"},
      {"LOG_HTTP_5XX", "GetObject failed: ServiceUnavailable (503)"},
      {"LOG_STORAGE", "read /data: input/output error"},
      {"LOG_EXCEPTION", "Traceback (most recent call last):"},
      {"LOG_PROTOCOL", "http: server gave HTTP response to HTTPS client"},
  };
  for (const auto& [cls, line] : lines) {
    INFO(line);
    CHECK(NameOf(Rules().ClassifyLog("ERROR", line).cls) == cls);
    CHECK(Rules().IsHighSignal("INFO", line));
  }
}

TEST_CASE("healthy lines are not kept") {
  for (const char* line :
       {"Server started on port 8080", "request timeout is 30s", "read timeout set to 5s",
        "connected to database", "config loaded from /etc/app/config.yaml", "tls: enabled",
        "circuit breaker payments closed", "0 errors", "retrying with backoff",
        "no config file given, using defaults", "user logged in", "GET /healthz 200 3ms",
        "leader elected", "scenario error budget ok", "upstream ready", "",
        "Waited for 1.2s due to client-side throttling, not priority and fairness"}) {
    INFO(line);
    CHECK_FALSE(Rules().IsHighSignal("INFO", line));
  }
}

TEST_CASE("lines of one kind have one shape") {
  const auto shape = [](const char* line) { return Rules().ClassifyLog("ERROR", line).shape; };
  CHECK(shape("2026-01-02T03:04:05.123Z ERROR order 1234 failed") ==
        "<time> ERROR order <n> failed");
  CHECK(shape("took 12ms for 3.5 MB") == "took <n>ms for <n> MB");
  CHECK(shape("dial tcp 10.0.0.9:5432: connect: connection refused") ==
        "dial tcp <ip>:5432: connect: connection refused");
  CHECK(shape("read tcp 10.0.0.1:43210->10.0.0.9:80: reset") ==
        "read tcp <ip>:<n>-><ip>:80: reset");
  CHECK(shape("lookup db.shop.svc.cluster.local on 10.96.0.10:53: no such host") ==
        "lookup db.shop.svc.cluster.local on <ip>:53: no such host");
  CHECK(shape("GET http://cart:8080/items/991 failed") == "GET http://cart:8080/items/<n> failed");
  CHECK(shape("user 'x' request 550e8400-e29b-41d4-a716-446655440000") ==
        "user 'x' request <uuid>");
  CHECK(shape("pod cart-7d9c8bf6d4-x2x4k died at 0xdeadbeef") ==
        "pod cart-<hex>-<id> died at <hex>");
  CHECK(shape("secret \"db-login\" not found") == "secret \"db-login\" not found");
  CHECK(shape("cannot read \"some text with 3 words\"") == "cannot read \"<s>\"");
  CHECK(shape("x509: bad, sha256 wrong") == "x509: bad, sha256 wrong");
  CHECK(shape("level=error msg=\"order 7 failed\" err=\"Post \\\"http://orders.shop.svc/7\\\": "
              "dial tcp "
              "10.0.0.9:80: refused\"") ==
        "level=error msg=\"order <n> failed\" err=\"Post \"http://orders.shop.svc/<n>\": dial tcp "
        "<ip>:80: refused\"");
  CHECK(shape("{\"level\":\"error\",\"msg\":\"no route to 10.0.0.9\",\"ts\":1700000000.12}") ==
        "{\"level\":\"error\",\"msg\":\"no route to <ip>\",\"ts\":<n>}");
  CHECK(shape("first\nsecond") == "first");
  CHECK(shape("a \t  b\x01 c") == "a b c");
  CHECK(shape("can't open main.go:114") == "can't open main.go:<n>");
  CHECK(shape("item 7 of 9") == shape("item 12 of 99"));
}

TEST_CASE("hostile lines have a shape as well") {
  for (const char c : {'"', '\'', '`', '\\', ' ', '.', '-', '1', ':', '\0', '\xff'}) {
    CHECK(Rules().ClassifyLog("ERROR", std::string(100000, c)).shape.size() <= 256);
  }
  std::string nested;
  for (int i = 0; i < 2000; ++i) nested += "=\"a ";
  CHECK(Rules().ClassifyLog("ERROR", nested).shape.size() <= 256);
  CHECK(Rules().ClassifyLog("ERROR", "").shape.empty());
}

TEST_CASE("a shape is short and cut between characters") {
  std::string line(255, 'a');
  line += "\xc3\xa4\xc3\xa4";
  const std::string shape = Rules().ClassifyLog("ERROR", line).shape;
  CHECK(shape.size() == 255);
  CHECK(Rules().ClassifyLog("ERROR", std::string(1 << 20, 'z')).shape.size() == 256);
}

}  // namespace kg
