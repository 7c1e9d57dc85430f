"""Manifests that cannot be read: file, line and remedy, all of them at once."""

import textwrap

import pytest

from module_utils.ingresskit.errors import InventoryError
from module_utils.ingresskit.importing import import_manifests
from module_utils.ingresskit.importing.sources import read_sources
from module_utils.ingresskit.importing.wishes import Wishes, read_wishes

HEAD = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: cafe}\n"
OLD = HEAD.replace("networking.k8s.io/v1", "extensions/v1beta1")
RULE = "spec:\n  rules:\n  - host: cafe.example.com\n    http:\n      paths:\n      - path: /tea\n"
CURRENT = "        pathType: Prefix\n        backend: {service: {name: tea-svc, port: {number: 80}}}\n"
FORMER = "        backend: {serviceName: tea-svc, servicePort: 80}\n"

FAULTS = {
    "rules as a mapping": (
        OLD + "spec:\n  rules:\n    http:\n      paths: []\n",
        "cafe.yaml:5: spec.rules: must be a list, not a mapping: begin each entry with '- ', here '- http:'",
    ),
    "paths as a mapping": (
        HEAD + "spec:\n  rules:\n  - http:\n      paths:\n        path: /tea\n",
        "cafe.yaml:7: spec.rules[0].http.paths: must be a list, not a mapping: begin each entry with '- ', here '- path:'",
    ),
    "a tab": (HEAD + "spec:\n\trules: []\n", "cafe.yaml:5: is not YAML: found character that cannot start any token"),
    "a bracket left open": ("a: [1\nb: 2\n", "cafe.yaml:2: is not YAML: did not find expected ',' or ']'"),
    "a template": ("kind: {{ .Values.kind }}\n", "(a template has to be rendered first: helm template)"),
    "a control character": ("a: b\nc: \x01\n", "cafe.yaml:2: is not YAML: U+0001 is not allowed"),
    "endless nesting": ("[" * 200000 + "]" * 200000, "cafe.yaml:1: is nested too deeply"),
    "a key twice": (HEAD + "spec:\n  rules: []\n  rules: []\n", "cafe.yaml:6: spec.rules: is given twice"),
    "a key twice, deep inside": (
        HEAD.replace("{name: cafe}", "{name: cafe,\n  annotations: {a: b,\n  a: c}}") + RULE + CURRENT,
        "cafe.yaml:5: metadata.annotations.a: is given twice: the second would silently win",
    ),
    "a list where a name belongs": (
        HEAD + RULE + CURRENT.replace("tea-svc", "[tea, svc]"), "cafe.yaml:11: spec.rules[0].http.paths[0].backend.service.name: must be a string, not a list",
    ),
    "a mapping where a path belongs": (
        (HEAD + RULE + CURRENT).replace("/tea", "{tea: 1}"), "cafe.yaml:9: spec.rules[0].http.paths[0].path: must be a string, not a mapping",
    ),
    "hosts of tls that are no list": (
        HEAD + RULE + CURRENT + "  tls:\n  - hosts: cafe.example.com\n", "cafe.yaml:13: spec.tls[0].hosts: must be a list, not a string",
    ),
    "labels that are a list": (HEAD.replace("{name: cafe}", "{name: cafe, labels: [a]}") + RULE + CURRENT, "cafe.yaml:3: metadata.labels: must be a mapping, not a list"),
    "a document of several": (
        HEAD + RULE + CURRENT + "---\n" + HEAD + RULE + CURRENT.replace("80", "http"),
        "cafe.yaml:23: spec.rules[0].http.paths[0].backend.service.port.number: must be a number",
    ),
    "nothing in it": ("# nothing\n", "there is no Ingress to import (found: nothing)"),
    "no Ingress in it": ("kind: Service\n---\nkind: Service\n", "there is no Ingress to import (found: 2 Service)"),
    "no spec": (HEAD, "cafe.yaml:1: spec: must be a mapping, not empty"),
    "an empty spec": (HEAD + "spec: {}\n", "cafe.yaml:4: spec: needs rules or defaultBackend"),
    "no name": (HEAD.replace("name: cafe", "generateName: cafe-") + RULE + CURRENT, "cafe.yaml:3: metadata.name: is missing"),
    "a version that never was": (
        (HEAD + RULE + CURRENT).replace("io/v1", "io/v2"), "cafe.yaml:1: apiVersion: must be one of networking.k8s.io/v1, ",
    ),
    "the former fields in the current version": (
        HEAD + RULE + "        pathType: Prefix\n" + FORMER,
        "cafe.yaml:11: spec.rules[0].http.paths[0].backend: serviceName and servicePort are of the v1beta1 versions: in",
    ),
    "the current fields in a former version": (
        OLD + RULE + CURRENT, "cafe.yaml:11: spec.rules[0].http.paths[0].backend: service is of networking.k8s.io/v1",
    ),
    "the default backend of another version": (
        HEAD + "spec:\n  backend: {serviceName: a, servicePort: 80}\n", "cafe.yaml:5: spec.backend: is called defaultBackend in this version of the API",
    ),
    "no path type": (
        (HEAD + RULE + CURRENT).replace("        pathType: Prefix\n", ""),
        "cafe.yaml:9: spec.rules[0].http.paths[0].pathType: is missing: networking.k8s.io/v1 wants one of Exact, Prefix,",
    ),
    "a path type that is none": (
        (HEAD + RULE + CURRENT).replace("Prefix", "prefix"), "cafe.yaml:10: spec.rules[0].http.paths[0].pathType: 'prefix' is not",
    ),
    "a path without slash": (
        (HEAD + RULE + CURRENT).replace("/tea", "tea"), "cafe.yaml:9: spec.rules[0].http.paths[0].path: a path begins with '/': write '/tea'",
    ),
    "no backend": (HEAD + RULE + "        pathType: Prefix\n", "cafe.yaml:9: spec.rules[0].http.paths[0].backend: is missing"),
    "no port": (
        OLD + RULE + "        backend: {serviceName: tea-svc}\n", "cafe.yaml:10: spec.rules[0].http.paths[0].backend.servicePort: is missing",
    ),
    "a port in quotes": (
        OLD + RULE + FORMER.replace("80", '"80"'), "backend.servicePort: '80' is a string: write the port number without quotes",
    ),
    "two ports": (
        HEAD + RULE + CURRENT.replace("number: 80", "number: 80, name: http"),
        "spec.rules[0].http.paths[0].backend.service.port: needs exactly one of number and name",
    ),
    "a host with a port": (
        (HEAD + RULE + CURRENT).replace("cafe.example.com", "cafe.example.com:80"),
        "cafe.yaml:6: spec.rules[0].host: is a host name alone, without scheme, port or path",
    ),
    "a star for every host": (
        (HEAD + RULE + CURRENT).replace("cafe.example.com", '"*"'), "cafe.yaml:6: spec.rules[0].host: is no host: leave host out",
    ),
    "an annotation that is no string": (
        (HEAD + RULE + CURRENT).replace("{name: cafe}", "{name: cafe, annotations: {nginx.org/hsts: true}}"),
        "cafe.yaml:3: metadata.annotations.\"nginx.org/hsts\": must be a string, not true: put it in quotes",
    ),
    "a slip of the pen": (
        (HEAD + RULE + CURRENT).replace("rules:", "ruls:"), "cafe.yaml:5: spec.ruls: unknown key; did you mean 'rules'?",
    ),
    "an empty list of paths": (
        HEAD + "spec:\n  rules:\n  - http: {paths: }\n", "spec.rules[0].http: paths is missing: a rule with http has a path",
    ),
    "a tls entry that is a string": (
        HEAD + RULE + CURRENT + "  tls: [cafe-secret]\n", "cafe.yaml:12: spec.tls[0]: must be a mapping, not a string",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_name_file_and_line(fault):
    text, message = FAULTS[fault]
    with pytest.raises(InventoryError) as caught:
        import_manifests([("cafe.yaml", text)], Wishes())
    assert message in str(caught.value)


def test_every_fault_of_every_file_at_once():
    bad_path = (HEAD + RULE + CURRENT).replace("/tea", "tea")
    listed = textwrap.indent(bad_path, "  ")
    listed = "kind: List\nitems:\n- " + listed[2:]
    texts = {
        "a.yaml": bad_path + "---\n" + HEAD,
        "b.yaml": "a: [",
        "c.yaml": listed,
        "good.yaml": HEAD + RULE + CURRENT,
    }
    with pytest.raises(InventoryError) as caught:
        import_manifests(texts.items(), Wishes())
    assert [problem.path for problem in caught.value.problems] == ["b.yaml:1", "a.yaml:9", "a.yaml:13", "c.yaml:11"]
    assert "items[0].spec.rules[0]" in str(caught.value)


def test_wishes_name_the_parameter():
    with pytest.raises(InventoryError, match=r"^controller\.kind: the string 'ngnix' is not one of"):
        read_wishes({"controller": {"kind": "ngnix"}})
    with pytest.raises(InventoryError, match=r"^namespace: must be a DNS label"):
        read_wishes({"namespace": "A"})


def test_sources(tmp_path):
    for name in ("b.yml", "a/c.yaml", "a/d.json", "a/notes.txt", ".git/e.yaml"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(f"\ufeff{name}", encoding="utf-8")
    (tmp_path / "odd.txt").write_text("named")
    found = [("in/a/c.yaml", "a/c.yaml"), ("in/a/d.json", "a/d.json"), ("in/b.yml", "b.yml"), ("odd.txt", "named")]
    assert read_sources(["in", "odd.txt", "in/b.yml"], tmp_path) == found
    assert read_sources(["in/**/*.y*ml", str(tmp_path / "*.txt")], tmp_path) == [
        ("in/a/c.yaml", "a/c.yaml"), ("in/b.yml", "b.yml"), (str(tmp_path / "odd.txt"), "named"),
    ]  # fmt: skip
    (tmp_path / "[x].yaml").write_text("a name like a glob")
    assert read_sources(["[x].yaml"], tmp_path) == [("[x].yaml", "a name like a glob")]
    (tmp_path / "in" / "latin.yaml").write_bytes(b"a: b\nb: caf\xe9")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InventoryError) as caught:
        read_sources(["in", "missing.yaml", "empty", "*.yam"], tmp_path)
    assert [str(problem) for problem in caught.value.problems] == [
        "in/latin.yaml:2: is not UTF-8 text",
        "missing.yaml: cannot be read: No such file or directory",
        "empty: holds no .yaml, .yml, .json file, and matches none",
        "*.yam: holds no .yaml, .yml, .json file, and matches none",
    ]
