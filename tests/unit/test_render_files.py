"""Rendered files: names, text, and what happens to a folder that is rendered into again."""

import pytest
import yaml

from module_utils.ingresskit.errors import IngresskitError
from module_utils.ingresskit.render.yaml_files import HEADER, present_files, to_files, to_text, write_files


def obj(kind="ConfigMap", name="a", namespace="n", api_version="v1", **more):
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more}


def test_names():
    files = to_files(
        [
            obj(),
            obj("ClusterRole", "system:edge", None, "rbac.authorization.k8s.io/v1"),
            obj("Service", "web"),
            obj("Service", "web", api_version="serving.knative.dev/v1"),
        ]
    )
    assert list(files) == [
        "n/configmap-a.yaml",
        "cluster/clusterrole-system-edge.yaml",
        "n/service-web.yaml",
        "n/service.serving.knative.dev-web.yaml",
    ]


# texts that a careless writer of YAML would change
TEXTS = [
    "plain", "", " ", "true", "null", "1", "0x1F", "1e3", "012", "2026-08-01", "a: b", "- a", "# a", "a #b", "@a", "%a", "{a}", "*a",
    "&a", "!a", "'", '"', "a\n", "a\nb", "a\nb\n", "  a\nb", "\na", "a\n\n", "a \nb", "\ta\nb", "a\r\nb", "é\u2028", "\x07", "---\na",
    "...\na", "\ufeffa", "a\n# b\n", "🫖\n☕", "x" * 2000,
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS, ids=[repr(text[:20]) for text in TEXTS])
def test_text_comes_back_as_it_was(text):
    made = obj(data={"key": text, text: "value"})
    assert yaml.safe_load(to_text(made)) == made


# what Go's readers take for something else, and texts that merely look like it
NUMBERS = [
    "1e3",
    "12e4567",
    "+.5E-1",
    "09",
    "1_000",
    "0o17",
    "0X1F",
    "0b1",
    "8.",
    "y",
    "N",
    "2026-8-1",
    "2026-08-01T1:2:3Z",
]
WORDS = ["1e", "e3", "12e45g7", "0o1g", "yy", "1.2.3", "a1", "10.0.0.1", "1Gi", "80m", "_"]


@pytest.mark.parametrize("text", NUMBERS)
def test_go_reads_a_text_too(text):
    assert to_text({"a": text, text: 1}) == f"a: '{text}'\n'{text}': 1\n"


@pytest.mark.parametrize("text", WORDS)
def test_words_stay_without_quotes(text):
    assert to_text({"a": text}) == f"a: {text}\n"


@pytest.mark.parametrize("value", [0, -1, 1.5, True, False, None, [], {}, [[1, [2]], {"a": [{}]}]], ids=repr)
def test_so_do_other_values(value):
    made = obj(spec={"value": value})
    assert yaml.safe_load(to_text(made)) == made


def test_lines_stay_lines():
    text = to_text(obj(data={"page": "<h1>\n  a\n</h1>\n"}))
    assert "page: |\n    <h1>\n      a\n    </h1>\n" in text


def test_what_is_equal_is_written_out_twice():
    shared = {"a": ["b"]}
    text = to_text(obj(spec=[shared, shared]))
    assert "&" not in text and "*" not in text and text.count("- b") == 2


def test_keys_keep_their_order():
    assert to_text({"kind": "x", "apiVersion": "v", "b": 1, "a": 2}) == "kind: x\napiVersion: v\nb: 1\na: 2\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "n").mkdir()
    (tmp_path / "n/ours.yaml").write_text(f"{HEADER}a: 1\n")
    (tmp_path / "n/gone.yaml").write_text(f"{HEADER}a: 2\n")
    (tmp_path / "n/theirs.yaml").write_text("a: 3\n")
    (tmp_path / "n/deep").mkdir()
    (tmp_path / "n/deep/far.yaml").write_text(f"{HEADER}a: 4\n")
    (tmp_path / "n/notes.txt").write_text(HEADER)
    (tmp_path / "kustomization.yaml").write_text(f"{HEADER}a: 5\n")
    (tmp_path / "n/binary.yaml").write_bytes(b"\xff\xfe")
    return tmp_path


def content(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_only_files_with_our_header_are_ours(folder):
    assert present_files(folder) == {"n/ours.yaml": f"{HEADER}a: 1\n", "n/gone.yaml": f"{HEADER}a: 2\n"}
    assert present_files(folder / "none") == {}


def test_a_folder_is_brought_up_to_date_and_others_files_stay(folder):
    before = content(folder)
    files = {"n/ours.yaml": f"{HEADER}a: 10\n", "m/new.yaml": f"{HEADER}b: é\n"}
    write_files(folder, files, present_files(folder))
    expected = before | {name: text.encode() for name, text in files.items()}
    del expected["n/gone.yaml"]
    assert content(folder) == expected
    assert present_files(folder) == files


def test_a_file_of_somebody_elses_is_not_written_over(folder):
    before = content(folder)
    files = {"m/new.yaml": f"{HEADER}b: 1\n", "n/theirs.yaml": f"{HEADER}a: 1\n"}
    with pytest.raises(IngresskitError, match=r"in the way: \S+/n/theirs.yaml; move it"):
        write_files(folder, files, present_files(folder))
    assert content(folder) == before


def test_what_the_file_system_refuses_names_the_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(IngresskitError, match=rf"cannot render to {tmp_path}/file: .*: File exists"):
        write_files(tmp_path / "file", {"a.yaml": HEADER}, {})


def test_the_second_time_nothing_is_written(folder):
    files = present_files(folder)
    stamps = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    for path in stamps:
        if path.is_file():
            path.chmod(0o400)
    write_files(folder, files, files)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == stamps
