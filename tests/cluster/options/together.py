"""Cases of several options on one entry, and of several entries that differ."""

from tests.cluster.options.access import PASSWORD, USERS, login
from tests.cluster.options.case import COFFEE, SECURE, TEA, app, case, to


@case("rewrite", app({"/tea": to(TEA, rewrite={"prefix": "/"}, basic_auth=USERS, body_size="1k"), "/coffee": COFFEE}))
def several_options_of_a_path(behind):
    assert behind.status("/tea/x") == 401
    assert behind.echo("/tea/x", headers=login("waiter", PASSWORD))["path"] == "/x"
    assert behind.status("/tea/x", headers=login("waiter", PASSWORD), method="POST", body=b"x" * 2000) == 413
    assert behind.echo("/coffee/x", method="POST", body=b"x" * 2000)["path"] == "/coffee/x"


@case(
    "backend_protocol",
    app({"/tea": to(SECURE, backend_protocol="HTTPS", rewrite={"prefix": "/leaves"}), "/": to(TEA, body_size="2k")}),
)
def entries_that_differ(behind):
    asked = behind.echo("/tea/green?x=1")
    assert (asked["service"], asked["path"], asked["query"]) == ("secure-svc", "/leaves/green", "x=1")
    assert behind.echo("/else")["service"] == "tea-svc"
    assert behind.status("/else", method="POST", body=b"x" * 3000) == 413
    assert behind.status("/tea", method="POST", body=b"x" * 3000) == 200
