// A graph database inside another program: open, tell it what happened, ask what is near what.

#include <iostream>

#include "engine/database.h"
#include "ingest/decoder.h"
#include "query/root_cause.h"

namespace {

constexpr auto kTenOClock = kg::FromMicros(1'700'042'400'000'000);

kg::ObjectRef Ref(const char* kind, const char* ns, const char* name) {
  kg::ObjectRef ref;
  ref.kind = kind;
  ref.ns = ns;
  ref.name = name;
  return ref;
}

kg::Batch Story() {
  kg::ObjectRecord pod;
  pod.ref = Ref("Pod", "shop", "web-0");
  pod.ref.uid = "5f0c0001-0000-4000-8000-00000000abcd";
  pod.at = kTenOClock;
  pod.fields = {{"spec.nodeName", "node-1", kg::FieldKind::kString}};
  kg::EventRecord reboot;
  reboot.event_id = "reboot";
  reboot.subject = Ref("Node", "", "node-1");
  reboot.type = "Warning";
  reboot.reason = "Rebooted";
  reboot.message = "Node node-1 has been rebooted";
  reboot.first = reboot.last = kTenOClock + std::chrono::minutes(1);
  kg::EventRecord crash = reboot;
  crash.event_id = "crash";
  crash.subject = Ref("Pod", "shop", "web-0");
  crash.reason = "BackOff";
  crash.message = "Back-off restarting failed container";
  crash.first = crash.last = kTenOClock + std::chrono::minutes(2);
  kg::Batch batch;
  batch.mutations = {pod, reboot, crash};
  return batch;
}

int Fail(const char* what, const absl::Status& status) {
  std::cerr << what << ": " << status << "\n";
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  auto db = kg::Database::Open(argv[1], {});
  if (!db.ok()) return Fail("open", db.status());
  auto applied = (*db)->Apply(Story());
  if (!applied.ok()) return Fail("apply", applied.status());
  if (auto status = (*db)->Settle(); !status.ok()) return Fail("settle", status);

  const auto view = (*db)->GetView();
  const auto scope = view->FindScope({});
  const auto pod = view->Find(*scope, Ref("Pod", "shop", "web-0"));
  if (!pod.has_value()) return Fail("find", absl::NotFoundError("the pod"));
  kg::query::Question question;
  question.object = "pod/web-0";
  question.ns = "shop";
  question.at = view->as_of();
  const auto answer = kg::query::RootCause(*view, question, kg::query::Budget());
  if (!answer.ok()) return Fail("root cause", answer.status());
  std::cout << "verdict: " << answer->verdict << "\n";
  for (const auto& root : answer->root_causes)
    std::cout << "because of " << root.resource.kind << " " << root.resource.name << "\n";
  return answer->root_causes.empty() ? Fail("root cause", absl::InternalError("one is expected"))
                                     : 0;
}
