"""Programs built out of their Go modules: one folder below ``go/`` and one row here for each module.

The folder holds go.mod and go.sum, so that every version and checksum is pinned, and ``tool`` lines naming the commands
to build, or a main package of its own. To add one: ``go get -tool PACKAGE@VERSION`` in a new folder.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from testbed.cache import Cache, key
from testbed.commands import found, output, run
from testbed.console import step
from testbed.errors import TestbedError

SOURCES = Path(__file__).parent / "go"
KUBERNETES_VERSION = "v1.34.4"
ARGOCD_VERSION = "v2.14.21"  # the newest that builds as a Go module
FLUX_VERSION = "v1.7.3"
OLDEST_GO = (1, 24)  # the first to know `tool` in go.mod
_VERSION_PACKAGE = "k8s.io/component-base/version"
_MAJOR, _MINOR = KUBERNETES_VERSION.removeprefix("v").split(".")[:2]


@dataclass(frozen=True)
class GoModule:
    """Commands to build: ``packages`` for `go build`, ``variables`` for the linker, results to be ``renamed``."""

    name: str
    title: str
    packages: tuple[str, ...] = ("tool",)
    variables: dict[str, str] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where its go.mod is."""
        return SOURCES / self.name

    @property
    def flags(self) -> list[str]:
        """What `go build` is told: paths of this machine left out, no symbol tables, the version stamped."""
        stamps = [f"-X {variable}={value}" for variable, value in self.variables.items()]
        return ["-trimpath", "-buildvcs=false", f"-ldflags={' '.join(['-s', '-w', *stamps])}"]

    @property
    def key(self) -> str:
        """Changes with the sources, versions and flags. The Go release is left out: any that builds them will do."""
        return key(self.folder, *self.packages, *self.flags, *(f"{a}={b}" for a, b in self.renamed.items()))


KUBERNETES = GoModule(
    "kubernetes",
    f"Kubernetes {KUBERNETES_VERSION}",
    packages=(".", "tool"),  # every program of a node in one, and kubectl
    # as Kubernetes' own build stamps it: kubeadm and the version skew checks go by it
    variables={
        f"{_VERSION_PACKAGE}.gitVersion": KUBERNETES_VERSION,
        f"{_VERSION_PACKAGE}.gitMajor": _MAJOR,
        f"{_VERSION_PACKAGE}.gitMinor": _MINOR,
    },
)
ETCD = GoModule("etcd", "etcd", renamed={"server": "etcd"})
COREDNS = GoModule("coredns", "CoreDNS")
PAUSE = GoModule("pause", "pause", packages=(".",))
KIND = GoModule("kind", "kind")
METALLB = GoModule("metallb", "MetalLB")
ARGOCD = GoModule(
    "argocd",
    "Argo CD",
    variables={"github.com/argoproj/argo-cd/v2/common.version": ARGOCD_VERSION.removeprefix("v")},
    renamed={"cmd": "argocd"},
)
FLUX = GoModule("flux", "Flux's kustomize-controller")
KUSTOMIZE = GoModule("kustomize", "kustomize")
SOPS = GoModule("sops", "SOPS")
HELM = GoModule("helm", "helm", variables={"helm.sh/helm/v4/internal/version.version": "v4.3.1"})  # for benchmarks


def build(cache: Cache, module: GoModule) -> Path:
    """The folder with the module's commands, built where the cache lacks them.

    Raises TestbedError without Go, CommandError where the build fails.
    """

    def compile_into(folder: Path) -> None:
        require_go()
        with step(f"building {module.title} from its Go modules"):
            log = cache.log(f"go-{module.name}")
            command = ["nice", "go", "build", "-mod=readonly", *module.flags, "-o", f"{folder}/", *module.packages]
            run(command, log, cwd=module.folder, env=_environment(cache))
        for old, new in module.renamed.items():
            (folder / old).rename(folder / new)

    return cache.ensure(f"go-{module.name}", module.key, compile_into)


def drop_build_cache(cache: Cache) -> None:
    """Give back the gigabytes that only a half-finished build needs."""
    workspace = cache.root / "go-workspace"
    if workspace.exists():
        output(["rm", "-rf", str(workspace)], timeout=300)


def require_go() -> None:
    """Raises TestbedError unless a Go is installed that is new enough."""
    wanted = ".".join(map(str, OLDEST_GO))
    if not found("go"):
        raise TestbedError(
            f"Go is needed to build the test bed offline: install Go {wanted} or newer (https://go.dev/dl)"
        )
    version = parse_version(output(["go", "env", "GOVERSION"]))
    if version < OLDEST_GO:
        have = ".".join(map(str, version))
        raise TestbedError(
            f"Go {have} is too old to build the test bed: install Go {wanted} or newer (https://go.dev/dl)"
        )


def parse_version(text: str) -> tuple[int, ...]:
    """The first dotted number in a text: ``go1.26.8`` is (1, 26, 8). No number: an empty tuple, older than any."""
    match = re.search(r"\d+(?:\.\d+)+", text)
    return tuple(map(int, match.group().split("."))) if match else ()


def _environment(cache: Cache) -> dict[str, str]:
    # Own caches, so that dropping them takes nothing of the user's; writable modules, so that it is possible.
    workspace = cache.root / "go-workspace"
    return {
        "CGO_ENABLED": "0",
        "GOFLAGS": "-modcacherw",
        "GOCACHE": str(workspace / "build"),
        "GOMODCACHE": str(workspace / "mod"),
        "GOWORK": "off",
    }
