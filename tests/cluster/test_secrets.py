"""A private key given to the toolkit shows up nowhere but in its Secret: a canary and a search of every place it could go."""

import base64
import contextlib
import gzip
import io
import json
import os
import socket
import subprocess
import threading
import time
import uuid
import zipfile
import zlib
from pathlib import Path

import pytest

from tests.cluster.conftest import standing
from tests.cluster.double import make_pair
from tests.cluster.playbook import HOST, HOSTS, kubectl, secret

pytestmark = pytest.mark.timeout(300)
MARK = f"canary-{uuid.uuid4().hex}"
CERT, KEY = (text.decode() for text in make_pair("*.example.com"))
PEM, KEY = KEY, f"{MARK}\n{KEY}"  # text before a PEM block is allowed: it shows where the key went as a whole
OTHER = make_pair(HOST)[0].decode()
BODY = "".join(line for line in KEY.splitlines() if "-" not in line)[
    48:88
]  # the rest is the same in all keys, or public
ENCODED = base64.b64encode(KEY.encode()).decode()
PIECES = (BODY, ENCODED[:48], ENCODED[160:208])
NEEDLES = [MARK, *(text[at : at + 16] for text in PIECES for at in range(0, len(text) - 15, 16))]
LOUD = ("-vvvv", "--diff")


def found(text):
    """Pieces of the key in a text."""
    return [needle for needle in NEEDLES if needle in text]


def stack_of(site, **changes):
    """Two apps: the key inline; and in a file, with the key in the certificate's file too, as some authorities deliver it."""
    filed = site.cafe(namespace=site.namespace("filed"), tls={"cert_file": "both.pem", "key_file": "cafe.key"})
    filed["hosts"] = {"filed.example.com": "tea-svc:80"}
    inline = site.cafe(tls={"cert": CERT, "key": KEY})
    own = {"namespace": filed["namespace"], "tls": {"self_signed": {"algorithm": "rsa"}}}
    own["hosts"] = {"own.example.com": "tea-svc:80"}
    return site.inventory(apps={"cafe": inline | changes, "filed": filed, "own": own})


def made(site):
    """Pieces of the keys that the toolkit makes itself, as they are now: of its CA and of what that has issued."""
    for namespace, name in (("state", f"ingresskit-{site.name}.ca"), ("filed", "own-tls")):
        for key, text in secret(site.namespace(namespace), name)["data"].items():
            if key.endswith(".key"):
                lines = base64.b64decode(text).decode().splitlines()
                body = "".join(line for line in lines if "-" not in line)
                # of an RSA key the beginning, its modulus, is public
                places = ((body, 48), (text, 160)) if len(body) < 400 else ((body, -200), (text, -400))
                yield from (whole[at : at + 32] for whole, at in places)


def mistakes(site):
    """Inventories that are refused, here or by the API server, with the key where it would be repeated."""
    immutable = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "namespace": site.namespace("cafe")}}
    return {
        "mismatch": stack_of(site, tls={"cert": OTHER, "key": KEY}),
        "text-for-a-file": stack_of(site, tls={"cert_file": CERT, "key_file": KEY}),
        "key-as-a-key": stack_of(site, tls={"cert": CERT, "key": KEY, PEM: True}),
        "list-for-a-text": stack_of(site, tls={"cert": CERT, "key": [KEY]}),
        "apps-as-text": stack_of(site) | {"ingress_apps": KEY},
        "refused-by-the-api-server": stack_of(site) | {"ingress_extra_objects": [immutable | {"immutable": KEY}]},
    }


def direct(site):
    """The modules called by a play of the user's, one of them with an argument that they do not have."""
    source = {"cert": CERT, "key": KEY}
    cluster = {"context": site.inventory()["ingress_cluster"]["context"]}
    single = {
        "stack": site.name,
        "cluster": cluster,
        "name": "x",
        "namespace": "default",
        "hosts": [HOST],
        "source": source,
    }
    calls = [{"ingress_tls": single}, {"ingress_tls": single | {"nonsense": 1}}]
    calls += [{"ingress_stack": {"inventory": stack_of(site), "nonsense": 1}}, {"ingress_stack": {"inventory": KEY}}]
    tasks = [call | {"ignore_errors": True, "check_mode": True} for call in calls]
    return [{"hosts": "all", "gather_facts": False, "tasks": tasks}]


class Watch:
    """Looks at command lines and at every file of a folder again and again until it is closed."""

    def __init__(self, folder):
        self.folder, self.command_lines, self.files, self.looks = folder, set(), {}, 0
        self._over = threading.Event()
        work = ((self._processes, 0.05), (self._files, 0.02))
        self._threads = [threading.Thread(target=self._every, args=each) for each in work]
        for thread in self._threads:
            thread.start()

    def _every(self, look, pause):
        while not self._over.wait(pause):
            with contextlib.suppress(OSError):  # what was there a moment ago is gone
                look()
                self.looks += 1

    def _processes(self):
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                self.command_lines.add(path.read_bytes().decode(errors="replace"))

    def _files(self):
        for path in self.folder.rglob("*"):
            with contextlib.suppress(OSError):
                if path.is_file() and (known := (str(path), path.stat().st_size)) not in self.files:
                    self.files[known] = path.read_bytes()

    def close(self):
        self._over.set()
        for thread in self._threads:
            thread.join()


def text_of(content):
    """A file's content as text; of a zip, as modules travel in, that of its members too."""
    plain = content.decode(errors="replace")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return "\n".join([plain, *(archive.read(name).decode(errors="replace") for name in archive.namelist())])
    except (zipfile.BadZipFile, zlib.error, EOFError):  # no zip, or one that somebody was still writing
        return plain


@contextlib.contextmanager
def syslog():
    """The lines that reach the system's log meanwhile: by a socket of ours where no daemon runs, else from its journal."""
    lines, since = [], time.time()
    if Path("/dev/log").exists():
        yield lines
        for command in (
            ["journalctl", "--quiet", f"--since=@{int(since)}"],
            ["tail", "-n", "10000", "/var/log/syslog"],
        ):
            with contextlib.suppress(FileNotFoundError):
                lines += subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind("/dev/log")
        threading.Thread(target=_receive, args=(log, lines), daemon=True).start()
        try:
            yield lines
        finally:
            Path("/dev/log").unlink()
            log.shutdown(socket.SHUT_RDWR)
    assert any("ansible-ingress_stack: Invoked" in line for line in lines)


def _receive(log, lines):
    while line := log.recv(1 << 20):
        lines.append(line.decode(errors="replace"))


@pytest.fixture(scope="module")
def canary(tmp_path_factory):
    """A stack of the key's own; its temporary files go to a folder that is watched."""
    yield from standing(tmp_path_factory.mktemp("canary"), "ik-canary", (30014, 30015))


@pytest.fixture(scope="module")
def evidence(canary):
    """Everything that was said, written and shown in runs that succeed and in runs that fail: place -> text."""
    scratch = canary.folder / "scratch"
    scratch.mkdir()
    names = ("TMPDIR", "ANSIBLE_HOME", "ANSIBLE_LOCAL_TEMP", "ANSIBLE_REMOTE_TEMP")
    canary.env = dict.fromkeys(names, str(scratch))
    begun, watch = time.time(), Watch(scratch)
    try:
        with syslog() as logged:
            runs = list(performed(canary))
    finally:
        watch.close()
    assert watch.looks > 100
    return {
        "output": "\n".join(run.output for run in runs),
        "results": json.dumps([run.tasks for run in runs]),
        "export": canary.exported.output + json.dumps(canary.exported.tasks),
        "command lines": "\n".join(watch.command_lines),
        "files while it ran": "\n".join(map(text_of, watch.files.values())),
        "files left": "\n".join(files_left(canary, begun)),
        "syslog": "\n".join(logged),
        "release record": released(canary),
        "objects": kubectl(
            "get", "configmaps,events,ingresses,deployments,pods", "-A", "-o", "yaml", "--show-managed-fields"
        ),
    }


def performed(site):
    """Check mode, install, the CA's export, rotations, drift, and all the mistakes: as loud as Ansible gets, in its own
    process and as modules."""
    site.text("cafe.key", KEY)
    site.text("both.pem", CERT + KEY)
    site.write(stack_of(site, tls={"self_signed": True}))
    site.play().passed()
    site.write(stack_of(site))
    yield site.play("site.yml", *LOUD, "--check").passed()
    yield site.play("site.yml", *LOUD).passed()
    NEEDLES.extend(made(site))
    site.exported = site.play("playbooks/ca.yml", *LOUD).passed()  # Ansible's own modules write the file
    site.write(stack_of(site) | {"ingress_ca": {"algorithm": "rsa", "overlap": 0, "rotate": "again"}})
    yield site.play("site.yml", *LOUD).passed()
    NEEDLES.extend(made(site))
    kubectl("annotate", "secret", "cafe-tls", "-n", site.namespace("cafe"), "theirs=too")
    yield site.play("playbooks/drift.yml", *LOUD, ingresskit_in_process=False)
    (site.folder / "direct.yml").write_text(json.dumps(direct(site)))
    for here in (True, False):
        yield site.play(site.folder / "direct.yml", *LOUD, ingresskit_in_process=here)
    site.dump("hosts.yml", {"all": {"hosts": dict.fromkeys(mistakes(site), HOSTS)}})
    for name, variables in mistakes(site).items():
        site.dump(f"host_vars/{name}.yml", variables)
    for here in (True, False):
        yield site.play("site.yml", *LOUD, ingresskit_in_process=here).failed()
    yield site.play("site.yml", *LOUD, "--check", "--limit", "refused-by-the-api-server").failed()
    yield site.play("playbooks/teardown.yml", *LOUD, "--check", "--limit", "mismatch").passed()


def files_left(site, since):
    """Files written since then where programs leave them, except the inventory, which has to hold the key."""
    for root in (Path("/tmp"), Path.home() / ".ansible", site.folder):
        # a folder that goes meanwhile, somebody else's, is passed over
        for path in (Path(folder) / name for folder, _, names in os.walk(root) for name in names):
            if path.is_relative_to(site.folder / "inventory") or path == site.folder / "direct.yml":
                continue
            with contextlib.suppress(OSError):
                if path.is_file() and path.stat().st_mtime >= since and path.stat().st_size < 10_000_000:
                    yield text_of(path.read_bytes())


def released(site):
    """The release record, unpacked."""
    record = secret(site.namespace("state"), f"ingresskit-{site.name}")
    return gzip.decompress(base64.b64decode(record["data"]["release"])).decode() + json.dumps(record)


PLACES = (
    "output", "results", "export", "command lines", "files while it ran", "files left", "syslog", "release record", "objects",
)  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_the_key_is_not_there(place, evidence):
    assert evidence[place] or place == "syslog"  # which a machine may not keep
    assert not found(evidence[place])


def test_nothing_went_through_a_file(evidence):
    """Ansible names every file that it puts somewhere for a module."""
    assert "EXEC /bin/sh" in evidence["output"]
    assert " PUT " not in evidence["output"]


def test_the_search_would_find_it(canary, evidence):
    """In its own Secret the key is found, as it was given."""
    live = secret(canary.namespace("cafe"), "cafe-tls")
    assert found(json.dumps(live)) == [needle for needle in NEEDLES if needle in ENCODED]
    assert found(base64.b64decode(live["data"]["tls.key"]).decode())
    assert len(set(made(canary))) == 4 and set(made(canary)) <= set(NEEDLES)
    assert len(set(NEEDLES)) == len(NEEDLES), "the CA's key and the certificate's were others before the rotation"
