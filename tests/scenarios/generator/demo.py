"""The demo's recording: a rollout takes down the checkout of a shop."""

import os

from .case import image, platform, unrelated_restart
from .cases_faults import node_oom
from .clock import clock
from .formats import Alerts, container_logs, kubectl_list, watch_frames, write
from .noise import autoscaler, background, clock_not_synchronising, cron_job, cron_run, daemon_set, flapping, good_rollout, watchdog
from .workloads import container

T0 = clock("10:31:02")
WATCH_FROM, END = clock("10:10:00"), clock("10:52:00")


def make(folder):
    w, c, made = platform("demo", node_names=("worker-1", "worker-2", "worker-3", "worker-4"))
    others = background(c)
    founded = clock("07:00:00") - 86400 * 60
    daemon_set(c, "monitoring", "node-exporter", founded, 9100)
    cron = cron_job(c, "billing", "ledger-export", founded, "*/10 * * * *")
    autoscaler(c, others["edge/router"], founded)
    age = clock("09:40:00") - 86400 * 6
    c.deploy(age - 7200, "payments", "card-gateway", [
        container("app", image("payments/card-gateway", "4.4.1"))], replicas=2)
    checkout = c.deploy(age, "shop", "checkout", [
        container("app", image("shop/checkout", "2.7.3"), memory="256Mi", limit="512Mi", env={
            "CARD_GATEWAY_URL": "http://card-gateway.payments.svc.cluster.local", "CART_URL": "http://cart.shop.svc.cluster.local"})],
        replicas=3, old_image=image("shop/checkout", "2.7.2"))
    mobile = c.deploy(age + 3600, "shop", "mobile-api", [
        container("app", image("shop/mobile-api", "9.1.0"), env={"CHECKOUT_URL": "http://checkout.shop.svc.cluster.local"})], replicas=2)
    storefront = made["storefront"]
    for pod_owner in (storefront, c.current_set(storefront)):
        pod_owner["spec"]["template"]["spec"]["containers"][0]["env"].append(
            {"name": "CHECKOUT_URL", "value": "http://checkout.shop.svc.cluster.local"})
    for pod in c.pods_of(storefront):
        pod["spec"]["containers"][0]["env"].append({"name": "CHECKOUT_URL", "value": "http://checkout.shop.svc.cluster.local"})
    w.begin_watch(WATCH_FROM)

    flows = [cron_run(c, cron, WATCH_FROM + 600 * i + 2) for i in range(5)]
    flows += [unrelated_restart(c, others["media/library"], clock("10:27:12")),
              unrelated_restart(c, others["support/inbox"], clock("10:34:40")),
              good_rollout(c, others["content/editor"], clock("10:22:00"), "3.7.0"),
              bad_rollout(c, checkout)]
    address = w.get("Service", "shop", "checkout")["spec"]["clusterIP"]
    for pod in c.pods_of(storefront):
        flows.append(c.saying(T0 + 93, END, 15, pod, lambda n: (
            f'level=error msg="checkout failed" path=/checkout attempt={n % 3 + 1} err="Post \\"http://checkout.shop.svc.cluster.local/orders\\": '
            f'dial tcp {address}:80: connect: connection refused"')))
    for pod in c.pods_of(mobile):
        flows.append(c.saying(T0 + 95, END, 20, pod, lambda n: (
            f'ERROR PaymentScreen: POST http://checkout.shop.svc.cluster.local/orders failed: dial tcp {address}:80: connect: connection refused')))
    for pod in c.pods_of(storefront) + c.pods_of(mobile) + c.pods_of(made["cart"]):
        flows.append(c.saying(WATCH_FROM + 7, END, 30, pod, lambda n: f'level=info msg="request served" status=200 took_ms={9 + n * 11 % 480}'))
    c.play(*flows)

    alerts = notifications(c, checkout, others)
    events = list(w.events.values())
    frames = [frame for frame in w.frames if frame[2]["kind"] != "Event" and frame[2]["metadata"].get("namespace") == "shop"]
    files = {"objects.json.gz": kubectl_list(w.sorted_objects()), "watch-shop.jsonl": watch_frames(frames)[0],
             "events.json": kubectl_list(events), "logs-shop.txt": container_logs(w.logs, "shop"), "alerts.jsonl": alerts.text()}
    for name, text in files.items():
        write(os.path.join(folder, name), text)
    return list(files)


def bad_rollout(c, deployment):
    """A new version and, with it, a quarter of the memory. The pods become ready, the old ones go, and
    then the traffic comes."""
    yield T0
    old = c.current_set(deployment)
    leaving = c.pods_of(deployment, old)

    def change(template):
        spec = template["spec"]["containers"][0]
        spec["image"] = image("shop/checkout", "2.8.0")
        spec["resources"] = {"limits": {"memory": "128Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}}
    new = c.rollout(T0, deployment, change, manager="argocd-controller", replicas=1, fields={"f:spec": {"f:template": {"f:spec": {
        "f:containers": {'k:{"name":"app"}': {"f:image": {}, "f:resources": {"f:limits": {"f:memory": {}}, "f:requests": {"f:memory": {}}}}}}}}})
    time, pods = T0 + 0.6, []
    for number, gone in enumerate(leaving):
        if number:
            c.scale_replica_set(time - 0.3, deployment, new, number + 1)
        pod = c.pod(time, new, f"worker-{number + 1}")
        pods.append((pod, time + 58 - 5 * number))
        yield from c.run(time + 1.6, pod)
        time += 10.5
        yield time
        c.scale_replica_set(time, deployment, old, len(leaving) - number - 1)
        yield from c.remove(time + 0.2, gone, controller=old)
        time += 3
        yield time
    loops = [c.crash_loop(first, pod, END, 38 - 3 * i, code=137, reason="OOMKilled", running=True, ready_after=8,
                          after_exit=node_oom(c, pod, "checkout", 130708)) for i, (pod, first) in enumerate(pods)]
    yield from c.together(*loops)


def notifications(c, checkout, others):
    alerts = Alerts()
    alerts.notify(WATCH_FROM + 30, [watchdog(WATCH_FROM + 5)])
    alerts.notify(clock("10:24:30"), [clock_not_synchronising(clock("10:24:00"), "worker-2")])
    flapping(alerts, c.pods_of(others["billing/invoicer"])[0], WATCH_FROM + 200, END - 30)
    failing = []
    for i, service in enumerate(("storefront", "mobile-api")):
        failing.append(Alerts.alert("HighErrorRate", T0 + 408 + 15 * i, "critical", f"{service} answers more than 5% of its requests with errors",
                                    f"{42 - 11 * i}% of the requests to shop/{service} failed over the last 5 minutes.", namespace="shop", service=service, job=service))
    failing.append(Alerts.alert("KubeDeploymentReplicasMismatch", T0 + 1020, summary="Deployment has not matched the expected number of replicas.",
                                description="Deployment shop/checkout has not matched the expected number of replicas for longer than 15 minutes on cluster .",
                                namespace="shop", deployment="checkout", job="kube-state-metrics"))
    for i, pod in enumerate(c.pods_of(checkout)):
        name = pod["metadata"]["name"]
        failing.append(Alerts.alert("KubePodCrashLooping", T0 + 1095 + 15 * i, summary="Pod is crash looping.",
                                    description=f'Pod shop/{name} (app) is in waiting state (reason: "CrashLoopBackOff") on cluster .',
                                    namespace="shop", pod=name, container="app", reason="CrashLoopBackOff", job="kube-state-metrics"))
    alerts.notify(T0 + 438, failing[:1])
    alerts.notify(T0 + 738, failing[:2])
    alerts.notify(T0 + 1050, failing[:3])
    alerts.notify(T0 + 1230, failing)
    return alerts
