"""The CustomResourceDefinitions of a controller: from upstream, from files, or brought by somebody else."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import yaml

from .controllers import IngressController
from .errors import InventoryError, Problem
from .manifests import Object
from .model.controller import Controller, Crds

AT = "ingress_controller.crds"
OTHERS = "or fetch it elsewhere and give its PATH as source, or bring the definitions yourself and say none"
SUFFIXES = (".yml", ".yaml", ".json")
WAIT = 30  # seconds for the download
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def definitions(controller: Controller, dialect: IngressController, base_dir: Path) -> tuple[Object, ...]:
    """The definitions that the stack is to bring; none without custom resources or where the user brings them.

    A file or folder is meant from the inventory's folder. What upstream serves is kept in the user's cache by its hash,
    so it is fetched once. Raises InventoryError: no file, another hash, other objects in it, upstream not reached.
    """
    crds = controller.crds or Crds()
    if not controller.custom_resources or not dialect.definitions or crds.source == "none":
        return ()
    if crds.source == "upstream":
        texts = [_upstream(dialect.definitions_url(controller), crds.sha256)]
    else:
        texts = list(_files(crds, base_dir))
    found = [each for text in texts for each in _parsed(text, crds.source)]
    if not found:
        raise _error("source", f"{crds.source} holds no CustomResourceDefinition")
    return tuple(found)


def _error(key: str, message: str) -> InventoryError:
    return InventoryError([Problem(f"{AT}.{key}", message)])


def _files(crds: Crds, base_dir: Path) -> Iterator[bytes]:
    """The content of the file, or of all YAML and JSON files in the folder."""
    path = base_dir / Path(crds.source).expanduser()
    if path.is_dir():
        if crds.sha256 is not None:
            raise _error("sha256", f"goes with one file, and {path} is a folder")
        paths = sorted(each for each in path.iterdir() if each.suffix in SUFFIXES)
    else:
        paths = [path]
    for each in paths:
        try:
            content = each.read_bytes()
        except OSError as error:
            what = "there is no file" if isinstance(error, FileNotFoundError) else f"cannot read ({error.strerror})"
            relative = not crds.source.startswith(("/", "~"))
            hint = " (relative names are meant from the inventory's folder)" if relative else ""
            raise _error("source", f"{what} {each}{hint}; besides a path there are upstream and none") from None
        if crds.sha256 is not None:
            _check(content, crds.sha256, str(each))
        yield content


def _upstream(url: str, sha256: str | None) -> bytes:
    """The file as upstream serves it, checked: it comes over the net, and what it says becomes part of the API."""
    if sha256 is None:
        how = f"look at the file, then give its hash (curl -fsSL {url} | sha256sum)"
        raise _error("sha256", f"is needed with source upstream: {how}; {OTHERS}")
    kept = _cache() / f"{sha256}.yaml"
    with contextlib.suppress(OSError):
        content = kept.read_bytes()
        if hashlib.sha256(content).hexdigest() == sha256:
            return content
    try:
        with urlopen(url, timeout=WAIT) as answer:  # noqa: S310 - https, and ours
            content = bytes(answer.read())
    except (OSError, HTTPException) as error:
        raise _error("source", f"cannot fetch {url}: {getattr(error, 'reason', error)}; {OTHERS}") from None
    _check(content, sha256, url)
    with contextlib.suppress(OSError):  # a cache is no duty
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(f".{os.getpid()}")
        part.write_bytes(content)
        part.replace(kept)
    return content


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "ingresskit" / "crds"


def _check(content: bytes, wanted: str, where: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != wanted:
        raise _error("sha256", f"{where} has another hash: {found}")


def _parsed(content: bytes, where: str) -> Iterator[Object]:
    """The definitions in a YAML text; what a server adds (``status``) is left out."""
    try:
        documents = [each for each in yaml.load_all(content, Loader=_Loader) if each is not None]
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        at = "" if line is None else f", line {line + 1}"
        raise _error("source", f"{where}{at}: is no YAML: {getattr(error, 'problem', '')}") from None
    for each in documents:
        kind = each.get("kind") if isinstance(each, dict) else type(each).__name__
        if kind != "CustomResourceDefinition":
            raise _error("source", f"{where} holds a {kind}: only CustomResourceDefinitions belong there")
        yield {key: value for key, value in each.items() if key != "status"}
