"""Encrypts Secrets by the program ``sops`` (https://getsops.io): plain text goes through pipes alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .errors import InventoryError, Problem
from .manifests import Object
from .render.sealing import REGEX, Identity, has_key, identity, is_secret, marked, same_inside, same_outside

AT = "ingress_git.sops"
_JSON = ("--input-type", "json", "--output-type", "json", "/dev/stdin")
_PLACES = ("SOPS_AGE_KEY_FILE", "SOPS_AGE_SSH_PRIVATE_KEY_FILE")  # which may be told from the folder we are in
# what would have sops do something else; where the keys are (SOPS_AGE_…) stays
_OTHERWISE = ("SOPS_CONFIG", "SOPS_AGE_RECIPIENTS", "SOPS_PGP_FP", "SOPS_KMS_ARN", "SOPS_GCP_KMS_IDS")


def sealed(objects: Iterable[Object], recipients: Sequence[str], former: Mapping[Identity, Object]) -> list[Object]:
    """The objects with every Secret's content encrypted for the recipients; ciphertext that is still right (``former``)
    stays as it is.

    Raises InventoryError where there is no sops, it refuses, or nobody here can tell whether a ciphertext is right.
    """
    return [_sealed(each, recipients, former.get(identity(each))) if is_secret(each) else each for each in objects]


def _sealed(secret: Object, recipients: Sequence[str], former: Object | None) -> Object:
    told = has_key(secret)
    secret = marked(secret) if told else secret
    kept = former is not None and same_outside(secret, former, recipients)
    if former is not None and kept and (told or same_inside(secret, _opened(former))):
        return former
    command = ["--encrypt", "--age", ",".join(recipients), "--encrypted-regex", REGEX, *_JSON]
    return _answer(command, secret, "cannot encrypt")


def _opened(former: Object) -> Object:
    """It holds no private key, by whose hash it would be known: what it holds may be guessed."""
    metadata = former["metadata"]
    remedy = (
        f"cannot decrypt Secret {metadata.get('namespace')}/{metadata['name']} as it is in Git, to see whether it has "
        "changed: set SOPS_AGE_KEY_FILE, or delete its file, and it is encrypted anew"
    )
    return _answer(["--decrypt", *_JSON], former, remedy)


def _answer(arguments: Sequence[str], document: Object, failed: str) -> Object:
    program = shutil.which("sops")
    if program is None:
        raise _error("the program sops is not on PATH: install it (https://getsops.io)")
    environment = {name: value for name, value in os.environ.items() if name not in _OTHERWISE}
    environment |= {name: str(Path(environment[name]).absolute()) for name in _PLACES if environment.get(name)}
    # from the root folder: no .sops.yaml of a repository tells it otherwise
    ran = subprocess.run(
        [program, *arguments], input=json.dumps(document), capture_output=True, text=True, check=False, cwd="/",
        env=environment,
    )  # fmt: skip
    if ran.returncode != 0:
        raise _error(f"{failed} ({_reason(ran.stderr)})")
    answer: Any = json.loads(ran.stdout)
    return dict(answer)


def _reason(said: str) -> str:
    """The last thing that it says; a message of its own never holds plain text, which it has only read."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "it says nothing"


def _error(message: str) -> InventoryError:
    return InventoryError([Problem(AT, message)])
