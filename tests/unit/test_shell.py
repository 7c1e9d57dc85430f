"""What a module says never holds a private key, whoever put it there."""

import base64
import subprocess
import sys
from pathlib import Path

import pytest

from module_utils.ingresskit import shell
from module_utils.ingresskit.keyless import without_keys
from module_utils.ingresskit.shell import answer_here

ROOT = Path(__file__).parents[2]

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


def test_what_is_missing_is_told_in_one_command_that_installs_it(monkeypatch):
    def work(call):
        raise ImportError("no such thing", name="pydantic.fields")

    really = shell.find_spec
    monkeypatch.setattr(shell, "find_spec", lambda name: None if name in ("pydantic", "yaml") else really(name))
    result = here(work)
    assert result["failed"]
    assert f"{sys.executable} lacks pydantic, yaml, which ingresskit needs" in result["msg"]
    assert result["msg"].endswith(f"{sys.executable} -m pip install 'pydantic>=2.11' 'pyyaml>=6'")


def test_what_is_told_to_be_missing_is_what_the_requirements_ask_for():
    asked = [line for line in (ROOT / "requirements.in").read_text().splitlines() if not line.startswith("#")]
    assert set(shell.LIBRARIES.values()) == {line for line in asked if not line.startswith("ansible-core")}


def test_modules_look_for_their_libraries_before_they_import_them():
    """With none there a module is loaded all the same; what it says then is told above."""
    script = (
        "import importlib, pathlib, sys, types\n"
        "class Nothing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in sys.argv[2:]: raise ImportError(name, name=name)\n"
        "sys.meta_path.insert(0, Nothing())\n"
        "package = types.ModuleType('plugins_of_ingresskit')\n"
        "package.__path__ = [sys.argv[1]]\n"
        "sys.modules[package.__name__] = package\n"
        "for path in sorted(pathlib.Path(sys.argv[1], 'modules').glob('*.py')):\n"
        "    importlib.import_module(f'{package.__name__}.modules.{path.stem}')\n"
        "    print(path.stem)\n"
    )
    command = [sys.executable, "-c", script, str(ROOT / "plugins"), *shell.LIBRARIES]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert loaded == sorted(path.stem for path in (ROOT / "library").glob("*.py"))
