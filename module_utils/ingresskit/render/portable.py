"""The inventory as a Job in the cluster needs it: resolved, in one file, without keys and without other files.

It promises the same routes as the one it comes from. What holds keys there is a Secret by the time the Job runs, so it
is named instead; passwords have no such place, so that logging in is not asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..controllers.pages import is_file, page_text
from ..facts import Facts
from ..model.certificates import DEFAULT_SECRET
from ..model.routes import slug
from ..model.stack import Stack
from .yaml_files import Template, to_inventory, with_header

# how manifests are written and applied is not the Job's business; app files are in ``ingress_apps`` by now
_LEFT_OUT = ("ingress_apply", "ingress_app_files", "ingress_git")
_CLUSTER = ("state_namespace", "timeout")  # the rest is where the cluster is seen from elsewhere
# headers that hold no secret, and what in their names or in a query says otherwise (X-Forwarded-Access-Token)
_HARMLESS = re.compile(
    r"accept(-encoding|-language)?|access-control-request-.+|content-type|host|origin|user-agent|x-forwarded-.+",
    re.IGNORECASE,
)
_CREDENTIAL = re.compile(r"auth|cookie|token|secret|key|passw|signature", re.IGNORECASE)
_NAMED = ("apiVersion", "kind", "type")  # what is told of a Secret, beside its name
_GIVEN = ("cert_file", "cert")
_Tree = Mapping[str, Any]


def portable(variables: _Tree, stack: Stack, facts: Facts) -> dict[str, Any]:
    """``variables``: those of ``stack`` as ``model.merged`` gives them. Raises InventoryError where a page's file was
    not read."""
    users = _Users()
    found = {name: value for name, value in variables.items() if name not in _LEFT_OUT}
    found["ingress_stack_name"] = stack.name
    found["ingress_smoke"] = _smoke(_of(found, "ingress_smoke"))
    changed: dict[str, Any] = {
        "ingress_cluster": {key: value for key, value in _of(found, "ingress_cluster").items() if key in _CLUSTER},
        "ingress_controller": _controller(_of(found, "ingress_controller"), facts),
        "ingress_hosts": {host: _owner(host, each, users) for host, each in _of(found, "ingress_hosts").items()},
        "ingress_apps": {name: _app(name, each, stack, users) for name, each in _of(found, "ingress_apps").items()},
        "ingress_extra_objects": [_without_content(each) for each in found.get("ingress_extra_objects") or ()],
    }
    found = {name: value for name, value in found.items() if name not in changed}
    return {**found, **{name: value for name, value in changed.items() if value}}


def left_out(stack: Stack) -> list[str]:
    """Inventory paths of the smoke tests that the Job cannot ask: they bring along what only they may know."""
    extra = stack.ingress_smoke.extra
    return [f"ingress_smoke.extra[{index}]" for index, each in enumerate(extra) if _knows_more(each.path, each.headers)]


def _smoke(smoke: _Tree) -> dict[str, Any]:
    extra = [each for each in smoke.get("extra") or () if not _knows_more(each.get("path", ""), each.get("headers"))]
    kept = {key: value for key, value in smoke.items() if key != "extra"}
    return {**kept, "enabled": True, **({"extra": extra} if extra else {})}


def _knows_more(path: str, headers: Iterable[str] | None) -> bool:
    harmless = all(_HARMLESS.fullmatch(name) and not _CREDENTIAL.search(name) for name in headers or ())
    return not harmless or _CREDENTIAL.search(path.partition("?")[2]) is not None


def hosts_file(variables: _Tree, stack: Stack) -> str:
    """The inventory file of one host with these variables."""
    connection = {
        "ansible_connection": "local",
        "ansible_python_interpreter": Template("{{ ansible_playbook_python }}"),
    }
    return with_header(to_inventory({"all": {"hosts": {stack.name: {**connection, **variables}}}}))


def _of(tree: _Tree, key: str) -> _Tree:
    return tree.get(key) or {}


def _controller(controller: _Tree, facts: Facts) -> dict[str, Any]:
    found = {**controller, **_tls(controller, "default_tls", DEFAULT_SECRET)}
    if controller.get("error_pages"):
        found["error_pages"] = {code: _page(page, facts) for code, page in controller["error_pages"].items()}
    backend = _of(controller, "default_backend")
    if backend.get("page") is not None:
        found["default_backend"] = {**backend, "page": _page(backend["page"], facts)}
    if controller.get("crds"):
        found["crds"] = {"source": "none"}
    return found


def _page(page: str, facts: Facts) -> str:
    text = page_text(page, facts)
    return f"{text}\n" if is_file(text) else text


def _app(name: str, app: _Tree, stack: Stack, users: _Users) -> dict[str, Any]:
    hosts = {host: _host(name, host, each, stack, users) for host, each in _of(app, "hosts").items()}
    found = {**app, **_options(app, users), **({"hosts": hosts} if hosts else {})}
    secret = _tls(app, "tls", f"{name}-tls")
    others = [host for host in hosts if host != "*" and stack.sites[host].owner not in ("", name)]
    if not (secret and others):
        return {**found, **secret}
    # a Secret is of one namespace: hosts that another app has keep the certificate that it gives them
    del found["tls"]
    mine = {host: each for host, each in hosts.items() if host not in ("*", *others)}
    return {**found, "hosts": {**hosts, **{host: _with_tls(each, secret) for host, each in mine.items()}}}


def _host(app: str, name: str, host: Any, stack: Stack, users: _Users) -> Any:
    if not isinstance(host, Mapping):
        return host
    paths = host["paths"]
    if isinstance(paths, Mapping):
        paths = {path: _path(entry, users) for path, entry in paths.items()}
    else:
        paths = [_path(entry, users) for entry in paths]
    found = {**host, **_tls(host, "tls", f"{app}-{slug(name)}-tls"), **_options(host, users), "paths": paths}
    if found.get("tls") != host.get("tls") and stack.sites[name].owner not in ("", app):
        del found["tls"]  # a Secret is of one namespace: the owner's counts
    return found


def _with_tls(host: Any, secret: _Tree) -> dict[str, Any]:
    if not isinstance(host, Mapping):
        return {"paths": {"/": host}, **secret}
    return {**host, **secret} if host.get("tls") is None else dict(host)


def _path(entry: Any, users: _Users) -> Any:
    return {**entry, **_options(entry, users)} if isinstance(entry, Mapping) else entry


def _owner(name: str, owner: _Tree, users: _Users) -> dict[str, Any]:
    return {**owner, **_tls(owner, "tls", f"{slug(name)}-tls"), **_options(owner, users)}


def _tls(level: _Tree, key: str, secret: str) -> dict[str, Any]:
    """A source that brings its key along, as the Secret that is made of it."""
    source = _of(level, key)
    return {key: {"secret": secret}} if any(source.get(given) is not None for given in _GIVEN) else {}


def _options(level: _Tree, users: _Users) -> dict[str, Any]:
    options = _of(level, "options")
    auth = _of(options, "basic_auth")
    if auth.get("users") is None:
        return {}
    kept = {key: value for key, value in auth.items() if key not in ("users", "secret")}
    return {"options": {**options, "basic_auth": {**kept, "secret": users.name(auth["users"])}}}


class _Users:
    """Names for lists of users: one for each, so that what differs still does."""

    def __init__(self) -> None:
        self._known: list[_Tree] = []

    def name(self, users: _Tree) -> str:
        if users not in self._known:
            self._known.append(users)
        return f"users-{self._known.index(users) + 1}"


def _without_content(obj: _Tree) -> dict[str, Any]:
    if obj.get("kind") != "Secret":
        return dict(obj)
    metadata = {key: value for key, value in obj["metadata"].items() if key in ("name", "namespace")}
    return {**{key: obj[key] for key in _NAMED if key in obj}, "metadata": metadata}
