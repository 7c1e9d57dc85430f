"""What the tests of the toolkit as a Job share: a team's repository with an inventory, and the Job that brings it."""

from __future__ import annotations

import json
import os

import yaml

from module_utils.ingresskit.engine.ownership import STACK
from tests.cluster.double import until
from tests.cluster.gitserver import Repo
from tests.cluster.playbook import HOST, HOSTS, ROOT, Site, kubectl, namespaces

FILES = ROOT / "gitops" / "job"
CANARY = "canary-of-a-password"
ENDED = {"Complete", "Failed"}
INVENTORY = "inventories/prod"
CONTEXT = "{{ '' if lookup('env', 'INGRESSKIT_JOB') else inventory_hostname }}"  # of docs/gitops/job.md
SMOKE = {"wait": 5, "timeout": 2}
GUARDED = {"basic_auth": {"users": {"ann": CANARY}}}
PATHS = {"/tea": "tea-svc:80", "/coffee": {"service": "coffee-svc", "port": 80, "options": GUARDED}}
WRONG = PATHS | {"/coffee": "ghost-svc:80"}
UNREADY = {"tea": {}, "coffee": {"image": "docker.io/ingresskit/no-such:1"}}
CAFE = {"/tea": "tea-svc", "/coffee": "coffee-svc"}


class Toolkit:
    """A team's repository, and the Job in a namespace of its own."""

    def __init__(self, folder, name):
        self.name, self.home, self.job = name, f"{name}-job", f"{name}-ingresskit"
        self.site = Site(folder / "site", name=name)
        self.repo = Repo(name, folder / "repo")
        self.folder = folder / "own"
        self.settled = None  # the revision that the last Job brought

    def clear(self):
        kubectl("delete", "namespace", self.home, "--ignore-not-found")
        kubectl("delete", "clusterrole,clusterrolebinding", f"{self.job}-job", "--ignore-not-found")
        self.site.clear()

    def commit(self, paths=PATHS, patience=120, **app):
        """As a user outside would have it, but for the cluster: the Job is in it."""
        cafe = self.site.cafe(hosts={HOST: {"paths": paths}}, **app)
        found = self.site.inventory(apps={"cafe": cafe}, ingress_smoke=SMOKE, ingress_apply={"lock_wait": 60})
        found["ingress_cluster"] = {"state_namespace": self.site.namespace("state"), "timeout": patience}
        found["ingress_cluster"]["context"] = CONTEXT
        found["ingress_controller"]["expose"] = {"type": "ClusterIP"}
        hosts = {"all": {"hosts": {"prod": HOSTS}, "vars": found}}
        return self.repo.commit({f"{INVENTORY}/hosts.yml": yaml.safe_dump(hosts)}, "a change")

    def overlay(self, job, revision, **settings):
        """A user's kustomization over a folder of gitops/job."""
        literals = {
            "GIT_URL": self.repo.url_inside,
            "GIT_REVISION": revision,
            "INVENTORY": INVENTORY,
            "LIMIT": "prod",
        } | settings
        merged = [f"{name}={value}" for name, value in literals.items()]
        config = {"name": "ingresskit", "namespace": "ingresskit-job", "behavior": "merge", "literals": merged}
        return yaml.safe_dump(
            {
                "apiVersion": "kustomize.config.k8s.io/v1beta1",
                "kind": "Kustomization",
                "resources": [str(job)],
                "namespace": self.home,
                "namePrefix": f"{self.name}-",
                "configMapGenerator": [config],
            }
        )

    def deploy(self, folder, revision):
        """The same in the repository, below deploy/prod, with the files it takes in."""
        files = {f"job/{path.relative_to(FILES)}": path.read_text() for path in FILES.rglob("*.yaml")}
        return files | {"deploy/prod/kustomization.yaml": self.overlay(f"../../job/{folder}", revision)}

    def start(self, revision, **settings):
        """A Job anew, by hand: the former one is deleted, and may still be ending."""
        self.folder.mkdir(exist_ok=True)
        text = self.overlay(os.path.relpath(FILES / "base", self.folder), revision, **settings)
        (self.folder / "kustomization.yaml").write_text(text)
        if self.home in namespaces():
            kubectl("delete", "job", self.job, "-n", self.home, "--ignore-not-found", "--wait=false")
            until(lambda: not kubectl("get", "jobs", "-n", self.home, "-o", "name"), 30)
        kubectl("apply", "-k", str(self.folder))

    def run(self, revision, **settings):
        self.start(revision, **settings)
        self.settled = revision
        return self.ended()

    def ended(self):
        """The Job, when it is."""

        def look():
            job = json.loads(kubectl("get", "job", self.job, "-n", self.home, "-o", "json"))
            return job if ENDED & {each["type"] for each in job["status"].get("conditions", [])} else None

        return Ended(until(look, 240, every=0.5))

    def pods(self):
        return json.loads(kubectl("get", "pods", "-n", self.home, "-o", "json"))["items"]

    def release(self):
        """The release record as ``ingress_info`` tells it, outside."""
        inventory = self.site.inventory()
        self.site.write(inventory)
        task = {"ingress_info": {"inventory": inventory}}
        play = self.site.text("../info.yml", json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
        return self.site.play(play).passed().of("ingress_info")["release"]

    def routes(self):
        """path -> Service, of every Ingress of the stack."""
        found = json.loads(kubectl("get", "ingresses", "-A", "-l", f"{STACK}={self.name}", "-o", "json"))["items"]
        rules = [rule.get("http", {}).get("paths", []) for each in found for rule in each["spec"]["rules"]]
        return {path["path"]: path["backend"]["service"]["name"] for paths in rules for path in paths}


class Ended:
    """A Job that is over: its condition, its Pod, what its containers said."""

    def __init__(self, job):
        self.condition = next(each["type"] for each in job["status"]["conditions"] if each["type"] in ENDED)
        meta = job["metadata"]
        mine = f"batch.kubernetes.io/controller-uid={meta['uid']}"
        (self.pod,) = json.loads(kubectl("get", "pods", "-n", meta["namespace"], "-l", mine, "-o", "json"))["items"]
        self.said = said(self.pod)

    def passed(self):
        assert self.condition == "Complete", self.said
        return self

    def failed(self, *words):
        assert self.condition == "Failed", self.said
        assert "Traceback" not in self.said
        for each in words:
            assert each in self.said, f"{each!r} is not in:\n{self.said}"
        return self


def said(pod):
    """What its containers wrote, those that have begun."""
    states = pod["status"].get("initContainerStatuses", []) + pod["status"].get("containerStatuses", [])
    begun = [each["name"] for each in states if "waiting" not in each["state"]]
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    return "".join(kubectl("logs", name, "-n", namespace, "-c", each) for each in begun)
