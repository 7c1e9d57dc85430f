"""Repositories on the test bed's Git server (`python -m testbed load --gitops`), as a pipeline commits to them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from tests.cluster.playbook import kubectl

INSIDE = "http://git-server.git-server.svc:8080"
QUIET = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
PERSON = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in
          {"NAME": "A Pipeline", "EMAIL": "pipeline@example.com"}.items()}  # fmt: skip


class Repo:
    """A repository with one branch, ``main``; whatever an earlier run left under its name is gone with the first push.

    ``folder``: a directory that is not there yet or is empty, for the work tree.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.url_inside = f"{INSIDE}/{name}.git"
        folder.mkdir(parents=True, exist_ok=True)
        self._git("init", "--quiet", "--initial-branch=main")
        self._git("remote", "add", "origin", f"{outside()}/{name}.git")

    def commit(self, files: dict[str, str | None], message: str) -> str:
        """Writes and pushes files; None removes a file or a folder, before the others are written. What is not named
        stays; without a difference there is a new revision all the same. Returns the revision, 40 hexadecimal digits.
        """
        for name in [name for name, text in files.items() if text is None]:
            place = self.folder / name
            shutil.rmtree(place) if place.is_dir() else place.unlink()
        for name, text in files.items():
            if text is not None:
                place = self.folder / name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text, encoding="utf-8")
        return self.push(message)

    def push(self, message: str) -> str:
        """The same for whatever somebody (a render) has changed in ``folder``."""
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "-m", message)
        self._git("push", "--quiet", "--force", "origin", "main")
        return self._git("rev-parse", "HEAD").strip()

    def tarball_inside(self, revision: str) -> str:
        """Where the files of a revision are as a tar.gz; the same bytes each time."""
        return f"{INSIDE}/{self.name}/{revision}.tar.gz"

    def _git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.folder), *arguments]
        ran = subprocess.run(command, env=os.environ | QUIET | PERSON, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, f"git {' '.join(arguments)}: {ran.stderr}"
        return ran.stdout


def outside() -> str:
    """The server as this host reaches it."""
    service = json.loads(kubectl("get", "service", "git-server", "-n", "git-server", "-o", "json"))
    (one, *_) = json.loads(kubectl("get", "nodes", "-o", "json"))["items"]
    address = next(each["address"] for each in one["status"]["addresses"] if each["type"] == "InternalIP")
    return f"http://{address}:{service['spec']['ports'][0]['nodePort']}"
