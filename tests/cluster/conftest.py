"""Fixtures of the tests that run the playbooks."""

import fcntl
import json
import tempfile
from pathlib import Path

import pytest

from tests.cluster.playbook import Project, Site, kubectl


def pytest_addoption(parser):
    parser.addoption("--update-matrix", action="store_true", help="write docs/reference/options.* from what is seen")


def pytest_configure(config):
    """These tests have fixed names and ports: of two runs on one machine the second waits until the first is over.

    The ports are from 30000 to 30085, the part of the range from which Kubernetes gives none out by itself.
    https://kubernetes.io/docs/concepts/services-networking/service/#avoid-nodeport-collisions
    """
    if hasattr(config, "workerinput"):  # of a run that holds the lock
        return
    config.cluster_lock = (Path(tempfile.gettempdir()) / "ingresskit-cluster-tests.lock").open("w")
    try:
        fcntl.flock(config.cluster_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("another run of the cluster tests is under way: waiting for it")
        fcntl.flock(config.cluster_lock, fcntl.LOCK_EX)


def pytest_unconfigure(config):
    if hasattr(config, "cluster_lock"):
        config.cluster_lock.close()


@pytest.fixture
def project(tmp_path):
    """A user's folder with no inventory in it yet."""
    return Project(tmp_path)


@pytest.fixture(scope="module", params=["nginx", "traefik"])
def kind(request):
    """The controllers; tests of one are run together."""
    return request.param


@pytest.fixture(scope="module")
def shared(request, tmp_path_factory):
    """A stack that the tests of a module bring to one inventory after another; at the end it is removed."""
    name = request.module.__name__.rpartition("test_")[2]
    yield from standing(tmp_path_factory.mktemp(name), f"ik-{name}", request.module.PORTS)


@pytest.fixture
def fresh(tmp_path):
    """A stack that is not there yet; whatever a test leaves of it is removed."""
    yield from standing(tmp_path, "ik-fresh", (30026, 30027))


@pytest.fixture(scope="session")
def node():
    """The address at which node ports are reached."""
    (one, *_) = json.loads(kubectl("get", "nodes", "-o", "json"))["items"]
    return next(each["address"] for each in one["status"]["addresses"] if each["type"] == "InternalIP")


@pytest.fixture
def foreign():
    """Makes namespaces that are not the toolkit's and deletes them at the end."""
    made = []

    def make(name):
        made.append(name)
        kubectl("create", "namespace", name)
        return name

    yield make
    if made:
        kubectl("delete", "namespace", "--ignore-not-found", "--wait=false", *made)


def standing(folder, name, ports):
    """For a fixture: a stack's site, before and after which nothing of the stack is in the cluster."""
    site = Site(folder, name=name, ports=ports)
    site.clear()  # what a killed run left
    yield site
    site.clear()
