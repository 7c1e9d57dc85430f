"""Whether this machine is on a cluster's own network."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

from .failures import Forbidden
from .resources import Ref

if TYPE_CHECKING:
    from .client import KubeApi

_API_SERVER = Ref("", "Service", "default", "kubernetes")
_NAME = "kubernetes.default.svc"  # the API server's certificate is for that, too
_PORT = 443
_AT_ONCE = 1.0  # seconds in which it answers there


def within(api: KubeApi) -> bool:
    """Whether the addresses of Services are reached from here: at its own one the API server shows its certificate.

    That a connection comes about proves nothing: elsewhere such an address may be a proxy's, or another network's. A
    Pod with its own credentials is there, and need not be allowed to read that Service."""
    if api.in_pod:
        return True
    try:
        live = api.get(_API_SERVER)
    except Forbidden:
        return False
    context = api.upgrade("").context
    if live is None or context is None or context.verify_mode is ssl.CERT_NONE:
        return False
    try:
        with socket.create_connection((live["spec"]["clusterIP"], _PORT), _AT_ONCE) as plain:
            context.wrap_socket(plain, server_hostname=_NAME).close()
    except OSError:
        return False
    return True
