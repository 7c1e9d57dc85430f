"""The nginx double's command line: F5's flags, Go's syntax, honest refusals."""

import subprocess
import sys
from pathlib import Path

import pytest

IMAGE = Path(__file__).parents[2] / "testbed" / "images" / "nginx-double"
sys.path.insert(0, str(IMAGE))

from nginx_double import flags  # noqa: E402


@pytest.mark.parametrize(
    ("argv", "name", "value"),
    [
        ([], "ingress-class", "nginx"),
        (["-ingress-class=edge"], "ingress-class", "edge"),
        (["--ingress-class=edge"], "ingress-class", "edge"),
        (["-ingress-class", "edge"], "ingress-class", "edge"),
        (["-enable-snippets"], "enable-snippets", True),
        (["-enable-snippets=0"], "enable-snippets", False),
        (["-ready-status=false"], "ready-status", False),
        (["-nginx-reload-timeout=5000"], "nginx-reload-timeout", 5000),
        (["-prometheus-tls-secret="], "prometheus-tls-secret", ""),  # as upstream's Helm chart gives it
        (["-enable-snippets", "--", "-x"], "enable-snippets", True),
    ],
)
def test_accepts(argv, name, value):
    assert flags.parse(argv).values[name] == value


@pytest.mark.parametrize(
    ("argv", "words", "code"),
    [
        (["-x"], "flag provided but not defined: -x", 2),
        (["--default-backend-service=a/b"], "flag provided but not defined: -default-backend-service", 2),
        (["-v=3"], "flag provided but not defined: -v", 2),  # glog's; gone since 4.0
        (["-ingress-class"], "flag needs an argument: -ingress-class", 2),
        (["-enable-snippets=maybe"], 'invalid boolean value "maybe" for -enable-snippets: parse error', 2),
        (["-ready-status-port=http"], 'invalid value "http" for flag -ready-status-port: parse error', 2),
        (["---x"], "bad flag syntax: ---x", 2),
        (["-ready-status-port=80"], "Invalid value for ready-status-port", 1),
        (["-default-server-tls-secret=just-a-name"], "must have the form <namespace>/<name>", 1),
        (["-watch-namespace=a,B_c"], "Invalid value for watch-namespace: invalid resource name B_c", 1),
        (["-nginx-status-allow-cidrs=10.0.0.0/40"], "Invalid value for nginx-status-allow-cidrs", 1),
        (["-health-status-uri=/"], "Invalid value for health-status-uri", 1),
        (["-enable-oidc"], "known to F5, but refused: not imitated by the double", 1),
        (["-enable-tls-passthrough", "-enable-custom-resources=false"], "requires -enable-custom-resources", 1),
        (["-nginx-plus"], "not imitated by the double", 1),
        (["-watch-namespace-label=a=b"], "not imitated by the double", 1),
    ],
)
def test_refuses(argv, words, code):
    with pytest.raises(flags.FlagError, match=r"^[^\n]+$") as caught:
        flags.parse(argv)
    assert words in str(caught.value)
    assert caught.value.code == code


def test_every_flag_of_the_double_says_what_becomes_of_it():
    assert {treatment for _, treatment in flags.FLAGS.values()} <= {flags.IMITATE, flags.IGNORE, flags.REFUSE}


def test_what_is_accepted_without_effect_is_said():
    notes = flags.parse(["-log-format=json", "-enable-custom-resources=false", "stray"]).notes
    assert notes == [
        "Ignoring unhandled arguments: ['stray']",
        "-log-format=json: accepted, not imitated by the double",
    ]


@pytest.mark.parametrize(("argv", "code"), [(["-x"], 2), (["-version"], 0), (["-nginx-plus"], 1), ([], 1)])
def test_the_program_announces_itself_first_and_ends_as_f5_does(argv, code):
    done = subprocess.run(
        [sys.executable, "-m", "nginx_double", *argv],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(IMAGE), "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=30,
        check=False,
    )
    assert done.returncode == code
    assert done.stderr.startswith("THIS IS A TEST DOUBLE: nginx: test double of F5 NGINX Ingress Controller 5.5.4")
    assert "Traceback" not in done.stderr
