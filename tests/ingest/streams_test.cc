#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/ingest/support.h"

namespace kg::ingest {
namespace {

std::string Pod(const std::string& name) {
  return absl::StrCat(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")", name,
                      R"(","namespace":"shop"}})");
}

std::string Names(const Decoded& d) {
  std::string names;
  for (const ObjectRecord& r : d.All<ObjectRecord>()) names += r.ref.name + " ";
  return names;
}

// The same records however the bytes are cut.
void CheckAllCuts(const std::string& body, const std::string& names, size_t dead_letters) {
  for (const size_t chunk : {1, 2, 3, 7, 64, 100000}) {
    const Decoded d = DecodeChunked(body, chunk, TestOptions());
    INFO("chunks of " << chunk << "\n" << Dump(d.batch));
    CHECK(Names(d) == names);
    CHECK(d.batch.dead_letters.size() == dead_letters);
  }
}

TEST_CASE("documents side by side, one per line, pretty-printed, in arrays and sequences") {
  CheckAllCuts(Pod("a") + Pod("b") + "  " + Pod("c"), "a b c ", 0);
  CheckAllCuts(Pod("a") + "\n" + Pod("b") + "\r\n\n" + Pod("c") + "\n", "a b c ", 0);
  CheckAllCuts("[" + Pod("a") + ",\n" + Pod("b") + "\n]\n", "a b ", 0);
  CheckAllCuts("\x1e" + Pod("a") + "\n\x1e" + Pod("b"), "a b ", 0);
  CheckAllCuts(
      "{\n\"apiVersion\": \"v1\",\n\"kind\": \"Pod\",\n\"metadata\":\n{\n\"name\": \"a\"\n}\n}\n" +
          Pod("b"),
      "a b ", 0);
  CheckAllCuts("\xef\xbb\xbf" + Pod("a"), "a ", 0);
}

TEST_CASE("a broken line costs that line only") {
  CheckAllCuts(Pod("a") + "\n{\"apiVersion\":\"v1\",\"kind\":\n" + Pod("b") + "\n", "a b ", 1);
  CheckAllCuts(Pod("a") + "\n{\"apiVersion\":\"v1\",\"ki\n" + Pod("b") + "\n", "a b ", 1);
  CheckAllCuts(Pod("a") + "\n{\"a\":[1,\n" + Pod("b") + "\n", "a b ", 1);
  CheckAllCuts(Pod("a") + "\nthis is no JSON\n" + Pod("b") + "\n", "a b ", 1);
  CheckAllCuts(Pod("a") + "\n{\"a\":tru}\n" + Pod("b") + "\n", "a b ", 1);
  CheckAllCuts(Pod("a") + "\n" + Pod("b").substr(0, 30), "a ", 1);
  CheckAllCuts("% Reached end of topic\n" + Pod("a") + "\n", "a ", 0);
}

TEST_CASE("a dead letter names line, byte and document") {
  const Decoded d = Decode(Pod("a") + "\n{\"password\":\"hunter2\",}\n");
  REQUIRE(d.batch.dead_letters.size() == 1);
  const DeadLetter& letter = d.batch.dead_letters[0];
  CHECK(letter.position == absl::StrCat("line 2, byte ", Pod("a").size() + 1, ", document 2"));
  CHECK(letter.source == "test");
  CHECK(letter.size_bytes == 23);
  CHECK(letter.excerpt == R"({"password":"***",})");
  CHECK(letter.at == TestOptions().wall_now);
}

TEST_CASE("a List is read element by element, whatever stands around its items") {
  const std::string items = "\"items\": [\n" + Pod("a") + ",\n  " + Pod("b") + "]";
  CheckAllCuts("{\"kind\":\"List\"," + items + "}", "a b ", 0);
  CheckAllCuts(
      "{\"apiVersion\":\"v1\"," + items + ",\"kind\":\"List\",\"metadata\":{\"items\":[1]}}",
      "a b ", 0);
  CheckAllCuts("{" + items + ",\"kind\":\"List\"}" + Pod("c"), "a b c ", 0);
  CheckAllCuts("{\"kind\":\"List\",\"items\":[]}" + Pod("c"), "c ", 0);
  CheckAllCuts("{\"kind\":\"List\",\"items\":[" + Pod("a") + ",3," + Pod("b") + "]}", "a b ", 1);
  // Cut off inside the second element.
  CheckAllCuts("{\"kind\":\"List\",\"items\":[" + Pod("a") + "," + Pod("b").substr(0, 20), "a ", 1);
  // Many elements, so that what was read is thrown away on the way.
  std::string many = "{\"kind\":\"List\",\"items\":[", names;
  for (int i = 0; i < 300; ++i) {
    many += (i == 0 ? "" : ",") + Pod(absl::StrCat("p", i));
    absl::StrAppend(&names, "p", i, " ");
  }
  CheckAllCuts(many + "]}" + Pod("end"), names + "end ", 0);
}

TEST_CASE("elements of a typed list take its kind, before or behind them") {
  const std::string item =
      R"({"metadata":{"name":"cart","namespace":"shop"},"spec":{"replicas":1}})";
  const std::string head = R"("kind":"DeploymentList","apiVersion":"apps/v1")";
  for (const std::string& body :
       {"{" + head + ",\"items\":[" + item + "]}", "{\"items\":[" + item + "]," + head + "}"}) {
    for (const size_t chunk : {1, 1000}) {
      const Decoded d = DecodeChunked(body, chunk, TestOptions());
      INFO(body);
      CHECK(d.batch.dead_letters.empty());
      CHECK(d.One<ObjectRecord>().ref.kind == "Deployment");
      CHECK(d.One<ObjectRecord>().ref.group == "apps");
    }
  }
  const Decoded yaml =
      Decode("apiVersion: apps/v1\nitems:\n- metadata:\n    name: cart\nkind: DeploymentList\n");
  CHECK(yaml.One<ObjectRecord>().ref.kind == "Deployment");
}

TEST_CASE("YAML gives what JSON gives") {
  const std::string yaml = R"(# collected by hand
---
apiVersion: v1
items:
- apiVersion: v1
  kind: Service
  metadata:
    name: cart
    namespace: shop
    creationTimestamp: "2025-11-02T08:00:00Z"
    annotations:
      note: |
        - not an item
        items:
      "on": "yes"
  spec:
    ports:
    - name: http
      port: 80
      targetPort: 0x1F90
    selector: {app: cart}
    publishNotReadyAddresses: no
- apiVersion: v1
  kind: ConfigMap
  metadata:
    name: empty
    namespace: shop
  data: null
kind: List
metadata:
  resourceVersion: ""
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
...
)";
  const std::string json =
      R"({"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Service","metadata":{)"
      R"("name":"cart","namespace":"shop","creationTimestamp":"2025-11-02T08:00:00Z","annotations":{)"
      R"("note":"- not an item\nitems:\n","on":"yes"}},"spec":{"ports":[{"name":"http","port":80,)"
      R"("targetPort":8080}],"selector":{"app":"cart"},"publishNotReadyAddresses":false}},)"
      R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"empty","namespace":"shop"},)"
      R"("data":null}]}{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}})";
  const std::string expected = Dump(Decode(json).batch);
  CHECK(absl::StrContains(expected, "spec.ports[http].targetPort = 8080 (1)"));
  for (const size_t chunk : {1, 5, 100000}) {
    CHECK(Dump(DecodeChunked(yaml, chunk, TestOptions()).batch) == expected);
  }
}

TEST_CASE("YAML: what is refused, and that the rest goes on") {
  const std::string good = "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: ok\n";
  const auto rejected = [&good](const std::string& bad) {
    const Decoded d = Decode(bad + good);
    CHECK(Names(d) == "ok ");
    return d.Rejected();
  };
  CHECK(absl::StrContains(rejected("a: &x [1]\nb: *x\n"), "aliases are not expanded"));
  CHECK(absl::StrContains(rejected("a: {b: &x {c: 1}}\nd:\n  <<: *x\n"), "not expanded"));
  CHECK(absl::StrContains(rejected("a: [1, 2\n"), "YAML line"));
  std::string deep = "a: ";
  for (int i = 0; i < 5000; ++i) deep += "[";
  CHECK(absl::StrContains(rejected(deep + "\n"), "deeper than 64"));
}

TEST_CASE("gzip and zstd are undone; cut or damaged streams are dead letters") {
  std::string body;
  for (int i = 0; i < 2000; ++i) body += Pod(absl::StrCat("p", i)) + "\n";
  const std::string expected = Names(Decode(body));
  for (const std::string& packed : {Gzip(body), Zstd(body)}) {
    for (const size_t chunk : {1, 1000, 1000000}) {
      const Decoded d = DecodeChunked(packed, chunk, TestOptions());
      CHECK(Names(d) == expected);
      CHECK(d.batch.dead_letters.empty());
    }
    const Decoded two = Decode(packed + packed);
    CHECK(Names(two) == expected + expected);
    const Decoded cut = Decode(packed.substr(0, packed.size() / 2));
    CHECK_FALSE(cut.batch.dead_letters.empty());
    std::string damaged = packed;
    for (size_t i = 40; i < 60; ++i) damaged[i] = static_cast<char>(damaged[i] ^ 0x5a);
    CHECK_FALSE(Decode(damaged).batch.dead_letters.empty());
  }
}

TEST_CASE("a whole file of something else is named, with what to do") {
  const auto note = [](const std::string& body) {
    const Decoded d = Decode(body);
    INFO(body);
    CHECK(d.batch.mutations.empty());
    return d.stats.notes.size() == 1 ? d.stats.notes[0] : "";
  };
  CHECK(absl::StrContains(note("<!DOCTYPE html><html></html>"), "HTML"));
  CHECK(absl::StrContains(note("NAME    READY   STATUS\nweb-0   1/1     Running\n"), "-o json"));
  CHECK(absl::StrContains(note(std::string("\x7f"
                                           "ELF\0\0\0",
                                           7)),
                          "binary"));
  CHECK(absl::StrContains(
      note("apiVersion: v1\nclusters:\n- cluster:\n    server: x\nkind: Config\nusers:\n"
           "- user: {token: hunter2}\n"),
      "kubeconfig"));
  CHECK(absl::StrContains(note("apiVersion: v2\nname: cart\nversion: 1.0.0\n"), "Helm"));
  CHECK(absl::StrContains(note("kind: Deployment\nmetadata:\n  name: {{ .Values.name }}\n"),
                          "template"));
  CHECK(absl::StrContains(note(""), "nothing in it"));
  CHECK(absl::StrContains(note("once upon a time\n"), "no known form"));
}

class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "kg-ingest-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~TempFolder() { std::filesystem::remove_all(path); }
  void Write(const std::string& name, const std::string& text) const {
    const std::filesystem::path file = path / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
  }
  std::filesystem::path path;
};

TEST_CASE("a kubectl cluster-info dump folder: objects, events and logs of one input set") {
  const TempFolder folder;
  folder.Write("nodes.json", R"({"kind":"NodeList","apiVersion":"v1","metadata":{},"items":[
    {"metadata":{"name":"n3","uid":"u3","creationTimestamp":"2025-11-01T00:00:00Z"},
     "status":{"conditions":[{"type":"Ready","status":"True","lastHeartbeatTime":"2025-11-02T09:00:00Z"}]}}]})");
  folder.Write("shop/events.json", R"({"kind":"EventList","apiVersion":"v1","items":[
    {"metadata":{"name":"e","uid":"e1"},"involvedObject":{"kind":"Pod","namespace":"shop","name":"web-0"},
     "reason":"BackOff","message":"m","firstTimestamp":"2025-11-02T08:30:00Z"}]})");
  folder.Write("shop/pods.json", R"({"kind":"PodList","apiVersion":"v1","items":[]})");
  folder.Write("shop/web-0/logs.txt",
               "==== START logs for container app of pod shop/web-0 ====\n"
               "2025-11-02T08:59:00.5Z panic: {\"boom\n{no json}\n"
               "==== END logs for container app of pod shop/web-0 ====\n");
  folder.Write("README", "not data");
  BatchSink sink;
  const auto stats = DecodePaths({folder.path.string()}, TestOptions(), &sink);
  REQUIRE(stats.ok());
  INFO(Dump(sink.batch));
  CHECK(sink.batch.dead_letters.empty());
  Decoded d;
  d.batch = sink.batch;
  const ObjectRecord node = d.One<ObjectRecord>();
  CHECK(node.ref.kind == "Node");
  CHECK(node.at == At("2025-11-02T09:00:00Z"));  // the heartbeat dates the set and is dropped
  CHECK_FALSE(HasField(node.fields, "status.conditions[Ready].lastHeartbeatTime"));
  CHECK(d.One<EventRecord>().event_id == "e1");
  const std::vector<LogRecord> logs = d.All<LogRecord>();
  REQUIRE(logs.size() == 2);
  CHECK(logs[0].subject.ns == "shop");
  CHECK(logs[0].subject.name == "web-0");
  CHECK(logs[0].container == "app");
  CHECK(logs[0].severity == "FATAL");
  CHECK(logs[0].at == At("2025-11-02T08:59:00.5Z"));
  CHECK(logs[1].at == At("2025-11-02T09:00:00Z"));
  CHECK(logs[1].at_source == TimeSource::kInputSet);
  CHECK(stats->ignored.at("file of another kind") == 1);
  CHECK_FALSE(DecodePaths({(folder.path / "absent").string()}, TestOptions(), &sink).ok());
}

TEST_CASE("kubectl cluster-info dump on one stream: documents, then logs") {
  const Decoded d = Decode(Pod("a") +
                           "\n==== START logs for container app of pod shop/a ====\n"
                           "{\"level\":\"error\",\"msg\":\"x\"}\n"
                           "==== END logs for container app of pod shop/a ====\n" +
                           Pod("b"));
  CHECK(Names(d) == "a b ");
  CHECK(d.One<LogRecord>().severity == "ERROR");
}

TEST_CASE("the sink's own error ends decoding and comes back") {
  class Refusing : public Sink {
   public:
    absl::Status OnMutation(Mutation) override { return absl::UnavailableError("full"); }
    absl::Status OnDeadLetter(DeadLetter) override { return absl::OkStatus(); }
  } sink;
  CHECK(DecodeBody(Pod("a") + Pod("b"), TestOptions(), "x", &sink).status().message() == "full");
}

}  // namespace
}  // namespace kg::ingest
