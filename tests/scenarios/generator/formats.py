"""The wire formats: what kubectl, the API server, Alertmanager and kcat print."""

import copy
import gzip
import hashlib
import io
import json
import os
import re

from .clock import micro, milli, nano


def dumped(value, indent=None):
    separators = (",", ":") if indent is None else (",", ": ")
    return json.dumps(value, indent=indent, separators=separators, sort_keys=True, ensure_ascii=False)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    data = text.encode()
    if path.endswith(".gz"):
        packed = io.BytesIO()
        with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as out:
            out.write(data)
        data = packed.getvalue()
    with open(path, "wb") as out:
        out.write(data)


def in_order(entries):
    """By time; what has the same time stays as it was."""
    return sorted(entries, key=lambda entry: entry[0])


# kubectl

def kubectl_list(objects):
    """`kubectl get … -o json`."""
    return dumped({"apiVersion": "v1", "items": objects, "kind": "List", "metadata": {"resourceVersion": ""}}, 4) + "\n"


def typed_list(kind, api_version, objects, version):
    """As the API answers, and as `kubectl cluster-info dump` writes it: items without kind."""
    items = []
    for obj in objects:
        item = copy.deepcopy(obj)
        item.pop("kind", None)
        item.pop("apiVersion", None)
        items.append(item)
    return dumped({"kind": kind + "List", "apiVersion": api_version, "metadata": {"resourceVersion": str(version)},
                   "items": items}, 4) + "\n"


def watch_frames(frames):
    """`kubectl get … --watch --output-watch-events -o json`, or the API's watch; and where each frame went."""
    order = sorted(range(len(frames)), key=lambda i: frames[i][0])
    lines = [dumped({"type": frames[i][1], "object": frames[i][2]}) for i in order]
    return "\n".join(lines) + "\n", {index: line for line, index in enumerate(order)}


def _yaml_scalar(value):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    plain = re.fullmatch(r"[A-Za-z/][A-Za-z0-9_./@-]*", value) and value.lower() not in (
        "true", "false", "null", "yes", "no", "on", "off", "y", "n")
    return value if plain else json.dumps(value, ensure_ascii=False)


def _yaml_lines(value, indent):
    pad = "  " * indent
    if isinstance(value, dict) and value:
        for key in sorted(value):
            item = value[key]
            name = _yaml_scalar(key)
            if isinstance(item, dict) and item:
                yield f"{pad}{name}:"
                yield from _yaml_lines(item, indent + 1)
            elif isinstance(item, list) and item:
                yield f"{pad}{name}:"
                yield from _yaml_lines(item, indent)
            else:
                yield f"{pad}{name}: {next(_yaml_lines(item, 0))}"
    elif isinstance(value, list) and value:
        for item in value:
            lines = list(_yaml_lines(item, indent + 1))
            yield f"{pad}- {lines[0].strip()}"
            yield from lines[1:]
    elif isinstance(value, dict):
        yield pad + "{}"
    elif isinstance(value, list):
        yield pad + "[]"
    else:
        yield pad + _yaml_scalar(value)


def kubectl_yaml(objects):
    """`kubectl get … -o yaml`."""
    value = {"apiVersion": "v1", "items": objects, "kind": "List", "metadata": {"resourceVersion": ""}}
    return "\n".join(_yaml_lines(value, 0)) + "\n"


def new_api_event(event):
    """The same event as events.k8s.io/v1 shows it."""
    made = {"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": copy.deepcopy(event["metadata"]),
            "note": event["message"], "reason": event["reason"], "type": event["type"],
            "regarding": copy.deepcopy(event["involvedObject"]), "eventTime": event.get("eventTime"),
            "reportingController": event["reportingComponent"], "reportingInstance": event["reportingInstance"],
            "deprecatedSource": event["source"], "deprecatedFirstTimestamp": event["firstTimestamp"],
            "deprecatedLastTimestamp": event["lastTimestamp"]}
    if "count" in event:
        made["deprecatedCount"] = event["count"]
    if "action" in event:
        made["action"] = event["action"]
    return made


def container_logs(logs, namespace):
    """`kubectl logs --prefix --timestamps -n NAMESPACE -l …`."""
    return "".join(f"[pod/{pod}/{container}] {nano(time)} {line}\n"
                   for time, ns, pod, container, line in in_order(logs) if ns == namespace)


# Alertmanager

def fingerprint(labels):
    return hashlib.sha256(dumped(labels).encode()).hexdigest()[:16]


class Alerts:
    """Alerts as Prometheus fires them, and the notifications that Alertmanager makes of them."""

    def __init__(self, receiver="kg", external="http://alertmanager.monitoring:9093"):
        self.receiver, self.external = receiver, external
        self.bodies = []  # (time, body)

    @staticmethod
    def alert(name, fires, severity="warning", summary="", description="", ends=None, **labels):
        labels = {"alertname": name, "prometheus": "monitoring/k8s", "severity": severity, **labels}
        annotations = {"description": description or summary, "summary": summary or description}
        return {"status": "resolved" if ends else "firing", "labels": labels, "annotations": annotations,
                "startsAt": milli(fires), "endsAt": milli(ends) if ends else "0001-01-01T00:00:00Z",
                "generatorURL": f"http://prometheus.monitoring:9090/graph?g0.expr={name}&g0.tab=1",
                "fingerprint": fingerprint(labels)}

    def notify(self, time, alerts, **group):
        common = dict(alerts[0]["labels"])
        notes = dict(alerts[0]["annotations"])
        for alert in alerts[1:]:
            common = {k: v for k, v in common.items() if alert["labels"].get(k) == v}
            notes = {k: v for k, v in notes.items() if alert["annotations"].get(k) == v}
        group = group or {"namespace": alerts[0]["labels"].get("namespace", "")}
        matchers = ", ".join(f'{k}="{v}"' for k, v in group.items())
        self.bodies.append((time, {
            "receiver": self.receiver, "status": "firing" if any(a["status"] == "firing" for a in alerts) else "resolved",
            "alerts": alerts, "groupLabels": group, "commonLabels": common, "commonAnnotations": notes,
            "externalURL": self.external, "version": "4", "groupKey": "{}:{" + matchers + "}", "truncatedAlerts": 0}))

    def text(self):
        """The request bodies, one a line."""
        return "".join(dumped(body) + "\n" for _, body in in_order(self.bodies))


# The predecessor's topics, as `kcat -J` prints them

STATE_KINDS = ("Pod", "Service", "Deployment", "ReplicaSet", "DaemonSet", "Job", "CronJob", "Node")


class Topics:
    """Records on the predecessor's topics, of one tenant."""

    def __init__(self, client="", cluster="eu-1"):
        self.client, self.cluster = client, cluster
        self.records = []  # (time, topic, key, value or None, is the cause)
        self.known_edges = {}

    def put(self, time, topic, key, value, cause=False):
        self.records.append((time, topic, key, value, cause))

    def mark(self, is_cause):
        """Marks as cause what is_cause(topic, value) says."""
        self.records = [(time, topic, key, value, cause or (value is not None and is_cause(topic, value)))
                        for time, topic, key, value, cause in self.records]

    def keyed(self, raw):
        return f"{self.client}::{raw}" if self.client else raw

    def stamped(self, value):
        if self.client:
            value["client_id"] = self.client
        return value

    def resource(self, time, obj, op="UPSERT", cause=False):
        """state.k8s.resource"""
        kind, meta = obj["kind"], obj["metadata"]
        key = self.keyed(f"{kind.lower()}:{meta['uid']}")
        if op == "TOMBSTONE":
            self.put(time, "state.k8s.resource", key, None, cause)
            return
        value = self.stamped({"op": op, "at": micro(time), "cluster": self.cluster, "kind": kind, "uid": meta["uid"],
                              "name": meta["name"]})
        if "namespace" in meta:
            value["namespace"] = meta["namespace"]
        if meta.get("labels"):
            value["labels"] = meta["labels"]
        if meta.get("ownerReferences"):
            value["ownerRefs"] = [{"kind": ref["kind"], "name": ref["name"]} for ref in meta["ownerReferences"]]
        spec, status = obj.get("spec", {}), obj.get("status", {})
        if kind == "Pod":
            entries = status.get("containerStatuses", [])
            value["status"] = {"phase": status["phase"], "restartCount": sum(e["restartCount"] for e in entries),
                               "containerReady": all(e["ready"] for e in entries)}
            if "nodeName" in spec:
                value["node"] = spec["nodeName"]
            if "podIP" in status:
                value["podIP"] = status["podIP"]
        elif kind == "Service":
            value["serviceSelector"] = spec["selector"]
            value["serviceIPs"] = [spec["clusterIP"], *spec["clusterIPs"]]
            value["spec"] = {"type": spec["type"], "ports": spec["ports"], "ipFamilyPolicy": spec["ipFamilyPolicy"]}
        elif kind == "Deployment":
            value["replicas"] = spec["replicas"]
            value["spec"] = {"strategy": spec["strategy"], "selector": spec["selector"]}
        elif kind == "ReplicaSet":
            value["replicas"] = spec["replicas"]
            value["spec"] = {"selector": spec["selector"]}
        elif kind == "DaemonSet":
            value["status"] = {"desired": status["desiredNumberScheduled"], "ready": status["numberReady"],
                               "available": status["numberAvailable"]}
        elif kind == "Node":
            ready = next(c for c in status["conditions"] if c["type"] == "Ready")
            value["status"] = {"ready": ready["status"] == "True"}
        self.put(time, "state.k8s.resource", key, value, cause)

    def edge(self, time, source, target, kind, gone=False):
        """state.k8s.topology"""
        name = f"edge:{source}->{target}"
        if gone:
            self.put(time, "state.k8s.topology", self.keyed(name), None)
            return
        self.put(time, "state.k8s.topology", self.keyed(name), self.stamped(
            {"op": "UPSERT", "at": micro(time), "cluster": self.cluster, "id": name, "from": source, "to": target,
             "type": kind}))

    @staticmethod
    def entity(obj):
        meta = obj["metadata"]
        middle = f"{meta['namespace']}:" if "namespace" in meta else ""
        return f"{obj['kind'].lower()}:{middle}{meta['name']}"

    def edges_of(self, obj, world_objects):
        meta = obj["metadata"]
        for ref in meta.get("ownerReferences", []):
            if ref["kind"] in ("Deployment", "ReplicaSet", "DaemonSet", "Job", "CronJob"):
                yield f"{ref['kind'].lower()}:{meta['namespace']}:{ref['name']}", self.entity(obj), "CONTROLS"
        if obj["kind"] == "Pod":
            if "nodeName" in obj["spec"]:
                yield self.entity(obj), f"node:{obj['spec']['nodeName']}", "RUNS_ON"
            labels = meta.get("labels", {})
            for service in world_objects:
                selector = service["spec"].get("selector") if service["kind"] == "Service" else None
                if selector and service["metadata"]["namespace"] == meta["namespace"] and all(
                        labels.get(k) == v for k, v in selector.items()):
                    yield self.entity(service), self.entity(obj), "SELECTS"

    def follow(self, world, resyncs=()):
        """What the state watcher publishes of a world: every change of the kinds it knows, the edges, and
        at each resync everything again."""
        current = {}
        for time, kind_of_frame, obj in in_order(world.frames):
            for resync in [r for r in resyncs if r <= time]:
                for old in list(current.values()):
                    self.resource(resync, old)
                resyncs = [r for r in resyncs if r != resync]
            if obj["kind"] not in STATE_KINDS:
                continue
            uid = obj["metadata"]["uid"]
            if kind_of_frame == "DELETED":
                self.resource(time + 0.05, obj, "TOMBSTONE")
                for source, target, kind in self.known_edges.pop(uid, []):
                    self.edge(time + 0.06, source, target, kind, gone=True)
                current.pop(uid, None)
                continue
            current[uid] = obj
            self.resource(time + 0.05, obj)
            known = self.known_edges.setdefault(uid, [])
            for edge in self.edges_of(obj, list(current.values())):
                if edge not in known:
                    known.append(edge)
                    self.edge(time + 0.06, *edge)

    SEVERITIES = {"OOMKilling": "FATAL", "BackOff": "ERROR", "Failed": "ERROR", "FailedScheduling": "ERROR"}

    def vector_events(self, world, only=None):
        """events.normalized as the Vector path makes them of each sighting of an Event: same id, same time."""
        for time, _, event in in_order(world.frames):
            if event["kind"] != "Event" or (only and event["reason"] not in only):
                continue
            about = event["involvedObject"]
            created = event["metadata"]["creationTimestamp"]
            identity = hashlib.sha1((created + event["metadata"]["uid"] + event["reason"]).encode()).hexdigest()
            severity = self.SEVERITIES.get(event["reason"], "WARNING" if event["type"] == "Warning" else "INFO")
            value = self.stamped({
                "event_id": identity, "event_time": created, "etype": "k8s.event", "severity": severity,
                "reason": event["reason"], "message": event["message"], "source": event["source"],
                "subject": {"kind": about["kind"], "uid": about["uid"], "ns": about.get("namespace", "default"),
                            "name": about["name"]},
                "involvedObject": about, "type": event["type"], "count": event.get("count", 1),
                "firstTimestamp": event["firstTimestamp"], "lastTimestamp": event["lastTimestamp"]})
            self.put(time + 0.4, "events.normalized", self.keyed(identity), value)

    def exporter_events(self, world):
        """events.normalized as kubernetes-event-exporter writes them: the raw Event under its uid, no tenant."""
        for time, _, event in in_order(world.frames):
            if event["kind"] == "Event":
                value = {k: v for k, v in event.items() if k not in ("apiVersion", "kind")}
                self.put(time + 0.4, "events.normalized", event["metadata"]["uid"], value)

    def vector_logs(self, world, level_of, with_client=False):
        """logs.normalized. level_of names the severity of a line, or None to send the shape without severity."""
        uids = {}
        for _, _, obj in world.frames:
            if obj["kind"] == "Pod":
                uids[(obj["metadata"]["namespace"], obj["metadata"]["name"])] = obj
        for index, (time, namespace, name, container, line) in enumerate(in_order(world.logs)):
            pod = uids[(namespace, name)]
            uid = pod["metadata"]["uid"]
            kubernetes = {"pod_uid": uid, "pod_name": name, "pod_namespace": namespace, "container_name": container,
                          "pod_labels": pod["metadata"].get("labels", {}), "pod_node_name": pod["spec"].get("nodeName", "")}
            subject = {"kind": "Pod", "ns": namespace, "name": name}
            if with_client:
                value = self.stamped({"etype": "k8s.log", "event_time": nano(time), "message": line, "kubernetes": kubernetes,
                                      "subject": {**subject, "uid": uid}, "pod_uid": uid, "pod_namespace": namespace,
                                      "pod_name": name})
                self.put(time + 0.8, "logs.normalized", self.keyed(uid), value)
                continue
            identity = hashlib.sha256(f"{world.seed}/{index}".encode()).hexdigest()
            value = {"etype": "k8s.log", "event_id": f"{identity[:8]}-{identity[8:12]}-4{identity[13:16]}-a{identity[17:20]}-{identity[20:32]}",
                     "event_time": nano(time), "severity": level_of(line), "message": line, "log": line,
                     "stream": "stderr", "timestamp": nano(time), "subject": subject, "kubernetes": kubernetes}
            self.put(time + 0.8, "logs.normalized", uid, value)

    def received_alerts(self, alerts):
        """events.normalized as the alert receiver writes them: an id per delivery, the time of receipt."""
        for time, body in alerts.bodies:
            for index, alert in enumerate(body["alerts"]):
                labels = alert["labels"]
                kind, name = next(((k, labels[k.lower()]) for k in ("Pod", "Service", "Deployment", "Node")
                                   if k.lower() in labels), ("Service", ""))
                identity = hashlib.sha256(f"{time}/{index}/{alert['fingerprint']}".encode()).hexdigest()
                event_id = f"{identity[:8]}-{identity[8:12]}-4{identity[13:16]}-b{identity[17:20]}-{identity[20:32]}"
                self.put(time, "events.normalized", self.keyed(event_id), self.stamped({
                    "event_id": event_id, "event_time": micro(time), "etype": "prom.alert",
                    "severity": labels["severity"].upper(), "reason": labels["alertname"],
                    "message": alert["annotations"]["description"],
                    "subject": {"kind": kind, "ns": labels.get("namespace", "default"), "name": name, "uid": ""}}))

    def vector_alerts(self, alerts):
        """events.normalized as Vector's alert path makes them: the whole notification around one alert."""
        for time, body in alerts.bodies:
            for index, alert in enumerate(body["alerts"]):
                labels = alert["labels"]
                kind, name = ("Pod", labels["pod"]) if "pod" in labels else ("Service", labels.get("service", labels.get("job", "")))
                identity = hashlib.sha256(f"vector/{time}/{index}/{alert['fingerprint']}".encode()).hexdigest()
                event_id = f"{identity[:8]}-{identity[8:12]}-4{identity[13:16]}-9{identity[17:20]}-{identity[20:32]}"
                value = {**body, "alerts": alert, "event_id": event_id, "event_time": milli(time), "etype": "prom.alert",
                         "status": alert["status"], "severity": labels["severity"].upper(), "reason": labels["alertname"],
                         "message": alert["annotations"]["summary"],
                         "subject": {"kind": kind, "ns": labels.get("namespace", "default"), "name": name}}
                self.put(time, "events.normalized", event_id, value)

    @staticmethod
    def lines(*topics, object_values=False):
        """As kcat prints them, and the line numbers of the records marked as cause."""
        records = in_order([record for topic in topics for record in topic.records])
        offsets, lines, marked = {}, [], []
        for number, (time, topic, key, value, cause) in enumerate(records):
            partition = int(hashlib.sha256(key.encode()).hexdigest(), 16) % 3
            offset = offsets[(topic, partition)] = offsets.get((topic, partition), 1000) + 1
            line = {"topic": topic, "partition": partition, "offset": offset, "tstype": "create",
                    "ts": int(time * 1000), "broker": 1, "key": key}
            if object_values:
                line["value"] = value
            else:
                line["payload"] = None if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
            lines.append(json.dumps(line, separators=(",", ":"), ensure_ascii=False))
            if cause:
                marked.append(number)
        return "\n".join(lines) + "\n", marked
