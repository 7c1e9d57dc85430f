"""A smoke test by somebody who may not read the stack's record: what it is needed for, and what not."""

from types import SimpleNamespace

import pytest

from module_utils.ingresskit import smoke as module
from module_utils.ingresskit.api.failures import Forbidden
from module_utils.ingresskit.state import store


@pytest.fixture
def asked(monkeypatch):
    """The records that the smoke test was given. (A test double: nothing is asked on the wire.)"""
    found = []

    def no(*_):
        raise Forbidden("secrets is forbidden")

    monkeypatch.setattr(module, "connect_to", lambda _: SimpleNamespace())
    monkeypatch.setattr(module, "ask", lambda prepared, api, record, **more: found.append(record))
    monkeypatch.setattr(store, "load", no)
    return found


def inventory(**tls):
    return {"ingress_controller": {"kind": "traefik"}, "ingress_apps": {"a": {"tls": tls, "hosts": {"a.b": "x:80"}}}}


def test_where_the_stacks_ca_has_issued_nothing_no_record_is_needed(asked, tmp_path):
    module.smoke(inventory(secret="a-tls"), tmp_path)
    assert asked == [None]


def test_the_record_tells_the_ca(asked, tmp_path):
    with pytest.raises(Forbidden):
        module.smoke(inventory(self_signed=True), tmp_path)
    assert asked == []
