#include "tests/server/support.h"

namespace kg::server {

const char kMissingSecret[] = R"({"apiVersion":"v1","kind":"List","items":[
{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"billing","namespace":"pay",
 "uid":"d-1","creationTimestamp":"2026-03-02T10:00:00Z","labels":{"app":"billing"}},
 "spec":{"replicas":1,"selector":{"matchLabels":{"app":"billing"}},
 "template":{"metadata":{"labels":{"app":"billing"}},"spec":{"containers":[{"name":"app",
 "image":"r.example/billing:1"}],"volumes":[{"name":"db","secret":{"secretName":"db-login"}}]}}}},
{"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{"name":"billing-6c4","namespace":"pay",
 "uid":"r-1","creationTimestamp":"2026-03-02T10:00:00Z","labels":{"app":"billing"},
 "ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"billing","uid":"d-1",
 "controller":true}]},"spec":{"replicas":1,"selector":{"matchLabels":{"app":"billing"}}}},
{"apiVersion":"v1","kind":"Pod","metadata":{"name":"billing-6c4-x9z","namespace":"pay","uid":"p-1",
 "creationTimestamp":"2026-03-02T10:00:01Z","labels":{"app":"billing"},
 "ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"billing-6c4","uid":"r-1",
 "controller":true}]},"spec":{"nodeName":"n1","containers":[{"name":"app",
 "image":"r.example/billing:1","env":[{"name":"DB_PASSWORD","value":"planted-hunter2"}]}],
 "volumes":[{"name":"db","secret":{"secretName":"db-login"}}]},
 "status":{"phase":"Pending","conditions":[{"type":"Ready","status":"False",
 "reason":"ContainersNotReady","lastTransitionTime":"2026-03-02T10:00:01Z"}],
 "containerStatuses":[{"name":"app","ready":false,"restartCount":0,
 "state":{"waiting":{"reason":"ContainerCreating"}}}]}},
{"apiVersion":"v1","kind":"Node","metadata":{"name":"n1","uid":"n-1",
 "creationTimestamp":"2026-02-01T00:00:00Z"}},
{"apiVersion":"v1","kind":"Secret","metadata":{"name":"other","namespace":"pay","uid":"s-1",
 "creationTimestamp":"2026-02-01T00:00:00Z"},"data":{"k":"cGxhbnRlZC1odW50ZXIy"}},
{"apiVersion":"v1","kind":"Event","metadata":{"name":"billing-6c4-x9z.1","namespace":"pay",
 "uid":"e-1","creationTimestamp":"2026-03-02T10:00:02Z"},"type":"Warning","reason":"FailedMount",
 "message":"MountVolume.SetUp failed for volume \"db\" : secret \"db-login\" not found",
 "involvedObject":{"kind":"Pod","namespace":"pay","name":"billing-6c4-x9z","uid":"p-1"},
 "count":9,"firstTimestamp":"2026-03-02T10:00:02Z","lastTimestamp":"2026-03-02T10:20:00Z",
 "source":{"component":"kubelet","host":"n1"}}
]})";

}  // namespace kg::server
