"""The test bed's pure parts and its dealings with files and processes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from testbed import capabilities, commands, golang, kubeconfig, nodeimage, oci, registry
from testbed.cache import Cache, key
from testbed.console import duration
from testbed.errors import CommandError, TestbedError
from testbed.record import Record


@pytest.mark.parametrize(
    ("bounding", "last", "missing"),
    [
        ("000001ffffffffff", 40, set()),
        ("000001fffeffffff", 40, {24}),  # seen: a sandbox without CAP_SYS_RESOURCE
        ("00000000a80425fb", 5, {2}),  # Docker's default set
        ("0000000000000000", 1, {0, 1}),
        ("000001ffffffffff", 41, {41}),  # a newer kernel
    ],
)
def test_missing_capabilities(bounding: str, last: int, missing: set[int]) -> None:
    status = f"Name:\tsh\nCapEff:\t0000000000000000\nCapBnd:\t{bounding}\nCapAmb:\t0000000000000000\n"
    assert capabilities.missing(status, last) == missing


@pytest.mark.parametrize(
    ("reference", "host"),
    [
        ("nginx", "docker.io"),
        ("library/traefik:v3", "docker.io"),
        ("docker.io/nginx/nginx-ingress:5.5.4", "docker.io"),
        ("registry.k8s.io/pause:3.10.1", "registry.k8s.io"),
        ("localhost/echo", "localhost"),
        ("localhost:5000/echo:1", "localhost:5000"),
        ("kindest/node@sha256:0123", "docker.io"),
    ],
)
def test_registry_of_a_reference(reference: str, host: str) -> None:
    assert registry.host_of(reference) == host


@pytest.mark.parametrize(("switch", "answer"), [("on", True), ("OFF", False), ("", False), ("auto", False)])
def test_registry_switch(monkeypatch: pytest.MonkeyPatch, switch: str, answer: bool) -> None:
    monkeypatch.setenv("INGRESSKIT_REGISTRY", switch)
    registry.reachable.cache_clear()
    assert registry.reachable("localhost:1") is answer  # nothing listens there
    registry.reachable.cache_clear()


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go1.26.8", (1, 26, 8)),
        ("go1.24", (1, 24)),
        ("kind v0.33.0 go1.26.8 linux/amd64", (0, 33, 0)),
        ("devel", ()),
    ],
)
def test_version(text: str, version: tuple[int, ...]) -> None:
    assert golang.parse_version(text) == version


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.44, "0.4 s"), (9.96, "10.0 s"), (41.6, "42 s"), (59.7, "1 min 00 s"), (365, "6 min 05 s")]
)
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words


class TestKey:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "recipe" / "sub").mkdir(parents=True)
        (tmp_path / "recipe" / "Dockerfile").write_text("FROM scratch\n")
        (tmp_path / "recipe" / "sub" / "run").write_text("echo\n")
        return tmp_path / "recipe"

    def test_is_the_same_for_a_copy_elsewhere(self, folder: Path, tmp_path: Path) -> None:
        before = key(folder)
        folder.rename(tmp_path / "moved")
        os.utime(tmp_path / "moved" / "Dockerfile", (0, 0))
        assert key(tmp_path / "moved") == before

    @pytest.mark.parametrize("change", ["content", "name", "mode", "new"])
    def test_changes_with(self, folder: Path, change: str) -> None:
        before = key(folder)
        {
            "content": lambda: (folder / "Dockerfile").write_text("FROM other\n"),
            "name": lambda: (folder / "sub" / "run").rename(folder / "sub" / "start"),
            "mode": lambda: (folder / "sub" / "run").chmod(0o755),
            "new": lambda: (folder / "more").write_text(""),
        }[change]()
        assert key(folder) != before

    def test_does_not_change_with_compiled_python(self, folder: Path) -> None:
        before = key(folder)
        (folder / "__pycache__").mkdir()
        (folder / "__pycache__" / "x.pyc").write_text("x")
        assert key(folder) == before

    def test_tells_lists_apart_that_read_the_same(self) -> None:
        assert key("ab", "c") != key("a", "bc") != key("abc")

    def test_of_kubernetes_does_not_hang_on_the_node_images_files(self) -> None:
        assert golang.KUBERNETES.key == key(golang.SOURCES / "kubernetes", ".", "tool", *golang.KUBERNETES.flags), (
            "a change to a Dockerfile must not rebuild Kubernetes"
        )

    def test_of_every_module_is_its_own(self) -> None:
        modules = (golang.KUBERNETES, golang.ETCD, golang.COREDNS, golang.PAUSE, golang.KIND, golang.HELM)
        assert len({module.key for module in modules}) == len(modules)


class TestCache:
    def test_builds_once(self, tmp_path: Path) -> None:
        cache, calls = Cache(tmp_path), []

        def build(folder: Path) -> None:
            calls.append(folder)
            (folder / "result").write_text("made")

        assert (cache.ensure("thing", "1", build) / "result").read_text() == "made"
        assert cache.ensure("thing", "1", build) == tmp_path / "thing-1"
        assert len(calls) == 1

    def test_a_failed_build_leaves_nothing(self, tmp_path: Path) -> None:
        def build(folder: Path) -> None:
            (folder / "half").write_text("")
            raise TestbedError("no")

        with pytest.raises(TestbedError):
            Cache(tmp_path).ensure("thing", "1", build)
        assert not list(tmp_path.iterdir())

    def test_the_lock_sweeps_what_a_killed_run_left(self, tmp_path: Path) -> None:
        (tmp_path / "tmp-old" / "deep").mkdir(parents=True)
        with Cache(tmp_path).lock():
            assert not (tmp_path / "tmp-old").exists()

    def test_the_lock_keeps_a_second_run_waiting(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        holder = "import sys,time; from pathlib import Path; from testbed.cache import Cache\n"
        holder += "with Cache(Path(sys.argv[1])).lock(): print('held', flush=True); time.sleep(1)"
        with subprocess.Popen([sys.executable, "-c", holder, str(tmp_path)], stdout=subprocess.PIPE) as other:
            assert other.stdout and other.stdout.readline() == b"held\n"
            begun = time.monotonic()
            with Cache(tmp_path).lock():
                assert time.monotonic() - begun > 0.5
        assert "waiting" in capsys.readouterr().out

    def test_the_record_comes_back(self, tmp_path: Path) -> None:
        record = Record.load(Cache(tmp_path))
        record.clusters, record.daemon_pid = ["ingresskit"], 7
        record.save()
        assert Record.load(Cache(tmp_path)) == record


class TestCommands:
    def test_a_failure_shows_the_end_of_the_log_and_where_it_is(self, tmp_path: Path) -> None:
        log = tmp_path / "step.log"
        with pytest.raises(CommandError) as caught:
            commands.run(["sh", "-c", "seq 100; echo broken >&2; exit 3"], log)
        said = str(caught.value)
        assert "exit code 3" in said and "broken" in said and str(log) in said
        assert "| 82" in said and "| 81" not in said
        assert "\n1\n" in f"\n{log.read_text()}"

    def test_a_missing_program_is_named(self) -> None:
        with pytest.raises(TestbedError, match="no-such-program is not installed"):
            commands.output(["no-such-program"])

    def test_a_silent_program_is_given_up(self) -> None:
        with pytest.raises(CommandError, match="no answer within 0 s"):
            commands.output(["sleep", "5"], timeout=0.2)

    def test_input_is_fed(self, tmp_path: Path) -> None:
        commands.run(["cat"], tmp_path / "log", feed=lambda pipe: pipe.write(b"hello"))
        assert (tmp_path / "log").read_text() == "hello"

    def test_one_failure_stops_the_others(self, tmp_path: Path) -> None:
        begun = time.monotonic()
        script = f"""
from pathlib import Path
from testbed import commands
from testbed.errors import CommandError
try:
    commands.parallel(
        lambda: commands.run(["sh", "-c", "sleep 30 & wait"], Path({str(tmp_path / "a")!r})),
        lambda: commands.run(["sh", "-c", "sleep 0.3; exit 4"], Path({str(tmp_path / "b")!r})),
    )
except CommandError as error:
    print(error.code)
"""
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout == "4\n"
        assert time.monotonic() - begun < 10

    def test_results_come_in_order(self) -> None:
        assert commands.parallel(lambda: time.sleep(0.1) or 1, lambda: 2) == [1, 2]


def test_image_archive(tmp_path: Path) -> None:
    program, rootfs = tmp_path / "tool", tmp_path / "rootfs.tar"
    program.write_bytes(b"#!/bin/sh\n")
    with tarfile.open(rootfs, "w") as tar:
        tar.add(program, "bin/other")
    images = [
        oci.Image("example.test/plain:1", program, "tool"),
        oci.Image("example.test/full:2", program, "alias", rootfs),
    ]
    oci.write_archive(tmp_path / "images.tar", images, tmp_path)

    with tarfile.open(tmp_path / "images.tar") as archive:
        names = archive.getnames()
        blobs = {name: _read(archive, name) for name in names if name.startswith("blobs/")}
        index = json.loads(_read(archive, "index.json"))
    assert len(names) == len(set(names)), "a layer that two images share is written once"
    assert all(name.endswith(hashlib.sha256(content).hexdigest()) for name, content in blobs.items())
    plain, full = (json.loads(blobs[_path(entry["digest"])]) for entry in index["manifests"])
    assert [entry["annotations"]["io.containerd.image.name"] for entry in index["manifests"]] == [
        "example.test/plain:1",
        "example.test/full:2",
    ]
    assert [len(plain["layers"]), len(full["layers"])] == [1, 2]
    assert plain["layers"][0] == full["layers"][1]
    config = json.loads(blobs[_path(full["config"]["digest"])])
    assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in full["layers"]]
    assert config["config"]["Entrypoint"] == ["/usr/local/bin/alias"]
    with tarfile.open(fileobj=io.BytesIO(blobs[_path(plain["layers"][0]["digest"])])) as layer:
        assert layer.getmember("usr/local/bin/tool").mode == 0o755
        assert layer.getmember("usr/local/bin/alias").linkname == "tool"


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    member = archive.extractfile(name)
    assert member is not None
    return member.read()


def _path(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def test_kube_system_images_are_those_of_this_kubernetes() -> None:
    versioned = [reference for reference in nodeimage.KUBE_SYSTEM if "kube-" in reference]
    assert len(versioned) == 4
    assert all(reference.endswith(f":{golang.KUBERNETES_VERSION}") for reference in versioned)
    pinned = (golang.SOURCES / "kubernetes" / "go.mod").read_text()
    assert f"k8s.io/kubernetes {golang.KUBERNETES_VERSION}" in pinned
    manifest = (nodeimage.RECIPE / "default-cni.yaml").read_text()
    assert f"registry.k8s.io/kube-proxy:{golang.KUBERNETES_VERSION}" in manifest
    pause = next(reference for reference in nodeimage.KUBE_SYSTEM if "/pause:" in reference)
    assert f'sandbox_image = "{pause}"' in (nodeimage.RECIPE / "containerd.toml").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--root", "/r", "create", "--bundle", "{bundle}", "id"],
        ["--root", "/r", "run", "--bundle={bundle}", "id"],
        ["--root", "/r", "exec", "--process", "{bundle}/config.json", "id"],
    ],
)
def test_runc_is_asked_only_for_what_the_host_grants(tmp_path: Path, arguments: list[str]) -> None:
    kernel_knows_not = "CAP_OF_NO_KERNEL"
    capability_sets = {"bounding": ["CAP_CHOWN", kernel_knows_not], "effective": [kernel_knows_not]}
    spec = {"capabilities": capability_sets} if "exec" in arguments else {"process": {"capabilities": capability_sets}}
    (tmp_path / "config.json").write_text(json.dumps(spec))
    (tmp_path / "runc").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "runc").chmod(0o755)
    wrapper = Path(__file__).parents[2] / "testbed" / "host" / "runc-bounded"
    given = [argument.format(bundle=tmp_path) for argument in arguments]
    done = subprocess.run(
        [sys.executable, "-IS", str(wrapper), *given],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == given, "runc itself is called with the same arguments"
    written = json.loads((tmp_path / "config.json").read_text())
    sets = written.get("process", written)["capabilities"]
    assert kernel_knows_not not in sets["bounding"] + sets["effective"]
    granted = "CAP_CHOWN" if 0 not in capabilities.missing_here() else None
    assert sets["bounding"] == ([granted] if granted else [])


WANTED = """
clusters: [{name: kind-x, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: kind-x, context: {cluster: kind-x, user: kind-x}}]
users: [{name: kind-x, user: {client-key-data: abc}}]
"""


@pytest.mark.parametrize(
    ("content", "holds"),
    [
        (None, False),
        ("", False),
        ("clusters:\ncontexts:\nusers:\n", False),
        (WANTED, True),
        (WANTED + "current-context: other\n", True),
        (WANTED.replace(":1", ":2"), False),  # made anew: same name, another address
        (WANTED.replace("abc", "def"), False),
    ],
)
def test_kubeconfig(tmp_path: Path, content: str | None, holds: bool) -> None:
    file = tmp_path / "config"
    if content is not None:
        file.write_text(content)
    assert kubeconfig.holds(file, WANTED) is holds
