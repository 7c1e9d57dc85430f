"""What a module says never holds a private key, whoever put it there."""

import base64

import pytest

from module_utils.ingresskit.shell import answer_here, without_keys

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


def here(work, arguments=None, said=None):
    spec = {"argument_spec": {"name": {"type": "str", "default": "tea"}}}
    listener = (said if said is not None else []).append
    return answer_here("x", spec, work, arguments or {}, check_mode=False, diff=False, say=listener)


def test_work_in_process_is_heard_without_keys():
    def work(call):
        call.say(f"saw {KEY}")
        call.warn(f"beware of {KEY}")
        return {"changed": False, "name": call.params["name"], "found": [KEY]}

    said = []
    result = here(work, said=said)
    assert said == ["saw (private key)\n"]
    assert result["warnings"] == ["beware of (private key)\n"]
    assert (result["name"], result["found"]) == ("tea", ["(private key)\n"])
    assert list(result["invocation"]["module_args"]) == ["name"]


def test_a_fault_of_ours_does_not_show_keys_either():
    def work(call):
        raise ValueError(f"cannot use {call.params['name']}")

    result = here(work, {"name": KEY})
    assert result["failed"] and result["msg"] == "unexpected ValueError: cannot use (private key)\n"
    assert "Traceback" in result["exception"] and "canary" not in str(result)
