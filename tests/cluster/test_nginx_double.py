"""The nginx double on a real cluster: what F5's 5.5.4 was observed to do, seen on the wire, in events and status.

Everything lives in namespaces and IngressClasses of its own and is removed afterwards. Which image answers under F5's
reference does not matter to most of it: it should hold for the real one as well.
"""

import base64
import os
import ssl
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import double as d

CONTEXT = os.environ.get("INGRESSKIT_CONTEXT", "kind-ingresskit")
RUN = uuid.uuid4().hex[:6]
APPS = f"double-{RUN}-apps"
CAFE = d.make_pair("cafe.test")
BANNER = "nginx: test double of F5 NGINX Ingress Controller 5.5.4"

# A controller each: plain; everything switched on; and those that must not start.
VARIANTS = {
    "plain": ["-report-ingress-status", "-external-service=double"],
    "full": [
        "-allow-empty-ingress-host", "-enable-config-safety", "-enable-snippets", "-health-status",
        "-default-server-tls-secret=$(POD_NAMESPACE)/default", f"-watch-namespace={APPS}", "-enable-prometheus-metrics",
    ],
    "flag": ["-no-such-flag"],
    "class": [f"-ingress-class=double-{RUN}-none"],
    "absent": ["-default-server-tls-secret=$(POD_NAMESPACE)/nowhere"],
}  # fmt: skip
FAILING = {
    "flag": "flag provided but not defined: -no-such-flag",
    "class": f"Error when getting IngressClass double-{RUN}-none",
    "absent": "secret doesn't exist or of an unsupported type",
}


def namespace_of(variant):
    return f"double-{RUN}-{variant}"


def variant_objects(variant):
    """Namespace, rights, class, ConfigMap, Service and Deployment of one controller."""
    name = namespace_of(variant)
    account = [{"kind": "ServiceAccount", "name": "double", "namespace": name}]
    rbac = "rbac.authorization.k8s.io"
    args = [
        f"-ingress-class={name}",
        "-nginx-configmaps=$(POD_NAMESPACE)/nginx-config",
        "-enable-custom-resources=false",
    ]
    labels = {"app": "double"}
    pod = d.controller_pod("double", name, args + VARIANTS[variant])
    ports = [{"name": port, "port": number, "targetPort": port} for port, number in (("http", 80), ("https", 443))]
    return [
        d.obj("v1", "Namespace", name, metadata={"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}),
        d.obj("v1", "ServiceAccount", "double", name),
        d.obj(f"{rbac}/v1", "ClusterRole", name, rules=d.CLUSTER_RULES),
        d.obj(f"{rbac}/v1", "ClusterRoleBinding", name, subjects=account,
              roleRef={"apiGroup": rbac, "kind": "ClusterRole", "name": name}),
        d.obj(f"{rbac}/v1", "Role", "double", name, rules=d.OWN_RULES),
        d.obj(f"{rbac}/v1", "RoleBinding", "double", name, subjects=account,
              roleRef={"apiGroup": rbac, "kind": "Role", "name": "double"}),
        d.obj("networking.k8s.io/v1", "IngressClass", name, spec={"controller": "nginx.org/ingress-controller"}),
        d.obj("v1", "ConfigMap", "nginx-config", name, data={}),
        d.tls_secret("default", name, d.make_pair("default.test")),
        d.obj("v1", "Service", "double", name, spec={"type": "NodePort", "selector": labels, "ports": ports}),
        d.obj("apps/v1", "Deployment", "double", name,
              spec={"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def cluster():
    """The cluster with all variants started and the apps in place; everything made is deleted at the end."""
    found = d.connect(CONTEXT)
    try:
        found.create(d.obj("v1", "Namespace", APPS), *d.echo("tea", APPS), *d.echo("coffee", APPS, replicas=2))
        found.create(d.tls_secret("cafe", APPS, CAFE))
        for variant in VARIANTS:
            found.create(*variant_objects(variant))
        d.until(lambda: all(endpoints(found, APPS, name) == count for name, count in (("tea", 1), ("coffee", 2))), 60)
        yield found
    finally:
        found.delete(*found.made)


def der(pair):
    return ssl.PEM_cert_to_DER_cert(pair[0].decode())


def endpoints(cluster, namespace, service):
    slices = cluster.list(f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices")
    mine = [one for one in slices if one["metadata"]["labels"]["kubernetes.io/service-name"] == service]
    return sum(each["conditions"]["ready"] for one in mine for each in one["endpoints"] or [])


class Controller:
    """One running variant, as a client sees it."""

    def __init__(self, cluster, variant):
        self.cluster, self.namespace, self.class_name = cluster, namespace_of(variant), namespace_of(variant)
        node = cluster.list("/api/v1/nodes")[0]
        self.address = next(each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP")
        self.service = d.obj("v1", "Service", "double", self.namespace)
        ports = {port["name"]: port["nodePort"] for port in cluster.get(self.service)["spec"]["ports"]}
        self.ports = {False: ports["http"], True: ports["https"]}
        self.configmap = d.obj("v1", "ConfigMap", "nginx-config", self.namespace)
        d.until(lambda: endpoints(cluster, self.namespace, "double") == 1, 60)

    def pod(self):
        (found,) = self.cluster.list(f"/api/v1/namespaces/{self.namespace}/pods")
        return found

    def ask(self, host, target="/", *, tls=False, **more):
        return d.ask(self.address, self.ports[tls], host, target, tls=tls, **more)

    def ingress(self, name, host, *paths, **more):
        return d.ingress(name, APPS, host, *(paths or [d.path()]), class_name=self.class_name, **more)

    def serve(self, name, host, *paths, **more):
        """Create an Ingress and wait until the double has said so in an event."""
        one = self.ingress(name, host, *paths, **more)
        self.cluster.create(one)
        d.until(lambda: self.cluster.events(one))
        return one

    def reasons(self, one):
        return [reason for reason, _, _ in self.cluster.events(one)]

    def config(self, **data):
        self.cluster.patch(self.configmap, {"data": data})


@pytest.fixture(scope="module")
def plain(cluster):
    return Controller(cluster, "plain")


@pytest.fixture(scope="module")
def full(cluster):
    return Controller(cluster, "full")


@pytest.fixture(scope="module")
def cafe(plain):
    """The cafe over TLS, with a few kinds of paths."""
    paths = [d.path("/tea", "tea", "Exact"), d.path("/coffee", "coffee")]
    one = plain.serve("cafe", "cafe.test", *paths, tls="cafe")
    d.until(lambda: plain.ask("cafe.test", "/tea", tls=True).status == 200)
    return one


# -- start ------------------------------------------------------------------------------------------------------------


def test_says_what_it_is_first_and_on_its_pod(plain):
    pod = plain.pod()
    assert pod["metadata"]["annotations"]["ingresskit.io/test-double"] == BANNER
    assert plain.cluster.log(plain.namespace, pod["metadata"]["name"]).startswith(f"THIS IS A TEST DOUBLE: {BANNER}")


@pytest.mark.parametrize("variant", FAILING)
def test_does_not_start(cluster, variant):
    def last_words():
        pods = cluster.list(f"/api/v1/namespaces/{namespace_of(variant)}/pods")
        states = [status for pod in pods for status in pod["status"].get("containerStatuses", [])]
        ended = [state for state in states if "terminated" in {**state["state"], **state["lastState"]}]
        return ended and cluster.log(namespace_of(variant), pods[0]["metadata"]["name"])

    # the log may be that of the next try, which has not got there yet
    text = d.until(lambda: (found := last_words()) and FAILING[variant] in found and found, 40)
    assert "Traceback" not in text


# -- hosts and paths --------------------------------------------------------------------------------------------------


def test_unknown_host_is_404_and_its_handshake_is_refused(plain, cafe):
    assert plain.ask("unknown.test").status == 404
    answer = plain.ask("unknown.test", tls=True)
    assert answer.status == 0
    assert "UNRECOGNIZED_NAME" in answer.error.upper()
    assert plain.ask("cafe.test", tls=True, sni="").status == 0


@pytest.mark.parametrize(
    ("target", "status"),
    [("/coffee", 200), ("/coffee/", 200), ("/coffeexyz", 200), ("/COFFEE", 404), ("/tea", 200), ("/teaa", 404),
     ("/tea/", 404), ("/", 404), ("/nowhere", 404), ("/coffee/status/418", 418)],
)  # fmt: skip
def test_paths(plain, cafe, target, status):
    answer = plain.ask("cafe.test", target, tls=True)
    assert answer.status == status
    if status != 404:
        assert answer.json["service"] == ("tea" if target == "/tea" else "coffee")
        assert answer.json["path"] == target


def test_case_insensitive_paths(plain):
    plain.serve(
        "regex", "regex.test", d.path("/coffee", "coffee"), annotations={"nginx.org/path-regex": "case_insensitive"}
    )
    d.until(lambda: plain.ask("regex.test", "/COFFEE").status == 200)


def test_the_backend_sees_the_client_and_all_headers(plain, cafe):
    answer = plain.ask(
        "cafe.test", "/tea?a=%20b", tls=True, headers={"X-Forwarded-For": "192.0.2.1"}, method="POST", body=b"abc"
    )
    seen = answer.json
    assert (seen["method"], seen["path"], seen["query"], seen["host"]) == ("POST", "/tea", "a=%20b", "cafe.test")
    assert seen["body_size"] == 3
    forwarded = seen["headers"]["X-Forwarded-For"].split(", ")
    assert forwarded[0] == "192.0.2.1"
    assert len(forwarded) == 2
    assert seen["headers"]["X-Real-IP"] == forwarded[1]
    assert (seen["headers"]["X-Forwarded-Proto"], seen["headers"]["X-Forwarded-Port"]) == ("https", "443")
    assert (seen["namespace"], seen["service"]) == (APPS, "tea")


def test_both_pods_answer(plain, cafe):
    pods = {plain.ask("cafe.test", "/coffee", tls=True).json["pod"] for _ in range(40)}
    assert len(pods) == 2


def test_oldest_wins_and_the_other_is_promoted(plain):
    first = plain.serve("first", "claimed.test", d.path("/", "tea"))
    time.sleep(1)  # creationTimestamp has seconds; within one the uid would decide
    second = plain.serve("second", "claimed.test", d.path("/", "coffee"), tls=None)
    assert plain.cluster.events(second)[-1] == ("Rejected", "All hosts are taken by other resources", "Warning")
    assert plain.ask("claimed.test").json["service"] == "tea"
    plain.cluster.delete(first)
    # for the time of one reload the host is nobody's
    d.until(lambda: (answer := plain.ask("claimed.test")).status == 200 and answer.json["service"] == "coffee")
    d.until(lambda: plain.reasons(second)[-1] == "AddedOrUpdated")


def test_a_hostless_rule_is_rejected(plain):
    one = plain.serve("hostless", None)
    assert plain.cluster.events(one)[-1] == ("Rejected", "spec.rules[0].host: Required value", "Warning")


def test_another_class_is_left_alone(plain, cafe):
    one = d.ingress("foreign", APPS, "foreign.test", d.path(), class_name="somebody-else")
    plain.cluster.create(one)
    plain.serve("after-foreign", "after-foreign.test")
    assert plain.ask("foreign.test").status == 404
    assert plain.cluster.events(one) == []


# -- TLS --------------------------------------------------------------------------------------------------------------


def test_the_certificate_is_the_secrets(plain, cafe):
    assert plain.ask("cafe.test", "/tea", tls=True).certificate == der(CAFE)


@pytest.mark.parametrize(
    ("annotations", "status", "location"),
    [
        ({}, 301, "https://redirect.test:443/a?b=c"),
        ({"nginx.org/http-redirect-code": "308"}, 308, "https://redirect.test:443/a?b=c"),
        ({"nginx.org/ssl-redirect": "false"}, 200, None),
        ({"nginx.ingress.kubernetes.io/ssl-redirect": "false"}, 301, "https://redirect.test:443/a?b=c"),
    ],
)
def test_redirects(plain, annotations, status, location):
    one = plain.serve("redirect", "redirect.test", tls="cafe", annotations=annotations)
    try:
        answer = d.until(lambda: (found := plain.ask("redirect.test", "/a?b=c")).status == status and found)
        assert answer.headers.get("location") == location
    finally:
        plain.cluster.delete(one)
        d.until(lambda: plain.ask("redirect.test").status == 404)


def test_hsts_on_https_only(plain):
    annotations = {"nginx.org/hsts": "true", "nginx.org/hsts-max-age": "60", "nginx.org/ssl-redirect": "false"}
    plain.serve("hsts", "hsts.test", tls="cafe", annotations=annotations)
    answer = d.until(lambda: (found := plain.ask("hsts.test", tls=True)).status == 200 and found)
    assert answer.headers["strict-transport-security"] == "max-age=60; preload"
    assert "strict-transport-security" not in plain.ask("hsts.test").headers


@pytest.mark.parametrize("kind", ["mismatch", "garbage", "missing", "opaque"])
def test_broken_secrets(plain, kind):
    host = f"{kind}.test"
    pair = {"mismatch": (CAFE[0], d.make_pair(host)[1]), "garbage": (b"x", b"y"), "opaque": CAFE}.get(kind)
    if pair:
        plain.cluster.create(d.tls_secret(kind, APPS, pair, "Opaque" if kind == "opaque" else "kubernetes.io/tls"))
    one = plain.serve(kind, host, tls=kind)
    reason, message, level = plain.cluster.events(one)[-1]
    assert (reason, level) == ("AddedOrUpdatedWithWarning", "Warning")
    assert f"TLS secret {kind} is invalid" in message
    d.until(lambda: plain.ask(host).status == 301)  # HTTP still redirects
    assert plain.ask(host, tls=True).status == 0


def test_a_rotated_certificate_is_served_within_two_seconds(plain):
    old, new = d.make_pair("hot.test"), d.make_pair("hot.test")
    secret = d.tls_secret("hot", APPS, old)
    plain.cluster.create(secret)
    plain.serve("hot", "hot.test", tls="hot")
    d.until(lambda: plain.ask("hot.test", tls=True).certificate == der(old))
    plain.cluster.patch(secret, {"data": d.tls_secret("hot", APPS, new)["data"]})
    d.until(lambda: plain.ask("hot.test", tls=True).certificate == der(new), 2, every=0.05)


def test_a_rejected_update_withdraws_the_host(plain):
    one = plain.serve("live", "live.test", tls="cafe")
    d.until(lambda: plain.ask("live.test", tls=True).status == 200)
    plain.cluster.patch(one, {"metadata": {"annotations": {"nginx.org/proxy-read-timeout": "soon"}}})
    d.until(lambda: plain.ask("live.test", tls=True).status == 0)
    d.until(lambda: plain.ask("live.test").status == 404)
    d.until(lambda: plain.reasons(one)[-1] == "Rejected")


# -- backends ---------------------------------------------------------------------------------------------------------


def test_502_without_service_or_endpoints(plain):
    plain.cluster.create(
        d.obj("v1", "Service", "idle", APPS, spec={"ports": [{"port": 80}], "selector": {"app": "idle"}})
    )
    one = plain.serve("empty", "empty.test", d.path("/missing", "missing"), d.path("/idle", "idle"))
    d.until(lambda: plain.ask("empty.test", "/missing").status == 502)
    assert plain.ask("empty.test", "/idle").status == 502
    assert plain.reasons(one) == ["AddedOrUpdated"]


def test_annotations_on_the_wire(plain):
    annotations = {
        "nginx.org/rewrites": "serviceName=coffee rewrite=/beans", "nginx.org/client-max-body-size": "1k",
        "nginx.org/sticky-cookie-services": "serviceName=coffee brew path=/", "nginx.org/proxy-read-timeout": "1s",
        "nginx.org/custom-http-errors": "404",
    }  # fmt: skip
    one = plain.serve("dialect", "dialect.test", d.path("/coffee", "coffee"), d.path("/tea"), annotations=annotations)
    answer = d.until(lambda: (found := plain.ask("dialect.test", "/coffee/a")).status == 200 and found)
    assert answer.json["path"] == "/beans/a"
    assert plain.ask("dialect.test", "/tea", method="POST", body=b"x" * 2000).status == 413
    assert plain.ask("dialect.test", "/tea/delay/3").status == 504
    cookie = answer.headers["set-cookie"].partition(";")[0]
    again = [plain.ask("dialect.test", "/coffee", headers={"Cookie": cookie}) for _ in range(20)]
    assert {found.json["pod"] for found in again} == {answer.json["pod"]}
    assert all("set-cookie" not in found.headers for found in again)
    d.until(lambda: "NotImitatedByTestDouble" in plain.reasons(one))
    (note,) = [message for reason, message, _ in plain.cluster.events(one) if reason == "NotImitatedByTestDouble"]
    assert "nginx.org/custom-http-errors" in note


def test_a_rate_limit_answers_429_and_an_invalid_one_is_none(plain):
    plain.serve("slow", "slow.test", annotations={"nginx.org/limit-req-rate": "1r/s"})
    d.until(lambda: plain.ask("slow.test").status in (200, 429))
    assert 429 in [plain.ask("slow.test").status for _ in range(4)]
    plain.serve("unlimited", "unlimited.test", annotations={"nginx.org/limit-req-rate": "fast"})
    d.until(lambda: plain.ask("unlimited.test").status == 200)
    assert {plain.ask("unlimited.test").status for _ in range(6)} == {200}


def test_websockets_pass_where_asked_for(plain):
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
               "Sec-WebSocket-Version": "13"}  # fmt: skip
    plain.serve("ws", "ws.test", annotations={"nginx.org/websocket-services": "tea"})
    answer = d.until(lambda: (found := plain.ask("ws.test", headers=upgrade)).status == 101 and found)
    assert answer.headers["x-ingresskit-echo"] == "tea"


def test_a_default_backend_gets_the_unknown_paths_of_its_hosts(plain):
    backend = {"service": {"name": "coffee", "port": {"name": "http"}}}
    plain.serve("fallback", "fallback.test", d.path("/tea", "tea"), defaultBackend=backend)
    d.until(lambda: plain.ask("fallback.test", "/anything").status == 200)
    assert plain.ask("fallback.test", "/anything").json["service"] == "coffee"
    assert plain.ask("fallback.test", "/tea").json["service"] == "tea"


def test_minions_share_a_masters_host(plain):
    kind = "nginx.org/mergeable-ingress-type"
    minion = plain.serve("minion-tea", "merged.test", d.path("/tea", "tea"), annotations={kind: "minion"})
    assert plain.reasons(minion) == ["NoIngressMasterFound"]
    over = plain.ingress("master", "merged.test", tls="cafe", annotations={kind: "master"})
    over["spec"]["rules"] = [{"host": "merged.test"}]
    plain.cluster.create(over)
    plain.serve("minion-coffee", "merged.test", d.path("/coffee", "coffee"), annotations={kind: "minion"})
    for name in ("tea", "coffee"):
        d.until(lambda name=name: plain.ask("merged.test", f"/{name}", tls=True).status == 200)
        assert plain.ask("merged.test", f"/{name}", tls=True).json["service"] == name
    assert plain.reasons(minion)[-1] == "AddedOrUpdated"


def test_basic_authentication(plain):
    plain.serve("private", "private.test", annotations={"nginx.org/basic-auth-secret": "users"})
    d.until(lambda: plain.ask("private.test").status == 401)
    users = base64.b64encode(b"ada:{PLAIN}lovelace\n").decode()
    plain.cluster.create(d.obj("v1", "Secret", "users", APPS, type="nginx.org/htpasswd", data={"htpasswd": users}))
    header = {"Authorization": "Basic " + base64.b64encode(b"ada:lovelace").decode()}
    d.until(lambda: plain.ask("private.test", headers=header).status == 200)
    assert plain.ask("private.test").status == 401


# -- the ConfigMap ----------------------------------------------------------------------------------------------------


def config_reasons(plain):
    return plain.reasons(plain.configmap)


def test_the_configmap(plain, cafe):
    assert d.alpn(plain.address, plain.ports[True], "cafe.test") == "http/1.1"
    plain.config(**{"server-tokens": "false", "ssl-redirect": "nope", "http2": "true", "no-such-key": "1"})
    d.until(lambda: plain.ask("cafe.test", "/tea", tls=True).headers["server"] == "nginx")
    reasons = d.until(lambda: "InvalidValue" in (found := config_reasons(plain)) and found)
    assert reasons.count("InvalidValue") == 1  # the bad boolean; the unknown key is silence
    assert plain.ask("cafe.test", "/tea").status == 301
    assert d.alpn(plain.address, plain.ports[True], "cafe.test") == "h2"
    plain.config(**dict.fromkeys(("server-tokens", "ssl-redirect", "http2", "no-such-key")))
    d.until(lambda: plain.ask("cafe.test", "/tea", tls=True).headers.get("server", "").startswith("nginx/"))


def test_a_bad_time_keeps_the_old_configuration_and_blocks_others(plain, cafe):
    plain.config(**{"proxy-read-timeout": "soon"})
    d.until(lambda: config_reasons(plain)[-1] == "UpdatedWithError")
    assert plain.ask("cafe.test", "/tea", tls=True).status == 200
    blocked = plain.serve("blocked", "blocked.test")
    assert plain.reasons(blocked)[-1] == "AddedOrUpdatedWithError"
    assert plain.ask("blocked.test").status == 404
    plain.config(**{"proxy-read-timeout": None})
    d.until(lambda: plain.ask("blocked.test").status == 200)
    d.until(lambda: plain.reasons(blocked)[-1] == "AddedOrUpdated")


# -- status -----------------------------------------------------------------------------------------------------------


def test_status_addresses(plain, cafe):
    def status():
        return plain.cluster.get(cafe)["status"]["loadBalancer"].get("ingress", [])

    assert status() == []  # a node port is no address
    plain.cluster.patch(plain.service, {"spec": {"externalIPs": ["192.0.2.10"]}})
    d.until(lambda: status() == [{"ip": "192.0.2.10"}])
    plain.config(**{"external-status-address": "edge.example.com"})
    d.until(lambda: status() == [{"hostname": "edge.example.com"}])
    plain.cluster.patch(plain.service, {"spec": {"externalIPs": None}})
    plain.config(**{"external-status-address": None})
    plain.serve("after-status", "after-status.test")
    assert status() == [{"hostname": "edge.example.com"}]  # removing the key keeps the old address


# -- reloads ----------------------------------------------------------------------------------------------------------


def test_reloads_under_load_fail_no_new_connection(plain, cafe):
    answers, stop = [], threading.Event()

    def client():
        while not stop.is_set() and len(answers) < 20_000:
            answers.append(plain.ask("cafe.test", "/coffee", tls=len(answers) % 3 == 0))

    before = generation(plain)
    threads = [threading.Thread(target=client) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(8):
        plain.serve(f"load-{number}", f"load-{number}.test")
    d.until(lambda: len(answers) > 100, 60)
    stop.set()
    for thread in threads:
        thread.join()
    assert generation(plain) >= before + 8
    bad = [answer for answer in answers if answer.status not in (200, 301)]
    assert bad == []


def generation(plain):
    """How many configurations nginx has run so far, by the log."""
    text = plain.cluster.log(plain.namespace, plain.pod()["metadata"]["name"])
    return text.count("nginx runs configuration")


# -- everything switched on -------------------------------------------------------------------------------------------


def test_hostless_rules_and_the_default_certificate(full):
    default = d.tls_secret("default", full.namespace, d.make_pair("default.test"))
    assert full.ask("any.test").status == 404
    shown = full.ask("any.test", tls=True)
    assert shown.status == 404
    assert full.ask("any.test", "/nginx-health").body == b"healthy\n"
    one = full.serve("anyhost", None, d.path("/tea"))
    d.until(lambda: full.ask("any.test", "/tea").status == 200)
    answer = full.ask("10.0.0.1", "/tea", tls=True, sni="")
    assert (answer.status, answer.certificate) == (200, shown.certificate)
    assert full.ask("any.test", "/other").status == 404
    full.cluster.patch(default, {"data": default["data"]})
    d.until(lambda: full.ask("any.test", "/tea", tls=True).certificate not in (b"", shown.certificate), 2, every=0.05)
    full.cluster.delete(default)
    pod = full.pod() | {"kind": "Pod", "apiVersion": "v1"}
    d.until(lambda: "SecretDeleted" in full.reasons(pod))
    assert full.ask("any.test", "/tea", tls=True).status == 200
    full.cluster.create(default)  # a new pod would not start without it
    d.until(lambda: full.reasons(default) == ["Updated"])
    full.cluster.delete(one)


def test_config_safety_leaves_only_the_offender_out(full):
    bad = full.serve("bad", "bad.test", annotations={"nginx.org/server-snippets": "no_such_directive on;"})
    good = full.serve("good", "good.test")
    reason, message, _ = full.cluster.events(bad)[-1]
    assert reason == "AddedOrUpdatedWithError"
    assert 'but was not applied: unknown directive "no_such_directive"' in message
    d.until(lambda: full.ask("good.test").status == 200)
    assert full.ask("bad.test").status == 404
    assert full.reasons(good) == ["AddedOrUpdated"]
    full.cluster.patch(bad, {"metadata": {"annotations": {"nginx.org/server-snippets": "add_header X-Cured yes;"}}})
    assert d.until(lambda: full.ask("bad.test").headers.get("x-cured")) == "yes"


def test_ends_with_nginx_and_comes_back_on_the_same_volumes(full):
    """A restarted container finds the sockets and files of the one before it."""
    full.serve("survivor", "survivor.test")
    d.until(lambda: full.ask("survivor.test").status == 200)
    name = full.pod()["metadata"]["name"]
    full.cluster.run(full.namespace, name, "kill -9 $(cat /var/lib/nginx/nginx.pid)")
    d.until(lambda: full.pod()["status"]["containerStatuses"][0]["restartCount"] == 1, 20)
    d.until(lambda: full.ask("survivor.test").status == 200, 30)


def test_only_watched_namespaces_are_served(full):
    elsewhere = d.ingress("elsewhere", full.namespace, "elsewhere.test", d.path(), class_name=full.class_name)
    full.cluster.create(elsewhere)
    full.serve("watched", "watched.test")
    d.until(lambda: full.ask("watched.test").status == 200)
    assert full.ask("elsewhere.test").status == 404
    assert full.cluster.events(elsewhere) == []


def test_sigterm_finishes_requests_in_flight(full):
    full.serve("slow-end", "slow-end.test")
    d.until(lambda: full.ask("slow-end.test").status == 200)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(full.ask("slow-end.test", "/delay/3")))
    thread.start()
    pod = full.pod()
    time.sleep(0.5)  # the request must have begun
    full.cluster.delete(pod | {"kind": "Pod", "apiVersion": "v1"})
    thread.join()
    assert answers[0].status == 200
