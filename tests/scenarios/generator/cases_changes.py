"""Cases whose cause is somebody's change."""

from .case import WATCH_FROM, Case, image, named, platform, ref, unrelated_restart
from .clock import clock, whole
from .formats import Alerts, container_logs, kubectl_list, kubectl_yaml, new_api_event
from .workloads import container, set_condition

T0 = clock("10:00:00")


def event_list(world, until, transform=lambda event: event):
    """`kubectl get events -A -o json` at `until`: final counts, oldest first."""
    return kubectl_list([transform(event) for event in world.events.values()])


def everything(world):
    return [obj for obj in world.sorted_objects()]


def image_tag():
    case = Case("r01-image-tag", "A Deployment is set to an image tag that the registry does not have. Three old pods of four "
                "go on serving; the two of the new revision can't pull.")
    w, c, made = platform("r01")
    checkout = c.deploy(clock("11:00:00") - 86400 * 6, "shop", "checkout", [
        container("app", image("shop/checkout", "2.4.1"), env={"CART_URL": "http://cart.shop.svc.cluster.local"})],
        replicas=4, old_image=image("shop/checkout", "2.4.0"))
    w.begin_watch(WATCH_FROM)
    c.play(unrelated_restart(c, made["mailer"], clock("09:53:20")))

    bad = image("shop/checkout", "2.4.l")
    old = c.current_set(checkout)
    new = c.rollout(T0, checkout, lambda template: template["spec"]["containers"][0].update(image=bad), replicas=1)
    end = clock("10:18:00")
    detail = (f'rpc error: code = NotFound desc = failed to pull and unpack image "{bad}": failed to resolve reference '
              f'"{bad}": {bad}: not found')
    first = c.pod(T0 + 0.6, new, "node-b")
    c.scale_replica_set(T0 + 0.7, checkout, old, 3)
    c.scale_replica_set(T0 + 0.8, checkout, new, 2)
    second = c.pod(T0 + 0.82, new, "node-c")
    leaving = c.pods_of(checkout, old)[3]
    c.play(c.remove(T0 + 0.9, leaving, controller=old), c.image_pull_loop(T0 + 2, first, end, detail),
           c.image_pull_loop(T0 + 2.5, second, end, detail), c.at(T0 + 601, c.timed_out, T0 + 601, checkout, new))
    case.watch(w)

    alerts = Alerts()
    firing = [Alerts.alert("KubePodNotReady", T0 + 917 + 7 * i, summary="Pod has been in a non-ready state for more than 15 minutes.",
                           description=f"Pod shop/{pod['metadata']['name']} has been in a non-ready state for longer than 15 minutes on cluster .",
                           namespace="shop", pod=pod["metadata"]["name"]) for i, pod in enumerate((first, second))]
    firing.append(Alerts.alert("KubeDeploymentReplicasMismatch", T0 + 930, summary="Deployment has not matched the expected number of replicas.",
                               description="Deployment shop/checkout has not matched the expected number of replicas for longer than 15 minutes on cluster .",
                               namespace="shop", deployment="checkout", container="kube-rbac-proxy-main", job="kube-state-metrics"))
    alerts.notify(T0 + 947, firing[:2])
    alerts.notify(T0 + 1077, firing)
    case.input("alerts.jsonl", alerts.text())
    case.ask(case.question("10:18:00", "deployment/checkout", "shop"), "explained", [ref(checkout)], ["change"],
             affected=[ref(first), ref(second)],
             not_above=[ref(first), ref(second), named("Node", "", "node-b"), ref(made["mailer"]), {"class": "IMG_BACKOFF"}])
    return case


def selector_mismatch():
    case = Case("r04-selector-mismatch", "A Service's selector is changed to a label value that no pod has. No pod fails; its "
                "callers are refused.")
    w, c, made = platform("r04")
    labels = {"app": "orders", "version": "v1"}
    orders = c.deploy(clock("09:12:00") - 86400 * 20, "shop", "orders", [
        container("app", image("shop/orders", "7.0.3"))], labels=labels)
    service = w.get("Service", "shop", "orders")
    w.begin_watch(WATCH_FROM)
    c.play(unrelated_restart(c, made["mailer"], clock("09:48:30") + 300))
    service["spec"]["selector"] = {"app": "orders", "version": "v2"}
    w.modify(T0, service, "kubectl-edit", {"f:spec": {"f:selector": {}}}, cause=True)
    c.endpoints(T0 + 0.4, service)
    address = service["spec"]["clusterIP"]
    end = clock("10:12:00")
    flows = []
    for pod in c.pods_of(made["storefront"]):
        flows.append(c.saying(T0 + 2.1, end, 6, pod, lambda n: (
            f'level=error msg="placing order failed" method=POST path=/orders attempt={n % 3 + 1} err="Post \\"http://orders.shop.svc.'
            f'cluster.local/orders\\": dial tcp {address}:80: connect: connection refused"')))
        flows.append(c.saying(clock("09:55:00"), end, 40, pod, lambda n: f'level=info msg="request served" status=200 took_ms={12 + n % 9}'))
    c.play(*flows)
    case.watch(w)
    case.input("logs.txt", container_logs(w.logs, "shop"))
    case.load_args["namespace"] = "shop"
    alerts = Alerts()
    alerts.notify(T0 + 375, [Alerts.alert(
        "HighErrorRate", T0 + 345, "critical", "storefront answers more than 5% of its requests with errors",
        "34% of the requests to shop/storefront failed over the last 5 minutes.", namespace="shop", service="storefront", job="storefront")])
    case.input("alerts.jsonl", alerts.text())
    storefronts = [ref(pod) for pod in c.pods_of(made["storefront"])]
    case.ask(case.question("10:12:00", "deployment/storefront", "shop"), "explained", [ref(service)], ["change", "finding"],
             affected=[storefronts[0]],
             not_above=[*storefronts, ref(made["storefront"]), ref(orders), ref(made["coredns"]), *[ref(p) for p in c.pods_of(orders)]])
    case.ask(case.question("10:12:00", None, "shop"), "explained", [ref(service)], ["change", "finding"])
    return case


def missing_env():
    case = Case("r06-missing-env", "A new revision no longer sets DATABASE_URL; the container says so and exits. The history comes "
                "from a watch, the state at the end from `kubectl get -o yaml`.")
    w, c, made = platform("r06")
    reviews = c.deploy(clock("15:22:00") - 86400 * 4, "shop", "reviews", [
        container("app", image("shop/reviews", "1.9.0"), env={
            "DATABASE_URL": "postgres://reviews@reviews-db.shop.svc.cluster.local:5432/reviews", "LOG_LEVEL": "info"})],
        replicas=2, old_image=image("shop/reviews", "1.8.7"))
    w.begin_watch(WATCH_FROM)
    c.play(unrelated_restart(c, made["cart"], clock("09:51:10")))

    def change(template):
        spec = template["spec"]["containers"][0]
        spec["env"] = [item for item in spec["env"] if item["name"] != "DATABASE_URL"]
    new = c.rollout(T0, reviews, change, manager="kubectl-client-side-apply", replicas=1,
                    fields={"f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"app"}': {"f:env": {}}}}}}})
    end = clock("10:10:00")
    pod = c.pod(T0 + 0.6, new, "node-a")
    c.play(c.crash_loop(T0 + 2, pod, end, 0.8, logs=[
        (0.3, 'level=info msg="reviews 1.9.0 starting"'),
        (0.7, 'level=fatal msg="configuration is incomplete: environment variable DATABASE_URL is not set"')]))
    case.watch(w)
    case.input("objects.yaml", kubectl_yaml([obj for obj in everything(w) if obj["metadata"].get("namespace") == "shop"]))
    case.input("logs.txt", container_logs(w.logs, "shop"))
    case.load_args.update(at=whole(end), namespace="shop")
    case.ask(case.question("10:10:00", f"pod/{pod['metadata']['name']}", "shop"), "explained", [ref(reviews)], ["change"],
             affected=[ref(pod)], not_above=[ref(pod), ref(new), named("Node", "", "node-a"), {"class": "CRASHLOOP"}])
    return case


def slow_readiness():
    case = Case("r07-slow-readiness", "A scale-up whose pods take ninety seconds to become ready: probes fail meanwhile, and "
                "nothing is wrong afterwards.")
    w, c, made = platform("r07")
    search = c.deploy(clock("10:30:00") - 86400 * 3, "shop", "search", [
        container("app", image("shop/search", "4.1.0"), ready="/ready")], replicas=2)
    w.begin_watch(WATCH_FROM)
    old = c.current_set(search)
    search["spec"]["replicas"] = 4
    search["metadata"]["generation"] += 1
    w.modify(T0, search, "kubectl", {"f:spec": {"f:replicas": {}}}, "scale")
    c.scale_replica_set(T0 + 0.2, search, old, 4)
    flows = []
    for node in ("node-a", "node-c"):
        pod = c.pod(T0 + 0.5, old, node)
        flows += [c.run(T0 + 2, pod, ready_after=91), c.unready(T0 + 13, pod, T0 + 92, "HTTP probe failed with statuscode: 503")]
    c.play(*flows, c.at(clock("10:15:00"), lambda: None))
    case.watch(w, events=False)
    case.input("events.json", event_list(w, clock("10:15:00"), new_api_event))
    case.ask(case.question("10:15:00", None, "shop"), "healthy", max_severity="WARNING")
    case.ask(case.question("10:15:00", "deployment/search", "shop"), "healthy", max_severity="WARNING")
    return case


def quota():
    case = Case("r08-quota", "A Deployment is scaled beyond what the namespace's quota allows: its ReplicaSet can't create pods.")
    w, c, made = platform("r08")
    c.namespace("reports", clock("09:00:00") - 86400 * 90)
    quota_object = w.new("v1", "ResourceQuota", "reports", "compute", clock("09:01:00") - 86400 * 90)
    limits = {"limits.memory": "4Gi", "pods": "20", "requests.cpu": "2", "requests.memory": "4Gi"}
    quota_object.update(spec={"hard": dict(limits)}, status={"hard": dict(limits), "used": {
        "limits.memory": "2Gi", "pods": "4", "requests.cpu": "2", "requests.memory": "2Gi"}})
    w.add(clock("09:01:00") - 86400 * 90, quota_object, "kubectl-create")
    renderer = c.deploy(clock("12:00:00") - 86400 * 40, "reports", "renderer", [
        container("app", image("reports/renderer", "2.2.0"), memory="512Mi", cpu="500m")], replicas=4)
    w.begin_watch(WATCH_FROM)
    c.play(unrelated_restart(c, made["catalog"], clock("09:52:40")))
    replica_set = c.current_set(renderer)
    renderer["spec"]["replicas"] = 8
    renderer["metadata"]["generation"] += 1
    w.modify(T0, renderer, "kubectl", {"f:spec": {"f:replicas": {}}}, "scale", cause=True)
    c.scale_replica_set(T0 + 0.3, renderer, replica_set, 8)
    text = ("is forbidden: exceeded quota: compute, requested: requests.cpu=500m, used: requests.cpu=2, limited: requests.cpu=2")

    def refused():
        delay, tick, said = 0.01, T0 + 0.5, False
        while tick < clock("10:16:30"):
            yield tick
            name = f"{replica_set['metadata']['name']}-{w.suffix(5)}"
            w.event(tick, replica_set, "FailedCreate", f'Error creating: pods "{name}" {text}', "Warning", "replicaset-controller")
            if not said:
                for obj in (replica_set, renderer):
                    set_condition(obj["status"].setdefault("conditions", []), tick, "ReplicaFailure", "True", "FailedCreate",
                                  f'pods "{name}" {text}', updated=obj is renderer)
                    w.modify(tick + 0.1, obj, "kube-controller-manager", {"f:status": {"f:conditions": {}}}, "status")
            said = True
            delay = min(delay * 2, 330)
            tick += delay
    c.play(refused(), c.at(T0 + 601, c.timed_out, T0 + 601, renderer, replica_set))
    case.watch(w)
    alerts = Alerts()
    alerts.notify(T0 + 960, [Alerts.alert(
        "KubeDeploymentReplicasMismatch", T0 + 930, summary="Deployment has not matched the expected number of replicas.",
        description="Deployment reports/renderer has not matched the expected number of replicas for longer than 15 minutes on cluster .",
        namespace="reports", deployment="renderer", job="kube-state-metrics"),
        Alerts.alert("KubeQuotaFullyUsed", T0 - 1500, "info", "Namespace quota is fully used.",
                     "Namespace reports is using 100% of its requests.cpu quota.", namespace="reports", resource="requests.cpu", resourcequota="compute")])
    case.input("alerts.jsonl", alerts.text())
    case.ask(case.question("10:17:00", None, "reports"), "explained", [ref(quota_object), ref(renderer)],
             affected=[], not_above=[ref(replica_set), *[ref(pod) for pod in c.pods_of(renderer)]])
    return case


def rollout_stuck():
    case = Case("r10-rollout-stuck", "A new revision never becomes ready: its probe path answers 404, and the rollout passes its "
                "deadline while the old pods go on.")
    w, c, made = platform("r10")
    profile = c.deploy(clock("16:45:00") - 86400 * 8, "shop", "profile", [
        container("app", image("shop/profile", "6.3.2"), ready="/healthz")], replicas=3, old_image=image("shop/profile", "6.3.1"))
    w.begin_watch(WATCH_FROM)
    c.play(unrelated_restart(c, made["catalog"], clock("09:57:00")))

    def change(template):
        spec = template["spec"]["containers"][0]
        spec["image"] = image("shop/profile", "6.4.0")
        spec["readinessProbe"]["httpGet"]["path"] = "/internal/ready"
    new = c.rollout(T0, profile, change, manager="argocd-controller", replicas=1)
    end = clock("10:18:00")
    pod = c.pod(T0 + 0.6, new, "node-c")

    def starts():
        yield T0 + 2.2
        c.start(T0 + 2.2, pod)
    c.play(starts(), c.unready(T0 + 13, pod, end, "HTTP probe failed with statuscode: 404"),
           c.at(T0 + 601, c.timed_out, T0 + 601, profile, new))
    case.watch(w, events=False)
    case.input("events.json", event_list(w, end))
    alerts = Alerts()
    alerts.notify(T0 + 1050, [Alerts.alert("KubePodNotReady", T0 + 925, summary="Pod has been in a non-ready state for more than 15 minutes.",
                                           description=f"Pod shop/{pod['metadata']['name']} has been in a non-ready state for longer than 15 minutes on cluster .",
                                           namespace="shop", pod=pod["metadata"]["name"])])
    case.input("alerts.jsonl", alerts.text())
    case.ask(case.question("10:18:00", "deployment/profile", "shop"), "explained", [ref(profile)], ["change"],
             affected=[ref(pod)], not_above=[ref(pod), named("Node", "", "node-c"), {"class": "ROLLOUT_STUCK"}])
    return case


def missing_secret():
    case = Case("r11-missing-secret", "The pods of a new Deployment name a Secret that nobody made. There is no history, only what "
                "`kubectl get` and `kubectl get events` show ten minutes later.")
    w, c, made = platform("r11")
    ledger = w.new("apps/v1", "Deployment", "payments", "ledger", T0, labels={"app": "ledger"},
                   annotations={"deployment.kubernetes.io/revision": "1"})
    ledger["metadata"]["generation"] = 1
    template = {"metadata": {"labels": {"app": "ledger"}}, "spec": {"containers": [
        container("app", image("payments/ledger", "1.0.0"), env={"LOG_LEVEL": "info"},
                  env_from_secret={"DATABASE_PASSWORD": ("ledger-database", "password")})],
        "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler", "securityContext": {},
        "terminationGracePeriodSeconds": 30}}
    ledger["spec"] = {"progressDeadlineSeconds": 600, "replicas": 2, "revisionHistoryLimit": 10,
                      "selector": {"matchLabels": {"app": "ledger"}},
                      "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}, "type": "RollingUpdate"},
                      "template": template}
    ledger["status"] = {"conditions": []}
    w.add(T0, ledger, "kubectl-client-side-apply", {"f:spec": {"f:template": {}}})
    service = c.service(T0 + 0.1, "payments", "ledger", {"app": "ledger"})
    new = c.replica_set(T0 + 0.2, ledger, template, 2, 1)
    w.event(T0 + 0.3, ledger, "ScalingReplicaSet", f"Scaled up replica set {new['metadata']['name']} from 0 to 2",
            component="deployment-controller")
    c.progress(T0 + 0.4, ledger, new)
    pods = [c.pod(T0 + 0.6, new, node) for node in ("node-a", "node-b")]
    end = clock("10:10:00")

    def fails(pod):
        text = 'secret "ledger-database" not found'
        tick = T0 + 3
        while tick < end:
            yield tick
            c.kubelet(tick, pod, "Pulled", f"Container image \"{image('payments/ledger', '1.0.0')}\" already present on machine")
            c.kubelet(tick, pod, "Failed", f"Error: {text}", "Warning")
            c.state(tick + 0.2, pod, {"waiting": {"reason": "CreateContainerConfigError", "message": text}})
            tick += 13.5
    c.play(*[fails(pod) for pod in pods], c.at(clock("10:09:59"), lambda: None))
    c.sync(T0 + 4, ledger)
    objects, events = everything(w), list(w.events.values())
    case.input("objects.json", kubectl_list(objects), [i for i, obj in enumerate(objects) if obj in pods])
    case.input("events.json", kubectl_list(events), [i for i, event in enumerate(events) if event["reason"] == "Failed"])
    case.load_args["at"] = whole(end)
    case.ask(case.question("10:10:00", None, "payments"), "explained", [named("Secret", "payments", "ledger-database")],
             affected=[ref(pod) for pod in pods],
             not_above=[*[ref(pod) for pod in pods], ref(new), ref(service), named("Node", "", "node-a"), named("Node", "", "node-b")])
    case.ask(case.question("10:10:00", f"pod/{pods[0]['metadata']['name']}", "payments"), "explained",
             [named("Secret", "payments", "ledger-database")])
    return case


def deleted_pods():
    case = Case("r25-deleted-pods", "A change breaks every pod of a Deployment and with it a caller; six minutes later it is taken "
                "back and the broken pods are gone. Asked an hour later.")
    w, c, made = platform("r25")
    ledger = c.deploy(clock("11:20:00") - 86400 * 15, "payments", "ledger", [
        container("app", image("payments/ledger", "8.1.0"), env={"LEDGER_MODE": "single", "LOG_LEVEL": "info"})], replicas=2,
        strategy={"type": "Recreate"}, old_image=image("payments/ledger", "8.0.5"))
    gateway = c.deploy(clock("11:40:00") - 86400 * 15, "payments", "gateway", [
        container("app", image("payments/gateway", "3.7.0"), env={"LEDGER_URL": "http://ledger.payments.svc.cluster.local/entries"})])
    w.begin_watch(WATCH_FROM)
    c.play(unrelated_restart(c, made["cart"], clock("09:54:00")))
    old = c.current_set(ledger)
    address = w.get("Service", "payments", "ledger")["spec"]["clusterIP"]
    leaving = c.pods_of(ledger, old)
    env = {"f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"app"}': {"f:env": {}}}}}}}

    def mode(value):
        def change(template):
            for item in template["spec"]["containers"][0]["env"]:
                if item["name"] == "LEDGER_MODE":
                    item["value"] = value
        return change
    new = c.rollout(T0, ledger, mode("double"), manager="argocd-controller", fields=env, replicas=2)
    c.scale_replica_set(T0 + 0.5, ledger, old, 0)
    c.play(*[c.remove(T0 + 0.7, pod, controller=old) for pod in leaving])
    bad = [c.pod(T0 + 3.4, new, node) for node in ("node-a", "node-b")]
    back = clock("10:06:30")
    refused = (f'level=error msg="ledger entry not written" err="Post \\"http://ledger.payments.svc.cluster.local/entries\\": dial tcp '
               f'{address}:80: connect: connection refused"')
    logs = [(0.4, 'level=info msg="ledger 8.1.0 starting" mode=double'),
            (1.1, 'panic: ledger: unknown mode "double"'), (1.1, "goroutine 1 [running]:")]
    flows = [c.crash_loop(T0 + 5 + i, pod, back, 1.2, code=2, logs=logs) for i, pod in enumerate(bad)]
    flows += [c.saying(T0 + 4, back + 12, 9, pod, refused) for pod in c.pods_of(gateway)]

    def taken_back():
        yield back
        mode("single")(ledger["spec"]["template"])
        ledger["metadata"]["generation"] += 1
        w.modify(back, ledger, "argocd-controller", env)
        for number, meta in ((5, old["metadata"]), (5, ledger["metadata"])):
            meta["annotations"]["deployment.kubernetes.io/revision"] = str(number)
        c.scale_replica_set(back + 0.3, ledger, new, 0)
        c.progress(back + 0.4, ledger, old)
        yield back + 0.6
    c.play(*flows, taken_back(), *[c.remove(back + 0.8, pod, controller=new) for pod in bad])
    c.scale_replica_set(back + 3.4, ledger, old, 2)
    good = [c.pod(back + 3.6, old, node) for node in ("node-b", "node-c")]
    c.play(*[c.run(back + 5, pod) for pod in good])
    c.play(*[c.saying(back + 20, clock("10:12:00"), 30, pod, 'level=info msg="entry written" status=201') for pod in c.pods_of(gateway)])
    case.watch(w)
    case.input("logs.txt", container_logs(w.logs, "payments"))
    case.load_args["namespace"] = "payments"
    alerts = Alerts()
    for time, ends in ((T0 + 335, None), (T0 + 635, T0 + 600)):
        alerts.notify(time, [Alerts.alert("HighErrorRate", T0 + 305, "critical", "gateway answers more than 5% of its requests with errors",
                                          "61% of the requests to payments/gateway failed over the last 5 minutes.", ends=ends,
                                          namespace="payments", service="gateway", job="gateway")])
    case.input("alerts.jsonl", alerts.text())
    case.ask(case.question("11:05:00", "deployment/ledger", "payments", since="2h"), "explained", [ref(ledger)], ["change"],
             affected=[ref(bad[0])], not_above=[*[ref(pod) for pod in bad], *[ref(pod) for pod in c.pods_of(gateway)]])
    case.ask(case.question("11:05:00", "deployment/gateway", "payments", since="2h"), "explained", [ref(ledger)], ["change"],
             not_above=[*[ref(pod) for pod in c.pods_of(gateway)], ref(made["coredns"])])
    case.ask(case.question("09:59:00", "deployment/ledger", "payments", since="5m"), "healthy")
    return case


CASES = [image_tag, selector_mismatch, missing_env, slow_readiness, quota, rollout_stuck, missing_secret, deleted_pods]
