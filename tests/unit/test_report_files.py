"""JUnit, HTML, plain data, and the result that a module gives back."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from module_utils.ingresskit.errors import IngresskitError
from module_utils.ingresskit.oracle import identity
from module_utils.ingresskit.oracle.types import (
    Answer,
    Expected,
    Probe,
    ProbeResult,
    Request,
    SmokeReport,
    Target,
    TlsInfo,
)
from module_utils.ingresskit.report import render_junit, result_of
from module_utils.ingresskit.report.html import render_html

TLS = TlsInfo(True, "TLSv1.3", "CN=cafe", "CN=CA", ("cafe.example.com",), datetime(2027, 1, 1, tzinfo=UTC), "ab" * 32)
KEY = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----"
HOSTILE = "<script>alert('&1')</script>\x1b[2J\x00\ufffe\ud800"


def proven(path="/tea", **request):
    expected = Expected((200,), "cafe/tea-svc", tls="verified")
    probe = Probe(Request("https", "cafe.example.com", path, **request), expected, f"key{path}")
    headers = (("Server", "nginx"), ("Set-Cookie", "session=secret"))
    return ProbeResult(
        probe, True, Answer(200, headers, '{"pod": "tea-1"}', "cafe/tea-svc", "tea-1", TLS), seconds=0.25
    )


def failed(text="Sorry", path="/coffee"):
    probe = Probe(Request("https", "cafe.example.com", path), Expected((200,), "cafe/coffee-svc"), f"key{path}")
    answer = Answer(502, (("X-Said", text),), text, tls=TLS)
    return ProbeResult(probe, False, answer, "", f"expected cafe/coffee-svc, got 502 {text}", 57, 60.04)


def report(*results, **more):
    target = Target("127.0.0.1", 30080, 30443, "NodePort")
    notes = ("TEST DOUBLE: nginx: test double of F5's",)
    return SmokeReport("edge", target, results, notes, "nginx 5.5.4", (("cafe.example.com", 89),), **more)


BOTH = report(proven(), failed())


# JUnit


def test_junit():
    root = ET.fromstring(render_junit(BOTH))
    (suite,) = root
    counts = {"tests": "2", "failures": "1", "errors": "0", "skipped": "0", "time": "60.040"}
    assert (root.tag, root.attrib) == ("testsuites", {"name": "ingresskit", **counts})
    assert (suite.tag, suite.attrib) == ("testsuite", {"name": "edge", **counts})
    good, bad = suite.findall("testcase")
    assert good.attrib == {
        "classname": "ingresskit.edge",
        "name": "GET https://cafe.example.com:30443/tea",
        "time": "0.250",
    }
    assert list(good) == []
    failure = bad.find("failure")
    assert failure.attrib == {"type": "route", "message": "expected cafe/coffee-svc, got 502 Sorry"}
    assert "declared by: key/coffee" in failure.text
    assert "asked: 57 times in 60.0 s" in failure.text
    properties = {each.get("name"): each.get("value") for each in suite.find("properties")}
    assert properties["note"] == "TEST DOUBLE: nginx: test double of F5's"
    assert properties["certificate days left: cafe.example.com"] == "89"


def test_junit_is_xml_whatever_came():
    hostile = replace(report(failed(HOSTILE)), notes=(HOSTILE,), stack=HOSTILE, controller=HOSTILE)
    root = ET.fromstring(render_junit(hostile).encode())
    message = root.find(".//failure").get("message")
    assert message == "expected cafe/coffee-svc, got 502 <script>alert('&1')</script>\\x1b[2J\\x00\\ufffe\\ud800"


def test_junit_does_not_change_from_run_to_run():
    again = report(replace(proven(), seconds=9.0), replace(failed(), seconds=9.0))
    without_times = [re.sub(r'time="[^"]*"|in [\d.]+ s', "", render_junit(each)) for each in (BOTH, again)]
    assert without_times[0] == without_times[1]


# HTML


class Page(HTMLParser):
    """The tags of a page and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def test_the_page_shows_every_route():
    page = Page(render_html(BOTH))
    for words in (
        "1 of 2 routes FAILED after 60.0 s",
        "stack edge — nginx 5.5.4 — TEST DOUBLE",
        "https://cafe.example.com:30443",
        "200 from cafe/tea-svc (pod tea-1)",
        "expected cafe/coffee-svc, got 502 Sorry",
        "declared by key/coffee",
        "TLSv1.3, CN=cafe by CN=CA, until 2027-01-01",
    ):
        assert words in page.text


def test_the_page_is_self_contained_and_answers_are_only_text_on_it():
    hostile = "<img src=x onerror=alert(1)>\"'><script>alert(1)</script>"
    text = render_html(replace(report(failed(hostile), proven(path=f"/{hostile}")), stack=hostile, notes=(hostile,)))
    page = Page(text)
    assert {"script", "img", "link", "iframe"}.isdisjoint(tag for tag, _ in page.tags)
    assert not any(name in ("src", "href") or name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert hostile in page.text
    policy = next(attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    render_html(report(failed(HOSTILE))).encode()


def test_nothing_failed_nothing_to_filter():
    assert "checkbox" in render_html(BOTH)
    assert "checkbox" not in render_html(report(proven()))


# The result of a module


def test_the_result_of_a_proven_stack(tmp_path):
    folder = tmp_path / "a" / "b"
    certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
    result = result_of(report(proven()), f"{certificate}\n{KEY}\n", folder)
    assert "failed" not in result
    assert (result["changed"], result["proven"], result["failed_routes"]) == (False, 1, [])
    assert result["ingresskit_report"]["ok"] is True
    assert result["ingresskit_report"]["summary"] == "1 of 1 routes proven in 0.2 s"
    assert "cafe/tea-svc" in result["ingresskit_report"]["text"]
    assert result["ingresskit_try"].startswith(f"curl --cacert {folder}/ca.crt --resolve cafe.example.com:30443:")
    assert (folder / "ca.crt").read_text() == certificate + "\n"
    assert ET.parse(folder / "smoke.xml").getroot().get("tests") == "1"
    assert "1 of 1 routes proven" in (folder / "smoke.html").read_text()
    assert json.loads(json.dumps(result))["routes"] == [
        {
            "url": "https://cafe.example.com:30443/tea",
            "expected": "cafe/tea-svc",
            "answer": "200 cafe/tea-svc",
            "tls": result["routes"][0]["tls"],
            "verdict": "proven",
            "source": "key/tea",
        }
    ]


def test_the_result_of_a_failed_stack():
    result = result_of(BOTH, None, None)
    assert result["failed"] is True
    assert result["msg"] == (
        "1 of 2 routes FAILED after 60.0 s\n"
        "https://cafe.example.com:30443/coffee: expected cafe/coffee-svc, got 502 Sorry [key/coffee]"
    )
    assert result["failed_routes"] == [
        {
            "url": "https://cafe.example.com:30443/coffee",
            "source": "key/coffee",
            "reason": "expected cafe/coffee-svc, got 502 Sorry",
            "as_before": False,
        }
    ]
    assert result["regressions"] == ["https://cafe.example.com:30443/coffee"]
    assert result["ingresskit_report"]["ok"] is False


def test_what_failed_before_is_told_apart():
    broken = next(each for each in BOTH.results if not each.ok)
    result = result_of(BOTH, None, None, [identity(broken.probe)])
    assert result["failed"] is True and result["regressions"] == []
    assert result["msg"].endswith("got 502 Sorry [key/coffee] (as before this release)")
    assert [route["as_before"] for route in result["failed_routes"]] == [True]


def test_a_ca_that_is_kept_nowhere_cannot_be_named():
    assert "--insecure" in result_of(report(proven()), "a CA", None)["ingresskit_try"]
    assert "--insecure" not in result_of(report(proven()), None, None)["ingresskit_try"]


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(IngresskitError, match=r"report_dir: .*file.* cannot be written: "):
        result_of(report(proven()), None, tmp_path / "file" / "reports")


def test_no_report_holds_a_private_key(tmp_path):
    leaky = replace(report(failed(KEY), replace(proven(), ok=False)), notes=(KEY,), controller=KEY)
    result = result_of(leaky, KEY, tmp_path)
    files = "".join(path.read_text() for path in tmp_path.iterdir())
    assert "(private key)" in files
    assert "MIGHAgEAMBMGByqGSM49" not in json.dumps(result) + files


def test_a_certificate_that_ends_soon_is_told_in_every_form():
    soon = replace(report(proven()), days_left=(("cafe.example.com", 5),))
    line = "the certificate of cafe.example.com expires in 5 days: renew it"
    assert line in render_html(soon) and line not in render_html(report(proven()))
    assert 'name="certificate days left: cafe.example.com" value="5"' in render_junit(soon)
    shown = result_of(soon, None, None)
    assert shown["ingresskit_report"]["expiring"] == [line] and shown["ingresskit_report"]["days_left"] == {
        "cafe.example.com": 5
    }
