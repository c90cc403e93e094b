"""A busy, healthy cluster: what goes on beside any incident."""

import os

from .case import image, unrelated_restart
from .clock import clock, whole
from .formats import Alerts, container_logs, dumped, kubectl_list, watch_frames, write
from .workloads import Cluster, container, owner, set_condition
from .world import World

FROM, TO = clock("09:30:00"), clock("10:30:00")

# Namespace, and its services with their replicas and what they call.
BACKGROUND = {
    "auth": {"identity": (2, ()), "sessions": (2, ("identity",))},
    "billing": {"invoicer": (2, ("rates",)), "rates": (2, ())},
    "content": {"editor": (2, ("assets",)), "assets": (2, ()), "renderer": (3, ("assets",))},
    "data": {"collector": (3, ("warehouse",)), "warehouse": (2, ())},
    "edge": {"router": (3, ())},
    "media": {"transcoder": (2, ("library",)), "library": (2, ())},
    "support": {"tickets": (2, ("inbox",)), "inbox": (2, ())},
    "web": {"landing": (2, ()), "docs": (2, ()), "status-page": (2, ())},
}


def background(c):
    """Healthy workloads with what usually lies around them; returns the Deployments by namespace/name."""
    made = {}
    age = clock("07:15:00") - 86400 * 33
    for number, (namespace, services) in enumerate(sorted(BACKGROUND.items())):
        c.namespace(namespace, age - 3600)
        for name, (replicas, calls) in services.items():
            age += 5400
            env = {f"{callee.upper()}_URL": f"http://{callee}.{namespace}.svc.cluster.local" for callee in calls}
            made[f"{namespace}/{name}"] = c.deploy(age, namespace, name, [
                container("app", image(f"{namespace}/{name}", f"{number + 1}.{len(name)}.0"), env={"LOG_LEVEL": "info", **env})],
                replicas=replicas, old_image=image(f"{namespace}/{name}", f"{number + 1}.{len(name) - 1}.4"))
        config = c.w.new("v1", "ConfigMap", namespace, f"{namespace}-settings", age - 60)
        config["data"] = {"cache_size": "256", "greeting": "hello"}
        c.w.add(age - 60, config, "kubectl-client-side-apply", {"f:data": {}})
    volume_of(c, "data", "warehouse-files", age)
    return made


def volume_of(c, namespace, name, created):
    """A bound claim, its volume and their class."""
    group = c.w.new("storage.k8s.io/v1", "StorageClass", "", "standard", created - 86400)
    group.update(provisioner="ebs.csi.aws.com", reclaimPolicy="Delete", volumeBindingMode="WaitForFirstConsumer", allowVolumeExpansion=True)
    c.w.add(created - 86400, group, "kubectl-create")
    claim = c.w.new("v1", "PersistentVolumeClaim", namespace, name, created)
    volume = c.w.new("v1", "PersistentVolume", "", f"pvc-{claim['metadata']['uid']}", created + 3)
    size = {"storage": "50Gi"}
    claim.update(spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": size}, "storageClassName": "standard",
                       "volumeMode": "Filesystem", "volumeName": volume["metadata"]["name"]},
                 status={"accessModes": ["ReadWriteOnce"], "capacity": size, "phase": "Bound"})
    volume.update(spec={"accessModes": ["ReadWriteOnce"], "capacity": size, "claimRef": {
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": name, "namespace": namespace, "uid": claim["metadata"]["uid"]},
        "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": f"vol-0{c.w.draw(8):016x}"}, "persistentVolumeReclaimPolicy": "Delete",
        "storageClassName": "standard", "volumeMode": "Filesystem"}, status={"phase": "Bound"})
    c.w.add(created, claim)
    c.w.add(created + 3, volume)


def daemon_set(c, namespace, name, created, port):
    made = c.w.new("apps/v1", "DaemonSet", namespace, name, created, labels={"app": name})
    made["metadata"]["generation"] = 1
    made["spec"] = {"selector": {"matchLabels": {"app": name}}, "updateStrategy": {"type": "RollingUpdate"}, "template": {
        "metadata": {"labels": {"app": name}}, "spec": {"containers": [
            container(name, f"quay.io/prometheus/{name}:v1.8.2", port=port, ready=None)], "restartPolicy": "Always", "hostNetwork": True}}}
    count = len(c.nodes)
    made["status"] = {key: count for key in ("currentNumberScheduled", "desiredNumberScheduled", "numberAvailable", "numberReady",
                                             "updatedNumberScheduled")} | {"numberMisscheduled": 0, "observedGeneration": 1}
    c.w.add(created, made, "kubectl-client-side-apply")
    for node in c.nodes:
        for _ in c.run(created + 4, c.pod(created + 2, made, node["metadata"]["name"], quiet=True), quiet=True):
            pass
    return made


def cron_job(c, namespace, name, created, schedule):
    made = c.w.new("batch/v1", "CronJob", namespace, name, created)
    template = {"metadata": {"labels": {"app": name}}, "spec": {
        "containers": [container("job", image(f"{namespace}/{name}", "1.0.2"), port=None)], "restartPolicy": "Never"}}
    made["spec"] = {"concurrencyPolicy": "Forbid", "failedJobsHistoryLimit": 1, "jobTemplate": {"metadata": {}, "spec": {"template": template}},
                    "schedule": schedule, "successfulJobsHistoryLimit": 3, "suspend": False}
    made["status"] = {}
    return c.w.add(created, made, "kubectl-client-side-apply")


def cron_run(c, cron, time):
    """One run that ends well."""
    yield time
    meta = cron["metadata"]
    job = c.w.new("batch/v1", "Job", meta["namespace"], f"{meta['name']}-{int(time // 60)}", time)
    job["metadata"]["ownerReferences"] = [owner(cron)]
    job["spec"] = {"backoffLimit": 2, "completions": 1, "parallelism": 1, "template": cron["spec"]["jobTemplate"]["spec"]["template"]}
    job["status"] = {"active": 1, "startTime": whole(time)}
    c.w.add(time, job)
    c.w.event(time, cron, "SuccessfulCreate", f"Created job {job['metadata']['name']}", component="cronjob-controller")
    cron["status"] = {"active": [], "lastScheduleTime": whole(time)}
    c.w.modify(time + 0.1, cron, "kube-controller-manager", {"f:status": {"f:lastScheduleTime": {}}}, "status")
    pod = c.pod(time + 0.3, job, c.pick())
    yield time + 2
    c.start(time + 2, pod)
    yield time + 26
    c.state(time + 26, pod, c.exited(time + 2, time + 25.6, 0, "Completed"))
    job["status"] = {"completionTime": whole(time + 27), "conditions": [], "startTime": whole(time), "succeeded": 1}
    set_condition(job["status"]["conditions"], time + 27, "Complete", "True")
    c.w.modify(time + 27, job, "kube-controller-manager", {"f:status": {}}, "status")
    c.w.event(time + 27, job, "Completed", "Job completed", component="job-controller")
    c.w.event(time + 27, cron, "SawCompletedJob", f"Saw completed job: {job['metadata']['name']}, status: Complete", component="cronjob-controller")


def good_rollout(c, deployment, time, tag):
    """A change of image that goes well, one pod after the other."""
    yield time
    old = c.current_set(deployment)
    leaving = c.pods_of(deployment, old)

    def change(template):
        spec = template["spec"]["containers"][0]
        spec["image"] = spec["image"].rsplit(":", 1)[0] + ":" + tag
    marked = list(c.w.marked)
    new = c.rollout(time, deployment, change, manager="argocd-controller", replicas=1)
    c.w.marked = marked  # this change is nobody's cause
    for number, gone in enumerate(leaving):
        if number:
            c.scale_replica_set(time, deployment, new, number + 1)
        pod = c.pod(time + 0.6, new, gone["spec"]["nodeName"])
        yield from c.run(time + 2, pod)
        time += 11
        yield time
        c.scale_replica_set(time, deployment, old, len(leaving) - number - 1)
        yield from c.remove(time + 0.4, gone, controller=old)
        time += 3
        yield time


def rescaled(c, deployment, autoscaler, time, replicas):
    """The autoscaler changes its mind."""
    yield time
    before = deployment["spec"]["replicas"]
    current = c.current_set(deployment)
    c.w.event(time, autoscaler, "SuccessfulRescale", f"New size: {replicas}; reason: " + (
        "cpu resource utilization (percentage of request) above target" if replicas > before else "All metrics below target"),
        component="horizontal-pod-autoscaler")
    deployment["spec"]["replicas"] = replicas
    deployment["metadata"]["generation"] += 1
    c.w.modify(time, deployment, "kube-controller-manager", {"f:spec": {"f:replicas": {}}}, "scale")
    c.scale_replica_set(time + 0.2, deployment, current, replicas)
    if replicas > before:
        pod = c.pod(time + 0.5, current, c.pick())
        yield from c.run(time + 2, pod)
    else:
        yield from c.remove(time + 0.5, c.pods_of(deployment, current)[-1], controller=current)


def autoscaler(c, deployment, created):
    meta = deployment["metadata"]
    made = c.w.new("autoscaling/v2", "HorizontalPodAutoscaler", meta["namespace"], meta["name"], created)
    made["spec"] = {"maxReplicas": 6, "minReplicas": 2, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": meta["name"]},
                    "metrics": [{"resource": {"name": "cpu", "target": {"averageUtilization": 70, "type": "Utilization"}}, "type": "Resource"}]}
    made["status"] = {"conditions": [], "currentMetrics": None, "currentReplicas": 2, "desiredReplicas": 2}
    set_condition(made["status"]["conditions"], created, "AbleToScale", "True", "ReadyForNewScale", "recommended size matches current size")
    set_condition(made["status"]["conditions"], created, "ScalingActive", "True", "ValidMetricFound",
                  "the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)")
    return c.w.add(created, made, "kubectl-client-side-apply")


def watchdog(fires):
    return Alerts.alert("Watchdog", fires, "none", "An alert that should always be firing to certify that Alertmanager is working properly.")


def clock_not_synchronising(fires, node):
    return Alerts.alert("NodeClockNotSynchronising", fires, summary="Clock not synchronising.",
                        description=f"Clock at {node} is not synchronising. Ensure NTP is configured on this host.", namespace="monitoring",
                        instance=node, job="node-exporter", pod="node-exporter-5xkqz", container="kube-rbac-proxy")


def flapping(alerts, pod, start, until):
    """Fires and resolves every few minutes."""
    meta = pod["metadata"]
    labels = dict(namespace=meta["namespace"], pod=meta["name"], container="app")
    text = f"31.4% throttling of CPU in namespace {meta['namespace']} for container app in pod {meta['name']}."
    time = start
    while time + 240 < until:
        alerts.notify(time + 30, [Alerts.alert("CPUThrottlingHigh", time, "info", "Processes experience elevated CPU throttling.", text, **labels)])
        alerts.notify(time + 330, [Alerts.alert("CPUThrottlingHigh", time, "info", "Processes experience elevated CPU throttling.", text,
                                                ends=time + 240, **labels)])
        time += 600


def make(top):
    world = World("noise", first_address=150)
    c = Cluster(world)
    made = background(c)
    founded = clock("07:00:00") - 86400 * 60
    c.namespace("monitoring", founded)
    daemon_set(c, "monitoring", "node-exporter", founded, 9100)
    cron = cron_job(c, "billing", "ledger-export", founded, "*/10 * * * *")
    hpa = autoscaler(c, made["edge/router"], founded)
    shared = ("Node",)
    snapshot = [obj for obj in world.sorted_objects() if obj["kind"] not in shared]
    objects = kubectl_list(snapshot)

    world.watching = True
    landing = made["web/landing"]
    flows = [cron_run(c, cron, FROM + 600 * i + 2) for i in range(6)]
    flows += [good_rollout(c, made["content/editor"], clock("09:41:00"), "3.7.0"),
              rescaled(c, made["edge/router"], hpa, clock("09:47:15"), 4), rescaled(c, made["edge/router"], hpa, clock("10:13:45"), 3),
              unrelated_restart(c, made["media/library"], clock("09:44:12")),
              unrelated_restart(c, made["support/inbox"], clock("10:02:40"))]
    for i, pod in enumerate(c.pods_of(landing) + c.pods_of(made["web/docs"])):
        flows.append(c.saying(FROM + 3 + i, TO - 5, 25, pod, lambda n: f'level=info msg="request served" path=/p/{n * 7 % 90} status=200 took_ms={3 + n * 13 % 620}'))
        flows.append(c.saying(FROM + 77 + i, TO - 5, 600, pod, lambda n: f'level=info msg="cache refreshed" entries={500 + n}'))
    c.play(*flows)

    alerts = Alerts()
    for time in (FROM + 30, FROM + 30 + 1800):
        alerts.notify(time, [watchdog(FROM + 5)])
    alerts.notify(clock("09:48:30"), [clock_not_synchronising(clock("09:48:00"), "node-b")])
    flapping(alerts, c.pods_of(made["billing/invoicer"])[0], FROM + 200, TO - 60)

    folder = os.path.join(top, "noise")
    frames = [frame for frame in world.frames if frame[2]["kind"] != "Event"]
    files = {"objects.json.gz": objects, "watch.jsonl": watch_frames(frames)[0], "events.json": kubectl_list(list(world.events.values())),
             "alerts.jsonl": alerts.text(), "logs.txt": container_logs(world.logs, "web")}
    for name, text in files.items():
        write(os.path.join(folder, name), text)
    about = (f"{len(snapshot)} healthy objects of other namespaces on the nodes of the cases, with what goes on among them: runs of a "
             "CronJob, a rollout that goes well, an autoscaler, two restarts, a flapping alert, Watchdog and a node's clock. Apart from "
             "creation and start times, every time lies between 2026-03-02T09:30:00Z and 10:30:00Z.")
    write(os.path.join(folder, "case.json"), dumped({"name": "noise", "about": about, "inputs": list(files),
                                                     "load_args": {"at": whole(FROM), "namespace": "web"}}, 2) + "\n")
    return list(files)
