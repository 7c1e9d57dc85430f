"""Addresses of Ingresses that their way in has no more."""

from types import SimpleNamespace

import pytest

from module_utils.ingresskit.api.failures import Forbidden
from module_utils.ingresskit.engine import published
from module_utils.ingresskit.engine.ownership import Owner

OWNER = Owner("edge", "ingresskit-system")


def ingress(*addresses):
    shown = {"loadBalancer": {"ingress": [{"ip": each} for each in addresses]} if addresses else {}}
    metadata = {"name": "cafe", "namespace": "cafe"}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "status": shown}


@pytest.fixture
def cluster(monkeypatch):
    """What the LISTs say, one after the other, and the clock that every pause moves."""
    made = SimpleNamespace(said=[], edits=[], now=0.0)

    def list_objects(*_, **__):
        items = made.said.pop(0) if made.said else []
        if isinstance(items, Exception):
            raise items
        return SimpleNamespace(items=items)

    def pause(seconds):
        made.now += seconds

    made.list_objects = list_objects
    made.edit = lambda ref, operations, *, subresource: made.edits.append((str(ref), operations, subresource))
    monkeypatch.setattr(published, "time", SimpleNamespace(monotonic=lambda: made.now, sleep=pause))
    return made


REMOVED = ("Ingress cafe/cafe", [{"op": "add", "path": "/status/loadBalancer", "value": {}}], "status")


def test_what_shows_none_is_not_waited_for(cluster):
    cluster.said = [[ingress()]]
    published.take_back(cluster, OWNER)
    assert (cluster.edits, cluster.now) == ([], 0.0)


def test_an_address_that_comes_back_is_removed_again(cluster):
    cluster.said = [[ingress("192.0.2.1")], [ingress()], [ingress("192.0.2.1")]]
    published.take_back(cluster, OWNER)
    assert cluster.edits == [REMOVED, REMOVED]
    assert cluster.now == 5.0, "steady from then on"


def test_a_controller_that_insists_has_its_way_in_the_end(cluster):
    cluster.said = [[ingress("192.0.2.1")]] * 100
    published.take_back(cluster, OWNER)
    assert cluster.now == 20.0


def test_without_the_right_to_do_so_it_stays(cluster):
    cluster.said = [[ingress("192.0.2.1")], Forbidden("ingresses/status")]
    published.take_back(cluster, OWNER)
    assert cluster.edits == [REMOVED]
