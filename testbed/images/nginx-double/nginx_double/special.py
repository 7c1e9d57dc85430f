"""The Secrets that flags name: the default server's certificate and the wildcard one."""

from __future__ import annotations

from collections.abc import Callable

from . import tls
from .flags import Flags
from .model import Key, Obj, Report, Snapshot

FLAGS = {"default": "default-server-tls-secret", "wildcard": "wildcard-tls-secret"}


class SpecialSecrets:
    """`current` holds them as this pod last saw them valid; None for a flag that is not given."""

    def __init__(self, flags: Flags, pod: Obj, record: Callable[[Report], None]) -> None:
        self._keys = {name: _key(flags.text(flag)) for name, flag in FLAGS.items() if flags.text(flag)}
        self._pod = pod
        self._record = record
        self._told: dict[str, str] = {}  # what was last complained of
        self.current: dict[str, Obj | None] = {}

    def start(self, snapshot: Snapshot) -> None:
        """Take them for the first time. Raises SecretError for an absent or unusable one: F5 does not start then."""
        for name, key in self._keys.items():
            secret = snapshot.secrets.get(key)
            try:
                tls.tls_file(key, secret, {})
            except tls.SecretError as error:
                label = "/".join(key)
                raise tls.SecretError(f"Error when getting the Secret {label} of -{FLAGS[name]}: {error}") from error
            self.current[name] = secret

    def refresh(self, snapshot: Snapshot) -> None:
        """Take a new valid version; keep the old one, and say so, when it was deleted or has gone bad."""
        for name, key in self._keys.items():
            secret, label = snapshot.secrets.get(key), "/".join(key)
            if secret is None:
                message = (
                    f"A special secret {label} was deleted. Retaining the secret on this pod but this will affect "
                )
                self._complain(name, Report(self._pod, "SecretDeleted", message + "new pods.", warning=True))
            elif _version(secret) != _version(self.current[name]):
                self._take(name, key, secret)
            else:
                self._told.pop(name, None)

    def _take(self, name: str, key: Key, secret: Obj) -> None:
        label = "/".join(key)
        try:
            tls.tls_file(key, secret, {})
        except tls.SecretError as error:
            message = f"the special Secret {label} was rejected, using the previous version: {error}"
            self._complain(name, Report(secret, "SecretError", message, warning=True))
            return
        self.current[name] = secret
        self._told.pop(name, None)
        self._record(Report(secret, "Updated", f"the special Secret {label} was updated"))

    def _complain(self, name: str, report: Report) -> None:
        if self._told.get(name) != report.message:
            self._told[name] = report.message
            self._record(report)


def _version(secret: Obj | None) -> str | None:
    return secret["metadata"]["resourceVersion"] if secret else None


def _key(text: str) -> Key:
    namespace, _, name = text.partition("/")
    return namespace, name
