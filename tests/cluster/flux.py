"""What the tests of Flux share: gitops/flux for a repository on the test bed's Git server, and what happens to it.

kustomize-controller is the real one. In place of source-controller these tests tell it of a revision: they write what
that one would, the artifact in a source's status.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import urllib.request

import yaml

from tests.cluster.double import until
from tests.cluster.gitserver import outside
from tests.cluster.playbook import ROOT, kubectl

FILES = ROOT / "gitops" / "flux"
KUSTOMIZATIONS = "kustomizations.kustomize.toolkit.fluxcd.io"
HALVES = ("stack", "apps", "smoke")
SECONDS = 120  # that a revision may take on a busy machine


class Kustomizations:
    """What kustomize-controller makes of a repository in a namespace; the source is named ``ingress``."""

    prefix = ""  # of the names that the methods are given
    source = "gitrepository"

    def __init__(self, namespace, repo):
        self.namespace, self.repo = namespace, repo

    def apply(self, obj):
        self.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(obj))

    def publish(self, revision):
        """Stands in for source-controller: a new artifact, with the digest of the bytes that are served. That they come
        from Git also where the source is a registry is nothing that kustomize-controller could know."""
        url = self.repo.tarball_inside(revision)
        with urllib.request.urlopen(f"{outside()}/{self.repo.name}/{revision}.tar.gz") as answer:
            content = answer.read()
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        artifact = {
            "url": url,
            "path": f"{self.source}/{self.namespace}/ingress/{revision}.tar.gz",
            "revision": f"main@sha1:{revision}",
            "digest": f"sha256:{hashlib.sha256(content).hexdigest()}",
            "lastUpdateTime": now,
            "size": len(content),
        }
        ready = {"type": "Ready", "status": "True", "reason": "Succeeded", "message": "", "lastTransitionTime": now}
        status = json.dumps({"status": {"artifact": artifact, "conditions": [ready]}})
        self.kubectl("patch", self.source, "ingress", "--subresource=status", "--type=merge", "-p", status)

    def release(self, files, message):
        """Commits and publishes; returns the revision."""
        revision = self.repo.commit(files, message)
        self.publish(revision)
        return revision

    def reconcile(self, name):
        """What `flux reconcile kustomization` does: not waiting for the interval."""
        now = datetime.datetime.now(datetime.UTC).isoformat()
        where = f"{KUSTOMIZATIONS}/{self.prefix}{name}"
        self.kubectl("annotate", "--overwrite", where, f"reconcile.fluxcd.io/requestedAt={now}")
        until(lambda: self.status(name).get("lastHandledReconcileAt") == now, SECONDS)

    def status(self, name):
        found = self.kubectl("get", KUSTOMIZATIONS, self.prefix + name, "-o", "json")
        return json.loads(found).get("status", {})

    def ready(self, name):
        """(status, reason, message) of the condition that tells whether all is well."""
        for condition in self.status(name).get("conditions", []):
            if condition["type"] == "Ready":
                return condition["status"], condition["reason"], condition["message"]
        return "Unknown", "", ""

    def wait(self, name, revision):
        """Until a revision is applied and healthy. The failure says what was the matter instead."""
        wanted = ("True", "ReconciliationSucceeded", f"Applied revision: main@sha1:{revision}")
        try:
            until(lambda: self.ready(name) == wanted, SECONDS, every=0.5)
        except AssertionError:
            raise AssertionError(f"{self.prefix}{name} is not at {revision}: {self.ready(name)}") from None

    def until_said(self, name, reason):
        until(lambda: self.ready(name)[1] == reason, SECONDS, every=0.5)

    def wait_for(self, name, reason, *words):
        """Until it is not ready for a reason whose message holds the words; returns the message."""

        def found():
            status, why, message = self.ready(name)
            return message if status == "False" and why == reason and all(word in message for word in words) else None

        try:
            return until(found, SECONDS, every=0.5)
        except AssertionError:
            raise AssertionError(f"{self.prefix}{name} is not {reason} {words}: {self.ready(name)}") from None

    def kubectl(self, *args, stdin=None):
        return kubectl("-n", self.namespace, *args, stdin=stdin)


class Flux(Kustomizations):
    """The files of gitops/flux in a namespace, patched in names and addresses only, over one repository.

    ``path``: of the rendered stack in the repository. ``folder``: for the cluster's own kustomization.
    """

    prefix = "ingress-"

    def __init__(self, namespace, repo, path, folder):
        super().__init__(namespace, repo)
        self.path, self.folder = path, folder

    def install(self, *components):
        """As a cluster's folder below gitops/flux/clusters does it; ``components``: folders beside ``base``."""
        self.source = "ocirepository" if "oci" in components else "gitrepository"
        self.folder.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(self.overlay(components))
        (self.folder / "kustomization.yaml").write_text(text, encoding="utf-8")
        kubectl("apply", "--server-side", "-k", str(self.folder))

    def overlay(self, components):
        url = {"op": "replace", "path": "/spec/url", "value": self.repo.url_inside}
        patches = [{"target": {"group": "source.toolkit.fluxcd.io"}, "patch": json.dumps([url])}]
        for half in HALVES:
            path = {"op": "replace", "path": "/spec/path", "value": f"./{self.path}/{half}"}
            target = {"group": "kustomize.toolkit.fluxcd.io", "name": f"ingress-{half}"}
            patches.append({"target": target, "patch": json.dumps([path])})
            name = {"op": "replace", "path": "/metadata/name", "value": f"{self.namespace}-{half}"}
            for kind in ("ClusterRole", "ClusterRoleBinding"):
                target = {"kind": kind, "name": f"ingresskit-flux-{half}"}
                patches.append({"target": target, "patch": json.dumps([name]), "options": {"allowNameChange": True}})
        return {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": self.namespace,
            "resources": [os.path.relpath(FILES / "base", self.folder)],
            "components": [os.path.relpath(FILES / name, self.folder) for name in components],
            "patches": patches,
        }

    def delete(self):
        """The Kustomizations, and with them what they applied: first the routes, last the controller."""
        for name in (*(f"ingress-{half}" for half in reversed(HALVES)), "--all"):
            self.kubectl("delete", KUSTOMIZATIONS, name, "--ignore-not-found", f"--timeout={SECONDS}s")

    def clear(self):
        """What else there is of it in the whole cluster."""
        names = [f"{self.namespace}-{half}" for half in HALVES]
        kubectl("delete", "clusterroles,clusterrolebindings", "--ignore-not-found", *names)
