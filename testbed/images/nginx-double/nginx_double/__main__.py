"""The entry point: checks as F5 does at start, then all parts until SIGTERM or the end of nginx."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any

from . import BANNER, IMITATES, web
from .applier import Applier
from .controller import Controller, Fatal, Parts
from .events import ANNOTATION, Recorder
from .flags import FlagError, Flags, parse
from .kube import ApiError, Kube
from .leader import Leader
from .model import Obj
from .nginx import Nginx, has_ipv6
from .status import Writer
from .store import CUSTOM_KINDS, GLOBAL, Store, Table

log = logging.getLogger("nginx_double")
CONTROLLER = "nginx.org/ingress-controller"


def main() -> int:
    """Run the double; the exit code is F5's: 2 for an unknown flag, 1 for what it cannot start with."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(levelname).1s%(asctime)s %(name)s] %(message)s"
    )
    print(f"THIS IS A TEST DOUBLE: {BANNER}; no code of F5's is in it", file=sys.stderr, flush=True)
    try:
        flags = parse(sys.argv[1:])
        if flags.on("version"):
            print(f"Version=5.5.4 ({IMITATES}: test double)")
            return 0
        return asyncio.run(_run(flags))
    except FlagError as error:
        print(error, file=sys.stderr)
        return error.code
    except (Fatal, ApiError, OSError) as error:
        log.critical("%s", error)
        return 1


async def _run(flags: Flags) -> int:
    log.info("Starting with flags: %s", sys.argv[1:])
    for note in flags.notes:
        log.warning("%s", note)
    if not has_ipv6() and not flags.on("disable-ipv6"):
        log.warning("this host has no IPv6: the double does without it, as with -disable-ipv6")
        flags = Flags(flags.values | {"disable-ipv6": True})
    namespace, name = _pod_identity()
    async with Kube.in_cluster() as kube:
        pod = await announce(kube, namespace, name)
        await check_class(kube, flags.text("ingress-class"))
        await check_configmap(kube, flags.text("nginx-configmaps"))
        return await _serve(flags, kube, pod)


async def _serve(flags: Flags, kube: Kube, pod: Obj) -> int:
    health = web.Health()
    nginx = Nginx(timeout=flags.number("nginx-reload-timeout") / 1000)
    store = Store(kube, tables(flags))
    recorder = Recorder(kube, pod["metadata"]["name"])
    applier = Applier(nginx, health, flags.on("enable-config-safety"))
    statuses = Writer(kube)
    controller = Controller(Parts(flags, statuses, store, applier, recorder, health, pod))
    jobs: list[Coroutine[Any, Any, None]] = [controller.run(), store.run(), recorder.run(), statuses.run()]
    if flags.on("enable-leader-election") and flags.on("report-ingress-status"):
        meta, lock = pod["metadata"], flags.text("leader-election-lock-name")
        controller.leader = Leader(kube, meta["namespace"], lock, meta["name"], store.changed.set)
        jobs.append(controller.leader.run())
    if flags.on("ready-status"):
        await web.serve(web.ready_app(health), flags.number("ready-status-port"))
    if flags.on("enable-prometheus-metrics"):
        await web.serve(web.metrics_app(health), flags.number("prometheus-metrics-listen-port"))
    return await _until_the_end([asyncio.create_task(job) for job in jobs], nginx, controller)


async def _until_the_end(jobs: list[asyncio.Task[None]], nginx: Nginx, controller: Controller) -> int:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    ends = [asyncio.create_task(end.wait()) for end in (asked, nginx.exited)]
    await asyncio.wait({*jobs, *ends}, return_when=asyncio.FIRST_COMPLETED)
    failed = [job.exception() for job in jobs if job.done()]
    for job in jobs:
        job.cancel()
    if asked.is_set():
        log.info("Received SIGTERM, shutting down: nginx finishes its requests")
    nginx.quit()
    if controller.leader and asked.is_set():
        try:
            await controller.leader.release()
        except ApiError as error:
            log.warning("the lease could not be released: %s", error)
    if nginx.started:
        await nginx.exited.wait()
    for failure in filter(None, failed):
        raise failure
    if not asked.is_set():
        log.critical("nginx has exited")
    return 0 if asked.is_set() else 1


def _pod_identity() -> tuple[str, str]:
    try:
        return os.environ["POD_NAMESPACE"], os.environ["POD_NAME"]
    except KeyError as error:
        raise Fatal(f"the environment variable {error.args[0]} must be set") from None


async def announce(kube: Kube, namespace: str, name: str) -> Obj:
    """Say on the own Pod, for machines to read, that this is a double. Returns the Pod."""
    path = f"/api/v1/namespaces/{namespace}/pods/{name}"
    for attempt in range(5):
        pod = await kube.get(path)
        pod["metadata"].setdefault("annotations", {})[ANNOTATION] = BANNER
        try:
            return await kube.update(path, pod) | {"apiVersion": "v1", "kind": "Pod"}
        except ApiError as error:
            if error.status != 409 or attempt == 4:  # the kubelet writes the same object
                raise
    raise AssertionError("unreachable")


async def check_class(kube: Kube, name: str) -> None:
    """F5 does not start without its IngressClass, nor with another controller's."""
    try:
        found = await kube.get(f"/apis/networking.k8s.io/v1/ingressclasses/{name}")
    except ApiError as error:
        raise Fatal(f"Error when getting IngressClass {name}: {error}") from error
    controller = found["spec"].get("controller")
    if controller != CONTROLLER:
        raise Fatal(
            f"IngressClass with name {name} has an invalid Spec.Controller {controller!r}; expected {CONTROLLER!r}"
        )


async def check_configmap(kube: Kube, reference: str) -> None:
    namespace, _, name = reference.partition("/")
    if reference:
        try:
            await kube.get(f"/api/v1/namespaces/{namespace}/configmaps/{name}")
        except ApiError as error:
            raise Fatal(f"Error when getting the ConfigMap {reference} of -nginx-configmaps: {error}") from error


def tables(flags: Flags) -> list[Table]:
    """What is listed and watched: everything, or only the namespaces of -watch-namespace."""
    namespaces = flags.names("watch-namespace") or [""]
    secret_namespaces = flags.names("watch-secret-namespace") or namespaces
    found = [Table(kind, scope) for kind in ("ingresses", "services", "endpointslices") for scope in namespaces]
    found += [Table("secrets", scope) for scope in secret_namespaces]
    if flags.on("enable-custom-resources"):
        found += [Table(kind, scope) for kind in CUSTOM_KINDS for scope in namespaces]
    for flag in ("default-server-tls-secret", "wildcard-tls-secret"):
        namespace, _, name = flags.text(flag).partition("/")
        if name and not {"", namespace} & set(secret_namespaces):
            found.append(Table("secrets", namespace, {"fieldSelector": f"metadata.name={name}"}))
    for resource, flag in (("configmaps", "nginx-configmaps"), (GLOBAL, "global-configuration")):
        namespace, _, name = flags.text(flag).partition("/")
        if name:
            found.append(Table(resource, namespace, {"fieldSelector": f"metadata.name={name}"}))
    return found


if __name__ == "__main__":
    sys.exit(main())
