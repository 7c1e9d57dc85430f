"""A comparison in words, as data and as JUnit."""

import base64
import json
from xml.etree import ElementTree as ET

import pytest

from module_utils.ingresskit.drifted import Author, Difference, Drifted, DriftReport
from module_utils.ingresskit.errors import IngresskitError
from module_utils.ingresskit.report import drift_result, drop_reports

EDIT = Author("kubectl-edit", "Update", "", "2026-11-21T20:15:42Z")
SCALE = Author("kubectl", "Update", "scale", "")
TEA = Drifted("Service", "cafe", "tea-svc", "changed", "", (Difference(".spec.selector.app", "tea", "coffee", EDIT),))
GONE = Drifted("Ingress", "cafe", "cafe", "missing", "it was deleted")
MORE = Drifted("IngressClass", "", "old", "extra", "nobody names it", authors=(EDIT, SCALE))
REPORT = DriftReport("edge", 3, (TEA, GONE, MORE), ("Service cafe/coffee-svc",), ("revision 7 by anna",), ("a note",))
CLEAN = DriftReport("edge", 1, same=("Service cafe/coffee-svc",))
PEM = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----"


def test_in_words():
    result = drift_result(REPORT)
    assert result["ingresskit_report"] == {
        "stack": "edge",
        "ok": False,
        "verdict": "DIFFERS",
        "summary": "3 of 3 objects DIFFER: 1 changed, 1 missing, 1 extra",
        "text": """stack edge: 3 of 3 objects DIFFER: 1 changed, 1 missing, 1 extra
brought by revision 7 by anna
a note

Service cafe/tea-svc: CHANGED
  .spec.selector.app: tea -> coffee (kubectl-edit, Update, 2026-11-21 20:15 UTC)

Ingress cafe/cafe: MISSING: it was deleted

IngressClass old: EXTRA: nobody names it (kubectl-edit, Update, 2026-11-21 20:15 UTC; kubectl, Update of scale)""",
    }
    assert result["failed"] is True
    assert result["msg"] == (
        "The cluster differs from the inventory: 3 of 3 objects DIFFER: 1 changed, 1 missing, 1 extra\n"
        "Service cafe/tea-svc: changed: .spec.selector.app (kubectl-edit)\n"
        "Ingress cafe/cafe: missing: it was deleted\n"
        "IngressClass old: extra: nobody names it"
    )


def test_nothing_differs():
    result = drift_result(CLEAN)
    assert "failed" not in result and result["changed"] is False
    assert result["ingresskit_report"]["summary"] == "1 object is as the inventory says"
    assert result["ingresskit_report"]["ok"]


def test_as_data():
    first, *_ = drift_result(REPORT)["drifted"]
    assert first["object"] == "Service cafe/tea-svc"
    assert first["fields"] == [
        {
            "path": ".spec.selector.app",
            "inventory": "tea",
            "cluster": "coffee",
            "author": {
                "manager": "kubectl-edit",
                "operation": "Update",
                "subresource": "",
                "time": "2026-11-21T20:15:42Z",
            },
        }
    ]


def test_files(tmp_path):
    result = drift_result(REPORT, tmp_path / "made")
    written = json.loads((tmp_path / "made" / "drift.json").read_text())
    assert written["drifted"] == result["drifted"] and written["stack"] == "edge"
    root = ET.parse(tmp_path / "made" / "drift.xml").getroot()
    assert [case.get("name") for case in root.iter("testcase")] == [
        "Service cafe/tea-svc", "Ingress cafe/cafe", "IngressClass old", "Service cafe/coffee-svc"
    ]  # fmt: skip
    assert root.get("failures") == "3" and root.get("tests") == "4"
    assert ".spec.selector.app: tea -> coffee (kubectl-edit" in next(root.iter("failure")).text
    (tmp_path / "file").write_text("")
    with pytest.raises(IngresskitError, match=r"report_dir: .*file cannot be written"):
        drift_result(REPORT, tmp_path / "file")


def test_what_is_hostile_or_long_is_told_in_few_printable_words(tmp_path):
    fields = tuple(Difference(f".data.x{number}", PEM, "\x1b[31m" + "long" * 100, None) for number in range(30))
    result = drift_result(DriftReport("edge", 1, (Drifted("ConfigMap", "a", "b", "changed", "", fields),)), tmp_path)
    text = result["ingresskit_report"]["text"]
    assert "\x1b" not in text and "… and 10 more fields" in text and "(nobody holds it now)" in text
    assert max(map(len, text.splitlines())) < 260
    written = (tmp_path / "drift.json").read_text()
    assert "PRIVATE KEY" not in text + written + (tmp_path / "drift.xml").read_text()
    assert result["msg"].endswith(".data.x0 (removed), .data.x1 (removed), .data.x2 (removed), 27 more")


@pytest.mark.parametrize("key", [PEM, PEM[:40], base64.b64encode(PEM.encode()).decode()])
def test_no_file_holds_a_private_key(key, tmp_path):
    """Nor is one broken by a key that was cut short."""
    fields = (Difference(".data.text", {"inside": [key]}, f"a {key}", None),)
    leaky = Drifted("ConfigMap", "a", "b", "changed", f"refused: {key}", fields)
    drift_result(DriftReport("edge", 1, (leaky,)), tmp_path)
    (each,) = json.loads((tmp_path / "drift.json").read_text())["drifted"]
    assert each["fields"][0]["inventory"] == {"inside": ["(private key)"]}
    for path in tmp_path.iterdir():
        assert key[:30] not in path.read_text() and "(private key)" in path.read_text()


def test_a_report_of_before_is_removed(tmp_path):
    drop_reports(tmp_path / "nowhere")
    drift_result(CLEAN, tmp_path)
    (tmp_path / "smoke.json").write_text("")
    drop_reports(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["smoke.json"]
    (tmp_path / "drift.json").mkdir()
    with pytest.raises(IngresskitError, match=r"report_dir: .*drift.json cannot be removed"):
        drop_reports(tmp_path)
