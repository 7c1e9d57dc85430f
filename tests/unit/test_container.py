"""The toolkit's container: what goes in, its process 1, and how it gets a Git checkout."""

from __future__ import annotations

import base64
import dataclasses
import functools
import http.server
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
import yaml

from module_utils.ingresskit.images import TOOLKIT
from testbed import images, toolkit

INIT = toolkit.FOLDER / "init.py"
CHECKOUT = toolkit.FOLDER / "checkout.sh"
# process 1 gets the orphans; so does a "subreaper" (prctl(2)), which a test can be
AS_PROCESS_1 = (
    "import ctypes, os, sys; assert not ctypes.CDLL(None).prctl(36, 1);"
    " os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)
CANARY = "canary-of-git"


def pins(path):
    """package -> (version, hashes)"""
    text = path.read_text().replace("\\\n", " ")
    found = re.findall(r"^([a-z0-9-]+)==(\S+)(.*)$", text, re.MULTILINE)
    return {name: (version, frozenset(re.findall(r"sha256:(\w+)", rest))) for name, version, rest in found}


def test_the_image_has_the_versions_that_are_tested():
    ours, tested = pins(toolkit.REQUIREMENTS), pins(toolkit.ROOT / "requirements.lock")
    assert ours.items() <= tested.items(), "make lock writes both"
    asked = re.findall(r"^[a-z0-9-]+", (toolkit.ROOT / "requirements.in").read_text(), re.MULTILINE)
    assert set(asked) < set(ours)


def test_what_is_built_from_is_the_tree_of_the_collection_and_what_runs_it():
    names = list(toolkit.context())
    listed = yaml.safe_load((toolkit.ROOT / "galaxy.yml").read_text())["build_ignore"]
    ignored = {entry.partition("/")[0] for entry in listed}
    folders = {name.partition("/")[0] for name in names}
    assert folders & ignored == {"container", "ansible.cfg", "site.yml"}
    assert {"playbooks", "roles", "library", "module_utils", "plugins", "meta", "bin"} < folders
    assert "plugins/modules" in names and "plugins/modules/ingress_stack.py" not in names, "a link stays one"
    assert not [name for name in names if "__pycache__" in name]


def test_what_is_not_listed_stays_out_of_the_image_whatever_the_builder_has_sent(tmp_path):
    """Docker's classic builder sends all of a checkout."""
    source, image = tmp_path / "source", tmp_path / "image"
    shutil.copytree(toolkit.FOLDER, source / "container")
    listed = {name.partition("/")[0] for name in toolkit.context()} - {"container", "Dockerfile"}
    for name in (*listed, ".git", ".venv", "inventories"):
        place = source / name / "__pycache__" if name != "inventories" else source / name
        place.mkdir(parents=True)
        (place.parent / "file.py").touch()
    subprocess.run(["sh", toolkit.FOLDER / "assemble.sh", "toolkit", source, image], check=True)
    assert {path.name for path in (image / "opt/ingresskit").iterdir()} == listed


def test_the_image_is_made_anew_when_the_tree_changes(tmp_path):
    more = tmp_path / "more.yml"
    more.touch()
    files = toolkit.context()
    recipe = dataclasses.replace(images.RECIPE_OF["toolkit"], context=lambda: files)
    before = recipe.key
    assert before == images.RECIPE_OF["toolkit"].key
    files["playbooks/more.yml"] = more
    assert recipe.key != before


@pytest.mark.parametrize("code", [0, 7])
def test_process_1_ends_as_its_command_does(code):
    assert subprocess.run([sys.executable, INIT, "sh", "-c", f"exit {code}"], check=False).returncode == code


def test_process_1_says_what_is_missing():
    ran = subprocess.run([sys.executable, INIT, "no-such"], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (1, "ingresskit-init: there is no program no-such\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_process_1_hands_a_signal_on_and_outlives_the_orphans(number, tmp_path):
    """As Ansible does it: the main process dies of the signal while its worker, in a session of its own, tidies up."""
    worker, main = tmp_path / "worker.sh", tmp_path / "main.sh"
    worker.write_text(
        f"trap '' TERM INT; cd {tmp_path}; touch begun; until [ -e end ]; do sleep 0.05; done; touch tidy\n"
    )
    main.write_text(f"setsid sh {worker} &\nexec sleep 60\n")
    process = subprocess.Popen([sys.executable, "-c", AS_PROCESS_1, INIT, "sh", main])
    try:
        eventually((tmp_path / "begun").exists)
        process.send_signal(number)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        (tmp_path / "end").touch()
        assert process.wait(20) == 128 + number
    finally:
        (tmp_path / "end").touch()
        process.kill()
        process.wait()
    assert (tmp_path / "tidy").exists()


def eventually(true, seconds=20):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def repository(tmp_path):
    """Two commits: v1 and main."""
    made = tmp_path / "made"
    git("init", "--quiet", "--initial-branch=main", str(made), at=tmp_path)
    for text in ("one", "two"):
        (made / "file").write_text(text)
        git("add", "file", at=made)
        git("-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "-m", text, at=made)
        if text == "one":
            git("tag", "v1", at=made)
    return made


def git(*arguments, at):
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    ran = subprocess.run(["git", "-C", at, *arguments], check=True, capture_output=True, text=True, env=environment)
    return ran.stdout.strip()


def checkout(url, revision, folder, **environment):
    command = ["sh", CHECKOUT, url, revision, folder]
    environment = {**os.environ, "GIT_CREDENTIALS": "/nonexistent", **environment}
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)


def test_a_branch_a_tag_and_a_commit_are_checked_out(repository, tmp_path):
    first, second = git("rev-parse", "v1", at=repository), git("rev-parse", "main", at=repository)
    wanted = {"main": "two", "v1": "one", first: "one", first[:10]: "one", second: "two"}
    for number, (revision, content) in enumerate(wanted.items()):
        folder = tmp_path / str(number)
        ran = checkout(f"file://{repository}", revision, folder)
        assert ran.returncode == 0, ran.stderr
        assert (folder / "file").read_text() == content
        assert ran.stdout == f"{revision} is commit {first if content == 'one' else second}\n"


def test_what_cannot_be_checked_out_is_told(repository, tmp_path):
    assert "the repository has no revision v9" in checkout(f"file://{repository}", "v9", tmp_path / "a").stderr
    assert checkout(f"file://{repository}", "--upload-pack=x", tmp_path / "b").returncode == 2
    assert "does not appear to be a git repository" in checkout(f"file://{tmp_path}/no", "v1", tmp_path / "c").stderr


class Guarded(http.server.SimpleHTTPRequestHandler):
    """A repository as plain files, for one user."""

    def do_GET(self):
        wanted = base64.b64encode(f"robot:{CANARY}".encode()).decode()
        if self.headers.get("Authorization") == f"Basic {wanted}":
            super().do_GET()
        else:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def guarded(repository):
    git("update-server-info", at=repository)
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Guarded, directory=repository / ".git")
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_password_comes_from_the_mounted_secret_and_goes_nowhere_else(guarded, tmp_path):
    secret = tmp_path / "a secret"
    secret.mkdir()
    (secret / "username").write_text("robot")
    (secret / "password").write_text(CANARY)
    ran = checkout(guarded, "v1", tmp_path / "there", GIT_CREDENTIALS=str(secret), GIT_TRACE="1", GIT_TRACE_CURL="0")
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "there" / "file").read_text() == "one"
    written = b"".join(path.read_bytes() for path in (tmp_path / "there").rglob("*") if path.is_file())
    assert CANARY not in ran.stdout + ran.stderr and CANARY.encode() not in written

    (secret / "password").write_text("wrong")
    refused = checkout(guarded, "v1", tmp_path / "not", GIT_CREDENTIALS=str(secret))
    assert refused.returncode != 0 and "Authentication failed" in refused.stderr


def test_an_ssh_key_is_used_with_the_known_hosts_beside_it(tmp_path):
    """A stand-in for ssh shows what it is called with."""
    secret, seen = tmp_path / "secret", tmp_path / "seen"
    secret.mkdir()
    (secret / "ssh-privatekey").write_text(CANARY)
    ssh = tmp_path / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {seen}\nexit 255\n')
    ssh.chmod(0o755)
    path = f"{ssh.parent}:{os.environ['PATH']}"
    ran = checkout("ssh://git@git.example/x.git", "main", tmp_path / "x", GIT_CREDENTIALS=str(secret), PATH=path)
    assert ran.returncode != 0
    lines = seen.read_text().splitlines()
    assert lines[:2] == ["-i", str(secret / "ssh-privatekey")]
    assert {"StrictHostKeyChecking=yes", f"UserKnownHostsFile={secret}/known_hosts", "git@git.example"} < set(lines)


def test_process_1_tells_where_it_works_as_a_shell_does(tmp_path):
    """Reports go below $PWD, which a container runtime does not set."""
    environment = {name: value for name, value in os.environ.items() if name != "PWD"}
    command = [sys.executable, INIT, sys.executable, "-c", "import os; print(os.environ['PWD'])"]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True)
    assert ran.stdout.strip() == str(tmp_path)


def test_the_job_may_do_what_the_documentation_lists_but_for_forwarding_ports():
    section = (toolkit.ROOT / "docs/guide/rights.md").read_text()
    listed = yaml.safe_load(section.partition("```yaml\n")[2].partition("```")[0])["rules"]
    role = yaml.safe_load((toolkit.ROOT / "gitops/job/base/clusterrole.yaml").read_text())
    assert role["rules"] == [rule for rule in listed if rule["resources"] != ["pods/portforward"]]
    assert len(role["rules"]) == len(listed) - 1


def test_the_job_runs_the_image_of_this_release():
    job = yaml.safe_load((toolkit.ROOT / "gitops/job/base/job.yaml").read_text())
    pod = job["spec"]["template"]["spec"]
    assert {each["image"] for each in (*pod["initContainers"], *pod["containers"])} == {str(TOOLKIT)}


def test_the_job_wants_to_be_told_which_host_its_cluster_is(tmp_path):
    """A stand-in for ansible-playbook shows what it is called with."""
    program = tmp_path / "ansible-playbook"
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    job, base = (
        yaml.safe_load((toolkit.ROOT / f"gitops/job/base/{name}.yaml").read_text()) for name in ("job", "kustomization")
    )
    (container,) = job["spec"]["template"]["spec"]["containers"]
    settings = dict(each.split("=", 1) for each in base["configMapGenerator"][0]["literals"])

    def run(**more):
        environment = settings | more | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        return subprocess.run(container["args"], env=environment, check=False, capture_output=True, text=True)

    refused = run()
    assert (refused.returncode, refused.stdout) == (2, "") and "LIMIT is empty" in refused.stderr
    assert run(LIMIT="frankfurt").stdout == "/opt/ingresskit/site.yml --inventory inventories/prod --limit frankfurt\n"
