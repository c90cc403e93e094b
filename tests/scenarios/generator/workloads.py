"""Nodes, workloads, services, and the controllers' and the kubelet's doings on them."""

import copy
import hashlib
import heapq
import json

from .clock import parsed, whole

DEPLOYMENT_CONTROLLER = "deployment-controller"
REPLICASET_CONTROLLER = "replicaset-controller"


def container(name, image, port=8080, env=None, memory="256Mi", cpu="100m", limit=None, ready="/healthz",
              env_from_secret=None, command=None):
    made = {"name": name, "image": image, "imagePullPolicy": "IfNotPresent",
            "resources": {"limits": {"memory": limit or memory}, "requests": {"cpu": cpu, "memory": memory}},
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}
    if command:
        made["command"] = command
    if port:
        made["ports"] = [{"containerPort": port, "name": "http", "protocol": "TCP"}]
    if env or env_from_secret:
        made["env"] = [{"name": key, "value": value} for key, value in (env or {}).items()]
        for key, (secret, item) in (env_from_secret or {}).items():
            made["env"].append({"name": key, "valueFrom": {"secretKeyRef": {"key": item, "name": secret}}})
    if ready and port:
        made["readinessProbe"] = {"failureThreshold": 3, "httpGet": {"path": ready, "port": port, "scheme": "HTTP"},
                                  "periodSeconds": 10, "successThreshold": 1, "timeoutSeconds": 1}
    return made


def fixed_uid(kind, name):
    """The same in every recording, so that recordings can be mixed."""
    text = hashlib.sha256(f"{kind}/{name}".encode()).hexdigest()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-b{text[17:20]}-{text[20:32]}"


def owner(obj):
    return {"apiVersion": obj["apiVersion"], "blockOwnerDeletion": True, "controller": True,
            "kind": obj["kind"], "name": obj["metadata"]["name"], "uid": obj["metadata"]["uid"]}


def owned_by(obj, parent):
    return any(ref["uid"] == parent["metadata"]["uid"] for ref in obj["metadata"].get("ownerReferences", []))


def set_condition(conditions, time, kind, status, reason=None, message=None, updated=False):
    """The transition time moves only when the status does."""
    found = next((c for c in conditions if c["type"] == kind), None)
    if found is None:
        found = {"type": kind}
        conditions.append(found)
    if found.get("status") != status:
        found["lastTransitionTime"] = whole(time)
    if updated:
        found["lastUpdateTime"] = whole(time)
    found["status"] = status
    for key, value in (("reason", reason), ("message", message)):
        found.pop(key, None)
        if value:
            found[key] = value


def condition(obj, kind):
    return next((c for c in obj["status"].get("conditions", []) if c["type"] == kind), {})


def is_ready(pod):
    return condition(pod, "Ready").get("status") == "True"


class Cluster:
    """Workloads in a World."""

    def __init__(self, world, node_names=("node-a", "node-b", "node-c"), zones=("eu-1a", "eu-1b", "eu-1c")):
        self.w = world
        self.nodes = []
        self.turn = 0
        self.stale = set()  # Deployments whose pods changed since their status was written
        for index, name in enumerate(node_names):
            self.nodes.append(self.node(name, f"10.0.0.{11 + index}", zones[index % len(zones)], index))

    def node(self, name, address, zone, index):
        created = 1755849600 + 600 * index
        node = self.w.new("v1", "Node", "", name, created, labels={
            "kubernetes.io/arch": "amd64", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux",
            "node.kubernetes.io/instance-type": "m5.xlarge", "topology.kubernetes.io/region": "eu-1",
            "topology.kubernetes.io/zone": zone})
        node["spec"] = {"podCIDR": f"10.244.{index}.0/24", "podCIDRs": [f"10.244.{index}.0/24"],
                        "providerID": f"aws:///{zone}/i-0{self.w.draw(8):016x}"}
        amounts = {"cpu": "4", "ephemeral-storage": "104845292Ki", "memory": "16069528Ki", "pods": "110"}
        node["status"] = {"addresses": [{"address": address, "type": "InternalIP"}, {"address": name, "type": "Hostname"}],
                          "allocatable": {**amounts, "cpu": "3920m", "memory": "15354776Ki"}, "capacity": amounts,
                          "conditions": [], "nodeInfo": {
                              "architecture": "amd64", "containerRuntimeVersion": "containerd://1.7.22",
                              "kernelVersion": "6.1.0-31-amd64", "kubeletVersion": "v1.31.4",
                              "operatingSystem": "linux", "osImage": "Debian GNU/Linux 12 (bookworm)"}}
        heartbeat = whole(created + 15724800)
        for kind, good, reason in (("MemoryPressure", "False", "KubeletHasSufficientMemory"),
                                   ("DiskPressure", "False", "KubeletHasNoDiskPressure"),
                                   ("PIDPressure", "False", "KubeletHasSufficientPID"),
                                   ("Ready", "True", "KubeletReady")):
            set_condition(node["status"]["conditions"], created + 30, kind, good, reason,
                          "kubelet is posting ready status" if kind == "Ready" else f"kubelet has {reason[10:]}")
            node["status"]["conditions"][-1]["lastHeartbeatTime"] = heartbeat
        node["metadata"]["uid"] = fixed_uid("Node", name)
        return self.w.add(created, node, "kubelet")

    def node_named(self, name):
        return self.w.get("Node", "", name)

    def namespace(self, name, created):
        made = self.w.new("v1", "Namespace", "", name, created, labels={"kubernetes.io/metadata.name": name})
        made["metadata"]["uid"] = fixed_uid("Namespace", name)
        made.update(spec={"finalizers": ["kubernetes"]}, status={"phase": "Active"})
        return self.w.add(created, made, "kubectl-create")

    # Workloads

    def deploy(self, created, namespace, name, containers, replicas=2, labels=None, strategy=None, nodes=None,
               revision=3, port=80, manager="kubectl-client-side-apply", service_account=None, old_image=None):
        """A Deployment that has long been healthy, with its Service; returns the Deployment."""
        labels = labels or {"app": name}
        template = {"metadata": {"labels": dict(labels)}, "spec": {
            "containers": containers, "dnsPolicy": "ClusterFirst", "restartPolicy": "Always",
            "schedulerName": "default-scheduler", "securityContext": {}, "terminationGracePeriodSeconds": 30}}
        if service_account:
            template["spec"]["serviceAccountName"] = service_account
        deployment = self.w.new("apps/v1", "Deployment", namespace, name, created, labels=labels,
                                annotations={"deployment.kubernetes.io/revision": str(revision)})
        selector = {key: value for key, value in labels.items() if key in ("app", "k8s-app")}
        deployment["metadata"]["generation"] = revision
        deployment["spec"] = {
            "progressDeadlineSeconds": 600, "replicas": replicas, "revisionHistoryLimit": 10,
            "selector": {"matchLabels": selector},
            "strategy": strategy or {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}, "type": "RollingUpdate"},
            "template": template}
        deployment["status"] = {"conditions": [], "observedGeneration": revision}
        self.w.add(created, deployment, manager, {"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": {}}}}})
        if old_image:
            old = copy.deepcopy(template)
            old["spec"]["containers"][0]["image"] = old_image
            self.replica_set(created - 86400 * 9, deployment, old, 0, revision - 1)
        replica_set = self.replica_set(created + 1, deployment, template, replicas, revision)
        for _ in range(replicas):
            pod = self.pod(created + 2, replica_set, node=self.pick(nodes), quiet=True)
            for _ in self.run(created + 5, pod, quiet=True):
                pass
        if port:
            self.service(created, namespace, name, dict(selector), port, containers[0].get("ports", [{}])[0].get("containerPort", 8080))
        self.stale.clear()
        self.sync(created + 20, deployment)
        return deployment

    def pods_of(self, deployment, replica_set=None):
        """Its pods by name, or those of one of its ReplicaSets."""
        parents = [replica_set] if replica_set else [
            rs for rs in self.w.of_kind("ReplicaSet", deployment["metadata"]["namespace"]) if owned_by(rs, deployment)]
        return [pod for pod in self.w.of_kind("Pod", deployment["metadata"]["namespace"])
                if any(owned_by(pod, parent) for parent in parents)]

    def current_set(self, deployment):
        """The ReplicaSet of its newest revision."""
        revision = deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
        return next(rs for rs in self.w.of_kind("ReplicaSet", deployment["metadata"]["namespace"]) if owned_by(rs, deployment)
                    and rs["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == revision)

    def timed_out(self, time, deployment, replica_set):
        """The progress deadline has passed."""
        set_condition(deployment["status"]["conditions"], time, "Progressing", "False", "ProgressDeadlineExceeded",
                      f'ReplicaSet "{replica_set["metadata"]["name"]}" has timed out progressing.', updated=True)
        self.w.modify(time, deployment, "kube-controller-manager", {"f:status": {"f:conditions": {}}}, "status")

    def pick(self, nodes=None):
        names = nodes or [node["metadata"]["name"] for node in self.nodes]
        self.turn += 1
        return names[self.turn % len(names)]

    def replica_set(self, time, deployment, template, replicas, revision):
        digest = self.w.suffix(10)
        meta = deployment["metadata"]
        made = self.w.new("apps/v1", "ReplicaSet", meta["namespace"], f"{meta['name']}-{digest}", time,
                          labels={**template["metadata"]["labels"], "pod-template-hash": digest},
                          annotations={"deployment.kubernetes.io/desired-replicas": str(deployment["spec"]["replicas"]),
                                       "deployment.kubernetes.io/revision": str(revision)})
        made["metadata"].update(generation=1, ownerReferences=[owner(deployment)])
        copied = copy.deepcopy(template)
        copied["metadata"]["labels"]["pod-template-hash"] = digest
        made["spec"] = {"replicas": replicas, "template": copied,
                        "selector": {"matchLabels": {**deployment["spec"]["selector"]["matchLabels"], "pod-template-hash": digest}}}
        made["status"] = {"observedGeneration": 1, "replicas": replicas}
        return self.w.add(time, made)

    def scale_replica_set(self, time, deployment, replica_set, replicas):
        """The deployment controller's decision, with its event; pods are the caller's business."""
        before = replica_set["spec"]["replicas"]
        word = "up" if replicas > before else "down"
        name = replica_set["metadata"]["name"]
        replica_set["spec"]["replicas"] = replicas
        replica_set["metadata"]["generation"] += 1
        self.w.modify(time, replica_set, "kube-controller-manager", {"f:spec": {"f:replicas": {}}})
        self.w.event(time, deployment, "ScalingReplicaSet",
                     f"Scaled {word} replica set {name} from {before} to {replicas}", component=DEPLOYMENT_CONTROLLER)

    def rollout(self, time, deployment, change, manager="kubectl-set", fields=None, replicas=None):
        """Changes the pod template and creates the ReplicaSet of the new revision."""
        change(deployment["spec"]["template"])
        meta = deployment["metadata"]
        meta["generation"] += 1
        self.w.modify(time, deployment, manager,
                      fields or {"f:spec": {"f:template": {"f:spec": {"f:containers": {}}}}}, cause=True)
        revision = int(meta["annotations"]["deployment.kubernetes.io/revision"]) + 1
        meta["annotations"]["deployment.kubernetes.io/revision"] = str(revision)
        count = replicas if replicas is not None else deployment["spec"]["replicas"]
        made = self.replica_set(time + 0.2, deployment, deployment["spec"]["template"], count, revision)
        self.w.event(time + 0.3, deployment, "ScalingReplicaSet",
                     f"Scaled up replica set {made['metadata']['name']} from 0 to {count}", component=DEPLOYMENT_CONTROLLER)
        self.progress(time + 0.4, deployment, made)
        return made

    def progress(self, time, deployment, replica_set, done=False):
        status = deployment["status"]
        status["observedGeneration"] = deployment["metadata"]["generation"]
        name = replica_set["metadata"]["name"]
        text = "has successfully progressed" if done else "is progressing"
        set_condition(status["conditions"], time, "Progressing", "True",
                      "NewReplicaSetAvailable" if done else "ReplicaSetUpdated", f'ReplicaSet "{name}" {text}.', updated=True)
        self.w.modify(time, deployment, "kube-controller-manager", {"f:status": {"f:conditions": {}}}, "status")

    # Pods

    def pod(self, time, parent, node=None, name=None, quiet=False, template=None):
        """A pod that has been created and, where a node is given, scheduled."""
        template = template or parent["spec"]["template"]
        meta = parent["metadata"]
        name = name or f"{meta['name']}-{self.w.suffix(5)}"
        pod = self.w.new("v1", "Pod", meta["namespace"], name, time, labels=template["metadata"]["labels"])
        pod["metadata"].update(generateName=f"{meta['name']}-", ownerReferences=[owner(parent)])
        pod["spec"] = copy.deepcopy(template["spec"])
        pod["spec"].update(enableServiceLinks=True, priority=0, preemptionPolicy="PreemptLowerPriority", tolerations=[
            {"effect": "NoExecute", "key": f"node.kubernetes.io/{key}", "operator": "Exists", "tolerationSeconds": 300}
            for key in ("not-ready", "unreachable")])
        pod["spec"].setdefault("serviceAccountName", "default")
        pod["status"] = {"phase": "Pending", "qosClass": "Burstable", "conditions": []}
        self.w.add(time, pod)
        self.mark_stale(pod)
        if not quiet:
            self.w.event(time, parent, "SuccessfulCreate", f"Created pod: {name}",
                         component=REPLICASET_CONTROLLER if parent["kind"] == "ReplicaSet" else "job-controller")
        if node:
            self.schedule(time + 0.1, pod, node, quiet)
        return pod

    def schedule(self, time, pod, node, quiet=False):
        pod["spec"]["nodeName"] = node
        set_condition(pod["status"]["conditions"], time, "PodScheduled", "True")
        self.w.modify(time, pod, "kube-scheduler", {"f:status": {"f:conditions": {}}}, "status")
        if not quiet:
            meta = pod["metadata"]
            self.w.event(time, pod, "Scheduled", f"Successfully assigned {meta['namespace']}/{meta['name']} to {node}",
                         component="default-scheduler")
        self.state(time + 0.6, pod, {"waiting": {"reason": "ContainerCreating"}})

    def mark_stale(self, pod):
        for ref in pod["metadata"].get("ownerReferences", []):
            parent = self.w.objects.get((ref["kind"], pod["metadata"]["namespace"], ref["name"]))
            for above in parent["metadata"].get("ownerReferences", []) if parent else []:
                if above["kind"] != "Deployment":
                    continue
                self.stale.add((above["kind"], pod["metadata"]["namespace"], above["name"]))

    def node_of(self, pod):
        return self.node_named(pod["spec"]["nodeName"])

    def state(self, time, pod, state, ready=False, last=None, restarts=None, which=0):
        """What the kubelet reports of a container, and what follows for the pod."""
        spec = pod["spec"]["containers"][which]
        status = pod["status"]
        node = self.node_of(pod)
        index = node["spec"]["podCIDR"].split(".")[2]
        status.setdefault("hostIP", node["status"]["addresses"][0]["address"])
        status.setdefault("startTime", whole(time))
        entries = status.setdefault("containerStatuses", [
            {"image": c["image"], "imageID": "", "lastState": {}, "name": c["name"], "ready": False,
             "restartCount": 0, "started": False, "state": {"waiting": {"reason": "ContainerCreating"}}}
            for c in pod["spec"]["containers"]])
        entry = entries[which]
        entry.update(state=state, ready=ready, started="running" in state)
        if last is not None:
            entry["lastState"] = last
        if restarts is not None:
            entry["restartCount"] = restarts
        if "running" in state or "terminated" in state:
            entry["imageID"] = f"{spec['image'].split(':')[0]}@sha256:{self.hash_of(spec['image'])}"
            entry.setdefault("containerID", f"containerd://{self.w.draw(32):064x}")
            if "podIP" not in status:
                status["podIP"] = self.w.address(f"10.244.{index}")
                status["podIPs"] = [{"ip": status["podIP"]}]
        started = any("running" in e["state"] or "terminated" in e["state"] or e["restartCount"] for e in entries)
        all_ready = all(e["ready"] for e in entries)
        unready = [e["name"] for e in entries if not e["ready"]]
        done = all(e["state"].get("terminated", {}).get("exitCode") == 0 for e in entries)
        status["phase"] = "Succeeded" if done else "Running" if started else "Pending"
        reason, text = (None, None) if all_ready else ("PodCompleted", None) if done else (
            "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]")
        conditions = status["conditions"]
        if all_ready != is_ready(pod):
            self.mark_stale(pod)
        set_condition(conditions, time, "PodReadyToStartContainers", "True")
        set_condition(conditions, time, "Initialized", "True")
        for kind in ("ContainersReady", "Ready"):
            set_condition(conditions, time, kind, "True" if all_ready else "False", reason, text)
        self.w.modify(time, pod, "kubelet", {"f:status": {"f:conditions": {}, "f:containerStatuses": {}, "f:phase": {}}}, "status")

    @staticmethod
    def hash_of(text):
        return hashlib.sha256(text.encode()).hexdigest()

    def kubelet(self, time, pod, reason, message, kind="Normal", which=0):
        spec = pod["spec"]["containers"][which]
        self.w.event(time, pod, reason, message, kind, host=pod["spec"]["nodeName"], container=spec["name"])

    def start(self, time, pod, restarts=0, last=None, ready=False, quiet=False, which=0):
        """Pulled, created, started."""
        spec = pod["spec"]["containers"][which]
        if not quiet:
            self.kubelet(time, pod, "Pulled", f"Container image \"{spec['image']}\" already present on machine", which=which)
            self.kubelet(time + 0.1, pod, "Created", f"Created container {spec['name']}", which=which)
            self.kubelet(time + 0.2, pod, "Started", f"Started container {spec['name']}", which=which)
        self.state(time + 0.4, pod, {"running": {"startedAt": whole(time + 0.2)}}, ready=ready, last=last,
                   restarts=restarts, which=which)

    # Flows: generators that yield the time they wait for. play() runs several side by side.

    def play(self, *flows):
        """Runs flows in the order of their times; what depends on pods follows each step."""
        flow = self.together(*flows)
        time = next(flow, None)
        while time is not None:
            before = len(self.w.frames)
            then = next(flow, None)
            after = max([frame[0] for frame in self.w.frames[before:]] + [time]) + 0.05
            for name in sorted(self.stale):
                if name in self.w.objects:
                    self.sync(after, self.w.objects[name])
            self.stale.clear()
            time = then

    @staticmethod
    def together(*flows):
        """Several flows as one, in the order of their times."""
        queue = []
        for number, flow in enumerate(flows):
            first = next(flow, None)
            if first is not None:
                heapq.heappush(queue, (first, number, flow))
        while queue:
            time, number, flow = heapq.heappop(queue)
            yield time
            then = next(flow, None)
            if then is not None:
                heapq.heappush(queue, (max(then, time), number, flow))

    def at(self, time, action, *args, **kwargs):
        """A flow of one step."""
        yield time
        action(*args, **kwargs)

    def run(self, time, pod, ready_after=8, quiet=False, restarts=0, last=None):
        """Starts well and becomes ready."""
        yield time
        for which in range(len(pod["spec"]["containers"])):
            self.start(time, pod, quiet=quiet, which=which, restarts=restarts, last=last)
        yield time + ready_after
        for which, entry in enumerate(pod["status"]["containerStatuses"]):
            self.state(time + ready_after, pod, entry["state"], ready=True, which=which)

    def remove(self, time, pod, gone_after=2, controller=None):
        """Deleted with grace: the deletion timestamp first, the object some seconds later."""
        yield time
        pod["metadata"].update(deletionTimestamp=whole(time + 30), deletionGracePeriodSeconds=30)
        if controller is not None:
            self.w.event(time, controller, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}",
                         component=REPLICASET_CONTROLLER)
        self.w.modify(time, pod, "kubelet", {"f:metadata": {"f:deletionTimestamp": {}}})
        self.mark_stale(pod)
        for which, spec in enumerate(pod["spec"]["containers"]):
            if "running" in pod["status"]["containerStatuses"][which]["state"]:
                self.kubelet(time + 0.3, pod, "Killing", f"Stopping container {spec['name']}", which=which)
        yield time + gone_after
        self.w.delete(time + gone_after, pod)
        self.mark_stale(pod)

    def exited(self, started, finished, code, reason="Error"):
        return {"terminated": {"containerID": f"containerd://{self.w.draw(32):064x}", "exitCode": code,
                               "finishedAt": whole(finished), "reason": reason, "startedAt": whole(started)}}

    def crash_loop(self, time, pod, until, runs_for, code=1, reason="Error", logs=(), after_exit=None, running=False,
                   ready_after=None, which=0, restarts=0):
        """Exits again and again, with the kubelet's pauses of 0, 10, 20, 40 … 300 s. Where it already is
        running, its first exit is at `time`. logs: (seconds after start, line)."""
        spec, meta = pod["spec"]["containers"][which], pod["metadata"]
        identity = f"{meta['name']}_{meta['namespace']}({meta['uid']})"
        delay, started, last = 0, time, None
        while started < until and self.w.key(pod) in self.w.objects:
            if not running:
                yield started
                self.start(started, pod, restarts=restarts, last=last, which=which)
                began, ended = started + 0.2, started + 0.2 + runs_for
                if ready_after is not None and ready_after < runs_for:
                    yield began + ready_after
                    self.state(began + ready_after, pod, pod["status"]["containerStatuses"][which]["state"], ready=True, which=which)
            else:
                now = pod["status"]["containerStatuses"][which]["state"]["running"]
                began, ended, running = parsed(now["startedAt"]), time, False
            for offset, line in logs:
                self.w.log((began if ended - began < 3600 else ended - runs_for) + offset, pod, line, spec["name"])
            yield ended
            last = self.exited(began, ended, code, reason)
            self.state(ended + 0.4, pod, copy.deepcopy(last), restarts=restarts, which=which)
            if after_exit:
                after_exit(ended, restarts)
            if delay:
                yield ended + 1.2
                self.state(ended + 1.2, pod, {"waiting": {
                    "reason": "CrashLoopBackOff",
                    "message": f"back-off {self.spoken(delay)} restarting failed container={spec['name']} pod={identity}"}},
                    last=copy.deepcopy(last), restarts=restarts, which=which)
                tick = ended + 1.2
                while tick < min(ended + 1 + delay, until):
                    yield tick
                    if self.w.key(pod) not in self.w.objects:
                        return
                    self.kubelet(tick, pod, "BackOff", f"Back-off restarting failed container {spec['name']} in pod {identity}",
                                 "Warning", which)
                    tick += 23 if delay > 20 else 11
            started = ended + max(delay, 1) + 1
            delay = min(max(10, delay * 2), 300)
            restarts += 1

    @staticmethod
    def spoken(seconds):
        minutes, rest = divmod(seconds, 60)
        return f"{minutes}m{rest}s" if minutes else f"{rest}s"

    def image_pull_loop(self, time, pod, until, detail):
        """Pull attempts with the kubelet's growing pauses; the container never starts."""
        image = pod["spec"]["containers"][0]["image"]
        failed = f'Failed to pull image "{image}": {detail}'
        back_off = f'Back-off pulling image "{image}"'
        delay, attempt = 10, time
        while attempt < until:
            yield attempt
            self.kubelet(attempt, pod, "Pulling", f'Pulling image "{image}"')
            yield attempt + 1.1
            self.kubelet(attempt + 1.1, pod, "Failed", failed, "Warning")
            self.kubelet(attempt + 1.2, pod, "Failed", "Error: ErrImagePull", "Warning")
            self.state(attempt + 1.4, pod, {"waiting": {"reason": "ErrImagePull", "message": detail}})
            tick, waiting = attempt + 2.4, False
            while tick < min(attempt + 1 + delay, until):
                yield tick
                self.kubelet(tick, pod, "BackOff", back_off)
                self.kubelet(tick + 0.1, pod, "Failed", "Error: ImagePullBackOff", "Warning")
                if not waiting:
                    self.state(tick + 0.3, pod, {"waiting": {"reason": "ImagePullBackOff", "message": back_off}})
                waiting = True
                tick += 27
            attempt += delay + 1.5
            delay = min(delay * 2, 300)

    def unready(self, time, pod, until, message, period=10, kind="Readiness"):
        """A probe that fails at each period, until `until`."""
        tick = time
        while tick < until:
            yield tick
            if self.w.key(pod) not in self.w.objects:
                return
            self.kubelet(tick, pod, "Unhealthy", f"{kind} probe failed: {message}", "Warning")
            tick += period

    def saying(self, time, until, period, pod, line):
        """A log line again and again; line may be a function of a running number."""
        number, tick = 0, time
        while tick < until:
            yield tick
            self.w.log(tick, pod, line(number) if callable(line) else line)
            number += 1
            tick += period * (0.7 + 0.6 * (self.w.draw(2) / 65536))

    # Services

    def service(self, time, namespace, name, selector, port=80, target=8080, manager="kubectl-client-side-apply", labels=None,
                address=None):
        made = self.w.new("v1", "Service", namespace, name, time, labels=labels or selector)
        address = address or self.w.address("10.96.40")
        made["spec"] = {"clusterIP": address, "clusterIPs": [address], "internalTrafficPolicy": "Cluster",
                        "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
                        "ports": [{"name": "http", "port": port, "protocol": "TCP", "targetPort": target}],
                        "selector": selector, "sessionAffinity": "None", "type": "ClusterIP"}
        made["status"] = {"loadBalancer": {}}
        self.w.add(time, made, manager)
        slice_name = f"{name}-{self.w.suffix(5)}"
        endpoints = self.w.new("discovery.k8s.io/v1", "EndpointSlice", namespace, slice_name, time, labels={
            **made["metadata"]["labels"], "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
            "kubernetes.io/service-name": name})
        endpoints["metadata"].update(generateName=f"{name}-", generation=1, ownerReferences=[owner(made)])
        endpoints.update(addressType="IPv4", endpoints=None, ports=[{"name": "http", "port": target, "protocol": "TCP"}])
        self.w.add(time + 0.3, endpoints)
        self.endpoints(time + 0.5, made)
        return made

    def endpoints(self, time, service):
        """The endpoint slice controller: what the selector matches now."""
        namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
        current = next(s for s in self.w.of_kind("EndpointSlice", namespace) if owned_by(s, service))
        wanted = []
        for pod in self.w.of_kind("Pod", namespace):
            labels = pod["metadata"].get("labels", {})
            if not all(labels.get(k) == v for k, v in service["spec"]["selector"].items()):
                continue
            if "podIP" not in pod["status"]:
                continue
            leaving = "deletionTimestamp" in pod["metadata"]
            ready = is_ready(pod)
            wanted.append({"addresses": [pod["status"]["podIP"]],
                           "conditions": {"ready": ready and not leaving, "serving": ready, "terminating": leaving},
                           "nodeName": pod["spec"]["nodeName"],
                           "targetRef": {"kind": "Pod", "name": pod["metadata"]["name"], "namespace": namespace,
                                         "uid": pod["metadata"]["uid"]}})
        if json.dumps(current["endpoints"]) == json.dumps(wanted or None):
            return
        current["endpoints"] = wanted or None
        current["metadata"]["generation"] += 1
        current["metadata"].setdefault("annotations", {})["endpoints.kubernetes.io/last-change-trigger-time"] = whole(time)
        self.w.modify(time, current, "kube-controller-manager", {"f:endpoints": {}})

    def sync(self, time, deployment):
        """Status of the Deployment, of its ReplicaSets and of the endpoints, from the pods as they are."""
        namespace = deployment["metadata"]["namespace"]
        pods = self.w.of_kind("Pod", namespace)
        totals = {"replicas": 0, "readyReplicas": 0}
        newest = 0
        revision = deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
        for replica_set in self.w.of_kind("ReplicaSet", namespace):
            if not owned_by(replica_set, deployment):
                continue
            mine = [pod for pod in pods if owned_by(pod, replica_set)]
            ready = sum(is_ready(pod) for pod in mine)
            totals["replicas"] += len(mine)
            totals["readyReplicas"] += ready
            if replica_set["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == revision:
                newest = len(mine)
            status = {"fullyLabeledReplicas": len(mine), "observedGeneration": replica_set["metadata"]["generation"],
                      "replicas": len(mine), "readyReplicas": ready, "availableReplicas": ready}
            self.put_status(time, replica_set, {k: v for k, v in status.items() if v or k == "replicas"})
        wanted = deployment["spec"]["replicas"]
        status = {"conditions": copy.deepcopy(deployment["status"]["conditions"]),
                  "observedGeneration": deployment["metadata"]["generation"], **totals, "availableReplicas": totals["readyReplicas"],
                  "updatedReplicas": newest, "unavailableReplicas": max(0, max(wanted, totals["replicas"]) - totals["readyReplicas"])}
        enough = totals["readyReplicas"] >= wanted - max(0, int(wanted * 0.25))
        set_condition(status["conditions"], time, "Available", "True" if enough else "False",
                      "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
                      f"Deployment {'has' if enough else 'does not have'} minimum availability.")
        if not any(c["type"] == "Progressing" for c in status["conditions"]):
            set_condition(status["conditions"], time, "Progressing", "True", "NewReplicaSetAvailable",
                          "ReplicaSet has successfully progressed.", updated=True)
        progressing = next(c for c in status["conditions"] if c["type"] == "Progressing")
        if progressing.get("reason") == "ReplicaSetUpdated" and newest == totals["replicas"] == totals["readyReplicas"] == wanted:
            set_condition(status["conditions"], time, "Progressing", "True", "NewReplicaSetAvailable",
                          f'ReplicaSet "{self.current_set(deployment)["metadata"]["name"]}" has successfully progressed.', updated=True)
        self.put_status(time + 0.1, deployment, {k: v for k, v in status.items() if v})
        for service in self.w.of_kind("Service", namespace):
            if "selector" in service["spec"]:
                self.endpoints(time + 0.2, service)

    def put_status(self, time, obj, status):
        if json.dumps(obj.get("status"), sort_keys=True) != json.dumps(status, sort_keys=True):
            obj["status"] = status
            self.w.modify(time, obj, "kube-controller-manager", {"f:status": {}}, "status")
