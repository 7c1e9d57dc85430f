"""The definition of ServiceMonitors in the cluster, for as long as tests need it: there is one in a cluster."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager

from testbed.cache import Cache
from tests.cluster.playbook import ROOT, kubectl

DEFINITION = str(ROOT / "testbed/crds/monitors.yaml")


@contextmanager
def service_monitors():
    """They are served in the block. Several may be in one at a time; the last one out takes the definition along."""
    with (Cache.of_user().root / "test-monitors.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_SH)
        kubectl("apply", "--server-side", "-f", DEFINITION)
        kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", DEFINITION)
        try:
            yield
        finally:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                kubectl("delete", "--ignore-not-found", "-f", DEFINITION)
