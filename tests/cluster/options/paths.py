"""Cases of what happens to the scheme and the path: ssl_redirect, hsts, rewrite, regex, redirect."""

import re

from tests.cluster.options.case import COFFEE, TEA, app, case, to

AWAY = "https://elsewhere.example.org/menu"


def to_https(behind, target):
    """The status with which HTTP is redirected to the same target over HTTPS."""
    answer = behind.get(target, tls=False)
    wanted = rf"https://{re.escape(behind.host)}(:\d+)?{re.escape(target)}"
    assert re.fullmatch(wanted, answer.headers.get("location", "")), answer
    return answer.status


def hsts_of(answer):
    found = answer.headers.get("strict-transport-security", "")
    return {each.strip().lower() for each in found.split(";") if each.strip()}


@case("ssl_redirect", app({"/tea": TEA}))
def redirect_is_on_where_tls_is(behind):
    assert to_https(behind, "/tea/green?a=1&b=2") in (301, 308)
    assert behind.echo("/tea/green?a=1&b=2")["query"] == "a=1&b=2"


@case("ssl_redirect", app({"/tea": TEA}, ssl_redirect=False))
def redirect_off(behind):
    for tls in (False, True):
        assert behind.echo("/tea", tls=tls)["service"] == "tea-svc"


@case("ssl_redirect", app({"/tea": TEA}, ssl_redirect={"code": 301}))
def redirect_with_301(behind):
    assert to_https(behind, "/tea") == 301


@case("ssl_redirect", app({"/tea": TEA}, ssl_redirect={"code": 308}))
def redirect_with_308(behind):
    assert to_https(behind, "/tea") == 308


@case("ssl_redirect", app({"/tea": TEA, "/challenge": to(COFFEE, ssl_redirect=False)}))
def redirect_off_for_a_path(behind):
    assert behind.echo("/challenge", tls=False)["service"] == "coffee-svc"
    assert to_https(behind, "/tea") in (301, 308)


@case("hsts", app({"/tea": TEA}, ssl_redirect=False, hsts={"max_age": 1000, "include_subdomains": True}))
def hsts(behind):
    also = {"preload"} if behind.f5 else set()  # F5 adds it always
    assert hsts_of(behind.get("/tea")) == {"max-age=1000", "includesubdomains"} | also
    assert not hsts_of(behind.get("/tea", tls=False))


@case("hsts", app({"/tea": TEA}, hsts={"max_age": 500, "preload": True}))
def hsts_with_redirect(behind):
    assert hsts_of(behind.get("/tea")) == {"max-age=500", "preload"}
    assert not hsts_of(behind.get("/tea", tls=False))


@case("hsts", app({"/tea": TEA}))
def hsts_is_off(behind):
    assert not hsts_of(behind.get("/tea"))


@case("hsts", app({"/tea": to(TEA, hsts={"max_age": 300}), "/coffee": COFFEE}))
def hsts_of_a_path(behind):
    assert "max-age=300" in hsts_of(behind.get("/tea"))
    assert not hsts_of(behind.get("/coffee"))


@case("rewrite", app({"/tea": to(TEA, rewrite={"prefix": "/"}), "/teapot": TEA, "/coffee": COFFEE}))
def rewrite_the_prefix_away(behind):
    wanted = {"/tea": "/", "/tea/": "/", "/tea/green": "/green", "/tea/a/b/": "/a/b/", "/tea/tea": "/tea"}
    assert {target: behind.echo(target)["path"] for target in wanted} == wanted
    asked = behind.echo("/tea/green?a=1&b=%20&a=2")
    assert (asked["path"], asked["query"]) == ("/green", "a=1&b=%20&a=2")
    assert behind.echo("/teapot/lid")["path"] == "/teapot/lid"
    assert behind.echo("/coffee/tea/x")["path"] == "/coffee/tea/x"


@case("rewrite", app({"/coffee": to(COFFEE, rewrite={"prefix": "/beans"}), "/tea": TEA}))
def rewrite_the_prefix(behind):
    wanted = {"/coffee": "/beans", "/coffee/": "/beans/", "/coffee/dark?x=1": "/beans/dark", "/tea/beans": "/tea/beans"}
    assert {target: behind.echo(target)["path"] for target in wanted} == wanted
    assert behind.status("/beans") == 404


@case("rewrite", app({"/tea": to(TEA, rewrite={"path": "/fixed"}), "/coffee": COFFEE}))
def rewrite_the_whole_path(behind):
    for target in ("/tea", "/tea/green/leaves"):
        asked = behind.echo(f"{target}?a=1")
        assert (asked["path"], asked["query"]) == ("/fixed", "a=1")
    assert behind.echo("/coffee/x")["path"] == "/coffee/x"


@case("rewrite", app({"/tea": to(TEA, "Exact", rewrite={"path": "/fixed"}), "/": COFFEE}))
def rewrite_of_an_exact_path(behind):
    asked = {target: behind.echo(target) for target in ("/tea", "/tea/green", "/other")}
    assert asked["/tea"]["path"] == "/fixed" and asked["/tea"]["service"] == "tea-svc"
    assert asked["/tea/green"]["path"] == "/tea/green" and asked["/tea/green"]["service"] == "coffee-svc"
    assert asked["/other"]["path"] == "/other"


@case("regex", app({"/v[0-9]+/tea$": to(TEA, "ImplementationSpecific", regex=True), "/coffee": COFFEE}))
def regex_of_a_path(behind):
    for target in ("/v1/tea", "/v22/tea", "/v1/tea?x=1"):
        asked = behind.echo(target)
        assert (asked["service"], asked["path"]) == ("tea-svc", target.partition("?")[0])
    for target in ("/v/tea", "/vx/tea", "/v1/teapot", "/a/v1/tea", "/v1/tea/green"):
        assert behind.status(target) == 404, target
    assert behind.echo("/coffee/x")["service"] == "coffee-svc"


@case("regex", app({"/(tea|mate)/.*": to(TEA, "ImplementationSpecific"), "/coff?ee/": to(COFFEE)}, regex=True))
def regex_of_an_app(behind):
    wanted = {"/tea/a": "tea-svc", "/mate/b": "tea-svc", "/coffee/": "coffee-svc", "/cofee/x": "coffee-svc"}
    assert {target: behind.echo(target)["service"] for target in wanted} == wanted
    assert {behind.status(target) for target in ("/cocoa/a", "/te", "/cofffee/")} == {404}


@case("redirect", app({"/old": to(TEA, redirect={"to": AWAY, "code": 301}), "/tea": TEA}))
def redirect_of_a_path(behind):
    for target in ("/old", "/old/page?x=1"):
        answer = behind.get(target)
        assert (answer.status, answer.headers["location"]) == (301, AWAY)
    assert behind.echo("/tea/old")["service"] == "tea-svc"


@case("redirect", app({"/": TEA}, tls=False, redirect={"to": AWAY}))
def redirect_of_an_app(behind):
    answer = behind.get("/anything", tls=False)
    assert (answer.status, answer.headers["location"]) == (302, AWAY)


@case(
    "redirect",
    app({"/a": to(TEA, redirect={"to": AWAY, "code": 307}), "/b": to(TEA, redirect={"to": AWAY, "code": 308})}),
)
def redirect_keeps_the_method(behind):
    found = {target: behind.get(target, method="POST", body=b"x") for target in ("/a", "/b")}
    assert {target: answer.status for target, answer in found.items()} == {"/a": 307, "/b": 308}
