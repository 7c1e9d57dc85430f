"""The ways a client proves who it is to an API server. Secrets stay in memory: they are in no message and no file.

Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, cast

from ..errors import ClusterError

_REREAD = 60.0  # seconds after which a token file is read again, as client-go does
_LOGIN = 180.0  # seconds an exec plugin may take: it may have a browser opened
_SKEW = 30.0  # a token is renewed so long before it expires


@dataclass(frozen=True)
class KeyPair:
    """A client certificate and its key, both PEM."""

    certificate: str
    key: str = field(repr=False)


class Credentials:
    """None, or a client certificate only. Base of the other ways."""

    def __init__(self, pair: KeyPair | None = None) -> None:
        self._pair = pair

    def authorization(self) -> str | None:
        """The Authorization header, renewed where it is about to expire."""
        return None

    def key_pair(self) -> KeyPair | None:
        """The client certificate to show in the TLS handshake."""
        return self._pair

    def renew(self) -> bool:
        """After a 401: forgets what is cached; whether there is a point in trying again."""
        return False


class StaticToken(Credentials):
    """A bearer token written in the kubeconfig."""

    def __init__(self, token: str, pair: KeyPair | None = None) -> None:
        super().__init__(pair)
        self._token = token

    def authorization(self) -> str | None:
        return f"Bearer {self._token}"


class TokenFile(Credentials):
    """A bearer token in a file that somebody else renews (service accounts)."""

    def __init__(self, path: Path, pair: KeyPair | None = None) -> None:
        super().__init__(pair)
        self._path, self._header, self._read_at = path, "", float("-inf")

    def authorization(self) -> str | None:
        if time.monotonic() - self._read_at > _REREAD:
            try:
                self._header = f"Bearer {self._path.read_text(encoding='ascii').strip()}"
            except OSError as error:
                message = f"ingress_cluster.kubeconfig: tokenFile {self._path} cannot be read: {error.strerror}"
                raise ClusterError(message) from error
            self._read_at = time.monotonic()
        return self._header

    def renew(self) -> bool:
        self._read_at = float("-inf")
        return True


class Basic(Credentials):
    """User name and password (for API servers behind a proxy that takes them)."""

    def __init__(self, username: str, password: str, pair: KeyPair | None = None) -> None:
        super().__init__(pair)
        self._header = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()

    def authorization(self) -> str | None:
        return self._header


class ExecPlugin(Credentials):
    """A command that prints an ExecCredential (client.authentication.k8s.io): cloud providers' logins."""

    def __init__(self, config: Mapping[str, Any], base: Path, cluster: Mapping[str, Any], origin: str) -> None:
        super().__init__()
        self._config, self._base, self._cluster, self._origin = config, base, cluster, origin
        self._status: dict[str, Any] | None = None

    def authorization(self) -> str | None:
        token = self._credential().get("token")
        return f"Bearer {token}" if token else None

    def key_pair(self) -> KeyPair | None:
        status = self._credential()
        certificate, key = status.get("clientCertificateData"), status.get("clientKeyData")
        return KeyPair(certificate, key) if certificate and key else None

    def renew(self) -> bool:
        self._status = None
        return True

    def _credential(self) -> dict[str, Any]:
        if self._status is None or _expired(self._status.get("expirationTimestamp")):
            self._status = self._run()
        return self._status

    def _run(self) -> dict[str, Any]:
        command = str(self._config.get("command") or "")
        program = str(self._base / command) if "/" in command and not Path(command).is_absolute() else command
        args = [program, *map(str, self._config.get("args") or ())]
        try:
            result = subprocess.run(
                args, env=self._env(), stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=_LOGIN
            )
        except subprocess.TimeoutExpired as error:
            raise self._failure(f"did not end within {_LOGIN:.0f} s: run it yourself to see why") from error
        except OSError as error:
            hint = str(self._config.get("installHint") or "install it").strip()
            raise self._failure(f"cannot be started ({error.strerror}): {hint}") from error
        if result.returncode:
            said = result.stderr.decode(errors="replace").strip().splitlines()
            raise self._failure(f"ended with {result.returncode}: {said[-1] if said else 'it said nothing'}")
        try:
            status = json.loads(result.stdout)["status"]
        except (ValueError, KeyError, TypeError) as error:
            raise self._failure("did not print an ExecCredential with a status") from error
        return cast(dict[str, Any], status)

    def _failure(self, what: str) -> ClusterError:
        return ClusterError(
            f"ingress_cluster.context: {self._origin}: the exec plugin {self._config['command']} {what}"
        )

    def _env(self) -> dict[str, str]:
        spec: dict[str, Any] = {"interactive": False}
        if self._config.get("provideClusterInfo"):
            spec["cluster"] = {
                "server": self._cluster.get("server"),
                "certificate-authority-data": self._cluster.get("certificate-authority-data"),
            }
        info = {"apiVersion": self._config.get("apiVersion"), "kind": "ExecCredential", "spec": spec}
        given = {str(item["name"]): str(item["value"]) for item in self._config.get("env") or ()}
        return {**os.environ, **given, "KUBERNETES_EXEC_INFO": json.dumps(info)}


def _expired(timestamp: str | None) -> bool:
    if not timestamp:
        return False
    return datetime.fromisoformat(timestamp).timestamp() - _SKEW < time.time()


class _Configuration(Protocol):
    """What is used of kubernetes.client.Configuration."""

    api_key: dict[str, str]
    refresh_api_key_hook: Any


class AuthProvider(Credentials):
    """The legacy ``auth-provider`` (oidc): left to the kubernetes package, which knows how to renew it."""

    def __init__(self, user: Mapping[str, Any], cluster: Mapping[str, Any]) -> None:
        super().__init__()
        self._user, self._cluster = user, cluster
        self._configuration: _Configuration | None = None

    def authorization(self) -> str | None:
        configuration = self._configuration = self._configuration or self._load()
        if configuration.refresh_api_key_hook:
            configuration.refresh_api_key_hook(configuration)
        return configuration.api_key.get("BearerToken")

    def renew(self) -> bool:
        self._configuration = None
        return True

    def _load(self) -> _Configuration:
        from kubernetes import client, config

        context = {"name": "x", "context": {"cluster": "x", "user": "x"}}
        document = {
            "current-context": "x",
            "contexts": [context],
            "clusters": [{"name": "x", "cluster": {"server": self._cluster["server"]}}],
            "users": [{"name": "x", "user": {"auth-provider": self._user["auth-provider"]}}],
        }
        loaded = client.Configuration()
        try:
            config.load_kube_config_from_dict(document, client_configuration=loaded)  # type: ignore[no-untyped-call]
        except config.ConfigException as error:
            message = f"ingress_cluster.kubeconfig: the user's auth-provider does not work: {error}"
            raise ClusterError(message) from error
        return cast(_Configuration, loaded)
