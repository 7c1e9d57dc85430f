"""What is said without the private keys in it: the last line of defence, for texts that are not ours. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# a private key as PEM text, whole or cut short, and as a Secret holds it: base64 of "-----BEGIN" (no certificate)
_KEYS = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)"
    r"|LS0tLS1CRUdJTi(?!BDRVJU)[A-Za-z0-9+/=]{8,}",
    re.DOTALL,
)
# less of it, and no public key: how one begins, and base64 of "PRIVATE KEY" wherever among three bytes it begins
_CERTAIN = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY|UFJJVkFURSBLRV|BSSVZBVEUgS0VZ|QUklWQVRFIEtFW")


def without_keys(said: Any) -> Any:
    """``said`` with every private key in it blotted out.

    The API server repeats values it refuses, and whoever mistakes ``key_file`` for ``key`` has named a file so.
    """
    if isinstance(said, str):
        return _KEYS.sub("(private key)", said)
    if isinstance(said, Mapping):
        return {without_keys(key): without_keys(value) for key, value in said.items()}
    if isinstance(said, list | tuple):
        return [without_keys(item) for item in said]
    return said


def holds_key(text: str) -> bool:
    """Whether a private key stands there for certain."""
    return _CERTAIN.search(text) is not None
