"""The controllers that the cases run behind, and what each refuses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from module_utils.ingresskit import model
from module_utils.ingresskit.controllers import controller_for
from module_utils.ingresskit.errors import InventoryError
from module_utils.ingresskit.facts import Facts
from module_utils.ingresskit.preflight import check
from tests.cluster.options.case import CASES, Case
from tests.cluster.playbook import ROOT, Site


@dataclass(frozen=True)
class Variant:
    """A controller in one of its modes. No stack's name begins with another's."""

    name: str
    stack: str
    kind: str
    ports: tuple[int, int]
    title: str
    compat: str | None = None
    custom_resources: bool = False
    ran: str = ""  # instead of what a run says, where there is none

    @property
    def stands(self):
        """Whether it can be brought to the cluster."""
        return not self.ran

    def controller(self):
        found = {"kind": self.kind}
        if self.kind == "ingress-nginx":
            found["accept_retired"] = True
        if self.compat:
            found["compat"] = self.compat
        if self.custom_resources:
            definitions = str(ROOT / f"testbed/crds/{self.kind}.yaml")
            found |= {"custom_resources": True, "crds": {"source": definitions}}
        return found

    def site(self, folder):
        return Site(folder, name=self.stack, ports=self.ports)

    def inventory(self, site, cases, client="192.0.2.1/32"):
        """One app per case beside the backends of all; requests keep the address they come from."""
        node_ports = dict(zip(("http", "https"), self.ports, strict=True))
        expose = {"node_ports": node_ports, "external_traffic_policy": "Local"}
        shared, theirs = site.namespace("apps"), site.namespace("theirs")
        apps = {each.name: each.app(client) | {"namespace": theirs if each.apart else shared} for each in cases}
        backends = {
            "tea": {"replicas": 2},
            "coffee": {},
            "secure": {"env": {"PROTOCOL": "HTTPS"}},
            "rpc": {"env": {"PROTOCOL": "GRPC"}},
        }
        apps["backends"] = {"namespace": shared, "workloads": backends}
        smoke = {"wait": 30, "on_failure": "keep"}
        few = {"requests": {"cpu": "10m", "memory": "32Mi"}}  # many stacks stand side by side
        controller = {**self.controller(), "expose": expose, "resources": few}
        return site.inventory(self.kind, apps, controller=controller, ingress_smoke=smoke)

    def refused(self, case):
        """(inventory path, why) of everything that preflight refuses in a case alone: pure, nothing is asked."""
        return _refused(self, case)

    def cases(self):
        """Those that it does not refuse."""
        return [each for each in CASES if not self.refused(each)]


@cache
def _refused(variant: Variant, case: Case):
    inventory = variant.inventory(variant.site(Path()), [case])
    try:
        stack = model.load(inventory)
        findings = check(stack, controller_for(stack.controller), Facts())
    except InventoryError as error:
        return tuple((each.path, each.message) for each in error.problems)
    return tuple((each.path, each.message) for each in findings if each.level == "error")


VARIANTS = [
    Variant("nginx", "ik-options-nginx", "nginx", (30051, 30052), "nginx (F5)"),
    Variant(
        "nginx-crd",
        "ik-options-crd-nginx",
        "nginx",
        (30053, 30054),
        "nginx, `custom_resources: true`",
        custom_resources=True,
    ),
    Variant("traefik", "ik-options-traefik", "traefik", (30055, 30056), "traefik"),
    Variant(
        "traefik-compat",
        "ik-options-compat-traefik",
        "traefik",
        (30057, 30058),
        "traefik, `compat: ingress-nginx`",
        compat="ingress-nginx",
    ),
    Variant(
        "ingress-nginx",
        "ik-options-retired",
        "ingress-nginx",
        (30057, 30058),
        "ingress-nginx",
        ran="not run: retired; its dialect is asked behind traefik's `compat`",
    ),
]
STANDING = [each for each in VARIANTS if each.stands]
