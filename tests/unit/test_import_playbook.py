"""playbooks/import.yml as a user runs it: no cluster, a file that is not lost, faults in one message."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.unit.test_import_apps import CAFE

ROOT = Path(__file__).parents[2]
DEST = "inventory/group_vars/all/apps.yml"


@pytest.fixture
def play(tmp_path):
    """Runs the playbook in a folder of its own and gives exit code, output and the file written."""
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "cafe.yaml").write_text(CAFE)
    program = str(Path(sys.executable).parent / "ansible-playbook")
    env = os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "PWD": str(tmp_path)}

    def run(*options):
        command = [program, str(ROOT / "playbooks/import.yml"), *options]
        ran = subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        dest = tmp_path / DEST
        return ran.returncode, ran.stdout + ran.stderr, dest.read_text() if dest.exists() else None

    return run


def test_from_manifests_to_an_inventory(play, tmp_path):
    options = ("-e", "import_src=old", "-e", f"import_dest={DEST}", "-e", "{import_controller: {kind: traefik}}")
    code, output, text = play(*options, "--check", "--diff")
    assert (code, text) == (0, None), output
    assert "+  cafe-ingress:" in output
    code, output, text = play(*options)
    assert code == 0, output
    assert "changed=1" in output
    assert "playbooks/render.yml -i INVENTORY" in output, "what comes next is told"
    app = yaml.safe_load(text)["ingress_apps"]["cafe-ingress"]
    assert app["options"] == {"ssl_redirect": False}, "Traefik serves over HTTP where nothing is said"
    code, output, _ = play(*options)
    assert (code, "changed=0" in output) == (0, True), output

    (tmp_path / DEST).write_text(text + "# edited\n")
    code, output, kept = play(*options)
    assert (code, kept) == (2, text + "# edited\n"), "what a user has edited is not lost"
    assert "apps.yml is there and says something else" in output
    code, _, forced = play(*options, "-e", "{import_options: {force: true}}")
    assert (code, forced) == (0, text)


def test_standard_input(tmp_path):
    def run(text, *options):
        command = [sys.executable, "-m", "module_utils.ingresskit.importer", *options]
        return subprocess.run(command, cwd=ROOT, input=text, capture_output=True, check=False)

    ran = run(CAFE.encode(), "--kind", "traefik", "--namespace", "cafe", "--path-type", "Prefix")
    assert (ran.returncode, ran.stderr) == (0, b"")
    app = yaml.safe_load(ran.stdout)["ingress_apps"]["cafe-ingress"]
    assert (app["namespace"], app["options"]) == ("cafe", {"ssl_redirect": False})
    (tmp_path / "cafe.yaml").write_text(CAFE)
    assert (
        run(b"", str(tmp_path), "--kind", "traefik", "--namespace", "cafe", "--path-type", "Prefix").stdout
        == ran.stdout
    )
    for text, said in (
        (b"a: [", b"standard input:1: is not YAML: did not find expected node content, while parsing a flow node\n"),
        (b"caf\xe9", b"standard input: is not UTF-8 text\n"),
        (b"", b"there is no Ingress to import (found: nothing)\n"),
    ):
        ran = run(text, "-")
        assert (ran.returncode, ran.stdout, ran.stderr) == (1, b"", said)


def test_faults_are_messages(play, tmp_path):
    code, output, _ = play("-e", "import_src=-")
    assert code == 2
    assert "Ansible passes no standard input on" in output
    code, output, _ = play()
    assert code == 2
    assert "-e import_src=FILE_OR_FOLDER" in output
    (tmp_path / "old" / "slip.yaml").write_text(CAFE.replace("  - host: cafe.example.com\n    http", "    http"))
    code, output, text = play("-e", "import_src=old", "-e", f"import_dest={DEST}")
    assert (code, text) == (2, None)
    assert "old/slip.yaml:11: spec.rules: must be a list, not a mapping" in output
    assert "Traceback" not in output
    code, output, _ = play("-e", "import_src=old/cafe.yaml", "-e", "{import_controller: {kind: haproxy}}")
    assert code == 2
    assert "controller.kind: 'haproxy' is part of the contract" in output
    assert "ingress_controller.kind" not in output
