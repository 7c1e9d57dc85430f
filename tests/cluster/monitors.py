"""The definition of ServiceMonitors in the cluster, for as long as a test needs it: there is one in a cluster."""

from __future__ import annotations

from contextlib import contextmanager

from tests.cluster.playbook import ROOT, alone, kubectl

DEFINITION = str(ROOT / "testbed/crds/monitors.yaml")


@contextmanager
def service_monitors():
    """They are served in the block, and gone after it; one test at a time."""
    with alone("monitors"):
        kubectl("apply", "--server-side", "-f", DEFINITION)
        kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", DEFINITION)
        try:
            yield
        finally:
            kubectl("delete", "--ignore-not-found", "-f", DEFINITION)
