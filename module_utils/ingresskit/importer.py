"""Makes an inventory of Ingresses from files, standard input or a live cluster: behind the module and as a command.

kubectl get ingress -A -o yaml | python -m module_utils.ingresskit.importer - > apps.yml
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from .errors import ClusterError, IngresskitError, InventoryError, Problem
from .importing import Imported, Source, import_manifests
from .importing.documents import Document
from .importing.manifest import VERSIONS
from .importing.sources import STDIN, read_sources
from .importing.wishes import Served, read_wishes
from .model import load
from .model.apps import PathType

if TYPE_CHECKING:
    from .api.client import Api
    from .manifests import Object


def import_from(parameters: Mapping[str, Any], base_dir: Path, more: Iterable[Source] = ()) -> Imported:
    """The inventory that the parameters of ``ingress_import`` ask for, and of ``more``.

    Raises InventoryError where a file or an Ingress is at fault, ClusterError where the cluster is.
    """
    wishes = read_wishes(parameters)
    names = parameters.get("src") or []
    if STDIN in names:
        command = "python -m module_utils.ingresskit.importer -"
        raise InventoryError([Problem("src", f"Ansible passes no standard input on: pipe it into {command!r}")])
    sources: list[Source] = [*read_sources(names, base_dir)]
    if parameters.get("content") is not None:
        sources.append(("content", parameters["content"]))
    if parameters.get("cluster") is not None:
        sources += live(parameters["cluster"], wishes.namespaces)
    return import_manifests([*sources, *more], wishes)


def live(cluster: Mapping[str, Any], namespaces: Sequence[str]) -> list[Document]:
    """The Ingresses of a cluster (fields of ``ingress_cluster``) by one LIST, or one for each of ``namespaces``.

    Nothing else is read; certificates stay where they are, only the names of their Secrets are in an Ingress.
    """
    from .api.client import connect  # not needed for files

    named = load({"ingress_cluster": dict(cluster)}).cluster
    api = connect(named.kubeconfig, named.context, timeout=named.timeout)
    return [
        Document(f"Ingress {each['metadata']['namespace']}/{each['metadata']['name']}", each, {})
        for namespace in namespaces or (None,)
        for each in _listed(api, namespace)
    ]


def _listed(api: Api, namespace: str | None) -> Iterator[Object]:
    """The Ingresses as the newest version that the cluster serves has them."""
    from .api.failures import NotFound
    from .api.resources import Resource

    for version in VERSIONS:
        try:
            items = api.list_objects(Resource(version, "Ingress", "ingresses", namespaced=True), namespace).items
        except NotFound:
            continue
        for item in items:
            yield {**item, "apiVersion": version, "kind": "Ingress"}
        return
    raise ClusterError("the cluster serves no Ingresses")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: an inventory on standard output, errors on the other. Gives the exit code."""
    gc.disable()  # what is read stays until the end: see shell.answer
    parser = _parser()
    given = parser.parse_args(arguments)
    given.src = given.src or ([] if given.cluster is not None or sys.stdin.isatty() else [STDIN])
    if not given.src and given.cluster is None:
        parser.error("say what to import: files, folders, - for standard input, or --context for a live cluster")
    controller = {"kind": given.kind} | ({"compat": given.compat} if given.compat else {})
    parameters = {**vars(given), "controller": controller, "src": [name for name in given.src if name != STDIN]}
    try:
        piped = [("standard input", _standard_input())] if STDIN in given.src else []
        sys.stdout.write(import_from(parameters, Path(), piped).text)
    except IngresskitError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m module_utils.ingresskit.importer",
        description="Makes an inventory of Ingress manifests and prints it.",
    )
    add = parser.add_argument
    add("src", nargs="*", help="files, folders and globs; - for standard input")
    add(
        "--context",
        dest="cluster",
        type=_context,
        help="a live cluster by its kubeconfig context; '' is the current one",
    )
    add("--only-namespaces", dest="namespaces", nargs="+", help="only Ingresses of these namespaces")
    add("--class", dest="class_name", help="only Ingresses of this class")
    add("--kind", default="nginx", help="the controller that is to serve them (default: %(default)s)")
    add("--compat", help="with --kind traefik: ingress-nginx")
    add("--served-by", choices=get_args(Served), help="the controller that has served them")
    add("--namespace", help="of Ingresses that name none (default: default)")
    add("--path-type", choices=get_args(PathType), help="of paths without one")
    return parser


def _context(name: str) -> dict[str, str]:
    return {"context": name} if name else {}


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InventoryError([Problem("standard input", "is not UTF-8 text")]) from None


if __name__ == "__main__":
    raise SystemExit(main())
