"""Secrets of users and passwords, as F5's controller wants them."""

from __future__ import annotations

import base64
import hashlib

from ..htpasswd import htpasswd
from ..manifests import Object, manifest
from ..model.options import BasicAuth
from ..model.routes import Entry, slug
from ..model.stack import Stack


def password_secret(entry: Entry, auth: BasicAuth, stack: Stack) -> tuple[str, list[Object]]:
    """The name of the Secret with an entry's users, and the Secret where it is ours.

    F5 wants the type and the key: internal/k8s/secrets/validation.go of nginx/kubernetes-ingress.
    """
    namespace = stack.namespace_of(entry.app)
    if auth.secret is not None:
        return auth.secret, []
    name = _name(entry, auth, stack)
    lines = htpasswd(auth.users or {}, f"{stack.name}/{namespace}/{entry.app}")
    labels, data = {"app.kubernetes.io/part-of": entry.app}, {"htpasswd": base64.b64encode(lines.encode()).decode()}
    return name, [manifest("Secret", name, namespace, labels=labels, type="nginx.org/htpasswd", data=data)]


def _name(entry: Entry, auth: BasicAuth, stack: Stack) -> str:
    """By the level that the users come from: app, host or path. Nothing of a password is in it, not even of a hash."""
    app, owned = stack.apps[entry.app], stack.ingress_hosts.get(entry.host)
    rules = app.hosts.get(entry.host)
    if app.options is not None and app.options.basic_auth == auth:
        return f"{entry.app}-users"
    levels = [level.options for level in (rules, owned) if level is not None]
    if any(options is not None and options.basic_auth == auth for options in levels):
        return f"{entry.app}-{slug(entry.host)}-users"
    place = hashlib.sha256(entry.path.encode()).hexdigest()[:6]
    return f"{entry.app}-{slug(entry.host)}-{slug(entry.path)[:60] or 'root'}-{place}-users"
