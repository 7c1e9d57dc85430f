"""App files: read as Ansible would, merged with the inventory, and every fault named by file and key."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader

from module_utils.ingresskit import converge
from module_utils.ingresskit.app_files import read_app_files
from module_utils.ingresskit.errors import InventoryError
from module_utils.ingresskit.model import app_files

ROOT = Path(__file__).parents[2]
VAULT = "$ANSIBLE_VAULT;1.1;AES256\n3132\n"
CAFE = "ingress_apps:\n  cafe:\n    hosts:\n      cafe.example.com: tea-svc:80\n"


def faults(call, *given):
    """(path, message) of everything that is wrong."""
    with pytest.raises(InventoryError) as caught:
        call(*given)
    return {problem.path: problem.message for problem in caught.value.problems}


TEXTS = [
    "{}", "null", "{a: null, b: ~, c: ''}", "{a: 1, b: 0x1F, c: 010, d: 1_000, e: 1:30, f: -1.5, g: 1e3, h: .5, i: +1}",
    "{a: yes, b: off, c: 'no', d: True, yes: x, 2: y, 1.50: z, null: n}", "{a: 2026-01-02, b: 2026-01-02 03:04:05, '2026-01-02': c}",
    "{a: !!str 1, b: !!int '2', c: !!float 3, d: ! 4, e: !!null ''}", "{a: [1, [x], {}], b: !!seq [], c: !!map {}}",
    "{a: 'x\n\n  y', b: \"x\\\n  y\"}", "\n  a: |\n    x\n    y\n  b: >-\n    x\n    y\n", "{a: 'it''s', b: \"\\u00e9\\n\", d: { e: f }}",
    "{a: &a {x: 1, y: [2]}, b: *a, c: {<<: *a, x: 3}, d: {x: 4, <<: [{z: 5, x: 9}, *a]}, e: &e text, *e : *e}",
    "{a: !unsafe '{{ this }}', b: '{ {', c: '}}', d: '%{', e: '$ANSIBLE'}",
]  # fmt: skip


@pytest.mark.parametrize("loader", [yaml.SafeLoader, yaml.CSafeLoader], ids=["python", "c"])
@pytest.mark.parametrize("text", TEXTS, ids=[text[:40] for text in TEXTS])
def test_values_are_those_that_ansible_hands_on(text, loader, monkeypatch):
    monkeypatch.setattr(app_files, "_Loader", loader)
    text = f"ingress_apps:\n {text}\n"
    theirs = json.dumps(DataLoader().load(text)["ingress_apps"] or {}, default=lambda value: value.isoformat())
    assert json.dumps(app_files.read_app_file(text.encode(), "x").apps) == theirs


AT = "apps/a.yml: ingress_apps.cafe"
REFUSED = [
    ("ingress_apps:\n cafe: {a: 1,\n  a: 2}", f"{AT}.a", "is given twice (lines 2 and 3): remove one"),
    ("ingress_apps:\n cafe: {}\n cafe: {}", AT, "is given twice (lines 2 and 3)"),
    ("ingress_apps: {}\ningress_apps: {}", "apps/a.yml: ingress_apps", "is given twice (lines 1 and 2)"),
    ("ingress_apps: {cafe: {hosts: {a.b: {paths: [{x: 1, 'x': 2}]}}}}", f'{AT}.hosts."a.b".paths[0].x', "is given twice"),
    ("ingress_apps: {cafe: {1: a, '1': b}}", f'{AT}."1"', "is given twice"),
    ("ingress_apps: {cafe: {<<: {}, <<: {}}}", f'{AT}."<<"', "is given twice"),
    ("ingress_apps: {cafe: {a: '{{ x }}'}}", f"{AT}.a", "Ansible does not template app files: write the value itself, move"),
    ("ingress_apps: {cafe: [0, 'x{% if %}']}", f"{AT}[1]", "or tag it !unsafe"),
    ("ingress_apps: {cafe: {a: 'x{# y #}'}}", f"{AT}.a", "does not template"),
    ("ingress_apps:\n cafe:\n  a: >-\n   {{ x }}\n", f"{AT}.a", "does not template"),
    ("ingress_apps: {cafe: {'{{ x }}': 1}}", AT, "does not template"),
    ("ingress_apps: {cafe: {a: {{ x }}}}", f"{AT}.a", "has a mapping or a list for a key; braces"),
    ("ingress_apps: {cafe: {[a]: 1}}", AT, "has a mapping or a list for a key"),
    (f"ingress_apps: {{cafe: {{a: !vault '{VAULT}'}}}}", f"{AT}.a", "does not decrypt app files: move this key into a layer"),
    (f"ingress_apps: {{cafe: {{a: '{VAULT}'}}}}", f"{AT}.a", "does not decrypt"),
    ("ingress_apps: {cafe: {a: !vault [x]}}", f"{AT}.a", "has the tag !vault, which means nothing in an app file"),
    ("ingress_apps: {cafe: {a: !env X}}", f"{AT}.a", "has the tag !env"),
    ("ingress_apps: {cafe: {a: !!binary aGk=}}", f"{AT}.a", "has the tag !!binary"),
    ("ingress_apps: {cafe: !!python/object:os.system {}}", AT, "has the tag !!python/object:os.system"),
    ("ingress_apps: {cafe: !!set {a}}", AT, "has the tag !!set"),
    ("ingress_apps: {cafe: {a: 2026-13-45}}", f"{AT}.a", "is no timestamp of YAML: put it in quotes"),
    ("ingress_apps: {cafe: {a: !!int x}}", f"{AT}.a", "is no int of YAML"),
    ("ingress_apps: {cafe: {a: !!bool x}}", f"{AT}.a", "is no bool of YAML"),
    ("ingress_apps: {cafe: {<<: 1}}", f'{AT}."<<"', "merges a mapping, or a list of mappings"),
    ("ingress_apps: {cafe: {a: *b}}", f"{AT}.a", "*b stands for nothing"),
    ("ingress_apps: {cafe: &c {a: *c}}", f"{AT}.a", "there is no &c that ends before it"),
    ("ingress_apps: []", "apps/a.yml: ingress_apps", "must be a mapping of apps by name"),
    ("ingress_apps: 0", "apps/a.yml: ingress_apps", "must be a mapping of apps by name"),
    ("ingress_app: {}", "apps/a.yml: ingress_app", "did you mean 'ingress_apps'?"),
    ("{ingress_apps: {}, ingress_apps__prod: {}}", "apps/a.yml: ingress_apps__prod", "and nothing else"),
    ("{ingress_apps: {}, other: 1}", "apps/a.yml: other", "unknown key; valid here: ingress_apps"),
    ("cafe: {hosts: {a.example: tea:80}}", "apps/a.yml", "below the key ingress_apps, as a file of group_vars does, and"),
    ("", "apps/a.yml", "has no such key"),
    ("# nothing\n", "apps/a.yml", "has no such key"),
    ("--- {}\n", "apps/a.yml", "has no such key"),
    ("[]", "apps/a.yml", "has no such key"),
    ("text", "apps/a.yml", "has no such key"),
    ("a: [", "apps/a.yml", "is not YAML: did not find expected node content in line "),
    ("a: 1\n b: 2", "apps/a.yml", "is not YAML: mapping values are not allowed in this context in line 2, column 3"),
    (CAFE + "---\n" + CAFE, "apps/a.yml", "is not YAML: there is more than one document (---) in it"),
    ("ingress_apps: '\x07'", "apps/a.yml", "is not YAML: control characters are not allowed"),
    (b"ingress_apps: \xff", "apps/a.yml", "is not YAML: "),
    (VAULT, "apps/a.yml", "Ansible does not decrypt app files: move what is secret into a layer"),
    ("[" * 20000, "apps/a.yml", "is nested too deeply"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "path", "words"), REFUSED, ids=[str(row[0])[:50] for row in REFUSED])
def test_a_fault_names_file_and_key(text, path, words):
    found = faults(app_files.read_app_file, text if isinstance(text, bytes) else text.encode(), "apps/a.yml")
    assert list(found) == [path]
    assert words in found[path]


def test_every_fault_of_every_file_is_told_and_no_value(tmp_path):
    (tmp_path / "a.yml").write_text("ingress_apps: {cafe: {a: 'canary {{ x }}', b: !vault canary, c: !x canary}}")
    (tmp_path / "b.yml").write_text("ingress_apps: {key: 'canary\n")
    found = faults(read_app_files, ["*.yml", "gone.yml"], tmp_path)
    assert list(found) == [
        *(f"a.yml: ingress_apps.cafe.{key}" for key in "abc"), "b.yml", "ingress_app_files[1]",
    ]  # fmt: skip
    assert "canary" not in str(found)


@pytest.fixture
def folder(tmp_path):
    for name in ("one.yml", "apps/b.yaml", "apps/a.yml", "apps/deep/c.json", "apps/.hidden.yml", "apps/.git/d.yml"):
        path = tmp_path / "inventory" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"ingress_apps": {path.stem: {}}}))
    (tmp_path / "inventory/apps/notes.txt").write_text("no app")
    (tmp_path / "inventory/empty").mkdir()
    (tmp_path / "other.yml").write_text(CAFE)
    return tmp_path / "inventory"


ALL = ["apps/a.yml", "apps/b.yaml", "apps/deep/c.json"]
ENTRIES = [
    (["apps/"], ALL), (["./apps"], ALL), (["apps"], ALL), (["app?"], ALL), (["apps/**"], [*ALL, "apps/notes.txt"]),
    (["apps/*.yml"], ALL[:1]), (["apps/**/*.[jy]*"], ALL), (["one.yml", "apps"], ["one.yml", *ALL]),
    (["apps/b.yaml", "apps", "apps/a.yml"], [ALL[1], ALL[0], ALL[2]]), (["../other.yml"], ["../other.yml"]),
    (["~/other.yml"], ["{home}/other.yml"]), (["{home}/inventory/one.yml"], ["{home}/inventory/one.yml"]), ([], []),
    (None, []), ("apps", []), ([1], []),
]  # fmt: skip


@pytest.mark.parametrize(("entries", "names"), ENTRIES, ids=[str(row[0]) for row in ENTRIES])
def test_files_of_an_entry(folder, monkeypatch, entries, names):
    home = str(folder.parent)
    monkeypatch.setenv("HOME", home)
    (folder / "apps/notes.txt").write_text(CAFE)
    if isinstance(entries, list):
        entries = [each.format(home=home) if isinstance(each, str) else each for each in entries]
    assert [file.name for file in read_app_files(entries, folder)] == [name.format(home=home) for name in names]


MISSING = [
    ("gone.yml", "there is no file {folder}/gone.yml (relative names are meant from the inventory's folder)"),
    ("gone/*.yml", "there is no file {folder}/gone/*.yml (relative"),
    ("/gone.yml", "there is no file /gone.yml"),
    ("~nobody-here/x", "there is no file {folder}/~nobody-here/x"),
    ("a\0b", "there is no file"),
    ("empty/", "there is no YAML or JSON file in empty/"),
    ("locked.yml", "locked.yml cannot be read: Is a directory"),
]


@pytest.mark.parametrize(("entry", "words"), MISSING, ids=[repr(row[0]) for row in MISSING])
def test_an_entry_that_names_nothing(folder, monkeypatch, entry, words):
    if "Is a directory" in words:  # as any file that cannot be read; root can read them all
        monkeypatch.setattr(Path, "is_dir", lambda _: False)
        (folder / entry).mkdir()
    found = faults(read_app_files, ["one.yml", entry], folder)
    assert list(found) == ["ingress_app_files[1]"]
    assert words.format(folder=folder) in found["ingress_app_files[1]"]


def loaded(folder, **variables):
    return converge.load({"ingress_app_files": ["."], **variables}, folder)


def test_apps_of_files_join_those_of_the_inventory_and_layers_go_over_both(tmp_path):
    (tmp_path / "b.yml").write_text(CAFE)
    (tmp_path / "a.yml").write_text("ingress_apps: {shop: {default_backend: web:80}, gone: {default_backend: web:80}}")
    stack = loaded(
        tmp_path,
        ingress_apps={"first": {"default_backend": "web:80"}},
        ingress_apps__prod={"cafe": {"namespace": "tea", "hosts": {"cafe.example.com": None, "new.example": "a:80"}}},
        ingress_apps__zero={"gone": None, "last": {"default_backend": "web:80"}},
    )
    assert list(stack.apps) == ["first", "shop", "cafe", "last"]
    assert stack.apps["cafe"].namespace == "tea" and list(stack.apps["cafe"].hosts) == ["new.example"]
    assert [stack.at(name) for name in stack.apps] == [
        "ingress_apps.first",
        "a.yml: ingress_apps.shop",
        "b.yml and ingress_apps__prod: ingress_apps.cafe",
        "ingress_apps.last",
    ]


def test_an_app_stands_in_one_place(tmp_path):
    (tmp_path / "a.yml").write_text(CAFE)
    (tmp_path / "b.yml").write_text(CAFE)
    remedy = "an app stands in one place; remove one, or say what differs in a layer (ingress_apps__<layer>)"
    assert faults(loaded, tmp_path) == {"b.yml: ingress_apps.cafe": f"is in a.yml, too: {remedy}"}
    (tmp_path / "b.yml").unlink()
    given = {"ingress_apps": {"cafe": {"default_backend": "web:80"}}}
    found = faults(converge.load, {"ingress_app_files": ["a.yml"], **given}, tmp_path)
    assert found == {"a.yml: ingress_apps.cafe": f"is in ingress_apps, too: {remedy}"}


CONTRACT = [
    ("{cafe: {host: {}, hosts: {a.b: a:80}}}", {}, "a.yml: ingress_apps.cafe.host", "unknown key; did you mean 'hosts'?"),
    ("{Cafe: {default_backend: a:80}}", {}, "a.yml: ingress_apps.Cafe", "must be a DNS label"),
    ("{cafe: null}", {}, "a.yml: ingress_apps.cafe", "must be a mapping, not empty (null)"),
    ("{cafe: {hosts: {a.b: {paths: {tea: a:80}}}}}", {}, 'a.yml: ingress_apps.cafe.hosts."a.b".paths."tea"', "write '/tea'"),
    ("{cafe: {default_backend: a:80}}", {"ingress_apps": {"x": {}}}, "ingress_apps.x", "needs hosts"),
    ("{cafe: {default_backend: a:80}}", {"ingress_apps": []}, "ingress_apps", "must be a mapping, not a list"),
    (
        "{cafe: {default_backend: a:80}}", {"ingress_apps__l": {"cafe": {"x": 1}}},
        "a.yml and ingress_apps__l: ingress_apps.cafe.x", "unknown key",
    ),
    ("null", {"ingress_app_files": "a.yml"}, "ingress_app_files", "must be a list, not the string 'a.yml'"),
    ("null", {"ingress_app_files": ["a.yml", 1]}, "ingress_app_files[1]", "must be a string, not the number 1"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("apps", "variables", "path", "words"), CONTRACT, ids=[row[0][:30] + row[2] for row in CONTRACT]
)
def test_the_contract_is_the_same(tmp_path, apps, variables, path, words):
    (tmp_path / "a.yml").write_text(f"ingress_apps: {apps}\n")
    found = faults(converge.load, {"ingress_app_files": ["a.yml"], **variables}, tmp_path)
    assert list(found) == [path]
    assert words in found[path]


def test_findings_name_the_file_too(tmp_path):
    (tmp_path / "a.yml").write_text("""
ingress_apps:
  one: {tls: {cert_file: gone.crt, key_file: gone.key}, hosts: {a.example: web:80}}
  two: {options: {cors: {}}, hosts: {a.example: {paths: {/: {service: b, port: 80, options: {allow: [10.0.0.0/8]}}}}}}
""")
    found = {
        finding.path: finding.message
        for finding in converge.check({"ingress_app_files": ["a.yml"]}, tmp_path, cluster=False)
        if finding.level == "error"
    }
    assert set(found) == {
        "a.yml: ingress_apps.one.tls.cert_file",
        "a.yml: ingress_apps.one.tls.key_file",
        "a.yml: ingress_apps.two.options.cors",
        'a.yml: ingress_apps.two.hosts."a.example".paths."/"',
        'a.yml: ingress_apps.two.hosts."a.example".paths."/".options.cors',
        'a.yml: ingress_apps.two.hosts."a.example".paths."/".options.allow',
    }
    assert f"there is no file {tmp_path}/gone.crt" in found["a.yml: ingress_apps.one.tls.cert_file"]
    twice = found['a.yml: ingress_apps.two.hosts."a.example".paths."/"']
    assert 'a.yml: ingress_apps.one.hosts."a.example".paths."/" is a Prefix entry' in twice


HOSTS = (
    "all: {hosts: {kind: {ansible_connection: local, ansible_python_interpreter: '{{ ansible_playbook_python }}'}}}\n"
)
STACK = """
ingress_stack_name: files
ingress_controller: {kind: "{{ 'traefik' }}", expose: {type: ClusterIP}}
ingress_apps__prod: {cafe: {options: {ssl_redirect: "{{ false }}"}}}
"""
APPS = """
ingress_apps:
  cafe:
    tls: {secret: cafe-tls}
    hosts:
      cafe.example.com: {paths: {/tea: tea-svc:80, /coffee: {service: coffee-svc, port: http, type: Exact}}}
    annotations: {since: 2026-01-02, port: '80'}
    workloads: {tea: {replicas: 3}, coffee: {env: {OPEN: 'yes'}}}
  fallback: {default_backend: myweb:8080}
"""


@pytest.fixture
def play(tmp_path):
    """Runs a playbook on the whole folder ``inventory``, as this repository's ansible.cfg has it; exit code and output."""
    program = str(Path(sys.executable).parent / "ansible-playbook")
    env = os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "PWD": str(tmp_path)}
    env["KUBECONFIG"] = "/nonexistent"

    def run(name, **files):
        for path, text in {"hosts.yml": HOSTS, "group_vars/all/stack.yml": STACK, **files}.items():
            (tmp_path / "inventory" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "inventory" / path).write_text(text)
        command = [program, str(ROOT / "playbooks" / name), "-i", "inventory"]
        ran = subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        return ran.returncode, ran.stdout + ran.stderr

    return run


def test_a_file_moved_out_of_group_vars_renders_to_the_same_bytes(play, tmp_path):
    moved = tmp_path / "inventory/group_vars/all/apps.yml"
    code, output = play("render.yml", **{"group_vars/all/apps.yml": APPS})
    assert code == 0, output
    before = content(tmp_path / "rendered")
    assert Path("kind/files/apps/cafe/ingress-cafe.yaml") in before

    moved.unlink()
    code, output = play(
        "render.yml", **{"apps/cafe.yml": APPS, "group_vars/all/files.yml": "ingress_app_files: [apps]\n"}
    )
    assert (code, "changed=0" in output, "WARNING" in output) == (0, True, False), output
    assert content(tmp_path / "rendered") == before


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_faults_are_messages(play):
    files = {
        "group_vars/all/files.yml": "ingress_app_files: [apps, gone.yml]\n",
        "apps/cafe.yml": APPS.replace("since", "tea: 1, tea"),
    }
    code, output = play("preflight.yml", **files)
    assert code == 2
    assert "apps/cafe.yml: ingress_apps.cafe.annotations.tea: is given twice (lines 7 and 7): remove one" in output
    assert "ingress_app_files[1]: there is no file" in output
    assert "Traceback" not in output
