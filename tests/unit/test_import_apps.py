"""What manifests become: apps in their shortest form, and a list of what has no equivalent."""

import pytest
import yaml

from module_utils.ingresskit import model
from module_utils.ingresskit.importing import import_manifests
from module_utils.ingresskit.importing.wishes import Wishes
from module_utils.ingresskit.model.controller import Controller

NGINX, TRAEFIK = "nginx.ingress.kubernetes.io/", "traefik.ingress.kubernetes.io/"
CAFE = """
apiVersion: extensions/v1beta1
kind: Ingress
metadata:
  name: cafe-ingress
spec:
  tls:
  - hosts:
    - cafe.example.com
    secretName: cafe-secret
  rules:
  - host: cafe.example.com
    http:
      paths:
      - path: /tea
        backend:
          serviceName: tea-svc
          servicePort: 80
      - path: /coffee
        backend:
          serviceName: coffee-svc
          servicePort: 80
"""


def imported(*manifests, kind="nginx", **wishes):
    text = "---\n".join(each if isinstance(each, str) else yaml.safe_dump(each) for each in manifests)
    found = import_manifests([("cafe.yaml", text)], Wishes(controller=Controller(kind=kind), **wishes))
    assert yaml.safe_load(found.text) == found.inventory, "the text says the same as the inventory"
    model.load(found.inventory)
    return found


def ingress(*rules, name="cafe", namespace="cafe", annotations=None, labels=None, **spec):
    metadata = {"name": name, "namespace": namespace, "annotations": annotations or {}, "labels": labels or {}}
    body = {"rules": list(rules)} if rules else {}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": body | spec}


def rule(host, *entries):
    return ({"host": host} if host else {}) | {"http": {"paths": list(entries)}}


def path(path="/", service="tea-svc", port=80, kind="Prefix"):
    return {"path": path, "pathType": kind, "backend": backend(service, port)}


def backend(service="tea-svc", port=80):
    return {"service": {"name": service, "port": {"number" if isinstance(port, int) else "name": port}}}


def secured(*hosts, secret="cafe-tls"):
    return {"hosts": list(hosts), "secretName": secret}


TEA = rule("cafe.example.com", path("/tea"))
APPS = {
    "two paths of a host": (
        [ingress(rule("cafe.example.com", path("/tea"), path("/coffee", "coffee-svc", "http")))],
        {"cafe": {"hosts": {"cafe.example.com": {"paths": {"/tea": "tea-svc:80", "/coffee": "coffee-svc:http"}}}}},
    ),
    "a whole host": ([ingress(rule("a.example", path()))], {"cafe": {"hosts": {"a.example": "tea-svc:80"}}}),
    "every host": ([ingress(rule(None, path("/tea")))], {"cafe": {"hosts": {"*": {"paths": {"/tea": "tea-svc:80"}}}}}),
    "a default backend alone": ([ingress(defaultBackend=backend())], {"cafe": {"default_backend": "tea-svc:80"}}),
    "a default backend beside rules": (
        [ingress(TEA, defaultBackend=backend("rest"))],
        {"cafe": {"hosts": {"cafe.example.com": {"paths": {"/tea": "tea-svc:80"}}}, "default_backend": "rest:80"}},
    ),
    "a host for the default backend": (
        [ingress({"host": "a.example"}, defaultBackend=backend())],
        {"cafe": {"hosts": {"a.example": "tea-svc:80"}, "default_backend": "tea-svc:80"}},
    ),
    "a namespace of another name": (
        [ingress(rule("a.example", path()), namespace="web")],
        {"cafe": {"namespace": "web", "hosts": {"a.example": "tea-svc:80"}}},
    ),
    "a path type": (
        [ingress(rule("a.example", path("/", kind="Exact")))],
        {"cafe": {"hosts": {"a.example": {"paths": {"/": {"service": "tea-svc", "port": 80, "type": "Exact"}}}}}},
    ),
    "two types on one path": (
        [ingress(rule("a.example", path("/tea", kind="Exact"), path("/tea", "b")))],
        {"cafe": {"hosts": {"a.example": {"paths": [
            {"path": "/tea", "service": "tea-svc", "port": 80, "type": "Exact"},
            {"path": "/tea", "service": "b", "port": 80},
        ]}}}},
    ),
    "one certificate for all hosts": (
        [ingress(rule("a.example", path()), rule("b.example", path()), tls=[secured("a.example", "b.example")])],
        {"cafe": {"tls": {"secret": "cafe-tls"}, "hosts": {"a.example": "tea-svc:80", "b.example": "tea-svc:80"}}},
    ),
    "a certificate that names no host": (
        [ingress(rule("a.example", path()), tls=[{"secretName": "s"}])],
        {"cafe": {"tls": {"secret": "s"}, "hosts": {"a.example": "tea-svc:80"}}},
    ),
    "one host without a certificate": (
        [ingress(rule("a.example", path()), rule("b.example", path()), tls=[secured("a.example")])],
        {"cafe": {"hosts": {
            "a.example": {"tls": {"secret": "cafe-tls"}, "paths": {"/": "tea-svc:80"}}, "b.example": "tea-svc:80",
        }}},
    ),
    "no redirect": (
        [ingress(TEA, annotations={"nginx.org/ssl-redirect": "false"}, tls=[secured("cafe.example.com")])],
        {"cafe": {"tls": {"secret": "cafe-tls"}, "hosts": {"cafe.example.com": {"paths": {"/tea": "tea-svc:80"}}},
                  "options": {"ssl_redirect": False}}},
    ),
    "a redirect to nowhere": (
        [ingress(rule("a.example", path()), annotations={f"{NGINX}ssl-redirect": "true"})],
        {"cafe": {"hosts": {"a.example": "tea-svc:80"}}},
    ),
    "ingress-nginx redirects with 308": (
        [ingress(rule("a.example", path()), annotations={f"{NGINX}ssl-redirect": "true"}, tls=[secured("a.example")])],
        {"cafe": {"tls": {"secret": "cafe-tls"}, "hosts": {"a.example": "tea-svc:80"},
                  "options": {"ssl_redirect": {"code": 308}}}},
    ),
    "annotations of the same controller, and of nobody's": (
        [ingress(rule("a.example", path()), annotations={
            "nginx.org/keepalive": "20", "cert-manager.io/cluster-issuer": "le",
            "kubernetes.io/ingress.class": "nginx", "kubectl.kubernetes.io/last-applied-configuration": "{}",
        })],
        {"cafe": {"hosts": {"a.example": "tea-svc:80"}, "annotations": {
            "nginx.org/keepalive": "20", "cert-manager.io/cluster-issuer": "le",
        }}},
    ),
    "two Ingresses of one host are one app": (
        [ingress(rule("a.example", path("/tea"))), ingress(rule("a.example", path("/coffee", "c")), name="other")],
        {"cafe": {"hosts": {"a.example": {"paths": {"/tea": "tea-svc:80", "/coffee": "c:80"}}}}},
    ),
    "a list as kubectl gives it": (
        [{"apiVersion": "v1", "kind": "List", "items": [ingress(rule("a.example", path())) | {"status": {}}]}],
        {"cafe": {"hosts": {"a.example": "tea-svc:80"}}},
    ),
    "a name with dots": (
        [ingress(rule("a.example", path()), name="www.cafe")],
        {"www-cafe": {"namespace": "cafe", "hosts": {"a.example": "tea-svc:80"}}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", APPS)
def test_apps(case):
    manifests, expected = APPS[case]
    assert imported(*manifests).inventory == {"ingress_apps": expected}


def test_the_published_cafe():
    found = imported(CAFE, path_type="Prefix")
    assert (
        found.text
        == """\
# Imported by ingresskit
# 1 Ingress, to be served by F5 NGINX Ingress Controller.
---
ingress_apps:
  cafe-ingress:
    namespace: default
    tls: {secret: cafe-secret}
    hosts:
      cafe.example.com:
        paths:
          /tea: tea-svc:80
          /coffee: coffee-svc:80
"""
    )
    assert not found.losses
    unsaid = imported(CAFE).inventory["ingress_apps"]["cafe-ingress"]["hosts"]["cafe.example.com"]["paths"]["/tea"]
    assert unsaid["type"] == "ImplementationSpecific", "what the former versions meant by saying nothing"


OTHER = ingress(rule("a.example", path()), name="other")
LOSSES = {
    "an annotation of another controller": (
        [ingress(TEA, annotations={f"{NGINX}proxy-body-size": "8m", f"{TRAEFIK}router.tls": "true"})],
        f"Ingress cafe/cafe, annotation {TRAEFIK}router.tls: only traefik reads it",
    ),
    "an annotation without an option": (
        [ingress(TEA, annotations={f"{NGINX}x": "/"})], f"annotation {NGINX}x: no option says it",
    ),
    "a value that no controller reads": (
        [ingress(TEA, annotations={"nginx.org/ssl-redirect": "no"}, tls=[secured("cafe.example.com")])],
        "annotation nginx.org/ssl-redirect: 'no' is no value for it: it had no effect",
    ),
    "labels": ([ingress(TEA, labels={"tier": "web", "helm.sh/chart": "x"})], "label tier: the inventory has no labels"),
    "a resource": (
        [ingress(TEA, rule("a.example", {"path": "/", "pathType": "Prefix", "backend": {"resource": {}}}))],
        "path / of a.example: its backend is a resource, and no Service",
    ),
    "a resource by default": ([ingress(TEA, defaultBackend={"resource": {}})], "default backend: it is a resource"),
    "a path that the contract refuses": (
        [ingress(TEA, rule("a.example", path("/{id}", kind="ImplementationSpecific")))], "path /{id} of a.example: holds white",
    ),
    "two entries for one path": (
        [ingress(rule("a.example", path("/tea"), path("/tea/", "b")))],
        "path /tea/ of a.example: the entry /tea (cafe.yaml:13) takes the same requests first",
    ),
    "a certificate for nobody": ([ingress(TEA, tls=[secured("b.example")])], "tls of b.example: no rule is for this host"),
    "a certificate for everybody": (
        [ingress(rule(None, path()), tls=[{"secretName": "s"}])], "tls of every host: the controller's default certificate",
    ),
    "no Secret": ([ingress(TEA, tls=[{"hosts": ["a.example"]}])], "tls of a.example: the controller's default certificate"),
    "a host without paths": ([ingress(TEA, {"host": "a.example"})], "host a.example: it has no paths"),
    "a canary": (
        [OTHER, ingress(TEA, annotations={f"{NGINX}canary": "true"})], "canary of /tea of cafe.example.com: no other Ingress has",
    ),
    "a minion": (
        [OTHER, ingress(TEA, annotations={"nginx.org/mergeable-ingress-type": "minion"})],
        "Ingress cafe/cafe, the whole Ingress: its master is not among the manifests",
    ),
    "a host in two namespaces": (
        [ingress(TEA), ingress(TEA, name="other", namespace="other")], "is a Prefix entry for this path already",
    ),
    "a name in two namespaces": (
        [OTHER, ingress(rule("b.example", path()), name="other", namespace="b")],
        "Ingress b/other, name: the app and its Ingress are called other-b",
    ),
    "one Ingress twice": (
        [OTHER, ingress(rule("b.example", path()), name="other")],
        "name: in a cluster it would replace the one of this name at cafe.yaml:1; here it is the app other-cafe",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LOSSES)
def test_what_has_no_equivalent_is_told(case):
    manifests, message = LOSSES[case]
    found = imported(*manifests)
    assert [loss for loss in map(str, found.losses) if message in loss], [str(loss) for loss in found.losses]
    assert all(str(loss).startswith("cafe.yaml:") for loss in found.losses)
    comments = " ".join(line.removeprefix("#").strip() for line in found.text.splitlines() if line.startswith("#"))
    assert message in comments, "the reader of the inventory is told as well"


def test_what_is_left_out_is_not_in_the_inventory():
    assert list(imported(*LOSSES["a canary"][0]).inventory["ingress_apps"]) == ["other"]
    nginx, traefik = ingress(TEA, ingressClassName="nginx"), OTHER | {}
    chosen = imported(nginx, traefik, class_name="nginx")
    assert (list(chosen.inventory["ingress_apps"]), chosen.classes) == (["cafe"], ("nginx",))
    assert [loss.why for loss in chosen.losses] == ["its class is not named, and nginx was asked for"]
    assert imported(nginx, {"apiVersion": "v1", "kind": "Service"}).ignored == {"Service": 1}


SECURED = ingress(TEA, tls=[secured("cafe.example.com")])
REDIRECTS = [
    # served by, meant for, annotations, options
    (None, "traefik", {}, {"ssl_redirect": False}),
    ("nginx", "traefik", {}, None),
    ("ingress-nginx", "traefik", {}, None),  # 308, which Traefik cannot: told
    ("traefik", "nginx", {}, {"ssl_redirect": False}),
    ("ingress-nginx", "nginx", {}, {"ssl_redirect": {"code": 308}}),
    (None, "nginx", {f"{TRAEFIK}router.middlewares": "redirect-temporarily@file"}, {"ssl_redirect": {"code": 302}}),
    (None, "nginx", {f"{TRAEFIK}router.tls": "true"}, {"ssl_redirect": False}),
    ("traefik", "nginx", {"ingress.kubernetes.io/ssl-redirect": "true"}, None),
    (None, "nginx", {"nginx.org/http-redirect-code": "302"}, {"ssl_redirect": {"code": 302}}),
]


@pytest.mark.parametrize(("source", "kind", "annotations", "options"), REDIRECTS)
def test_redirects(source, kind, annotations, options):
    manifest = ingress(TEA, tls=[secured("cafe.example.com")], annotations=annotations)
    found = imported(manifest, kind=kind, served_by=source)
    assert found.inventory["ingress_apps"]["cafe"].get("options") == options
    cannot = [loss.why for loss in found.losses if loss.what == "redirect to HTTPS"]
    assert cannot == (
        ["Traefik Proxy cannot answer with 308, it will answer with 301"]
        if source == "ingress-nginx" and kind == "traefik"
        else []
    )


def test_the_class_tells_the_controller():
    manifest = ingress(TEA, tls=[secured("cafe.example.com")], ingressClassName="traefik-internal")
    assert imported(manifest).inventory["ingress_apps"]["cafe"]["options"] == {"ssl_redirect": False}
