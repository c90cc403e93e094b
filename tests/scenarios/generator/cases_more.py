"""Further faults of the same kinds, so that nothing is fitted to the first ones."""

import copy

from .case import WATCH_FROM, Case, image, named, platform, ref, unrelated_restart
from .cases_faults import crash_looping
from .clock import clock, whole
from .formats import Alerts, container_logs, kubectl_list
from .noise import clock_not_synchronising, cron_job, daemon_set, watchdog
from .workloads import container, owner, set_condition

T0 = clock("10:00:00")


def high_error_rate(namespace, service, fires, share=38):
    return Alerts.alert("HighErrorRate", fires, "critical", f"{service} answers more than 5% of its requests with errors",
                        f"{share}% of the requests to {namespace}/{service} failed over the last 5 minutes.", namespace=namespace,
                        service=service, job=service)


def cascade_with_objects():
    case = Case("r05b-cascade-objects", "The cascade of r05 told by the API server: the tiers name each other in their environment, and the "
                "database fails after a change of its arguments.")
    w, c, made = platform("r05b")
    age = clock("08:30:00") - 86400 * 25
    db = c.deploy(age, "shop", "inventory-db", [container("postgres", "docker.io/library/postgres:16.6", port=5432, ready=None)], replicas=1,
                  port=5432, strategy={"type": "Recreate"}, nodes=["node-a"])
    db_spec = db["spec"]["template"]["spec"]["containers"][0]
    db_spec["args"] = ["-c", "shared_buffers=256MB"]
    api = c.deploy(age + 600, "shop", "inventory", [container("app", image("shop/inventory", "5.5.0"), env={
        "DB_HOST": "inventory-db", "DB_PORT": "5432"})], nodes=["node-a", "node-b"])
    web = c.deploy(age + 1200, "shop", "backoffice", [container("app", image("shop/backoffice", "2.0.1"), env={
        "INVENTORY_URL": "http://inventory.shop.svc.cluster.local"})], nodes=["node-b", "node-c"])
    w.begin_watch(WATCH_FROM)
    c.play(unrelated_restart(c, made["mailer"], clock("09:58:00")))
    old = c.current_set(db)
    gone = c.pods_of(db, old)[0]
    address = w.get("Service", "shop", "inventory-db")["spec"]["clusterIP"]
    new = c.rollout(T0, db, lambda template: template["spec"]["containers"][0].update(args=["-c", "shared_buffers=256M B"]), replicas=1,
                    manager="helm", fields={"f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"postgres"}': {"f:args": {}}}}}}})
    c.scale_replica_set(T0 + 0.5, db, old, 0)
    c.play(c.remove(T0 + 0.7, gone, controller=old))
    pod = c.pod(T0 + 3.5, new, "node-a")
    end = clock("10:12:00")
    refused = f'level=error msg="query failed" err="dial tcp {address}:5432: connect: connection refused" host=inventory-db'
    flows = [c.crash_loop(T0 + 5, pod, end, 0.6, logs=[
        (0.2, 'FATAL:  invalid value for parameter "shared_buffers": "256M B"'),
        (0.2, 'HINT:  Valid units for this parameter are "B", "kB", "MB", "GB", and "TB".')])]
    for one in c.pods_of(api):
        flows += [c.saying(T0 + 4, end, 8, one, refused), c.unready(T0 + 12, one, end, "HTTP probe failed with statuscode: 503"),
                  c.at(T0 + 34, lambda one=one: c.state(T0 + 34, one, one["status"]["containerStatuses"][0]["state"], ready=False))]
    for one in c.pods_of(web):
        flows.append(c.saying(T0 + 40, end, 11, one, 'level=error msg="stock not shown" err="Get \\"http://inventory.shop.svc.cluster.local/stock\\": '
                              'dial tcp: connect: connection refused"'))
    c.play(*flows)
    case.watch(w)
    case.input("logs.txt", container_logs(w.logs, "shop"))
    case.load_args["namespace"] = "shop"
    case.ask(case.question("10:12:00", "deployment/backoffice", "shop"), "explained", [ref(db)], ["change"], affected=[ref(c.pods_of(api)[0])],
             not_above=[ref(api), ref(web), *[ref(p) for p in c.pods_of(api) + c.pods_of(web)], named("Node", "", "node-a")])
    case.ask(case.question("10:12:00", None, "shop"), "explained", [ref(db)], ["change"])
    return case


def dns_config():
    case = Case("r09b-dns-config", "The ConfigMap of CoreDNS forwards to a resolver that does not exist. The resolver's pods stay ready; "
                "names outside the cluster fail everywhere.")
    w, c, made = platform("r09b")
    config = w.new("v1", "ConfigMap", "kube-system", "coredns", clock("08:00:10") - 86400 * 190)
    corefile = (".:53 {{\n    errors\n    health\n    ready\n    kubernetes cluster.local in-addr.arpa ip6.arpa\n    forward . {}\n"
                "    cache 30\n    loop\n    reload\n}}\n")
    config["data"] = {"Corefile": corefile.format("10.0.0.2")}
    w.add(clock("08:00:10") - 86400 * 190, config, "kubeadm", {"f:data": {"f:Corefile": {}}})
    volume = [{"configMap": {"defaultMode": 420, "items": [{"key": "Corefile", "path": "Corefile"}], "name": "coredns"}, "name": "config-volume"}]
    for obj in (made["coredns"], c.current_set(made["coredns"])):
        obj["spec"]["template"]["spec"]["volumes"] = volume
    for pod in c.pods_of(made["coredns"]):
        pod["spec"]["volumes"] = copy.deepcopy(volume)
    gateway = c.deploy(clock("11:00:00") - 86400 * 7, "payments", "gateway", [container("app", image("payments/gateway", "3.7.0"), env={
        "ACQUIRER_URL": "https://api.acquirer.example.com/v2"})])
    w.begin_watch(WATCH_FROM)
    config["data"]["Corefile"] = corefile.format("10.0.0.222")
    w.modify(T0, config, "kubectl-edit", {"f:data": {"f:Corefile": {}}}, cause=True)
    end = clock("10:11:00")
    flows = [unrelated_restart(c, made["catalog"], clock("09:55:20"))]
    for pod in c.pods_of(gateway):
        flows.append(c.saying(T0 + 78, end, 9, pod, 'level=error msg="authorisation failed" err="Post \\"https://api.acquirer.example.com/v2/auth\\": '
                              'dial tcp: lookup api.acquirer.example.com on 10.96.0.10:53: server misbehaving"'))
    for pod in c.pods_of(made["mailer"]):
        flows.append(c.saying(T0 + 90, end, 30, pod, "ERROR smtp: getaddrinfo EAI_AGAIN smtp.mail.example.com"))
    c.play(*flows)
    case.watch(w)
    case.input("logs.txt", container_logs(w.logs, "payments"))
    case.load_args["namespace"] = "payments"
    alerts = Alerts()
    alerts.notify(T0 + 440, [high_error_rate("payments", "gateway", T0 + 410)])
    case.input("alerts.jsonl", alerts.text())
    case.ask(case.question("10:11:00", "deployment/gateway", "payments"), "explained", [ref(config)], ["change"],
             not_above=[ref(gateway), *[ref(p) for p in c.pods_of(gateway) + c.pods_of(made["coredns"])], ref(made["coredns"])])
    return case


def unschedulable():
    case = Case("r12-unschedulable", "A new revision asks for nodes with a label that none has; its pod stays pending.")
    w, c, made = platform("r12")
    search = c.deploy(clock("10:30:00") - 86400 * 3, "shop", "search", [container("app", image("shop/search", "4.1.0"))], replicas=3)
    w.begin_watch(WATCH_FROM)
    c.play(unrelated_restart(c, made["cart"], clock("09:56:40")))
    new = c.rollout(T0, search, lambda template: template["spec"].update(nodeSelector={"disktype": "nvme"}), replicas=1,
                    manager="kubectl-client-side-apply", fields={"f:spec": {"f:template": {"f:spec": {"f:nodeSelector": {}}}}})
    pod = c.pod(T0 + 0.6, new)
    end = clock("10:18:00")
    text = ("0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are available: 3 Preemption is "
            "not helpful for scheduling.")

    def refused():
        yield T0 + 0.8
        set_condition(pod["status"]["conditions"], T0 + 0.8, "PodScheduled", "False", "Unschedulable", text)
        w.modify(T0 + 0.8, pod, "kube-scheduler", {"f:status": {"f:conditions": {}}}, "status")
        for tick in (T0 + 0.8, T0 + 307, T0 + 612, T0 + 917):
            yield tick
            event = w.event(tick, pod, "FailedScheduling", text, "Warning", component="default-scheduler")
            event["action"] = "Scheduling"
    c.play(refused(), c.at(T0 + 601, c.timed_out, T0 + 601, search, new),
           c.at(end - 1, lambda: None))
    case.watch(w)
    alerts = Alerts()
    alerts.notify(T0 + 945, [Alerts.alert("KubePodNotReady", T0 + 915, summary="Pod has been in a non-ready state for more than 15 minutes.",
                                          description=f"Pod shop/{pod['metadata']['name']} has been in a non-ready state for longer than 15 minutes on cluster .",
                                          namespace="shop", pod=pod["metadata"]["name"])])
    case.input("alerts.jsonl", alerts.text())
    case.ask(case.question("10:18:00", f"pod/{pod['metadata']['name']}", "shop"), "explained", [ref(search)], ["change"], affected=[ref(pod)],
             not_above=[ref(pod), ref(new), named("Node", "", "node-a")])
    return case


def liveness_port():
    case = Case("r13-liveness-port", "A liveness probe is moved to a port on which nothing listens: the kubelet kills a healthy container "
                "again and again. As kubectl prints it by default, without managed fields.")
    w, c, made = platform("r13", managed_fields=False)
    ratings = c.deploy(clock("10:30:00") - 86400 * 11, "shop", "ratings", [container("app", image("shop/ratings", "1.1.8"))], replicas=2,
                       strategy={"type": "Recreate"})
    probe = {"failureThreshold": 3, "httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10, "successThreshold": 1, "timeoutSeconds": 1}
    for obj in (ratings, c.current_set(ratings)):
        obj["spec"]["template"]["spec"]["containers"][0]["livenessProbe"] = copy.deepcopy(probe)
    for pod in c.pods_of(ratings):
        pod["spec"]["containers"][0]["livenessProbe"] = copy.deepcopy(probe)
    w.begin_watch(WATCH_FROM)
    c.play(unrelated_restart(c, made["mailer"], clock("09:57:30")))
    old = c.current_set(ratings)
    leaving = c.pods_of(ratings, old)
    new = c.rollout(T0, ratings, lambda template: template["spec"]["containers"][0]["livenessProbe"]["httpGet"].update(port=8081),
                    manager="kubectl-patch", replicas=2)
    c.scale_replica_set(T0 + 0.5, ratings, old, 0)
    c.play(*[c.remove(T0 + 0.7, pod, controller=old) for pod in leaving])
    pods = [c.pod(T0 + 3.5, new, node) for node in ("node-a", "node-c")]
    end = clock("10:16:00")

    def probed(pod, start):
        """Three failures, a kill and a restart, with the kubelet's pauses from the third on."""
        attempt, delay, restarts, last = start, 0, 0, None
        address = None
        while attempt < end:
            yield from c.run(attempt, pod, restarts=restarts, last=last)
            address = pod["status"]["podIP"]
            for tick in (attempt + 11, attempt + 21, attempt + 31):
                yield tick
                c.kubelet(tick, pod, "Unhealthy", f'Liveness probe failed: Get "http://{address}:8081/healthz": dial tcp {address}:8081: connect: connection refused', "Warning")
            c.kubelet(attempt + 31.1, pod, "Killing", "Container app failed liveness probe, will be restarted")
            yield attempt + 33
            last = c.exited(attempt + 0.2, attempt + 32.6, 143)
            c.state(attempt + 33, pod, copy.deepcopy(last), restarts=restarts)
            if delay:
                meta = pod["metadata"]
                identity = f"{meta['name']}_{meta['namespace']}({meta['uid']})"
                yield attempt + 34
                c.state(attempt + 34, pod, {"waiting": {"reason": "CrashLoopBackOff", "message": f"back-off {c.spoken(delay)} restarting failed container=app pod={identity}"}},
                        last=copy.deepcopy(last), restarts=restarts)
                c.kubelet(attempt + 34, pod, "BackOff", f"Back-off restarting failed container app in pod {identity}", "Warning")
            attempt += 34 + delay
            delay = min(max(10, delay * 2), 300)
            restarts += 1
    c.play(*[probed(pod, T0 + 5 + i) for i, pod in enumerate(pods)])
    case.watch(w)
    case.cause_last = []  # without managed fields only its neighbours date the change
    case.ask(case.question("10:16:00", "deployment/ratings", "shop"), "explained", [ref(ratings)], ["change"], affected=[ref(pods[0])],
             not_above=[ref(pods[0]), ref(pods[1]), ref(new), {"class": "PROBE_LIVENESS_KILL"}])
    return case


def stateful_replica():
    case = Case("r18-stateful-replica", "One of three replicas of a StatefulSet can't open its data and exits every ten seconds; the others "
                "are well.")
    w, c, made = platform("r18")
    age = clock("06:00:00") - 86400 * 30
    queue = w.new("apps/v1", "StatefulSet", "shop", "queue", age, labels={"app": "queue"})
    queue["metadata"]["generation"] = 1
    template = {"metadata": {"labels": {"app": "queue", "controller-revision-hash": "queue-6d8f7c9b5", "statefulset.kubernetes.io/pod-name": ""}}, "spec": {
        "containers": [container("broker", image("shop/queue", "3.12.1"), port=5672, ready=None)], "restartPolicy": "Always", "terminationGracePeriodSeconds": 30}}
    queue["spec"] = {"podManagementPolicy": "OrderedReady", "replicas": 3, "selector": {"matchLabels": {"app": "queue"}}, "serviceName": "queue",
                     "template": {"metadata": {"labels": {"app": "queue"}}, "spec": template["spec"]}, "updateStrategy": {"type": "RollingUpdate"}}
    queue["status"] = {"availableReplicas": 3, "currentReplicas": 3, "observedGeneration": 1, "readyReplicas": 3, "replicas": 3, "updatedReplicas": 3}
    w.add(age, queue, "kubectl-client-side-apply")
    pods = []
    for i, node in enumerate(("node-a", "node-b", "node-c")):
        one = copy.deepcopy(template)
        one["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] = f"queue-{i}"
        pod = c.pod(age + 10 * i, queue, node, name=f"queue-{i}", quiet=True, template=one)
        for _ in c.run(age + 10 * i + 3, pod, quiet=True):
            pass
        pods.append(pod)
    service = c.service(age, "shop", "queue", {"app": "queue"}, 5672, 5672)
    w.begin_watch(WATCH_FROM)
    end = clock("10:20:00")

    def follow(ended, restarts):
        if restarts == 0:
            queue["status"].update(availableReplicas=2, readyReplicas=2)
            w.modify(ended + 1, queue, "kube-controller-manager", {"f:status": {}}, "status")
            c.endpoints(ended + 1.1, service)
    c.play(unrelated_restart(c, made["mailer"], clock("09:53:00")),
           c.crash_loop(T0, pods[1], end, 10, running=True, after_exit=follow, logs=[
               (0.5, "[info] starting broker 3.12.1"), (9.6, "[error] corrupt segment 000000000000004711.log: checksum mismatch at offset 8192"),
               (9.8, "fatal: cannot recover message store, exiting")]))
    case.watch(w)
    text = container_logs(w.logs, "shop")
    case.input("logs.txt", text, [i for i, line in enumerate(text.splitlines()) if "[pod/queue-1/" in line])
    case.load_args["namespace"] = "shop"
    alerts = Alerts()
    alerts.notify(T0 + 1120, [crash_looping(pods[1], T0 + 1090, "broker"), Alerts.alert(
        "KubeStatefulSetReplicasMismatch", T0 + 935, summary="StatefulSet has not matched the expected number of replicas.",
        description="StatefulSet shop/queue has not matched the expected number of replicas for longer than 15 minutes on cluster .",
        namespace="shop", statefulset="queue", job="kube-state-metrics")])
    case.input("alerts.jsonl", alerts.text())
    case.ask(case.question("10:20:00", "statefulset/queue", "shop"), "explained", [ref(pods[1])], affected=[ref(pods[1])],
             not_above=[ref(queue), ref(pods[0]), ref(pods[2]), named("Node", "", "node-b")])
    return case


def failed_job():
    case = Case("r19-failed-job", "The nightly run of a CronJob fails three times and its Job gives up. Told by what is left afterwards.")
    w, c, made = platform("r19")
    cron = cron_job(c, "payments", "settlement", clock("06:00:00") - 86400 * 50, "0 10 * * *")
    w.watching = False
    job = w.new("batch/v1", "Job", "payments", f"settlement-{int(T0 // 60)}", T0, labels={"app": "settlement"})
    job["metadata"].update(generation=1, ownerReferences=[owner(cron)])
    template = copy.deepcopy(cron["spec"]["jobTemplate"]["spec"]["template"])
    template["metadata"]["labels"].update({"job-name": job["metadata"]["name"], "batch.kubernetes.io/job-name": job["metadata"]["name"]})
    job["spec"] = {"backoffLimit": 2, "completions": 1, "parallelism": 1, "template": template}
    job["status"] = {"active": 1, "startTime": whole(T0)}
    w.add(T0, job)
    w.event(T0, cron, "SuccessfulCreate", f"Created job {job['metadata']['name']}", component="cronjob-controller")
    pods = []

    def attempts():
        for start in (T0 + 0.3, T0 + 14, T0 + 38):
            yield start
            pod = c.pod(start, job, c.pick())
            pods.append(pod)
            yield start + 2
            c.start(start + 2, pod)
            w.log(start + 3, pod, 'level=info msg="settling" day=2026-03-01')
            w.log(start + 7.4, pod, 'level=fatal msg="acquirer file rejected: header says 1204 rows, found 1198"')
            yield start + 8
            c.state(start + 8, pod, c.exited(start + 2, start + 7.6, 1))
            pod["status"]["phase"] = "Failed"
            w.modify(start + 8.1, pod, "kubelet", {"f:status": {"f:phase": {}}}, "status")
        yield T0 + 47
        w.event(T0 + 47, job, "BackoffLimitExceeded", "Job has reached the specified backoff limit", "Warning", component="job-controller")
        job["status"] = {"conditions": [], "failed": 3, "startTime": whole(T0)}
        for kind in ("FailureTarget", "Failed"):
            set_condition(job["status"]["conditions"], T0 + 47, kind, "True", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
        w.modify(T0 + 47, job, "kube-controller-manager", {"f:status": {}}, "status")
    c.play(unrelated_restart(c, made["cart"], clock("09:59:00")), attempts())
    end = clock("10:17:00")
    case.input("objects.json", kubectl_list(w.sorted_objects()))
    case.input("events.json", kubectl_list(list(w.events.values())))
    text = container_logs(w.logs, "payments")
    case.input("logs.txt", text, [i for i, line in enumerate(text.splitlines()) if "level=fatal" in line])
    alerts = Alerts()
    alerts.notify(T0 + 985, [Alerts.alert("KubeJobFailed", T0 + 955, summary="Job failed to complete.",
                                          description=f"Job payments/{job['metadata']['name']} failed to complete. Removing failed job after investigation should clear this alert.",
                                          namespace="payments", job_name=job["metadata"]["name"], condition="true", job="kube-state-metrics")])
    case.input("alerts.jsonl", alerts.text())
    case.load_args.update(at=whole(end), namespace="payments")
    case.ask(case.question("10:17:00", f"job/{job['metadata']['name']}", "payments"), "explained", [ref(pod) for pod in pods],
             affected=[ref(job)], not_above=[ref(job), ref(cron), named("Node", "", "node-a"), ref(made["cart"])])
    return case


def nothing_wrong():
    case = Case("r22-nothing-wrong", "Alerts that always fire and a clock out of step, on a cluster in which everything works.")
    w, c, made = platform("r22")
    daemon_set(c, "monitoring", "node-exporter", clock("08:00:00") - 86400 * 60, 9100)
    w.begin_watch(WATCH_FROM)
    c.play(*[c.saying(WATCH_FROM + 5, clock("10:15:00"), 20, pod, lambda n: f'level=info msg="request served" status=200 took_ms={490 + n % 20} errors=0')
             for pod in c.pods_of(made["storefront"])])
    case.watch(w)
    case.input("logs.txt", container_logs(w.logs, "shop"))
    case.load_args["namespace"] = "shop"
    alerts = Alerts()
    alerts.notify(clock("09:40:30"), [watchdog(clock("09:40:00"))])
    alerts.notify(clock("09:45:30"), [Alerts.alert("InfoInhibitor", clock("09:45:00"), "none", "Info-level alert inhibition.",
                                                   "This is an alert that is used to inhibit info alerts.", namespace="shop")])
    for minute in (2, 7, 12):
        alerts.notify(T0 + 60 * minute, [clock_not_synchronising(T0 - 300, "node-b")])
    case.input("alerts.jsonl", alerts.text())
    for namespace in ("shop", "monitoring", "payments"):  # not all: beside the noise something has happened elsewhere
        case.ask(case.question("10:15:00", None, namespace), "healthy", max_severity="WARNING")
    case.ask(case.question("10:15:00", "deployment/storefront", "shop"), "healthy")
    return case


def config_change():
    case = Case("r27-config-change", "A ConfigMap is edited; nothing happens until the pods that read it are restarted five minutes later. The "
                "restart is not the cause.")
    w, c, made = platform("r27")
    config = w.new("v1", "ConfigMap", "payments", "ledger-settings", clock("11:00:00") - 86400 * 20)
    config["data"] = {"ledger.yaml": "retries: 5\nwindow: 30s\n"}
    w.add(clock("11:00:00") - 86400 * 20, config, "kubectl-client-side-apply", {"f:data": {"f:ledger.yaml": {}}})
    app = container("app", image("payments/ledger", "8.1.0"), env={"LOG_LEVEL": "info"})
    app["volumeMounts"] = [{"mountPath": "/etc/ledger", "name": "settings"}]
    ledger = c.deploy(clock("11:20:00") - 86400 * 15, "payments", "ledger", [app], replicas=2)
    volumes = [{"configMap": {"defaultMode": 420, "name": "ledger-settings"}, "name": "settings"}]
    for obj in (ledger, c.current_set(ledger)):
        obj["spec"]["template"]["spec"]["volumes"] = copy.deepcopy(volumes)
    for pod in c.pods_of(ledger):
        pod["spec"]["volumes"] = copy.deepcopy(volumes)
    w.begin_watch(WATCH_FROM)
    c.play(unrelated_restart(c, made["cart"], clock("09:52:10")))
    edited = clock("09:55:00")
    config["data"]["ledger.yaml"] = "retries_max: 5\nwindow: 30s\n"
    w.modify(edited, config, "kubectl-edit", {"f:data": {"f:ledger.yaml": {}}}, cause=True)
    marked = list(w.marked)
    new = c.rollout(T0, ledger, lambda template: template["metadata"].update(annotations={"kubectl.kubernetes.io/restartedAt": whole(T0)}),
                    manager="kubectl-rollout", replicas=1, fields={"f:spec": {"f:template": {"f:metadata": {"f:annotations": {
                        "f:kubectl.kubernetes.io/restartedAt": {}}}}}})
    w.marked = marked
    pod = c.pod(T0 + 0.6, new, "node-b")
    end = clock("10:12:00")
    c.play(c.crash_loop(T0 + 2, pod, end, 0.9, logs=[
        (0.3, 'level=info msg="ledger 8.1.0 starting"'), (0.8, 'level=fatal msg="cannot read /etc/ledger/ledger.yaml: line 1: unknown key \\"retries_max\\""')]))
    case.watch(w)
    case.input("logs.txt", container_logs(w.logs, "payments"))
    case.load_args["namespace"] = "payments"
    case.ask(case.question("10:12:00", "deployment/ledger", "payments"), "explained", [ref(config)], ["change"], affected=[ref(pod)],
             not_above=[ref(pod), ref(new), ref(ledger), named("Node", "", "node-b")])
    return case


def scaled_to_zero():
    case = Case("r28-scaled-to-zero", "Somebody scales a Deployment to nothing; its callers are refused.")
    w, c, made = platform("r28")
    orders = c.deploy(clock("09:12:00") - 86400 * 20, "shop", "orders", [container("app", image("shop/orders", "7.0.3"))])
    w.begin_watch(WATCH_FROM)
    service, current = w.get("Service", "shop", "orders"), c.current_set(orders)
    leaving = c.pods_of(orders)
    orders["spec"]["replicas"] = 0
    orders["metadata"]["generation"] += 1
    w.modify(T0, orders, "kubectl", {"f:spec": {"f:replicas": {}}}, "scale", cause=True)
    c.scale_replica_set(T0 + 0.2, orders, current, 0)
    address = service["spec"]["clusterIP"]
    end = clock("10:12:00")
    c.play(unrelated_restart(c, made["mailer"], clock("09:53:30")), *[c.remove(T0 + 0.4, pod, controller=current) for pod in leaving],
           *[c.saying(T0 + 3, end, 7, pod, f'level=error msg="placing order failed" err="Post \\"http://orders.shop.svc.cluster.local/orders\\": '
                      f'dial tcp {address}:80: connect: connection refused"') for pod in c.pods_of(made["storefront"])])
    case.watch(w)
    case.input("logs.txt", container_logs(w.logs, "shop"))
    case.load_args["namespace"] = "shop"
    alerts = Alerts()
    alerts.notify(T0 + 375, [high_error_rate("shop", "storefront", T0 + 345)])
    case.input("alerts.jsonl", alerts.text())
    case.ask(case.question("10:12:00", "service/storefront", "shop"), "explained", [ref(orders)], ["change"],
             not_above=[ref(service), ref(made["storefront"]), *[ref(pod) for pod in c.pods_of(made["storefront"])], ref(made["coredns"])])
    return case


CASES = [cascade_with_objects, dns_config, unschedulable, liveness_port, stateful_replica, failed_job, nothing_wrong, config_change,
         scaled_to_zero]
