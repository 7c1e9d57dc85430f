"""Whether a container registry can be reached from here."""

from __future__ import annotations

import os
import threading
import urllib.error
import urllib.request
from functools import cache

TIMEOUT = 3
# Docker Hub's own names for what a reference calls docker.io (as go-containerregistry resolves it)
_HUB = {"docker.io": "index.docker.io"}
SWITCH = "INGRESSKIT_REGISTRY"


def host_of(reference: str) -> str:
    """The registry a reference names; Docker Hub where its first part is no host (as Docker reads it)."""
    first, slash, _ = reference.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else "docker.io"


@cache
def reachable(host: str) -> bool:
    """Whether the registry answers within three seconds. INGRESSKIT_REGISTRY=on or off takes the answer from there."""
    forced = os.environ.get(SWITCH, "").lower()
    if forced in ("on", "off"):
        return forced == "on"
    answers: list[bool] = []
    # in a thread that may be left behind: looking up a name has a time limit of its own, of many seconds
    asking = threading.Thread(target=lambda: answers.append(_answers(host)), daemon=True)
    asking.start()
    asking.join(TIMEOUT)
    return any(answers)


def _answers(host: str) -> bool:
    try:
        # the version check of the distribution API; 401 is its answer to somebody without a token
        with urllib.request.urlopen(f"https://{_HUB.get(host, host)}/v2/", timeout=TIMEOUT):
            return True
    except urllib.error.HTTPError as answer:
        return answer.code == 401
    except OSError:
        return False
