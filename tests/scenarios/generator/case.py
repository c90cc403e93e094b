"""A case on disk: its input files and its case.json."""

import json
import os
import shutil

from .clock import clock, parsed, whole
from .formats import watch_frames, write
from .workloads import Cluster, container
from .world import World

WATCH_FROM = clock("09:50:00")


def ref(obj):
    meta = obj["metadata"]
    return {"kind": obj["kind"], "namespace": meta.get("namespace", ""), "name": meta["name"]}


def named(kind, namespace, name):
    return {"kind": kind, "namespace": namespace, "name": name}


class Case:
    def __init__(self, name, about):
        self.name, self.about = name, about
        self.files, self.inputs, self.load_args, self.cause_last, self.more = {}, [], {}, [], []
        self.body = {}

    def input(self, name, text, cause=()):
        self.files[name] = text
        self.inputs.append(name)
        if cause:
            self.cause_last.append({"input": name, "records": sorted(cause)})

    def folder(self, name, files):
        for path, text in files.items():
            self.files[f"{name}/{path}"] = text
        self.inputs.append(name)

    def watch(self, world, name="watch.jsonl", events=True):
        """The frames of a world; those marked as cause are named for late delivery."""
        keep = [i for i, frame in enumerate(world.frames) if events or frame[2]["kind"] != "Event"]
        text, lines = watch_frames([world.frames[i] for i in keep])
        where = {index: lines[position] for position, index in enumerate(keep)}
        self.input(name, text, [where[i] for i in world.marked if i in where])

    @staticmethod
    def question(at, obj=None, namespace=None, since="1h", tenant=None):
        return {"object": obj, "namespace": namespace, "at": whole(clock(at)), "since": since, "tenant": tenant, "cluster": None}

    def ask(self, question, verdict, root=(), category=None, affected=(), not_above=(), **expect):
        expected = {"verdict": [verdict] if isinstance(verdict, str) else verdict, "root": list(root)}
        if category:
            expected["category"] = category
        expected["affected"] = list(affected)
        expected.update(expect)
        entry = {"question": question, "expect": expected, "not_above": list(not_above)}
        if self.body:
            self.more.append(entry)
        else:
            self.body = entry

    def write(self, top):
        folder = os.path.join(top, self.name)
        shutil.rmtree(folder, ignore_errors=True)
        for name, text in self.files.items():
            write(os.path.join(folder, name), text)
        body = {"name": self.name, "about": self.about, "inputs": self.inputs, "load_args": self.load_args, **self.body,
                "cause_last": self.cause_last}
        if self.more:
            body["more"] = self.more
        write(os.path.join(folder, "case.json"), json.dumps(body, indent=2) + "\n")


def image(name, tag):
    return f"registry.example.net/{name}:{tag}"


def platform(seed, cluster="eu-1", managed_fields=True, node_names=("node-a", "node-b", "node-c"), one_node=None):
    """A cluster with DNS and a small shop, all of it healthy for days; returns it and its Deployments."""
    world = World(seed, cluster, managed_fields)
    c = Cluster(world, node_names)
    founded = clock("08:00:00") - 86400 * 190
    for name in ("default", "kube-system", "monitoring", "payments", "shop"):
        c.namespace(name, founded)
    nodes = [one_node] if one_node else None
    made = {}
    made["coredns"] = c.deploy(founded + 60, "kube-system", "coredns", [
        container("coredns", "registry.k8s.io/coredns/coredns:v1.11.3", port=8181, memory="70Mi", limit="170Mi", ready="/ready")],
        labels={"k8s-app": "kube-dns"}, port=None, revision=1, manager="kubeadm")
    c.service(founded + 61, "kube-system", "kube-dns", {"k8s-app": "kube-dns"}, 53, 53, manager="kubeadm", address="10.96.0.10")
    age = clock("13:10:00") - 86400 * 12
    made["storefront"] = c.deploy(age, "shop", "storefront", [
        container("app", image("shop/storefront", "5.18.0"), env={
            "CATALOG_URL": "http://catalog.shop.svc.cluster.local", "CART_URL": "http://cart.shop.svc.cluster.local",
            "ORDERS_URL": "http://orders.shop.svc.cluster.local", "LOG_LEVEL": "info"})],
        nodes=nodes, old_image=image("shop/storefront", "5.17.2"))
    made["cart"] = c.deploy(age + 900, "shop", "cart", [
        container("app", image("shop/cart", "3.2.1"), env={"SESSION_TTL": "1800"})], nodes=nodes,
        old_image=image("shop/cart", "3.2.0"))
    made["catalog"] = c.deploy(age + 1500, "shop", "catalog", [
        container("app", image("shop/catalog", "1.44.0"), env={"PAGE_SIZE": "48"})], nodes=nodes)
    made["mailer"] = c.deploy(age + 2100, "payments", "mailer", [
        container("app", image("payments/mailer", "0.9.4"), port=None)], replicas=1, port=None, nodes=nodes)
    return world, c, made


def unrelated_restart(c, deployment, time):
    """One container of a healthy workload exits once and comes back."""
    pod = c.pods_of(deployment)[0]
    yield time
    began = parsed(pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"])
    last = c.exited(began, time, 1)
    c.w.log(time - 0.1, pod, "level=info msg=\"worker finished its lease, stopping\"")
    c.state(time + 0.4, pod, dict(last))
    yield time + 1.4
    yield from c.run(time + 1.4, pod, restarts=1, last=last)
