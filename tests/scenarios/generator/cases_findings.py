"""Faults that no change, event or status tells: only the objects show them, held against each other."""

import copy

from .case import WATCH_FROM, Case, image, named, platform, ref, unrelated_restart
from .cases_more import high_error_rate
from .clock import clock, whole
from .formats import Alerts, container_logs, kubectl_list, kubectl_yaml
from .workloads import container

T0 = clock("10:00:00")
END = clock("10:12:00")


def without_endpoints(world):
    """What `kubectl get deploy,rs,pod,svc,cm,ing` shows."""
    return [obj for obj in world.sorted_objects() if obj["kind"] != "EndpointSlice"]


def refused_callers(case, c, callers, address, since=T0, port=80):
    """The callers of orders log that they are refused, and an alert fires for what they serve."""
    w = c.w
    c.play(*[c.saying(since + 2.1, END, 6, pod, lambda n: (
        f'level=error msg="placing order failed" attempt={n % 3 + 1} err="Post \\"http://orders.shop.svc.cluster.local/orders\\": '
        f'dial tcp {address}:{port}: connect: connection refused"')) for pod in c.pods_of(callers)])
    case.input("logs.txt", container_logs(w.logs, "shop"))
    case.load_args["namespace"] = "shop"
    alerts = Alerts()
    alerts.notify(T0 + 375, [high_error_rate("shop", "storefront", T0 + 345)])
    case.input("alerts.jsonl", alerts.text())


def ask_of_all(case, root, category, question_about, callers, not_above):
    for about in (question_about, "deployment/storefront", None):
        case.ask(case.question("10:12:00", about, "shop"), "explained", [root], category,
                 affected=[ref(callers)] if about == question_about else [], not_above=not_above)


def selector_empty():
    case = Case("r30-selector-empty", "A Service selects a label value that no pod has, and nobody saw it change. There is one list of "
                "objects without endpoints, the callers' logs and an alert.")
    w, c, made = platform("r30")
    labels = {"app": "orders", "version": "v1"}
    orders = c.deploy(clock("09:12:00") - 86400 * 20, "shop", "orders", [container("app", image("shop/orders", "7.0.3"))], labels=labels)
    service = w.get("Service", "shop", "orders")
    service["spec"]["selector"] = {"app": "orders", "version": "v2"}
    storefront = made["storefront"]
    case.input("objects.json", kubectl_list(without_endpoints(w)))
    refused_callers(case, c, storefront, service["spec"]["clusterIP"])
    case.load_args["at"] = whole(END - 60)
    ask_of_all(case, ref(service), ["finding"], "service/orders", c.pods_of(storefront)[0],
               [ref(orders), ref(storefront), *[ref(pod) for pod in c.pods_of(storefront) + c.pods_of(orders)]])
    return case


def selector_empty_endpoints():
    case = Case("r30b-selector-empty-endpoints", "The same with endpoint slices in the list: the Service without endpoints is not the whole "
                "answer.")
    w, c, made = platform("r30b", managed_fields=False)
    labels = {"app": "orders", "tier": "backend"}
    orders = c.deploy(clock("09:12:00") - 86400 * 20, "shop", "orders", [container("app", image("shop/orders", "7.0.3"))], labels=labels)
    service = w.get("Service", "shop", "orders")
    service["spec"]["selector"] = {"app": "order", "tier": "backend"}
    c.endpoints(T0 - 3600, service)
    storefront = made["storefront"]
    case.input("objects.yaml", kubectl_yaml(w.sorted_objects()))
    refused_callers(case, c, storefront, service["spec"]["clusterIP"])
    case.load_args["at"] = whole(END - 30)
    ask_of_all(case, ref(service), ["finding"], "service/orders", c.pods_of(storefront)[0], [ref(orders), ref(storefront)])
    return case


def zero_replicas():
    case = Case("r31-zero-replicas", "A Deployment has no replicas, and nobody saw it being scaled. Its callers are refused.")
    w, c, made = platform("r31")
    orders = c.deploy(clock("09:12:00") - 86400 * 20, "shop", "orders", [container("app", image("shop/orders", "7.0.3"))])
    service, current = w.get("Service", "shop", "orders"), c.current_set(orders)
    for pod in c.pods_of(orders):
        w.objects.pop(w.key(pod))
    for obj in (orders, current):
        obj["spec"]["replicas"] = 0
        obj["metadata"]["generation"] += 1
        obj["status"] = {"observedGeneration": obj["metadata"]["generation"], "replicas": 0}
    storefront = made["storefront"]
    case.input("objects.json", kubectl_list(without_endpoints(w)))
    refused_callers(case, c, storefront, service["spec"]["clusterIP"])
    case.load_args["at"] = whole(END - 60)
    not_above = [ref(service), ref(current), ref(storefront), *[ref(pod) for pod in c.pods_of(storefront)]]
    ask_of_all(case, ref(orders), ["finding"], "service/orders", c.pods_of(storefront)[0], not_above)
    case.ask(case.question("10:12:00", "deployment/orders", "shop"), "explained", [ref(orders)], ["finding"], not_above=not_above)
    return case


def port_mismatch():
    case = Case("r32-port-mismatch", "A Service sends to a port by a name that its pods do not have. The pods are ready and refuse nobody.")
    w, c, made = platform("r32")
    orders = c.deploy(clock("09:12:00") - 86400 * 20, "shop", "orders", [container("app", image("shop/orders", "7.0.3"))])
    service = w.get("Service", "shop", "orders")
    service["spec"]["ports"][0]["targetPort"] = "web"
    storefront = made["storefront"]
    case.input("objects.json", kubectl_list(without_endpoints(w)))
    refused_callers(case, c, storefront, service["spec"]["clusterIP"])
    case.load_args["at"] = whole(END - 60)
    ask_of_all(case, ref(service), ["finding"], "service/orders", c.pods_of(storefront)[0],
               [ref(orders), ref(storefront), *[ref(pod) for pod in c.pods_of(storefront) + c.pods_of(orders)]])
    return case


def missing_config():
    case = Case("r33-missing-config", "A pod can't mount a ConfigMap that nobody made. Its events have expired: there are objects and an "
                "alert.")
    w, c, made = platform("r33", managed_fields=False)
    for name in ("storefront-settings", "cart-settings"):
        config = w.new("v1", "ConfigMap", "shop", name, clock("09:00:00") - 86400 * 20)
        config["data"] = {"app.yaml": "level: info\n"}
        w.add(clock("09:00:00") - 86400 * 20, config)
    age = clock("04:10:00")
    app = container("app", image("shop/ratings", "1.1.8"))
    app["volumeMounts"] = [{"mountPath": "/etc/ratings", "name": "settings"}]
    ratings = c.deploy(age, "shop", "ratings", [app], replicas=1)
    volumes = [{"configMap": {"defaultMode": 420, "name": "ratings-settings"}, "name": "settings"},
               {"configMap": {"defaultMode": 420, "name": "ratings-extras", "optional": True}, "name": "extras"}]
    for obj in (ratings, c.current_set(ratings)):
        obj["spec"]["template"]["spec"]["volumes"] = copy.deepcopy(volumes)
    pod = c.pods_of(ratings)[0]
    pod["spec"]["volumes"] = copy.deepcopy(volumes)
    pod["status"] = {"phase": "Pending", "qosClass": "Burstable", "conditions": []}
    node = pod["spec"]["nodeName"]
    c.schedule(age + 2, pod, node, quiet=True)
    c.sync(age + 30, ratings)
    case.input("objects.json", kubectl_list(w.sorted_objects()))
    alerts = Alerts()
    alerts.notify(T0 - 3600, [Alerts.alert("KubePodNotReady", T0 - 3660, summary="Pod has been in a non-ready state for more than 15 minutes.",
                                           description=f"Pod shop/{pod['metadata']['name']} has been in a non-ready state for longer than 15 "
                                           "minutes on cluster .", namespace="shop", pod=pod["metadata"]["name"])])
    case.input("alerts.jsonl", alerts.text())
    case.load_args["at"] = whole(END)
    missing = named("ConfigMap", "shop", "ratings-settings")
    not_above = [ref(pod), ref(ratings), named("ConfigMap", "shop", "ratings-extras"), named("Node", "", node)]
    for about in (f"pod/{pod['metadata']['name']}", None, "configmap/ratings-settings"):
        case.ask(case.question("10:12:00", about, "shop"), "explained", [missing], ["finding"], not_above=not_above)
    return case


def missing_backend():
    case = Case("r34-missing-backend", "An Ingress sends to a Service that does not exist; its hosts answer 503.")
    w, c, made = platform("r34")
    made_at = clock("09:12:00") - 86400 * 20
    ingress = w.new("networking.k8s.io/v1", "Ingress", "shop", "storefront", made_at, labels={"app": "storefront"})
    ingress["spec"] = {"ingressClassName": "nginx", "rules": [{"host": "shop.example.com", "http": {"paths": [
        {"backend": {"service": {"name": "storefront-web", "port": {"number": 80}}}, "path": "/", "pathType": "Prefix"}]}}]}
    ingress["status"] = {"loadBalancer": {"ingress": [{"ip": "203.0.113.10"}]}}
    w.add(made_at, ingress, "kubectl-client-side-apply")
    case.input("objects.json", kubectl_list(without_endpoints(w)))
    alerts = Alerts()
    alerts.notify(T0 + 375, [Alerts.alert("NginxIngressHigh5xxRate", T0 + 345, "critical", "shop.example.com answers with server errors",
                                          "96% of the requests to ingress shop/storefront were answered with HTTP 503.", namespace="shop",
                                          ingress="storefront")])
    case.input("alerts.jsonl", alerts.text())
    case.load_args["at"] = whole(END)
    for about in ("ingress/storefront", None):
        case.ask(case.question("10:12:00", about, "shop"), "explained", [named("Service", "shop", "storefront-web")], ["finding"],
                 not_above=[ref(ingress), ref(made["storefront"])])
    return case


def harmless_shapes(c):
    """What looks like a finding and is none, or hurts nobody."""
    w, age = c.w, clock("09:12:00") - 86400 * 20
    headless = c.service(age, "shop", "warehouse", {"app": "warehouse"})
    headless["spec"].pop("selector")
    headless["spec"].update(clusterIP="None", clusterIPs=["None"])
    external = c.service(age + 1, "shop", "acquirer", {"app": "acquirer"})
    external["spec"] = {"externalName": "api.acquirer.example.com", "sessionAffinity": "None", "type": "ExternalName"}
    for obj in [s for s in w.of_kind("EndpointSlice", "shop") if s["metadata"]["labels"]["kubernetes.io/service-name"] in ("warehouse", "acquirer")]:
        w.objects.pop(w.key(obj))
    retired = c.deploy(age, "shop", "legacy-orders", [container("app", image("shop/legacy-orders", "1.0.9"))])
    for pod in c.pods_of(retired):
        w.objects.pop(w.key(pod))
    for obj in (retired, c.current_set(retired)):
        obj["spec"]["replicas"] = 0
        obj["status"] = {"observedGeneration": obj["metadata"]["generation"], "replicas": 0}
    config = w.new("v1", "ConfigMap", "shop", "shop-settings", age)
    config["data"] = {"app.yaml": "level: info\n"}
    w.add(age, config)
    return headless, external, retired


def optional_settings(c, deployment):
    """Its pods may mount a ConfigMap that is not there."""
    volume = [{"configMap": {"defaultMode": 420, "name": "feature-flags", "optional": True}, "name": "flags"}]
    for obj in (deployment, c.current_set(deployment)):
        obj["spec"]["template"]["spec"]["volumes"] = copy.deepcopy(volume)
    for pod in c.pods_of(deployment):
        pod["spec"]["volumes"] = copy.deepcopy(volume)


def harmless():
    case = Case("r35-harmless-shapes", "Nothing: a Service without selector, an ExternalName, a retired Deployment, an optional ConfigMap that "
                "is not there, a port that no container declares.")
    w, c, made = platform("r35")
    harmless_shapes(c)
    optional_settings(c, made["cart"])
    for obj in (made["catalog"], c.current_set(made["catalog"])):
        obj["spec"]["template"]["spec"]["containers"][0].pop("ports")
    for pod in c.pods_of(made["catalog"]):
        pod["spec"]["containers"][0].pop("ports")
    case.input("objects.json", kubectl_list(without_endpoints(w)))
    c.play(*[c.saying(WATCH_FROM + 5, END, 20, pod, lambda n: f'level=info msg="request served" status=200 took_ms={12 + n % 9}')
             for pod in c.pods_of(made["storefront"])])
    case.input("logs.txt", container_logs(w.logs, "shop"))
    case.load_args.update(namespace="shop", at=whole(END))
    for about in (None, "deployment/storefront", "service/warehouse", "service/legacy-orders", "deployment/legacy-orders"):
        case.ask(case.question("10:12:00", about, "shop"), "healthy", max_severity="WARNING")
    return case


def harmless_endpoints():
    case = Case("r35b-harmless-endpoints", "The shapes of r35 with endpoint slices: the retired Deployment's Service has no endpoints, and "
                "nobody calls it. Who asks about it hears why.")
    w, c, made = platform("r35b", managed_fields=False)
    retired = harmless_shapes(c)[2]
    service = w.get("Service", "shop", "legacy-orders")
    c.endpoints(clock("09:12:00") - 86400 * 19, service)
    case.input("objects.json", kubectl_list(w.sorted_objects()))
    case.load_args["at"] = whole(END)
    case.ask(case.question("10:12:00", None, "shop"), "healthy", max_severity="WARNING")
    case.ask(case.question("10:12:00", "service/legacy-orders", "shop"), "explained", [ref(retired)], ["finding"], not_above=[ref(service)])
    return case


def harmless_beside_a_fault():
    case = Case("r36-harmless-beside-fault", "The shapes of r35 on a cluster where a bad rollout breaks what the storefront calls: they are "
                "not the cause.")
    w, c, made = platform("r36")
    harmless_shapes(c)
    optional_settings(c, made["storefront"])
    orders = c.deploy(clock("09:12:00") - 86400 * 20, "shop", "orders", [container("app", image("shop/orders", "7.0.3"))], replicas=1,
                      strategy={"type": "Recreate"})
    service = w.get("Service", "shop", "orders")
    w.begin_watch(WATCH_FROM)
    c.play(unrelated_restart(c, made["mailer"], clock("09:53:30")))
    old, gone = c.current_set(orders), c.pods_of(orders)[0]
    new = c.rollout(T0, orders, lambda template: template["spec"]["containers"][0].update(image=image("shop/orders", "7.1.0")), replicas=1)
    c.scale_replica_set(T0 + 0.5, orders, old, 0)
    c.play(c.remove(T0 + 0.7, gone, controller=old))
    pod = c.pod(T0 + 3.5, new, "node-a")
    address = service["spec"]["clusterIP"]
    c.play(c.crash_loop(T0 + 5, pod, END, 0.6, logs=[(0.3, "panic: runtime error: invalid memory address or nil pointer dereference")]),
           *[c.saying(T0 + 8, END, 7, one, f'level=error msg="placing order failed" err="Post \\"http://orders.shop.svc.cluster.local/orders\\": '
                      f'dial tcp {address}:80: connect: connection refused"') for one in c.pods_of(made["storefront"])])
    case.watch(w)
    case.input("logs.txt", container_logs(w.logs, "shop"))
    case.load_args["namespace"] = "shop"
    for about in ("deployment/storefront", None):
        case.ask(case.question("10:12:00", about, "shop"), "explained", [ref(orders)], ["change"],
                 not_above=[ref(service), ref(pod), ref(made["storefront"]), named("ConfigMap", "shop", "feature-flags"),
                            named("Deployment", "shop", "legacy-orders"), named("Service", "shop", "warehouse")])
    return case


CASES = [selector_empty, selector_empty_endpoints, zero_replicas, port_mismatch, missing_config, missing_backend, harmless,
         harmless_endpoints, harmless_beside_a_fault]
