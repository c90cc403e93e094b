"""Cases in which something breaks by itself, and those told by the predecessor's topics."""

from .case import WATCH_FROM, Case, image, named, platform, ref, unrelated_restart
from .clock import clock, whole
from .formats import Alerts, Topics, container_logs, in_order, kubectl_list, typed_list
from .workloads import container, set_condition

T0 = clock("10:00:00")


def level_of(line):
    """The severity that the log collector reads out of a line."""
    text = line.lower()
    if "level=fatal" in text or text.startswith(("panic", "fatal")):
        return "FATAL"
    if "level=error" in text or text.startswith("error"):
        return "ERROR"
    return "WARNING" if "level=warn" in text or "failed" in text else "INFO"


def crash_looping(pod, fires, name="app"):
    meta = pod["metadata"]
    return Alerts.alert("KubePodCrashLooping", fires, summary="Pod is crash looping.",
                        description=f"Pod {meta['namespace']}/{meta['name']} ({name}) is in waiting state (reason: \"CrashLoopBackOff\") on cluster .",
                        namespace=meta["namespace"], pod=meta["name"], container=name, job="kube-state-metrics",
                        reason="CrashLoopBackOff", uid=meta["uid"])


def node_oom(c, pod, process, resident_kb):
    """The kernel's message, as the node problem detector reports it of the node."""
    node = c.node_of(pod)

    def report(time, attempt):
        c.w.event(time + 0.2, node, "OOMKilling",
                  f"Memory cgroup out of memory: Killed process {48213 + 377 * attempt} ({process}) total-vm:{resident_kb * 3}kB, "
                  f"anon-rss:{resident_kb}kB, file-rss:2816kB, shmem-rss:0kB, UID:65532 pgtables:512kB oom_score_adj:984",
                  "Warning", component="kernel-monitor", host=node["metadata"]["name"], uid=node["metadata"]["name"])
    return report


PANIC = [(0.3, 'level=info msg="cart 3.2.1 listening" addr=:8080'),
         (1.1, 'level=info msg="restoring sessions" count=412'),
         (2.0, "panic: runtime error: index out of range [3] with length 3"),
         (2.0, "goroutine 27 [running]:"),
         (2.0, "main.(*store).restore(0xc000214000, {0xc00031e000, 0x1a4, 0x200})")]


def app_panic():
    case = Case("r02-app-panic", "One of two pods of a service panics at start, again and again. Told by the predecessor's topics: "
                "state, raw Events, logs, alerts.")
    w, c, made = platform("r02")
    w.begin_watch(WATCH_FROM)
    pod, healthy = c.pods_of(made["cart"])
    end = clock("10:18:00")
    c.play(unrelated_restart(c, made["mailer"], clock("09:52:10")),
           c.crash_loop(T0, pod, end, 2.1, code=2, logs=PANIC, running=True),
           c.saying(WATCH_FROM + 5, end, 35, healthy, lambda n: f'level=info msg="request served" status=200 took_ms={500 + n % 5}'))
    alerts = Alerts()
    alerts.notify(T0 + 1010, [crash_looping(pod, T0 + 975)])
    topics = Topics("acme-1")
    topics.follow(w, resyncs=(clock("10:05:00"),))
    topics.exporter_events(w)
    topics.vector_logs(w, level_of)
    topics.received_alerts(alerts)
    topics.mark(lambda topic, value: topic == "logs.normalized" and "panic:" in value["message"])
    text, marked = Topics.lines(topics)
    case.input("topics.jsonl", text, marked)
    case.ask(case.question("10:18:00", f"pod/{pod['metadata']['name']}", "shop", tenant="acme-1"), "explained", [ref(pod)],
             affected=[ref(pod)], not_above=[ref(healthy), named("Node", "", pod["spec"]["nodeName"]), ref(made["mailer"]),
                                             {"class": "CRASHLOOP"}])
    return case


def oom():
    case = Case("r03-oom", "A container outgrows its memory limit every forty seconds. The reason stands only in the pod's status; an "
                "alert about the node's clock fires in the same minutes.")
    w, c, made = platform("r03")
    worker = c.deploy(clock("14:05:00") - 86400 * 9, "shop", "thumbnailer", [
        container("app", image("shop/thumbnailer", "2.0.6"), memory="96Mi", limit="128Mi")], replicas=1, nodes=["node-b"])
    w.begin_watch(WATCH_FROM)
    pod = c.pods_of(worker)[0]
    end = clock("10:20:00")
    c.play(unrelated_restart(c, made["catalog"], clock("09:58:40")),
           c.crash_loop(T0, pod, end, 41, code=137, reason="OOMKilled", running=True, ready_after=8,
                        after_exit=node_oom(c, pod, "thumbnailer", 130284)))
    case.watch(w)
    alerts = Alerts()
    clock_alert = Alerts.alert("NodeClockNotSynchronising", T0 - 130, summary="Clock not synchronising.",
                               description="Clock at node-b is not synchronising. Ensure NTP is configured on this host.",
                               namespace="monitoring", instance="node-b", job="node-exporter", pod="node-exporter-5xkqz", container="kube-rbac-proxy")
    alerts.notify(T0 - 100, [clock_alert])
    killed = Alerts.alert("ContainerOOMKilled", T0 + 30, "critical", "Container was killed for its memory",
                          f"Container app of pod shop/{pod['metadata']['name']} was OOM killed.", namespace="shop",
                          pod=pod["metadata"]["name"], container="app")
    alerts.notify(T0 + 60, [killed])
    alerts.notify(T0 + 1090, [killed, crash_looping(pod, T0 + 1055)])
    case.input("alerts.jsonl", alerts.text())
    case.cause_last = [{"input": "watch.jsonl", "records": [
        number for number, (_, _, obj) in enumerate(in_order(w.frames)) if obj["metadata"]["name"] == pod["metadata"]["name"]
        and obj["kind"] == "Pod" and "OOMKilled" in str(obj["status"])]}]
    case.ask(case.question("10:20:00", "deployment/thumbnailer", "shop"), "explained", [ref(pod)], ["state"],
             affected=[ref(pod)], not_above=[named("Node", "", "node-b"), ref(made["catalog"]), {"class": "CRASHLOOP"}])
    return case


def tiers(seed):
    w, c, made = platform(seed, one_node="node-a")
    age = clock("08:30:00") - 86400 * 25
    made["db"] = c.deploy(age, "shop", "shop-db", [container("postgres", "docker.io/library/postgres:16.6", port=5432, ready=None)],
                          replicas=1, port=5432, nodes=["node-a"])
    made["api"] = c.deploy(age + 600, "shop", "shop-api", [container("api", image("shop/api", "12.1.0"))], replicas=1, port=8080, nodes=["node-a"])
    made["web"] = c.deploy(age + 1200, "shop", "shop-web", [container("web", image("shop/web", "12.0.4"))], replicas=1, port=8080, nodes=["node-a"])
    return w, c, made


def cascade():
    case = Case("r05-cascade", "A database stops starting; the service above it loses its connections and exits, then the web tier "
                "above that. No object links the tiers: only the host names in their logs do. All on one node.")
    w, c, made = tiers("r05")
    w.begin_watch(WATCH_FROM)
    db, api, web = (c.pods_of(made[name])[0] for name in ("db", "api", "web"))
    end = clock("10:18:00")
    address = w.get("Service", "shop", "shop-db")["spec"]["clusterIP"]
    refused = (f'level=error msg="query failed" err="failed to connect to `host=shop-db user=api database=shop`: dial error (dial tcp '
               f'{address}:5432: connect: connection refused)"')
    c.play(unrelated_restart(c, made["catalog"], clock("09:56:00")),
           c.crash_loop(T0, db, end, 1.4, code=1, running=True, logs=[
               (0.4, "LOG:  starting PostgreSQL 16.6 on x86_64-pc-linux-gnu"),
               (1.2, "PANIC:  could not locate a valid checkpoint record"),
               (1.3, "LOG:  startup process (PID 27) was terminated by signal 6: Aborted")]),
           c.saying(T0 + 5, T0 + 14.5, 2, api, refused),
           c.crash_loop(T0 + 15, api, end, 10.2, code=1, running=True, logs=[
               (0.5, 'level=info msg="api 12.1.0 starting"'), (2.2, refused),
               (10.1, 'level=fatal msg="connection pool exhausted: no connection to postgres://shop-db:5432/shop within 10s"')]),
           c.saying(T0 + 16, T0 + 24, 3, web, 'level=error msg="upstream request timeout" upstream=http://shop-api:8080/v1/products waited=3s'),
           c.crash_loop(T0 + 25, web, end, 9.3, code=1, running=True, logs=[
               (0.4, 'level=info msg="web 12.0.4 starting"'),
               (3.4, 'level=error msg="upstream request timeout" upstream=http://shop-api:8080/v1/products waited=3s'),
               (9.2, 'level=fatal msg="giving up: http://shop-api:8080/healthz not reachable"')]),
           *[c.saying(WATCH_FROM + 9, end, 50, pod, lambda n: f'level=info msg="request served" status=200 took_ms={9 + n % 7}')
             for pod in c.pods_of(made["storefront"])])
    alerts = Alerts()
    alerts.notify(T0 + 1010, [crash_looping(pod, T0 + 960 + 7 * i, name) for i, (pod, name) in enumerate(
        ((web, "web"), (api, "api"), (db, "postgres")))])
    topics = Topics("acme-1")
    topics.follow(w, resyncs=(clock("10:02:00"), clock("10:10:00")))
    topics.vector_events(w)
    topics.vector_logs(w, level_of, with_client=True)
    topics.received_alerts(alerts)
    names = {db["metadata"]["name"]}
    topics.mark(lambda topic, value: topic in ("logs.normalized", "events.normalized") and value["subject"]["name"] in names)
    text, marked = Topics.lines(topics)
    case.input("topics.jsonl", text, marked)
    case.ask(case.question("10:18:00", "pod/" + web["metadata"]["name"], "shop", tenant="acme-1"), "explained", [ref(db), ref(made["db"])],
             affected=[ref(api), ref(web)], not_above=[ref(api), ref(web), ref(made["api"]), ref(made["web"]), named("Node", "", "node-a"),
                                                       *[ref(pod) for pod in c.pods_of(made["cart"])]])
    case.ask(case.question("10:18:00", None, "shop", tenant="acme-1"), "explained", [ref(db), ref(made["db"])],
             not_above=[ref(api), ref(web)])
    return case


def dns():
    case = Case("r09-dns", "Both CoreDNS pods are killed for their memory and stay down; services of several namespaces can't resolve "
                "names. Told by the predecessor's topics, without tenant, values as objects.")
    w, c, made = platform("r09")
    gateway = c.deploy(clock("11:00:00") - 86400 * 7, "payments", "gateway", [container("app", image("payments/gateway", "3.7.0"))])
    search = c.deploy(clock("12:00:00") - 86400 * 7, "shop", "search", [container("app", image("shop/search", "4.1.0"))])
    w.begin_watch(WATCH_FROM)
    end = clock("10:14:00")
    resolvers = c.pods_of(made["coredns"])
    address = w.get("Service", "kube-system", "kube-dns")["spec"]["clusterIP"]

    def lookup(pod, name, n):
        return f'dial tcp: lookup {name} on {address}:53: read udp {pod["status"]["podIP"]}:{40000 + 611 * n % 20000}->{address}:53: i/o timeout'
    flows = [unrelated_restart(c, made["mailer"], clock("09:51:30"))]
    for i, pod in enumerate(resolvers):
        flows.append(c.crash_loop(T0 + 4 * i, pod, end, 6.5, code=137, reason="OOMKilled", running=True,
                                  after_exit=node_oom(c, pod, "coredns", 172104), logs=[(0.3, "[INFO] plugin/reload: Running configuration SHA512"),
                                                                                       (0.4, "CoreDNS-1.11.3")]))
        flows.append(c.unready(T0 + 14 + i, pod, end, f'Get "http://{pod["status"]["podIP"]}:8181/ready": dial tcp {pod["status"]["podIP"]}:8181: connect: connection refused'))
    for pod in c.pods_of(made["storefront"]):
        flows.append(c.saying(T0 + 13, end, 14, pod, lambda n, pod=pod: 'level=error msg="loading cart failed" err="Get \\"http://cart.shop.svc.cluster.local/\\": '
                              + lookup(pod, "cart.shop.svc.cluster.local", n) + '"'))
    for pod in c.pods_of(gateway):
        flows.append(c.saying(T0 + 15, end, 17, pod, "ERROR gateway.client: could not resolve host ledger.payments.svc.cluster.local: Temporary failure in name resolution"))
    for pod in c.pods_of(search):
        flows.append(c.saying(T0 + 18, end, 21, pod, 'level=error msg="index refresh failed" err="getaddrinfo EAI_AGAIN catalog.shop.svc.cluster.local"'))
    c.play(*flows)
    alerts = Alerts()
    for i, (namespace, service) in enumerate((("shop", "storefront"), ("payments", "gateway"), ("shop", "search"))):
        fires = T0 + 330 + 15 * i
        alerts.notify(fires + 30, [Alerts.alert("HighErrorRate", fires, "critical", f"{service} answers more than 5% of its requests with errors",
                                                namespace=namespace, service=service, job=service)])
    topics = Topics()
    topics.follow(w)
    topics.vector_events(w)
    topics.vector_logs(w, level_of)
    topics.vector_alerts(alerts)
    names = {pod["metadata"]["name"] for pod in resolvers}
    topics.mark(lambda topic, value: topic == "events.normalized" and (value["subject"]["name"] in names or value["reason"] == "OOMKilling"))
    text, marked = Topics.lines(topics, object_values=True)
    case.input("topics.jsonl", text, marked)
    roots = [*[ref(pod) for pod in resolvers], ref(made["coredns"])]
    quiet = [ref(pod) for name in ("storefront", "cart", "catalog") for pod in c.pods_of(made[name])]
    case.ask(case.question("10:14:00"), "explained", roots, affected=[ref(c.pods_of(gateway)[0]), ref(c.pods_of(made["storefront"])[0])],
             not_above=[*quiet, *[ref(pod) for pod in c.pods_of(gateway) + c.pods_of(search)]])
    case.ask(case.question("10:14:00", "service/gateway", "payments"), "explained", roots)
    return case


def node_failure():
    case = Case("r15-node-failure", "A node stops reporting; its pods are evicted after five minutes and replaced elsewhere, and a service "
                "that had all its pods there is gone meanwhile. Told by a cluster-info dump, the nodes, logs and alerts.")
    w, c, made = platform("r15")
    baskets = c.deploy(clock("10:10:00") - 86400 * 5, "shop", "baskets", [container("app", image("shop/baskets", "2.9.1"))], nodes=["node-b"])
    front = c.deploy(clock("10:20:00") - 86400 * 5, "shop", "frontdoor", [
        container("app", image("shop/frontdoor", "1.3.3"), env={"BASKETS_URL": "http://baskets.shop.svc.cluster.local"})], nodes=["node-a", "node-c"])
    node = c.node_named("node-b")
    lost = [pod for pod in w.of_kind("Pod") if pod["spec"]["nodeName"] == "node-b"]
    end = clock("10:16:30")

    def silent():
        yield T0
        for cond in node["status"]["conditions"]:
            cond["lastHeartbeatTime"] = whole(T0 - 41)
            set_condition(node["status"]["conditions"], T0, cond["type"], "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
        node["spec"]["taints"] = [{"effect": "NoSchedule", "key": "node.kubernetes.io/unreachable", "timeAdded": whole(T0)},
                                  {"effect": "NoExecute", "key": "node.kubernetes.io/unreachable", "timeAdded": whole(T0 + 5)}]
        w.modify(T0, node, "kube-controller-manager", {"f:status": {"f:conditions": {}}}, "status")
        w.event(T0, node, "NodeNotReady", "Node node-b status is now: NodeNotReady", component="node-controller", uid="node-b")
        for pod in lost:
            for kind in ("Ready",):
                set_condition(pod["status"]["conditions"], T0 + 1, kind, "False")
            w.modify(T0 + 1, pod, "kube-controller-manager", {"f:status": {"f:conditions": {}}}, "status")
            w.event(T0 + 1, pod, "NodeNotReady", "Node is not ready", "Warning", component="node-controller")
            c.mark_stale(pod)

    def evicted(pod, parent, target):
        yield T0 + 305
        meta = pod["metadata"]
        set_condition(pod["status"]["conditions"], T0 + 305, "DisruptionTarget", "True", "DeletionByTaintManager",
                      "Taint manager: deleting due to NoExecute taint")
        meta.update(deletionTimestamp=whole(T0 + 335), deletionGracePeriodSeconds=30)
        w.modify(T0 + 305, pod, "kube-controller-manager", {"f:status": {"f:conditions": {}}}, "status")
        w.event(T0 + 305, pod, "TaintManagerEviction", f"Marking for deletion Pod {meta['namespace']}/{meta['name']}",
                component="taint-eviction-controller")
        yield T0 + 305.5
        made_pod = c.pod(T0 + 305.5, parent, target)
        yield from c.run(T0 + 307, made_pod)
    parents = {rs["metadata"]["uid"]: rs for rs in w.of_kind("ReplicaSet")}
    flows = [silent()]
    for i, pod in enumerate(lost):
        flows.append(evicted(pod, parents[pod["metadata"]["ownerReferences"][0]["uid"]], ("node-a", "node-c")[i % 2]))
    address = w.get("Service", "shop", "baskets")["spec"]["clusterIP"]
    for pod in c.pods_of(front):
        flows.append(c.saying(T0 + 3, T0 + 316, 12, pod, 'level=error msg="basket not loaded" err="Get \\"http://baskets.shop.svc.cluster.local/\\": '
                              f'dial tcp {address}:80: connect: connection refused"'))
        flows.append(c.saying(T0 - 400, end, 45, pod, lambda n: f'level=info msg="page served" status=200 took_ms={31 + n % 6}'))
    c.play(unrelated_restart(c, made["cart"], clock("09:50:30")), *flows)

    files = {}
    kinds = (("Service", "v1", "services"), ("DaemonSet", "apps/v1", "daemonsets"), ("Deployment", "apps/v1", "deployments"),
             ("ReplicaSet", "apps/v1", "replicasets"), ("Pod", "v1", "pods"), ("ReplicationController", "v1", "replication-controllers"))
    for namespace in ("default", "kube-system", "payments", "shop"):
        for kind, version, name in kinds:
            files[f"{namespace}/{name}.json"] = typed_list(kind, version, w.of_kind(kind, namespace), w.version)
        events = [event for event in w.events.values() if event["metadata"]["namespace"] == namespace]
        files[f"{namespace}/events.json"] = typed_list("Event", "v1", events, w.version)
    pod = c.pods_of(front)[0]["metadata"]["name"]
    files[f"shop/{pod}/logs.txt"] = (f"==== START logs for container app of pod shop/{pod} ====\n"
                                     'level=info msg="frontdoor 1.3.3 listening" addr=:8080\n'
                                     f"==== END logs for container app of pod shop/{pod} ====\n")
    case.folder("dump", files)
    nodes = w.of_kind("Node")
    case.input("nodes.json", kubectl_list(nodes), [nodes.index(node)])
    case.input("logs.txt", container_logs(w.logs, "shop"))
    case.load_args.update(at=whole(end), namespace="shop")
    alerts = Alerts()
    alerts.notify(T0 + 935, [
        Alerts.alert("KubeNodeNotReady", T0 + 905, summary="Node is not ready.", description="node-b has been unready for more than 15 minutes on cluster .",
                     namespace="monitoring", node="node-b", condition="Ready", status="true", job="kube-state-metrics"),
        Alerts.alert("KubeNodeUnreachable", T0 + 905, summary="Node is unreachable.",
                     description="node-b is unreachable and some workloads may be rescheduled on cluster .", namespace="monitoring", node="node-b",
                     key="node.kubernetes.io/unreachable", effect="NoSchedule", job="kube-state-metrics")])
    alerts.notify(T0 + 365, [Alerts.alert("HighErrorRate", T0 + 335, "critical", "frontdoor answers more than 5% of its requests with errors",
                                          namespace="shop", service="frontdoor", job="frontdoor")])
    case.input("alerts.jsonl", alerts.text())
    mine = [pod for pod in lost if pod["metadata"]["name"].startswith("baskets")]
    case.ask(case.question("10:16:30"), "explained", [ref(node)], ["state"], affected=[ref(mine[0])],
             not_above=[*[ref(pod) for pod in lost], named("Node", "", "node-a"), named("Node", "", "node-c"), ref(baskets), ref(front)])
    case.ask(case.question("10:16:30", "service/baskets", "shop"), "explained", [ref(node)])
    return case


def two_tenants():
    case = Case("r26-two-tenants", "Two tenants whose clusters were made from one template: the same names, the same uids, even the same "
                "event uids. First the one breaks, then, when it is well again, the other.")
    roots, topics = {}, []
    for tenant, breaks, until, logs in (
            ("acme", T0, clock("10:06:00"), PANIC),
            ("globex", clock("10:12:00"), clock("10:18:00"),
             [(0.3, 'level=info msg="cart 3.2.1 listening" addr=:8080'),
              (1.8, 'level=fatal msg="cannot parse configuration: unknown key \\"session_store\\" in /etc/cart/cart.yaml line 12"')])):
        w, c, made = platform("r26")
        w.begin_watch(WATCH_FROM)
        pod, healthy = c.pods_of(made["cart"])
        c.play(c.crash_loop(breaks, pod, until, 2.1, code=2, logs=logs, running=True),
               c.saying(WATCH_FROM + 30, clock("10:20:00"), 60, healthy, lambda n: f'level=info msg="request served" status=200 took_ms={8 + n % 5}'))
        if tenant == "acme":
            c.play(c.run(until + 40, pod, restarts=pod["status"]["containerStatuses"][0]["restartCount"] + 1))
        topic = Topics(tenant)
        topic.follow(w)
        topic.vector_events(w)
        topic.vector_logs(w, level_of, with_client=True)
        if tenant == "acme":
            topic.mark(lambda name, value: name == "logs.normalized" and "panic:" in value["message"])
        topics.append(topic)
        roots[tenant] = (ref(pod), ref(healthy))
    text, marked = Topics.lines(*topics)
    case.input("topics.jsonl", text, marked)
    pod, healthy = roots["acme"]
    case.ask(case.question("10:05:00", None, "shop", tenant="acme"), "explained", [pod], affected=[pod], not_above=[healthy])
    case.ask(case.question("10:05:00", None, "shop", tenant="globex"), "healthy")
    case.ask(case.question("10:18:00", f"pod/{pod['name']}", "shop", since="10m", tenant="globex"), "explained", [pod], not_above=[healthy])
    return case


CASES = [app_panic, oom, cascade, dns, node_failure, two_tenants]
