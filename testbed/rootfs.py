"""Root file systems of Debian packages, made by mmdebstrap where no image can be pulled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from testbed import apt
from testbed.cache import Cache, key
from testbed.commands import run
from testbed.console import step

SUITE = "bookworm"
# nothing reads manuals or translations in there; licences stay
_LEAVE_OUT = ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*", "/usr/share/doc/*")
_KEEP = ("/usr/share/doc/*/copyright",)


@dataclass(frozen=True)
class RootFS:
    """A minimal Debian with these packages and what they depend on; recommended ones are not taken."""

    name: str
    packages: tuple[str, ...]

    @property
    def key(self) -> str:
        """Changes with the packages asked for, not with Debian's point releases."""
        return key(SUITE, *self.packages, *_LEAVE_OUT, *_KEEP)


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
# what kube-proxy and the pod network call
PROXY = RootFS("proxy", ("iptables", "nftables", "conntrack", "iproute2", "kmod", "ipset"))
# below the test bed's own pods: the echo backend and the nginx double
BASE = RootFS(
    "base",
    (
        *("python3", "python3-aiohttp", "python3-yaml", "nginx-light", "libnginx-mod-stream", "libcap2-bin"),
        *("ca-certificates", "netbase"),
    ),
)


def build(cache: Cache, rootfs: RootFS) -> Path:
    """The file system as a tar file, made where the cache lacks it. Raises TestbedError without mmdebstrap."""

    def bootstrap(folder: Path) -> None:
        apt.ensure("mmdebstrap", ["mmdebstrap"], cache)
        options = [f"--dpkgopt=path-exclude={path}" for path in _LEAVE_OUT]
        options += [f"--dpkgopt=path-include={path}" for path in _KEEP]
        with step(f"making the {rootfs.name} root file system from Debian packages"):
            target = str(folder / "rootfs.tar")
            include = f"--include={','.join(rootfs.packages)}"
            log = cache.log(f"rootfs-{rootfs.name}")
            run(["mmdebstrap", "--variant=minbase", include, *options, SUITE, target], log)

    return cache.ensure(f"rootfs-{rootfs.name}", rootfs.key, bootstrap) / "rootfs.tar"
