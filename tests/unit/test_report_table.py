"""The terminal table, the curl command and the rows that every report is made of."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from module_utils.ingresskit.oracle.types import (
    Answer,
    Expected,
    Header,
    Probe,
    ProbeResult,
    Request,
    SmokeReport,
    Target,
    TlsInfo,
)
from module_utils.ingresskit.report import curl_command, render_table, summary
from module_utils.ingresskit.report.rows import base_url, expected_words, expiring, rows
from module_utils.ingresskit.report.table import MOST_FAILURES, MOST_ROWS, cell_width, fit

TLS = TlsInfo(True, "TLSv1.3", "CN=cafe", "CN=CA", ("cafe.example.com",), datetime(2027, 1, 1, tzinfo=UTC), "ab" * 32)
TARGET = Target("127.0.0.1", 30080, 30443, "NodePort on node ingresskit-control-plane")
PAGE = "<title>Nothing is served here</title>"
REFUSED = "TLS handshake refused by 127.0.0.1:30443: alert unrecognized_name"


def result(path, expected, answer=None, *, host="cafe.example.com", scheme="https", kind="route", **more):
    source = f'ingress_apps.cafe.hosts."{host}".paths."{path}"'
    return ProbeResult(Probe(Request(scheme, host, path), expected, source, kind), more.pop("ok", True), answer, **more)


def route(path, service, **more):
    backend = f"cafe/{service}"
    answer = Answer(200, backend=backend, pod=f"{service}-x", tls=TLS)
    return result(path, Expected((200,), backend, "echo", tls="verified"), answer, seconds=0.8, **more)


def redirect(path):
    expected = Expected((301,), location=rf"https://cafe\.example\.com(:\d+)?{path}")
    answer = Answer(301, (("location", f"https://cafe.example.com:443{path}"),))
    return result(path, expected, answer, scheme="http", kind="redirect")


UNKNOWN_PATH = result(
    "/no-such",
    Expected((404,), body_contains=PAGE, tls="verified"),
    Answer(404, body=PAGE, tls=TLS),
    kind="unknown-path",
)
NOBODY = {"host": "no.invalid", "kind": "unknown-host"}
UNKNOWN_HTTP = result("/", Expected((404,)), Answer(404, body="<center>nginx/1.31.3</center>"), scheme="http", **NOBODY)
UNKNOWN_HTTPS = result("/", Expected(tls="rejected"), error=REFUSED, **NOBODY)
BAD_REASON = "expected backend cafe/coffee-svc, got 502 (nginx's own page)"
BAD = result(
    "/coffee",
    Expected((200,), "cafe/coffee-svc", "echo", tls="verified"),
    Answer(502, body="<center>nginx</center>", tls=TLS),
    ok=False,
    reason=BAD_REASON,
    attempts=57,
    seconds=60.04,
)
CAFE = SmokeReport(
    "edge",
    TARGET,
    (
        route("/tea", "tea-svc"),
        redirect("/tea"),
        route("/coffee", "coffee-svc"),
        redirect("/coffee"),
        UNKNOWN_PATH,
        UNKNOWN_HTTP,
        UNKNOWN_HTTPS,
    ),
    ("TEST DOUBLE: nginx: test double of F5 NGINX Ingress Controller 5.5.4",),
    "nginx 5.5.4",
    (("cafe.example.com", 89),),
    "artifacts/ca.crt",
)
CAFE_TABLE = """\
stack edge — nginx 5.5.4 — TEST DOUBLE
TEST DOUBLE: nginx: test double of F5 NGINX Ingress Controller 5.5.4
target 127.0.0.1, http 30080, https 30443 (NodePort on node ingresskit-control-plane)

URL                             PATH            EXPECTED           ANSWER                   TLS             VERDICT
───────────────────────────────────────────────────────────────────────────────────────────────────────────────────
https://cafe.example.com:30443  /tea            cafe/tea-svc       200 cafe/tea-svc         verified, 89 d  proven
                                /coffee         cafe/coffee-svc    200 cafe/coffee-svc      verified, 89 d  proven
                                (unknown path)  404 page           404 page                 verified, 89 d  proven
http://cafe.example.com:30080   /tea            301 -> https       301 -> https             -               proven
                                /coffee         301 -> https       301 -> https             -               proven
http://(unknown host)           /               404                404                      -               proven
https://(unknown host)          /               handshake refused  alert unrecognized_name  refused         proven

7 of 7 routes proven in 0.8 s"""


def with_results(*results):
    return replace(CAFE, results=results)


def test_the_cafe():
    assert render_table(CAFE) == CAFE_TABLE


def test_a_failure_is_told_below_with_its_inventory_key():
    text = render_table(with_results(route("/tea", "tea-svc"), BAD))
    assert text.endswith(
        "\n\n1 of 2 routes FAILED after 60.0 s\n\n"
        "FAILED GET https://cafe.example.com:30443/coffee\n"
        f"  {BAD_REASON}\n"
        '  declared by ingress_apps.cafe.hosts."cafe.example.com".paths."/coffee" (asked 57 times in 60.0 s)'
    )
    assert re.search(r"/coffee +cafe/coffee-svc +502 \(nginx's own page\) +verified, 89 d +FAILED\n", text)


@pytest.mark.parametrize("width", [60, 80, 100, 115, 120, 200])
def test_the_width_is_kept_and_the_verdict_never_cut(width):
    text = render_table(with_results(*CAFE.results, BAD), width)
    table = text.split("\n\n")[1].splitlines()
    assert len(table) == 10
    assert max(map(cell_width, table)) <= max(width, 79)
    assert [line.endswith(("proven", "FAILED")) for line in table[2:]] == [True] * 8


def test_columns_stay_aligned_with_wide_characters():
    text = render_table(with_results(route("/茶", "tea-svc"), route("/tea", "tea-svc")))
    table = text.split("\n\n")[1].splitlines()
    columns = {cell_width(line[: line.index("cafe/")]) for line in table[2:]}
    assert len(columns) == 1


@pytest.mark.parametrize(
    ("cell", "width", "shown"),
    [
        ("tea", 5, "tea  "),
        ("coffee", 6, "coffee"),
        ("https://cafe.example.com", 11, "https…e.com"),
        ("茶茶茶茶", 6, "茶…茶 "),  # two columns each
        ("e\u0301te", 4, "e\u0301te "),  # a combining accent takes none
    ],
)
def test_a_cell_is_padded_or_loses_its_middle(cell, width, shown):
    assert fit(cell, width) == shown
    assert cell_width(shown) == width


def test_colour_only_when_asked():
    bad = with_results(route("/tea", "tea-svc"), BAD)
    plain, coloured = render_table(bad), render_table(bad, colour=True)
    assert "\x1b" not in plain
    assert "\x1b[1;31mFAILED\x1b[0m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_of_very_many_rows_the_failed_ones_are_shown():
    many = [route(f"/{index}", "tea-svc") for index in range(1000)]
    text = render_table(with_results(*many, BAD))
    assert "… and 801 more, all proven\n" in text
    assert text.count("proven\n") == MOST_ROWS  # the last row is FAILED, one line tells of the rest
    assert BAD_REASON in text
    failed = render_table(with_results(*[replace(BAD, seconds=index / 10) for index in range(1000)]))
    assert "… and 800 more, 800 of them FAILED" in failed
    assert failed.endswith(f"… and {1000 - MOST_FAILURES} more FAILED")


def test_hostile_answers_cannot_write_to_the_terminal_nor_break_the_table():
    clear = "\x1b[2J\x1b[H\r\nfake  proven"
    hostile = [
        result("/a", Expected(), Answer(200, body=clear), ok=False, reason=clear, error=clear),
        result("/b", Expected(), Answer(200, backend=clear, pod=clear), ok=False, reason=clear),
        result("/c", Expected(), Answer(302, (("Location", clear),)), ok=False, reason=clear),
        result("/d", Expected(), ok=False, error=clear),
    ]
    report = replace(with_results(*hostile), notes=(clear,), controller=clear)
    text = render_table(report)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
    assert len(text.split("\n\n")[1].splitlines()) == 2 + len(hostile)


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (CAFE, "7 of 7 routes proven in 0.8 s"),
        (with_results(BAD), "1 of 1 routes FAILED after 60.0 s"),
        (replace(CAFE, seconds=2.345), "7 of 7 routes proven in 2.3 s"),
        (with_results(), "no route to prove"),
    ],
)
def test_the_summary(report, line):
    assert summary(report) == line
    assert line in render_table(report)


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        (Expected(), "any backend"),
        (Expected(backend="a/b"), "a/b"),
        (Expected((200,), "a/b"), "a/b"),
        (Expected((401,), "a/b"), "a/b, 401"),
        (Expected((301, 308), location=r"https://x\.com/"), "301/308 -> https"),
        (Expected((302,), location=r"/login\?to=.*"), "302 -> /login?to=.*"),
        (Expected((404,)), "404"),
        (Expected((404,), body_contains=PAGE), "404 page"),
        (Expected(body_contains="Welcome"), '200 "Welcome"'),
        (Expected(tls="rejected"), "handshake refused"),
        (Expected((200,), "a/b", path="/green", headers=(Header("Set-Cookie", ()),)), "a/b at /green, Set-Cookie"),
        (Expected((200,), "a/b", others=("a/c",), turned_away=(403, 429)), "a/b or a/c, or 403/429"),
        (Expected((401,), headers=(Header("WWW-Authenticate", ()),)), "401"),
    ],
)
def test_what_was_promised_in_few_words(expected, words):
    assert expected_words(expected) == words


@pytest.mark.parametrize(
    ("tls", "wanted", "ok", "cell"),
    [
        (TLS, "verified", True, "verified, 89 d"),
        (replace(TLS, verified=False, error="x"), "verified", False, "NOT TRUSTED"),
        (replace(TLS, verified=False, error="not verified"), "any", True, "not verified"),
        (None, "none", True, "-"),
        (None, "rejected", True, "refused"),
        (None, "rejected", False, "-"),
        (replace(TLS, verified=False), "rejected", False, "accepted"),
    ],
)
def test_the_tls_cell(tls, wanted, ok, cell):
    (row,) = rows(with_results(result("/", Expected(tls=wanted), Answer(200, tls=tls), ok=ok)))
    assert row.tls == cell


@pytest.mark.parametrize(("attempts", "words"), [(0, "never"), (1, "once"), (57, "57 times in 60.0 s")])
def test_how_often_was_asked(attempts, words):
    assert f"(asked {words})" in render_table(with_results(replace(BAD, attempts=attempts)))


@pytest.mark.parametrize(
    ("scheme", "target", "url"),
    [
        ("https", TARGET, "https://x:30443"),
        ("http", TARGET, "http://x:30080"),
        ("https", Target("1.2.3.4", 80, 443), "https://x"),
        ("http", Target("1.2.3.4", 80, 443), "http://x"),
        ("http", Target("1.2.3.4", 443, 80), "http://x:443"),
        ("http", Target("1.2.3.4", None, 443), "http://x"),
    ],
)
def test_a_url_has_its_port_unless_it_is_the_default(scheme, target, url):
    assert base_url(Request(scheme, "x", "/"), target) == url


# curl

HOST, CA = "cafe.example.com", "--cacert artifacts/ca.crt"
TO = f"--resolve {HOST}:30443:127.0.0.1"
FIRST = f"curl {CA} {TO} https://{HOST}:30443/tea"


def asked(path="/tea", scheme="https", tls="verified", ok=True, **request):
    return ProbeResult(Probe(Request(scheme, HOST, path, **request), Expected(tls=tls), "key"), ok)


def at(*target):
    return replace(CAFE, target=Target(*target))


def sent(**request):
    return with_results(asked(**request))


FORWARDED = replace(TARGET, near=Target("127.0.0.1", 41000, 41001))
LB = Target("192.0.2.7", 80, 443, "LoadBalancer", way="public")
THERE = route("/tea", "tea-svc")
SEVERAL = replace(
    CAFE, results=(route("/tea", "tea-svc"), replace(THERE, probe=replace(THERE.probe, way="public"))), further=(LB,)
)


@pytest.mark.parametrize(
    ("report", "command"),
    [
        (CAFE, FIRST),
        (with_results(asked(scheme="http"), asked()), FIRST),
        (with_results(asked("/broken", ok=False), asked()), FIRST),
        (with_results(redirect("/tea"), UNKNOWN_PATH, asked()), FIRST),
        (with_results(asked(ok=False)), FIRST),
        (replace(CAFE, ca_file=None), f"curl {TO} https://{HOST}:30443/tea"),
        (replace(CAFE, ca_file="my ca/ca.crt"), f"curl --cacert 'my ca/ca.crt' {TO} https://{HOST}:30443/tea"),
        (sent(tls="any"), f"curl --insecure {TO} https://{HOST}:30443/tea"),
        (sent(scheme="http"), f"curl --resolve {HOST}:30080:127.0.0.1 http://{HOST}:30080/tea"),
        (at("10.0.0.1", 80, 443), f"curl {CA} --resolve {HOST}:443:10.0.0.1 https://{HOST}/tea"),
        (at("::1", 80, 443), f"curl {CA} --resolve '{HOST}:443:[::1]' https://{HOST}/tea"),
        (at("lb.net", 80, 443), f"curl {CA} --connect-to {HOST}:443:lb.net:443 https://{HOST}/tea"),
        (sent(path="/a;rm -rf $HOME"), f"curl {CA} {TO} 'https://{HOST}:30443/a;rm -rf $HOME'"),
        (sent(path="/a/../b"), f"curl {CA} {TO} --path-as-is https://{HOST}:30443/a/../b"),
        (sent(path="/[1]"), f"curl {CA} {TO} --globoff 'https://{HOST}:30443/[1]'"),
        (sent(method="HEAD"), f"curl {CA} {TO} --head https://{HOST}:30443/tea"),
        (sent(method="PUT"), f"curl {CA} {TO} --request PUT https://{HOST}:30443/tea"),
        (
            sent(headers=(("X-Canary", "it's"), ("Authorization", "Basic secret"))),
            f"""curl {CA} {TO} --header 'X-Canary: it'"'"'s' --header 'Authorization: ***' https://{HOST}:30443/tea""",
        ),
        (sent(login=("waiter", "secret")), f"curl {CA} {TO} --user waiter https://{HOST}:30443/tea"),
        (with_results(asked("/a", login=("waiter", "secret")), asked()), FIRST),
        (at("10.0.0.1", 80, None), None),
        (replace(CAFE, target=FORWARDED), None),
        (replace(SEVERAL, target=FORWARDED), f"curl {CA} --resolve {HOST}:443:192.0.2.7 https://{HOST}/tea"),
        (with_results(redirect("/tea"), UNKNOWN_HTTP), None),
        (with_results(), None),
    ],
)
def test_the_command_to_try(report, command):
    assert curl_command(report) == command


def test_a_ca_without_a_file_is_not_verified():
    assert curl_command(replace(CAFE, ca_file=None), insecure=True) == f"curl --insecure {TO} https://{HOST}:30443/tea"


def test_several_ways_in():
    """Each is told, and what was asked at a further one says so."""
    lines = render_table(SEVERAL).splitlines()
    assert "target 127.0.0.1, http 30080, https 30443 (NodePort on node ingresskit-control-plane)" in lines
    assert "target public: 192.0.2.7, http 80, https 443 (LoadBalancer)" in lines
    assert [row.url + row.path for row in rows(SEVERAL)] == [
        f"https://{HOST}:30443/tea", f"https://{HOST}/tea (at public)",
    ]  # fmt: skip


# certificates that end soon


def ending(**days):
    hosts = {name.replace("_", "-") + ".example": left for name, left in days.items()}
    results = [route("/", "tea-svc", host=host) for host in hosts]
    return replace(with_results(*results), days_left=tuple(sorted(hosts.items())))


def test_certificates_that_end_soon_are_told_first_to_end_first():
    report = ending(b=13, a=14, c=0, d=5)
    assert expiring(report) == [
        "the certificate of c.example expires today: renew it",
        "the certificate of d.example expires in 5 days: renew it",
        "the certificate of b.example expires in 13 days: renew it",
    ]
    text = render_table(report)
    assert text.endswith(
        "EXPIRING: the certificate of b.example expires in 13 days: renew it\n4 of 4 routes proven in 0.8 s"
    )
    assert "\x1b[1;33mEXPIRING\x1b[0m: the certificate of d.example" in render_table(report, colour=True)
    assert {row.url: row.tls for row in rows(report)} == {
        "https://a.example:30443": "verified, 14 d",
        "https://b.example:30443": "verified, 13 d!",
        "https://c.example:30443": "verified, 0 d!",
        "https://d.example:30443": "verified, 5 d!",
    }
    assert expiring(CAFE) == []


def test_of_very_many_certificates_that_end_soon_the_first_are_told():
    lines = expiring(ending(**{f"h{number:03}": 7 for number in range(25)}))
    assert len(lines) == 21 and lines[-1] == "… and those of 5 more hosts"
    assert "h019" in lines[-2]
