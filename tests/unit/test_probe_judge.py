"""The verdict on an answer, as a table: what was promised, what came, what the user reads."""

from __future__ import annotations

import json

import pytest

from module_utils.ingresskit.oracle.types import Answer, Echoed, Expected, Header, TlsInfo
from module_utils.ingresskit.probe.judge import Failure, judge
from module_utils.ingresskit.probe.words import describe, own_page, printable

NGINX_404 = (
    "<title>404 Not Found</title>\r\n<center><h1>404 Not Found</h1></center>\r\n<hr><center>nginx/1.31.3</center>"
)
TEA = Answer(200, backend="cafe/tea-svc", pod="tea-1", body="{}")
REDIRECT = Answer(301, headers=(("Location", "https://cafe.example.com:443/tea"),))
TRUSTED, STRANGER = TlsInfo(verified=True), TlsInfo(verified=False, error="certificate is for x, not y")
HSTS = Header("Strict-Transport-Security", ("max-age=5", "includeSubDomains"))
STRICT = Answer(200, headers=(("strict-transport-security", "max-age=5; includesubdomains; preload"),))
SET = Answer(200, headers=(("Set-Cookie", "a=b; Path=/"), ("Set-Cookie", "TEAPOT=123; HttpOnly")))
ECHOED = Answer(200, backend="cafe/tea-svc", asked=Echoed("/green/", (("X-Team", "tea"),)))
ALERT = Failure("tls-alert", "TLS handshake refused by 127.0.0.1:30443: alert unrecognized_name")

PASS = [
    (Expected(backend="cafe/tea-svc", identity="echo"), TEA),
    (Expected(backend="cafe/tea-svc", status=(200, 201)), TEA),
    (Expected(backend="cafe/web", identity="if-echo"), Answer(200, body="<html>our own page")),
    (Expected(backend="cafe/web"), Answer(401)),  # a backend may say what it likes
    (Expected(), Answer(500)),
    (Expected(status=(404,)), Answer(404, body=NGINX_404)),
    (Expected(status=(404,), body_contains="Nothing here"), Answer(404, body="<p>Nothing here</p>")),
    (Expected(status=(301, 308), location=r"https://cafe\.example\.com(:443)?/tea"), REDIRECT),
    (Expected(tls="verified"), Answer(200, tls=TRUSTED)),
    (Expected(tls="any"), Answer(200, tls=STRANGER)),
    (Expected(tls="rejected"), ALERT),
    (Expected(backend="cafe/new", others=("cafe/tea-svc",), identity="echo"), TEA),
    (Expected(backend="cafe/new", turned_away=(403, 429)), Answer(429)),
    (Expected(headers=(HSTS, Header("X-Powered-By", None))), STRICT),
    (Expected(headers=(Header("Set-Cookie", ("TEAPOT=*",)), Header("set-cookie", ()))), SET),
    (Expected(path="/green", passed=(("x-team", "tea"), ("X-No", None))), ECHOED),
    (Expected(path="/x", passed=(("X-No", "y"),)), Answer(200)),  # who does not say what it was asked
]

GOT_TEA, GOT_REDIRECT = "got 200 from cafe/tea-svc (pod tea-1)", "got Location https://cafe.example.com:443/tea"

FAIL = [
    (Expected(backend="a/tea", identity="echo"), TEA, f"expected backend a/tea, {GOT_TEA}"),
    (Expected(backend="a/tea"), TEA, f"expected backend a/tea, {GOT_TEA}"),
    (
        Expected(backend="a/tea", identity="echo"),
        Answer(200, body="<title>Shop</title>"),
        'expected backend a/tea, got 200 "Shop"',
    ),
    (Expected(backend="a/tea"), Answer(404, body=NGINX_404), "expected backend a/tea, got 404 (nginx's own page)"),
    (Expected(backend="a/tea"), Answer(503), "expected backend a/tea, got 503 with an empty body"),
    (Expected(), Answer(502, body="Bad Gateway"), "expected an answer of a backend, got 502 (Traefik's own page)"),
    (Expected(), Answer(504), "expected an answer of a backend, got 504 with an empty body"),
    (Expected(status=(301,)), Answer(404, body=NGINX_404), "expected 301, got 404 (nginx's own page)"),
    (Expected(status=(301, 308)), TEA, f"expected 301 or 308, {GOT_TEA}"),
    (Expected(status=(404,)), REDIRECT, "expected 404, got 301 -> https://cafe.example.com:443/tea"),
    (Expected(location="https://a/"), REDIRECT, f"expected Location https://a/, {GOT_REDIRECT}"),
    (Expected(location="https://cafe.*com"), REDIRECT, f"expected Location https://cafe.*com, {GOT_REDIRECT}"),
    (Expected(location="/x"), Answer(200), "expected Location /x, got no Location"),
    (
        Expected(status=(404,), body_contains="Sorry"),
        Answer(404, body=NGINX_404),
        'expected a body with "Sorry", got 404 (nginx\'s own page)',
    ),
    (Expected(backend="a/x", others=("a/y",)), TEA, f"expected backend a/x or a/y, {GOT_TEA}"),
    (Expected(status=(200,), turned_away=(429,)), Answer(403), "expected 200, got 403 with an empty body"),
    (
        Expected(headers=(HSTS,)),
        Answer(200, headers=(("Strict-Transport-Security", "max-age=50"),)),
        "expected Strict-Transport-Security with max-age=5; includeSubDomains, got max-age=50",
    ),
    (
        Expected(headers=(HSTS,)),
        TEA,
        "expected Strict-Transport-Security with max-age=5; includeSubDomains, got no Strict-Transport-Security",
    ),
    (Expected(headers=(Header("X-A", ()),)), TEA, "expected X-A, got no X-A"),
    (
        Expected(headers=(Header("Set-Cookie", None),)),
        SET,
        "expected no Set-Cookie, got a=b; Path=/, TEAPOT=123; HttpOnly",
    ),
    (
        Expected(headers=(Header("Set-Cookie", ("POT=*",)),)),
        SET,
        "expected Set-Cookie with POT=*, got a=b; Path=/, TEAPOT=123; HttpOnly",
    ),
    (Expected(path="/tea/green"), ECHOED, "expected the backend to be asked for /tea/green, it was for /green/"),
    (Expected(passed=(("X-Team", "x"),)), ECHOED, "expected the backend to be asked with X-Team: x, it was with tea"),
    (Expected(passed=(("X-Team", None),)), ECHOED, "expected the backend to be asked without X-Team, it was with tea"),
    (Expected(passed=(("X-No", "y"),)), ECHOED, "expected the backend to be asked with X-No: y, it was without"),
    (Expected(tls="verified"), Answer(200), "TLS: the answer came without TLS"),
    (Expected(tls="verified"), Answer(200, tls=STRANGER), "TLS: certificate is for x, not y"),
    (
        Expected(tls="verified", backend="a/tea"),
        Answer(404, body="404 page not found\n", tls=STRANGER),
        "TLS: certificate is for x, not y; expected backend a/tea, got 404 (Traefik's own page)",
    ),
    (Expected(), Failure("refused", "connection refused by 127.0.0.1:30443"), "connection refused by 127.0.0.1:30443"),
    (Expected(), ALERT, "TLS handshake refused by 127.0.0.1:30443: alert unrecognized_name"),
    (Expected(tls="rejected"), TEA, f"expected the TLS handshake to be refused, {GOT_TEA}"),
    (
        Expected(tls="rejected"),
        Failure("closed", "connection closed by 127.0.0.1:1 before an answer came"),
        "expected the TLS handshake to be refused, got connection closed by 127.0.0.1:1 before an answer came",
    ),
]


@pytest.mark.parametrize(("expected", "outcome"), PASS)
def test_a_kept_promise_passes(expected, outcome):
    assert judge(expected, outcome) == (True, "")


@pytest.mark.parametrize(("expected", "outcome", "reason"), FAIL)
def test_a_broken_promise_is_told_in_plain_words(expected, outcome, reason):
    assert judge(expected, outcome) == (False, reason)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("tea", "tea"),
        ("\x1b[2J\x1b]0;owned\x07", "\\x1b[2J\\x1b]0;owned\\x07"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\u202egnp.exe", "\\u202egnp.exe"),  # right-to-left override hides the order of characters
        ("\x9b31m \ud800 \ufffe \u2028", "\\x9b31m \\ud800 \\ufffe \\u2028"),
        ("grüße 茶 😀", "grüße 茶 😀"),
        ("a -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- b", "a (private key) b"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE cut off", "(private key)"),
    ],
)
def test_whatever_a_server_sends_is_safe_to_print(text, shown):
    assert printable(text) == shown
    assert printable(shown) == shown


def test_a_hostile_answer_cannot_reach_the_terminal():
    clear = "\x1b[2J"
    answers = [
        Answer(200, body=clear),
        Answer(200, body=f"<title>{clear}</title>"),
        Answer(200, backend=f"{clear}/x", pod=clear),
        Answer(302, headers=(("Location", clear),)),
    ]
    for answer in answers:
        _, reason = judge(Expected(status=(404,), location=".*"), answer)
        assert "\\x1b[2J" in reason
        assert "\x1b" not in reason


def test_long_answers_are_cut():
    assert printable("x" * 100, 10) == "x" * 9 + "…"
    assert len(describe(Answer(200, body="word " * 1000))) < 80


@pytest.mark.parametrize(
    ("answer", "page"),
    [
        (Answer(404, body=NGINX_404), "nginx's own page"),
        (Answer(404, body="404 page not found\n"), "Traefik's own page"),
        (Answer(503, body="no available server\n"), "Traefik's own page: no available server"),
        (Answer(404, body="default backend - 404"), "ingress-nginx's default backend"),
        (Answer(404, body=json.dumps({"error": "tea not found"})), ""),
        (Answer(200, body=NGINX_404), ""),
    ],
)
def test_a_controllers_own_page_is_known(answer, page):
    assert own_page(answer) == page
