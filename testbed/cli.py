"""The command line: what each verb does, in order."""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from types import FrameType

from testbed import (
    cluster,
    commands,
    daemon,
    docker,
    engine,
    gitops,
    golang,
    images,
    kubeconfig,
    metallb,
    node,
    nodeimage,
)
from testbed.cache import Cache
from testbed.cluster import Spec
from testbed.console import duration, say
from testbed.errors import TestbedError
from testbed.record import Record


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb. Returns 0, 1 for a failure that has been explained, 130 when interrupted (2 is argparse's)."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        options.run(Cache.of_user(), options)
    except TestbedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        commands.stop_all()
        print("interrupted; run it again to go on from here", file=sys.stderr)
        return 130
    return 0


def up(cache: Cache, options: argparse.Namespace) -> None:
    """Make everything there: Docker, the cluster, the images, the images in the cluster."""
    spec = Spec(options.name, options.http_port, options.https_port, options.workers)
    names = (*images.BACKENDS, options.controller)
    with cache.lock():
        begun = time.monotonic()
        engine.ensure(cache)
        if cluster.is_there(cache, spec):
            say(f"cluster {spec.name}: is there")
            cluster.resume(cache, spec)
            _load(cache, spec, _ensure_images(cache, names))
        else:
            _create(cache, spec, names)
        cluster.wait_ready(spec)
        if options.metallb:
            metallb.ensure(cache, spec)
        docker.prune()
    say(f"cluster {spec.name}: ready, context {spec.context} ({duration(time.monotonic() - begun)})")


def load(cache: Cache, options: argparse.Namespace) -> None:
    """Bring the images up to date in a cluster that is there."""
    spec = Spec(options.name)
    with cache.lock():
        engine.ensure(cache)
        if not cluster.nodes(spec.name):
            raise TestbedError(f"There is no cluster {spec.name}. Run: python -m testbed up")
        further = ("toolkit",) if options.toolkit else ()
        _load(cache, spec, _ensure_images(cache, (*images.BACKENDS, options.controller, *further)))
        if options.metallb:
            metallb.ensure(cache, spec)
        if options.gitops:
            gitops.ensure(cache, spec)
        if options.sops:
            golang.build(cache, golang.SOPS)
            golang.drop_build_cache(cache)
        docker.prune()


def down(cache: Cache, options: argparse.Namespace) -> None:
    """Delete the cluster."""
    with cache.lock():
        engine.require()
        if cluster.nodes(options.name):
            cluster.delete(cache, options.name)
        else:
            say(f"cluster {options.name}: there is none")


def clean(cache: Cache, options: argparse.Namespace) -> None:
    """Remove what the test bed created, and nothing else."""
    with cache.lock():
        if engine.answers():
            _clean_engine(cache)
        elif Record.load(cache).clusters:
            engine.require()
        if options.cache and daemon.is_running(cache):
            say(f"cache: {cache.root} stays, the running engine has its settings from there")
        elif options.cache:
            shutil.rmtree(cache.root)
            say(f"cache: {cache.root} removed")


def _clean_engine(cache: Cache) -> None:
    for name in Record.load(cache).clusters:
        cluster.delete(cache, name)
    record = Record.load(cache)
    leftovers = [*docker.ours(), *record.pulled]
    if leftovers:
        docker.remove(leftovers)
        say(f"images: {len(leftovers)} removed")
    if record.network and docker.remove_network("kind"):
        say("network kind: removed")
    record.pulled, record.network = [], False
    record.save()
    daemon.stop(cache)


def status(cache: Cache, options: argparse.Namespace) -> None:
    """Tell what there is, as text or JSON."""
    engine.require()
    spec = Spec(options.name)
    nodes = cluster.nodes(spec.name)
    references = {name: recipe.reference for name, recipe in images.RECIPE_OF.items()}
    running = nodes.get(spec.control_plane) == "running"
    held = node.images(spec.control_plane, list(references.values())) if running else {}
    facts = {
        "cluster": spec.name,
        "context": spec.context,
        "nodes": nodes,
        "images": {
            name: {"reference": reference, "ours": held[reference].ours, "double": held[reference].double}
            for name, reference in references.items()
            if reference in held
        },
        "cache": str(cache.root),
    }
    print(json.dumps(facts, indent=1) if options.json else _as_text(facts, held))


def env(cache: Cache, options: argparse.Namespace) -> None:
    """Print what a shell needs: eval "$(python -m testbed env)"."""
    print(f"export KUBECONFIG={shlex.quote(str(kubeconfig.path()))}")
    print(f"export INGRESSKIT_CONTEXT={shlex.quote(Spec(options.name).context)}")
    print(f"export PATH={shlex.quote(str(cache.root / 'bin'))}:$PATH")


def _create(cache: Cache, spec: Spec, names: Sequence[str]) -> None:
    node_image, wanted = commands.parallel(lambda: nodeimage.ensure(cache), lambda: _ensure_images(cache, names))

    def load_early() -> None:
        # a node's containerd takes images while kubeadm still works: that saves the time of one of the two
        cluster.wait_for_nodes(spec)
        _load(cache, spec, wanted)

    commands.parallel(lambda: cluster.create(cache, spec, node_image), load_early)


def _ensure_images(cache: Cache, names: Sequence[str]) -> dict[str, docker.Image]:
    return {images.RECIPE_OF[name].reference: images.ensure(cache, name) for name in names}


def _load(cache: Cache, spec: Spec, wanted: dict[str, docker.Image]) -> None:
    for name in cluster.nodes(spec.name):
        node.load(cache, name, wanted)


def _as_text(facts: Mapping[str, object], held: dict[str, docker.Image]) -> str:
    lines = [f"cluster {facts['cluster']} ({facts['context']}): {facts['nodes'] or 'none'}"]
    for reference, image in held.items():
        kind = "TEST DOUBLE" if image.double else "made here" if image.ours else "real"
        lines.append(f"  {reference}: {kind}")
    return "\n".join([*lines, f"cache: {facts['cache']}"])


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m testbed",
        description="The local cluster of ingresskit.",
        epilog="Environment: INGRESSKIT_CACHE, where what was built is kept; INGRESSKIT_REGISTRY=on|off, instead of "
        "asking whether images can be pulled; INGRESSKIT_NODE_IMAGE, the image of the nodes.",
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for run in (up, load, down, clean, status, env):
        verb = verbs.add_parser(run.__name__, help=(run.__doc__ or "").rstrip("."))
        verb.set_defaults(run=run)
        if run is not clean:
            verb.add_argument("--name", default="ingresskit", help="the cluster's name (default: %(default)s)")
        if run in (up, load):
            verb.add_argument("--controller", choices=images.CONTROLLERS, default="nginx", help="default: %(default)s")
            verb.add_argument("--metallb", action="store_true", help="with a load balancer, for Services of that type")
        if run is load:
            verb.add_argument(
                "--gitops", action="store_true", help="with what Argo CD and Flux run from, and a Git server"
            )
            verb.add_argument("--toolkit", action="store_true", help="with the toolkit's own image")
            verb.add_argument("--sops", action="store_true", help="with the program sops, in the cache")
        if run is up:
            verb.add_argument(
                "--http-port", type=int, default=Spec.http_port, help="of this host (default: %(default)s)"
            )
            verb.add_argument(
                "--https-port", type=int, default=Spec.https_port, help="of this host (default: %(default)s)"
            )
            verb.add_argument("--workers", type=int, default=0, metavar="N", help="further nodes (default: none)")
        if run is clean:
            verb.add_argument("--cache", action="store_true", help="what was built, too")
        if run is status:
            verb.add_argument("--json", action="store_true", help="for programs")
    return parser
