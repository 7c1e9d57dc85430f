"""What the tests of the playbooks share: generated inventories, real runs of ansible-playbook, and kubectl beside them."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from testbed.cache import Cache
from tests.cluster.double import ask, obj, until

ROOT = Path(__file__).resolve().parents[2]
CONTEXT = os.environ.get("INGRESSKIT_CONTEXT", "kind-ingresskit")
HOSTS = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
HOST = "cafe.example.com"
KEY_TEXT = re.compile(r"BEGIN [A-Z ]*PRIVATE KEY|LS0tLS1")  # PEM, and its base64
WRITES = {"create", "update", "patch", "delete"}


@dataclass(frozen=True)
class Run:
    """One ansible-playbook: exit code, everything it printed, every task's result, how long it took."""

    code: int
    output: str
    tasks: list[dict]
    seconds: float

    def of(self, module):
        """The last result of a module."""
        return next(task["result"] for task in reversed(self.tasks) if task["action"] == module)

    @property
    def stack(self):
        return self.of("ingress_stack")

    @property
    def smoke(self):
        return self.of("ingress_smoke")

    @property
    def changed(self):
        return any(task["result"].get("changed") for task in self.tasks)

    @property
    def writes(self):
        """Requests to the API server that could change something."""
        return {verb: count for verb, count in self.stack["api_calls"].items() if verb in WRITES}

    def passed(self):
        """Itself, for a run that must not fail."""
        assert self.code == 0, self.output
        return self

    def failed(self, *said):
        """Itself, for a run that must fail with these words and no traceback."""
        assert self.code != 0, self.output
        assert "Traceback" not in self.output, self.output
        for words in said:
            assert words in self.output, f"{words!r} is not in:\n{self.output}"
        return self


@dataclass
class Project:
    """A folder with an inventory, from which a user runs the repository's playbooks."""

    folder: Path
    env: dict = field(default_factory=dict)

    def write(self, variables, groups=None, host="kind"):
        """The inventory of one cluster; ``groups``: group name -> its variables."""
        members = {name: {"hosts": {host: None}} for name in groups or {}}
        self.dump("hosts.yml", {"all": {"hosts": {host: HOSTS}, "children": members}})
        self.dump("group_vars/all/stack.yml", variables)
        for name, own in (groups or {}).items():
            self.dump(f"group_vars/{name}.yml", own)

    def dump(self, name, content):
        self.text(name, yaml.safe_dump(content, sort_keys=False))

    def text(self, name, content):
        path = self.folder / "inventory" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return path

    def play(self, playbook="site.yml", *options, **variables):
        """Runs a playbook as a user in ``folder`` does; ``variables`` are extra ones."""
        results = self.folder / "results"
        results.unlink(missing_ok=True)
        extra = ["-e", json.dumps(variables)] if variables else []
        command = [tool("ansible-playbook"), str(ROOT / playbook), "-i", str(self.folder / "inventory"), *options]
        begun = time.monotonic()
        ran = subprocess.run(
            [*command, *extra], cwd=self.folder, env=self._environment(results), text=True, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        tasks = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
        return Run(ran.returncode, ran.stdout, tasks, time.monotonic() - begun)

    def _environment(self, results):
        """The repository's own configuration; the tests' callback beside the one users see."""
        return os.environ | {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_CALLBACK_PLUGINS": f"{ROOT}/plugins/callback:{ROOT}/tests/cluster/callback",
            "ANSIBLE_CALLBACKS_ENABLED": "ingresskit,task_results",
            "ANSIBLE_NOCOLOR": "1",
            "COLUMNS": "200",
            "PWD": str(self.folder),
            "TASK_RESULTS": str(results),
            **self.env,
        }


@dataclass
class Site(Project):
    """A project whose stack, namespaces, class and node ports no other test uses."""

    name: str = ""
    ports: tuple[int, int] = (0, 0)  # the cluster picks
    settled: dict | None = None  # the inventory that the last run brought the cluster to

    def inventory(self, kind="nginx", apps=None, **variables):
        """The variables of a stack: two routes of a cafe unless told otherwise."""
        controller = {
            "kind": kind,
            "namespace": self.namespace("controller"),
            "class_name": f"{self.name}-{kind}",  # a class cannot change its controller
            "replicas": 1,
            "termination": {"drain": 0, "grace": 1},
            "expose": {"node_ports": dict(zip(("http", "https"), self.ports, strict=True))} if any(self.ports) else {},
        }
        return {
            "ingress_cluster": {"context": CONTEXT, "state_namespace": self.namespace("state")},
            "ingress_stack_name": self.name,
            "ingress_controller": controller | variables.pop("controller", {}),
            "ingress_apps": {"cafe": self.cafe()} if apps is None else apps,
            **variables,
        }

    def cafe(self, **changes):
        return {
            "namespace": self.namespace("cafe"),
            "tls": {"self_signed": True},
            "hosts": {HOST: {"paths": {"/tea": "tea-svc:80", "/coffee": "coffee-svc:80"}}},
            "workloads": {"tea": {}, "coffee": {}},
        } | changes

    def namespace(self, name):
        return f"{self.name}-{name}"

    def site(self, kind="nginx", apps=None, **variables):
        """Writes the inventory and brings the stack to it."""
        inventory = self.inventory(kind, apps, **variables)
        self.write(inventory)
        run = self.play().passed()
        self.settled = inventory
        return run

    def stand(self, kind="nginx"):
        """The cafe alone, as a test's beginning: nothing is run where the test before has left it so."""
        if self.settled != self.inventory(kind):
            self.site(kind)

    def play(self, *args, **variables):
        self.settled = None
        return super().play(*args, **variables)

    def node_port(self, name):
        """The node port of http or https, also where the cluster has picked it."""
        wanted = f"jsonpath={{.items[*].spec.ports[?(@.name=='{name}')].nodePort}}"
        return int(kubectl("get", "services", "-n", self.namespace("controller"), "-o", wanted).split()[0])

    def clear(self):
        """Leaves nothing behind, whatever a test did: the toolkit removes what is its own, then the rest goes."""
        if self.left():
            self.write(self.inventory())
            self.play("playbooks/teardown.yml").passed()
            mine = [name for name in namespaces() if name.startswith(f"{self.name}-")]
            if mine:
                kubectl("delete", "namespaces", "--ignore-not-found", "--wait=false", *mine)
            until(lambda: not self.left(), 30)

    def left(self):
        """What of the stack is in the cluster still, wherever; a namespace on its way out does not count."""
        listed = kubectl("get", "ingressclasses,clusterroles,clusterrolebindings", "-o", "name").split()
        listed += [f"namespace/{name}" for name in namespaces()]
        labelled = kubectl(
            "get", "all,secrets,configmaps,ingresses", "-A", "-l", f"ingresskit.io/stack={self.name}", "-o", "name"
        )
        return [name for name in listed if f"/{self.name}" in name] + labelled.split()


@contextmanager
def alone(what):
    """Only one test at a time, of whatever run of this user, has what is there once: a stack of fixed name, definitions."""
    with (Cache.of_user().root / f"test-{what}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def tool(name):
    """A program of the environment the tests run in."""
    return str(Path(sys.executable).parent / name)


def kubectl(*args, stdin=None):
    """What an operator does beside the toolkit; raises where it fails."""
    command = ["kubectl", "--context", CONTEXT, *args]
    ran = subprocess.run(command, check=False, capture_output=True, text=True, input=stdin)
    assert ran.returncode == 0, f"{' '.join(args)}: {ran.stderr}"
    return ran.stdout


def create(*objects):
    """Makes objects as somebody else."""
    kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


def namespaces():
    """Those that are not on their way out."""
    active = kubectl("get", "namespaces", "-o", "name", "--field-selector", "status.phase=Active")
    return sorted(name.removeprefix("namespace/") for name in active.split())


def secret(namespace, name):
    """A live Secret."""
    return json.loads(kubectl("get", "secret", name, "-n", namespace, "-o", "json"))


def config_map(namespace):
    """Somebody else's object."""
    return obj("v1", "ConfigMap", "theirs", namespace, data={"kept": "yes"})


def theirs(namespace):
    return kubectl("get", "configmap", "theirs", "-n", namespace, "-o", "jsonpath={.data.kept}")


def verdicts(run):
    """(url with what it should say) -> verdict, of every route asked."""
    return {f"{route['url']} = {route['expected']}": route["verdict"] for route in run.smoke["routes"]}


def proven(run, *urls):
    """Every route is proven, these among them."""
    found = verdicts(run)
    assert set(found.values()) == {"proven"}, run.output
    for url in urls:
        assert any(route.startswith(url) for route in found), f"{url} is not in {sorted(found)}"
    return True


def leaf(node, site, host=HOST):
    """The certificate that is served for a host, DER."""
    return ask(node, site.ports[1], host, tls=True).certificate
