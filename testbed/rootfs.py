"""Root file systems of Debian packages, made by mmdebstrap where no image can be pulled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from testbed import apt
from testbed.cache import Cache, key
from testbed.commands import run
from testbed.console import step

SUITE = "bookworm"
_OPTIONS = (
    "--variant=minbase",
    # Debian's own way to a merged /usr is a package that brings all of Perl; the hook merges, this package says so
    "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
    "--include=usr-is-merged",
    # nothing reads manuals or translations in there; licences stay
    *(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("man", "locale", "info", "doc")),
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
)


@dataclass(frozen=True)
class RootFS:
    """A minimal Debian with these packages and what they depend on; recommended ones are not taken."""

    name: str
    packages: tuple[str, ...]

    @property
    def key(self) -> str:
        """Changes with the packages asked for, not with Debian's point releases."""
        return key(SUITE, *self.packages, *_OPTIONS)


# what systemd, containerd, the kubelet and kubeadm need (kubeadm's preflight looks for most of them)
NODE = RootFS(
    "node",
    (
        *(
            "systemd",
            "systemd-sysv",
            "dbus",
            "containerd",
            "runc",
            "containernetworking-plugins",
            "iptables",
            "nftables",
        ),
        *("conntrack", "iproute2", "ethtool", "util-linux", "mount", "kmod", "socat", "ca-certificates", "curl", "jq"),
        "procps",
    ),
)
# below the test bed's own pods (the echo backend, the nginx double), and below kube-proxy and the pod network, which
# call iptables and ip: one for both, so that a new node unpacks it once and has it when our images are loaded
BASE = RootFS(
    "base",
    (
        *("python3", "python3-aiohttp", "python3-yaml", "nginx-light", "libnginx-mod-stream", "libcap2-bin"),
        *("ca-certificates", "netbase", "iptables", "nftables", "conntrack", "iproute2", "kmod", "ipset"),
    ),
)

# below the toolkit's image, Argo CD's and the tests' Git server
GIT = RootFS("git", ("python3", "git", "ca-certificates", "netbase"))
REDIS = RootFS("redis", ("redis-server",))


def build(cache: Cache, rootfs: RootFS) -> Path:
    """The file system as a tar file, made where the cache lacks it. Raises TestbedError without mmdebstrap."""

    def bootstrap(folder: Path) -> None:
        apt.ensure("mmdebstrap", ["mmdebstrap"], cache)
        with step(f"making the {rootfs.name} root file system from Debian packages"):
            target = str(folder / "rootfs.tar")
            include = f"--include={','.join(rootfs.packages)}"
            log = cache.log(f"rootfs-{rootfs.name}")
            run(["mmdebstrap", *_OPTIONS, include, SUITE, target], log)

    return cache.ensure(f"rootfs-{rootfs.name}", rootfs.key, bootstrap) / "rootfs.tar"
