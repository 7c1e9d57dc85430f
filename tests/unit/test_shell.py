"""What a module says never holds a private key, whoever put it there."""

import base64

import pytest

from module_utils.ingresskit.shell import without_keys

KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEcanary\ncanary\n-----END EC PRIVATE KEY-----\n"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def encoded(text):
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (f"there is no file {KEY}", "there is no file (private key)\n"),
        (KEY[:45], "(private key)"),
        (KEY.replace("EC ", "").replace("\n", "\\n"), "(private key)\\n"),
        (f"got {encoded(KEY)} there", "got (private key) there"),
        (f"{CERTIFICATE}{KEY}{CERTIFICATE}", f"{CERTIFICATE}(private key)\n{CERTIFICATE}"),
        (encoded(CERTIFICATE), encoded(CERTIFICATE)),
        ({KEY: [KEY, ("a", 1, None)]}, {"(private key)\n": ["(private key)\n", ["a", 1, None]]}),
    ],
)
def test_private_keys_are_blotted_out_and_nothing_else(said, left):
    assert without_keys(said) == left
