"""Options come to paths and hosts that are in use, change and go again: no request fails meanwhile."""

from functools import partial

import pytest

from tests.cluster.double import ask, until
from tests.cluster.load import Route, load
from tests.cluster.playbook import HOST, Site

pytestmark = pytest.mark.timeout(600)
OTHER = f"other.{HOST}"
# A kind takes part with two node ports.
PORTS = {"nginx": (30030, 30031), "traefik": (30040, 30041)}
ROUTES = {(HOST, "/tea"): "tea-svc", (HOST, "/coffee"): "coffee-svc", (OTHER, "/tea"): "tea-svc"}
RATE = 50  # requests a second
# (options of the first host's /tea, of its /coffee, of the other host) -> (target, size of a body, the answer to it)
STEPS = [
    (({"body_size": "1k"}, None, None), [(HOST, "/tea", 2000, 413), (HOST, "/coffee", 2000, 200)]),
    (({"body_size": "3k"}, {"body_size": "1k"}, None), [(HOST, "/tea", 2000, 200), (HOST, "/coffee", 2000, 413)]),
    ((None, {"body_size": "3k"}, {"body_size": "1k"}), [(HOST, "/coffee", 2000, 200), (OTHER, "/tea", 2000, 413)]),
    (({"timeouts": {"read": 30}}, {"rewrite": {"prefix": "/x"}}, {"affinity": {}}), [(OTHER, "/tea", 9000, 200)]),
    ((None, None, None), [(HOST, "/coffee", 9000, 200), (OTHER, "/tea", 2000, 200)]),
]


@pytest.fixture(params=PORTS)
def site(request, tmp_path):
    made = Site(tmp_path, name=f"ik-live-{request.param}", ports=PORTS[request.param])
    made.clear()
    yield made
    made.clear()


def inventory(site, kind, tea=None, coffee=None, other=None):
    paths = {"/tea": entry("tea-svc", tea), "/coffee": entry("coffee-svc", coffee)}
    second = {"paths": {"/tea": "tea-svc:80"}, **({"options": other} if other else {})}
    cafe = site.cafe(hosts={HOST: {"paths": paths}, OTHER: second}, workloads={"tea": {}, "coffee": {}})
    drain = {"termination": {"drain": 10, "grace": 20}}  # Traefik's Pods are rolled out
    return site.inventory(kind, {"cafe": cafe}, controller=drain, ingress_smoke={"enabled": False})


def entry(service, options):
    return {"service": service, "port": 80, **({"options": options} if options else {})}


def test_options_come_and_go_on_live_hosts(site, node, request):
    kind = request.node.callspec.params["site"]
    site.write(inventory(site, kind))
    site.play().passed()
    port = site.ports[1]
    for host, target in ROUTES:
        until(partial(answers, node, port, host, target, 0, 200))
    routes = [Route(host, port, target, service, tls=True) for (host, target), service in ROUTES.items()]
    with load(node, routes, RATE) as running:
        for options, effects in STEPS:
            site.write(inventory(site, kind, *options))
            site.play().passed()
            for effect in effects:
                until(partial(answers, node, port, *effect))
    seen = running.end()
    assert not seen.failures, seen.failures[:5]
    assert seen.total > 20 * len(ROUTES), seen


def answers(node, port, host, target, size, status):
    return ask(node, port, host, target, tls=True, method="POST", body=b"x" * size).status == status
