"""A pretended API server: objects with versions, a watch over them, events and log lines."""

import copy
import hashlib

from .clock import micro, whole

NAME_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"

# The order in which `kubectl get` prints the kinds asked for.
KIND_ORDER = [
    "Namespace", "Node", "StorageClass", "PersistentVolume", "ResourceQuota", "LimitRange", "ConfigMap",
    "ServiceAccount", "PersistentVolumeClaim", "Service", "EndpointSlice", "Ingress", "Deployment",
    "StatefulSet", "DaemonSet", "CronJob", "Job", "ReplicaSet", "HorizontalPodAutoscaler",
    "PodDisruptionBudget", "Pod",
]


class World:
    """Objects change only through add, modify and delete, which keep versions and times true."""

    def __init__(self, seed, cluster="eu-1", managed_fields=True, first_address=2):
        self.seed = seed
        self.cluster = cluster
        self.managed_fields = managed_fields
        self.drawn = 0
        self.version = 48210000 + self.draw(4) % 90000
        self.objects = {}
        self.frames = []  # (time, type, object) since begin_watch
        self.events = {}  # aggregation key -> Event
        self.logs = []  # (time, namespace, pod, container, line)
        self.watching = False
        self.marked = []  # indexes of frames that carry the cause
        self.first_address = first_address  # recordings that are mixed must not share addresses
        self.ips = {}

    # What looks random is drawn from a hash, so that every run makes the same bytes.
    def draw(self, size):
        self.drawn += 1
        digest = hashlib.sha256(f"{self.seed}/{self.drawn}".encode()).digest()
        return int.from_bytes(digest[:size], "big")

    def uid(self):
        text = f"{self.draw(16):032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{'89ab'[int(text[16], 16) % 4]}{text[17:20]}-{text[20:]}"

    def suffix(self, length):
        value = self.draw(12)
        letters = []
        for _ in range(length):
            value, digit = divmod(value, len(NAME_ALPHABET))
            letters.append(NAME_ALPHABET[digit])
        return "".join(letters)

    def address(self, prefix):
        self.ips[prefix] = self.ips.get(prefix, self.first_address - 1) + 1
        return f"{prefix}.{self.ips[prefix]}"

    @staticmethod
    def key(obj):
        meta = obj["metadata"]
        return obj["kind"], meta.get("namespace", ""), meta["name"]

    def get(self, kind, namespace, name):
        return self.objects[(kind, namespace, name)]

    def of_kind(self, kind, namespace=None):
        return [obj for (k, ns, _), obj in sorted(self.objects.items())
                if k == kind and namespace in (None, ns)]

    def new(self, api_version, kind, namespace, name, created, labels=None, annotations=None, **rest):
        meta = {"name": name, "uid": self.uid(), "creationTimestamp": whole(created)}
        if namespace:
            meta["namespace"] = namespace
        if labels:
            meta["labels"] = dict(labels)
        if annotations:
            meta["annotations"] = dict(annotations)
        return {"apiVersion": api_version, "kind": kind, "metadata": meta, **rest}

    def touch(self, obj, time, manager, fields, subresource=None):
        """Sets resourceVersion and, where managed fields are shown, who wrote what when."""
        self.version += 3 + self.draw(1) % 40
        obj["metadata"]["resourceVersion"] = str(self.version)
        if not self.managed_fields:
            return
        entry = {"apiVersion": obj["apiVersion"], "fieldsType": "FieldsV1", "fieldsV1": fields,
                 "manager": manager, "operation": "Update", "time": whole(time)}
        if subresource:
            entry["subresource"] = subresource
        kept = [old for old in obj["metadata"].get("managedFields", [])
                if (old["manager"], old.get("subresource")) != (manager, subresource)]
        obj["metadata"]["managedFields"] = kept + [entry]

    def _frame(self, time, kind_of_frame, obj, cause):
        if self.watching:
            if cause:
                self.marked.append(len(self.frames))
            self.frames.append((time, kind_of_frame, copy.deepcopy(obj)))

    def add(self, time, obj, manager="kube-controller-manager", fields=None, cause=False):
        self.touch(obj, time, manager, fields or {"f:metadata": {"f:labels": {".": {}}}, "f:spec": {}})
        self.objects[self.key(obj)] = obj
        self._frame(time, "ADDED", obj, cause)
        return obj

    def modify(self, time, obj, manager, fields, subresource=None, cause=False):
        self.touch(obj, time, manager, fields, subresource)
        self._frame(time, "MODIFIED", obj, cause)

    def delete(self, time, obj, cause=False):
        self.version += 2
        obj["metadata"]["resourceVersion"] = str(self.version)
        del self.objects[self.key(obj)]
        self._frame(time, "DELETED", obj, cause)

    def sorted_objects(self):
        def rank(obj):
            kind, namespace, name = self.key(obj)
            return (KIND_ORDER.index(kind) if kind in KIND_ORDER else 99, namespace, name)
        return sorted(self.objects.values(), key=rank)

    def begin_watch(self, time):
        """A watch that starts with what exists."""
        self.watching = True
        for obj in self.sorted_objects():
            self._frame(time, "ADDED", obj, False)

    def log(self, time, pod, line, container=None):
        container = container or pod["spec"]["containers"][0]["name"]
        meta = pod["metadata"]
        time += self.draw(3) % 40000 / 1e6  # no clock is round
        self.logs.append((time, meta["namespace"], meta["name"], container, line))

    def event(self, time, about, reason, message, kind="Normal", component="kubelet", host=None,
              container=None, related=None, cause=False, uid=None):
        """One occurrence; a repeat of the same raises the count of the Event it already has."""
        meta = about["metadata"]
        involved = {"kind": about["kind"], "name": meta["name"], "uid": uid or meta["uid"],
                    "apiVersion": about["apiVersion"],
                    "resourceVersion": meta.get("resourceVersion", "")}
        if "namespace" in meta:
            involved["namespace"] = meta["namespace"]
        if container:
            involved["fieldPath"] = f"spec.containers{{{container}}}"
        key = (involved["uid"], reason, message, component)
        event = self.events.get(key)
        if event is not None:
            event["count"] = event.get("count", 1) + 1
            event["lastTimestamp"] = whole(time)
            self.touch(event, time, component, {"f:count": {}, "f:lastTimestamp": {}})
            self._frame(time, "MODIFIED", event, cause)
            return event
        event = self.new("v1", "Event", meta.get("namespace", "default"),
                         f"{meta['name']}.18{self.draw(7):014x}", time)
        event.update(involvedObject=involved, reason=reason, message=message, type=kind)
        if component == "default-scheduler":
            event.update(action="Binding", eventTime=micro(time + 0.31), firstTimestamp=None,
                         lastTimestamp=None, source={}, reportingComponent=component,
                         reportingInstance="default-scheduler-cp-1")
        else:
            source = {"component": component}
            if host:
                source["host"] = host
            event.update(count=1, eventTime=None, firstTimestamp=whole(time), lastTimestamp=whole(time),
                         source=source, reportingComponent=component, reportingInstance=host or "")
        if related:
            event["related"] = related
        self.touch(event, time, component, {"f:count": {}, "f:firstTimestamp": {}, "f:involvedObject": {},
                                            "f:lastTimestamp": {}, "f:message": {}, "f:reason": {},
                                            "f:source": {"f:component": {}}, "f:type": {}})
        self.events[key] = event
        self._frame(time, "ADDED", event, cause)
        return event
