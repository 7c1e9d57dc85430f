"""How to reach a cluster: kubeconfig files, contexts and credentials, resolved as kubectl does.

Read here rather than by the kubernetes package, whose import alone takes 0.25 s (the budget of a whole run without
changes is 0.3 s), which lets the last of several files set current-context where kubectl lets the first, and which
writes client keys to temporary files. Only the legacy ``auth-provider`` is left to it.
Source: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..errors import ClusterError
from .credentials import (
    AuthProvider,
    Basic,
    Credentials,
    ExecPlugin,
    KeyPair,
    StaticToken,
    TokenFile,
)

FILE_KEY = "ingress_cluster.kubeconfig"
CONTEXT_KEY = "ingress_cluster.context"
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class Access:
    """All that is needed to open connections to one API server."""

    server: str
    origin: str  # for messages: 'context "kind-x" in /root/.kube/config'
    ca_pem: str | None = None
    verify: bool = True
    server_name: str | None = None
    proxy: str | None = None
    credentials: Credentials = field(default_factory=Credentials)
    headers: Mapping[str, str] = field(default_factory=dict)
    in_pod: bool = False  # the credentials are those of the Pod that this runs in: it is on the cluster's network


@dataclass(frozen=True)
class _Entry:
    """A named cluster, user or context and the folder its relative paths start from."""

    content: dict[str, Any]
    base: Path


def resolve(kubeconfig: str | None, context: str | None, env: Mapping[str, str] | None = None) -> Access:
    """The access that the inventory's two keys mean. Raises ClusterError naming the key at fault."""
    env = os.environ if env is None else env
    files = _files(kubeconfig, env)
    if not files:
        return _in_cluster(context, env)
    merged = _merge(files)
    shown = ":".join(map(str, files))
    name = context or merged.current
    if not name:
        known = _names(merged.contexts)
        raise ClusterError(f"{CONTEXT_KEY}: {shown} sets no current-context: name one of {known}")
    if name not in merged.contexts:
        raise ClusterError(f"{CONTEXT_KEY}: {shown} has no context {name!r}: name one of {_names(merged.contexts)}")
    return _access(merged, name, f"context {name!r} in {shown}")


def _names(entries: Mapping[str, Any]) -> str:
    return ", ".join(sorted(entries)) or "(it has none)"


def _files(kubeconfig: str | None, env: Mapping[str, str]) -> list[Path]:
    """The files to read; empty where only a Pod's service account is left."""
    if kubeconfig:
        path = Path(kubeconfig).expanduser()
        if not path.is_file():
            raise ClusterError(f"{FILE_KEY}: {path} does not exist: correct the path or create the file")
        return [path]
    named = [Path(part).expanduser() for part in env.get("KUBECONFIG", "").split(os.pathsep) if part]
    candidates = named or [Path(env.get("HOME") or "~").expanduser() / ".kube" / "config"]
    found = [path for path in candidates if path.is_file()]
    if not found and not (SERVICE_ACCOUNT / "token").is_file():
        tried = ", ".join(map(str, candidates))
        raise ClusterError(f"{FILE_KEY}: no kubeconfig found (tried {tried}): set this key or $KUBECONFIG")
    return found


@dataclass
class _Merged:
    current: str = ""
    contexts: dict[str, _Entry] = field(default_factory=dict)
    clusters: dict[str, _Entry] = field(default_factory=dict)
    users: dict[str, _Entry] = field(default_factory=dict)


def _merge(files: list[Path]) -> _Merged:
    """kubectl's rule: the first file to set a value wins."""
    merged = _Merged()
    for path in files:
        config = _read(path)
        merged.current = merged.current or str(config.get("current-context") or "")
        for key, known in (("contexts", merged.contexts), ("clusters", merged.clusters), ("users", merged.users)):
            for entry in config.get(key) or ():
                content = entry.get(key[:-1]) if isinstance(entry, dict) else None
                if not isinstance(content, dict) or not isinstance(entry.get("name"), str):
                    raise ClusterError(
                        f"{FILE_KEY}: {path}: an entry of {key} has no name or no {key[:-1]}: correct it"
                    )
                known.setdefault(entry["name"], _Entry(content, path.resolve().parent))
    return merged


def _read(path: Path) -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        config = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506  safe loaders both
    except OSError as error:
        raise ClusterError(f"{FILE_KEY}: {path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        at = getattr(error, "problem_mark", None)
        where = f" (line {at.line + 1})" if at else ""
        raise ClusterError(f"{FILE_KEY}: {path} is not valid YAML{where}: correct it") from error
    if not isinstance(config, dict):
        raise ClusterError(f"{FILE_KEY}: {path} is not a kubeconfig: it must hold clusters, users and contexts")
    return config


def _access(merged: _Merged, name: str, origin: str) -> Access:
    context = merged.contexts[name].content
    cluster = merged.clusters.get(str(context.get("cluster")))
    if cluster is None or not cluster.content.get("server"):
        raise ClusterError(f"{CONTEXT_KEY}: {origin} names the cluster {context.get('cluster')!r}, which has no server")
    user_name = context.get("user")
    user = merged.users.get(str(user_name)) if user_name else _Entry({}, cluster.base)
    if user is None:
        raise ClusterError(f"{CONTEXT_KEY}: {origin} names the user {user_name!r}, which is not there")
    content = cluster.content
    return Access(
        server=str(content["server"]).rstrip("/"),
        origin=origin,
        ca_pem=pem(cluster, "certificate-authority"),
        verify=not content.get("insecure-skip-tls-verify"),
        server_name=content.get("tls-server-name"),
        proxy=content.get("proxy-url"),
        credentials=_credentials(user, cluster, origin),
        headers=_impersonation(user.content),
    )


def _credentials(user: _Entry, cluster: _Entry, origin: str) -> Credentials:
    """The user's way to prove who it is, in client-go's order."""
    content = user.content
    certificate, key = pem(user, "client-certificate"), pem(user, "client-key")
    pair = KeyPair(certificate, key) if certificate and key else None
    if content.get("tokenFile"):
        return TokenFile(_path(user, content["tokenFile"]), pair)
    if content.get("token"):
        return StaticToken(str(content["token"]), pair)
    if content.get("username"):
        return Basic(str(content["username"]), str(content.get("password") or ""), pair)
    if content.get("exec"):
        return ExecPlugin(content["exec"], user.base, cluster.content, origin)
    if content.get("auth-provider"):
        return AuthProvider(content, cluster.content)
    return Credentials(pair)


def _impersonation(user: Mapping[str, Any]) -> dict[str, str]:
    """``as`` and ``as-uid`` of a user entry. Several groups would need a repeated header, which urllib3 joins with a
    comma; the API server reads each header value as one group, so only one is passed on."""
    groups = user.get("as-groups") or []
    if len(groups) > 1:
        raise ClusterError(f"{FILE_KEY}: impersonating several groups (as-groups) is not supported: give one")
    headers = {"Impersonate-User": user.get("as"), "Impersonate-Uid": user.get("as-uid")}
    headers["Impersonate-Group"] = groups[0] if groups else None
    return {name: str(value) for name, value in headers.items() if value}


def _path(entry: _Entry, value: str) -> Path:
    return entry.base / Path(value).expanduser()


def pem(entry: _Entry, key: str) -> str | None:
    """``<key>-data`` decoded, else the content of the file ``<key>`` names."""
    data, file = entry.content.get(f"{key}-data"), entry.content.get(key)
    if not data and not file:
        return None
    try:
        content = base64.b64decode(data) if data else _path(entry, str(file)).read_bytes()
    except (OSError, binascii.Error) as error:
        what = f"{key}-data is not base64 of PEM" if data else f"{key} {_path(entry, str(file))} cannot be read"
        raise ClusterError(f"{FILE_KEY}: {what}: correct it") from error
    return content.decode("ascii", "ignore")  # what is not ASCII is a comment


def _in_cluster(context: str | None, env: Mapping[str, str]) -> Access:
    """A Pod's own service account."""
    if context:
        raise ClusterError(f"{CONTEXT_KEY}: there is no kubeconfig, so no context {context!r}: remove this key")
    host, port = env.get("KUBERNETES_SERVICE_HOST", "kubernetes.default.svc"), env.get("KUBERNETES_SERVICE_PORT", "443")
    return Access(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        origin="the Pod's service account",
        ca_pem=(SERVICE_ACCOUNT / "ca.crt").read_text(encoding="ascii"),
        credentials=TokenFile(SERVICE_ACCOUNT / "token"),
        in_pod=True,
    )
