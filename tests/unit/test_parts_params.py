"""Parameters of the single modules: faults are told by the parameter's path, owners never get in each other's way."""

import pytest

from module_utils.ingresskit.errors import ClusterError, IngresskitError, InventoryError
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.parts import controller, route, service, tls
from module_utils.ingresskit.parts.params import faults_in_parameters, in_parameters
from module_utils.ingresskit.preflight import raise_findings

HOSTS = {"cafe.example.com": {"paths": {"/tea": "tea-svc:80"}}}


def app(**changes):
    return {"name": "cafe", "app": {"hosts": HOSTS} | changes}


def certificate(**changes):
    given = {"name": "cafe-tls", "namespace": "cafe", "hosts": ["cafe.example.com"], "source": {"self_signed": True}}
    return given | changes


FAULTS = {
    "a path without slash": (
        route, app(hosts={"cafe.example.com": {"paths": {"tea": "tea-svc:80"}}}),
        "app.hosts.\"cafe.example.com\".paths.\"tea\": a path begins with '/': write '/tea'",
    ),
    "a backend without port": (
        route, app(hosts={"cafe.example.com": {"paths": {"/tea": "tea-svc"}}}),
        "app.hosts.\"cafe.example.com\".paths.\"/tea\": a backend is service:port",
    ),
    "an unknown key": (route, app(host={}), "app.host: unknown key; did you mean 'hosts'?"),
    "no app at all": (route, {"name": "cafe"}, "app: is missing"),
    "an app that is a list": (route, {"name": "cafe", "app": []}, "app: must be a mapping, not a list"),
    "the same route twice": (
        route, app(hosts={"a.b": {"paths": {"/tea": "a:80", "/tea/": "b:80"}}}),
        'app.hosts."a.b".paths."/tea/": there are two Prefix entries',
    ),
    "an option of another version": (route, app(options={"cors": {}}), "app.options.cors: not with F5"),
    "an option that a controller cannot do": (
        route, app(options={"ssl_redirect": {"code": 308}}) | {"controller": {"kind": "traefik"}},
        "app.options.ssl_redirect.code: ",
    ),
    "an option of the controller's own configuration": (
        route, app(options={"rewrite": {"path": "/"}}) | {"controller": {"kind": "traefik"}},
        "app.options.rewrite: is said in Traefik Proxy's own configuration, which a single route leaves alone: bring route and controller in one, with ingress_stack",
    ),
    "a flag of the controller's": (
        route, app(options={"ssl_passthrough": True}) | {"controller": {"kind": "ingress-nginx", "accept_retired": True}, "app": {
            "hosts": {"a.b": {"paths": {"/": "x:443"}, "options": {"ssl_passthrough": True}}},
        }},
        'app.hosts."a.b".options.ssl_passthrough: is said in ingress-nginx\'s own configuration',
    ),
    "a name that is none": (route, app() | {"name": "Cafe"}, "name: must be a DNS label"),
    "a name too long to label with": (
        route, app() | {"name": "c" * 60}, "name: is too long: 'route.cccc",
    ),
    "a stack that is none": (route, app() | {"stack": "a.b"}, "stack: must be a DNS label"),
    "an unknown key of the cluster": (controller, {"cluster": {"contxt": "x"}}, "cluster.contxt: unknown key; did you mean 'context'?"),
    "an unknown controller": (controller, {"controller": {"kind": "ngnix"}}, "controller.kind: "),
    "one of the contract alone": (controller, {"controller": {"kind": "haproxy"}}, "controller.kind: 'haproxy' is part of the contract"),
    "a file of the controller": (
        controller, {"controller": {"default_tls": {"cert_file": "a.crt"}}}, "controller.default_tls: cert_file and key_file go together",
    ),
    "a node port for no type": (service, {"expose": {"type": "ClusterIP", "node_ports": {"http": 30080}}}, "expose: node_ports do not go with type ClusterIP"),
    "one node port twice": (
        service, {"expose": [{"node_ports": {"http": 30080}}, {"name": "b", "node_ports": {"http": 30080}}]},
        "expose[1].node_ports.http: node port 30080 is",
    ),
    "one name twice": (service, {"expose": [{}, {}]}, "expose[1].name: is the name of expose[0] too"),
    "two names": (service, {"name": "a", "expose": {"name": "b"}}, "expose.name: is 'b', and name is 'a': keep one"),
    "host ports of Pods of any kind": (
        service, {"selector": {"app": "x"}, "expose": {"type": "HostPort"}}, "expose.type: HostPort stands in the Pods, and those of selector are not ours",
    ),
    "a target port that is none": (service, {"target_ports": {"http": 0}}, "target_ports.http: 0 is not a port"),
    "an unknown target port": (service, {"target_ports": {"htp": 80}}, "target_ports.htp: unknown key; did you mean 'http'?"),
    "labels that are numbers": (service, {"selector": {"app": 1}}, "selector.app: must be a string"),
    "a source with two": (tls, certificate(source={"self_signed": True, "issuer": "x"}), "source: needs exactly one"),
    "a Secret that exists": (tls, certificate(source={"secret": "x"}), "source.secret: is a Secret that exists"),
    "nobody to issue for": (tls, certificate(hosts=[]), "hosts: is missing: self_signed issues"),
    "a certificate for all": (tls, certificate(hosts=["*"]), "hosts[0]: a certificate names hosts"),
    "a certificate for an address": (tls, certificate(hosts=["10.0.0.1"]), "hosts[0]: is an IP address"),
    "no certificate in it": (tls, certificate(source={"cert": "x", "key": "y"}), "source.cert: there is no PEM certificate in it"),
    "a namespace that is none": (tls, certificate(namespace="a.b"), "namespace: must be a DNS label"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_told_in_parameters(fault):
    part, parameters, message = FAULTS[fault]
    with pytest.raises(InventoryError) as caught, faults_in_parameters():
        raise_findings(part.load(parameters).check(Facts()))
    assert message in str(caught.value)
    assert "ingress_" not in str(caught.value).replace("with ingress_stack", "")


@pytest.mark.parametrize(
    ("kind", "options"),
    [("nginx", {"rewrite": {"path": "/"}, "rate_limit": {"rps": 5}}), ("traefik", {"ssl_redirect": {"code": 302}})],
)
def test_options_that_the_route_itself_says(kind, options):
    given = app(options=options, tls={"secret": "s"}) | {"controller": {"kind": kind}}
    assert [str(each) for each in route.load(given).check(Facts()) if each.level == "error"] == []


def test_every_fault_at_once():
    with pytest.raises(InventoryError) as caught:
        service.load({"stack": "A", "expose": {"type": "Nodeport"}, "labels": {"a": 1}})
    assert [problem.path for problem in caught.value.problems] == ["stack", "expose.type", "labels.a"]


def test_absent_takes_no_content():
    """What is to go need not be valid, nor be given at all."""
    names = [
        controller.identify({"controller": {"kind": "gone"}})[1],
        service.identify({"expose": "?"})[1],
        service.identify({"name": "a"})[1],
        tls.identify({"namespace": "a", "name": "b"})[1],
        tls.identify({"namespace": "a", "name": "b.c"})[1],
        route.identify({"name": "a", "app": None})[1],
    ]
    assert names == ["controller", "service", "service.a", "tls.a.b", "tls.a.b.c", "route.a"]
    stack, _ = route.identify({"name": "a", "stack": "s", "cluster": {"state_namespace": "n"}})
    assert (stack.name, stack.cluster.state_namespace) == ("s", "n")


TEXTS = {
    "ingress_cluster.kubeconfig: there is no file": "cluster.kubeconfig: there is no file",
    "set ingress_apply.recreate: true": "set apply.recreate: true",
    'ingress_apps.cafe.hosts."x".tls': 'app.hosts."x".tls',
    "ingress_controller.expose[1].name": "expose[1].name",
    "ingress_controller.namespace": "controller.namespace",
    "labelled ingresskit.io/stack": "labelled ingresskit.io/stack",
}


@pytest.mark.parametrize("text", TEXTS)
def test_texts_of_the_core(text):
    assert in_parameters(text) == TEXTS[text]
    with pytest.raises(IngresskitError) as caught, faults_in_parameters():
        raise ClusterError(text)
    assert str(caught.value) == TEXTS[text]
