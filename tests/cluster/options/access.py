"""Cases of who may ask: basic_auth, allow, cors."""

import base64

from tests.cluster.options.case import CLIENT, COFFEE, HOST, TEA, app, case, to

PASSWORD = "earl-grey-at-five"  # the test looks for it in everything that is written
NOBODY = "203.0.113.0/24"
USERS = {"users": {"waiter": PASSWORD, "cook": "oolong"}}
ORIGIN = "https://menu.example.org"


def login(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def guarded(behind, target, user, password):
    refused = behind.get(target)
    assert refused.status == 401
    assert refused.headers["www-authenticate"].lower().startswith("basic")
    for wrong in (login(user, "wrong"), login("nobody", password), {"Authorization": "Bearer x"}):
        assert behind.status(target, headers=wrong) == 401
    assert behind.status(target, headers=login(user, password)) == 200
    return True


@case("basic_auth", app({"/tea": to(TEA, basic_auth=USERS), "/coffee": COFFEE}))
def users_of_a_path(behind):
    assert guarded(behind, "/tea", "waiter", PASSWORD)
    assert behind.status("/tea", headers=login("cook", "oolong")) == 200
    assert behind.status("/tea", headers=login("cook", PASSWORD)) == 401
    assert behind.status("/coffee") == 200


@case("basic_auth", app({"/tea": TEA, "/open": to(COFFEE, basic_auth=None)}, basic_auth=USERS))
def users_of_an_app(behind):
    assert guarded(behind, "/tea", "waiter", PASSWORD)
    assert behind.status("/open") == 200


SECRET = app({"/tea": TEA}, basic_auth={"secret": "their-users"}) | {"workloads": {"tea": {}}}


@case("basic_auth", SECRET, apart=True)
def users_in_a_secret(behind):
    assert guarded(behind, "/tea", "guest", "tea-for-two")


@case("allow", app({"/tea": to(TEA, allow=[NOBODY]), "/mine": to(TEA, allow=[NOBODY, CLIENT]), "/coffee": COFFEE}))
def allow_of_paths(behind):
    assert [behind.status(target) for target in ("/tea", "/mine", "/coffee")] == [403, 200, 200]
    lie = {"X-Forwarded-For": "203.0.113.7", "X-Real-IP": "203.0.113.7"}
    assert behind.status("/tea", headers=lie) == 403


LEVELS = app({"/tea": TEA, "/mine": to(TEA, allow=[CLIENT]), "/open": to(TEA, allow=None)}, allow=[NOBODY])
LEVELS["hosts"][f"other.{HOST}"] = {"paths": {"/tea": TEA}, "options": {"allow": [CLIENT]}}


@case("allow", LEVELS)
def levels_of_a_list(behind):
    assert [behind.status(target) for target in ("/tea", "/mine", "/open")] == [403, 200, 200]
    assert behind.status("/tea", host=f"other.{behind.host}") == 200


CORS = {
    "origins": [ORIGIN],
    "methods": ["GET", "PUT"],
    "headers": ["X-Table"],
    "expose_headers": ["X-Bill"],
    "credentials": True,
    "max_age": 600,
}


def words(answer, name):
    return {each.strip().lower() for each in answer.headers.get(f"access-control-{name}", "").split(",")}


@case("cors", app({"/tea": to(TEA, cors=CORS), "/coffee": COFFEE}))
def cors_of_a_path(behind):
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "X-Table"}
    before = behind.get("/tea", method="OPTIONS", headers=asked)
    assert before.status in (200, 204)
    assert before.headers["access-control-allow-origin"] == ORIGIN
    assert words(before, "allow-methods") >= {"get", "put"} and "delete" not in words(before, "allow-methods")
    assert "x-table" in words(before, "allow-headers")
    assert before.headers["access-control-allow-credentials"] == "true"
    assert before.headers["access-control-max-age"] == "600"

    simple = behind.get("/tea", headers={"Origin": ORIGIN})
    assert simple.json["service"] == "tea-svc"
    assert simple.headers["access-control-allow-origin"] == ORIGIN
    assert "x-bill" in words(simple, "expose-headers")

    foreign = behind.get("/tea", headers={"Origin": "https://evil.example.net"})
    assert foreign.headers.get("access-control-allow-origin") not in ("https://evil.example.net", "*")
    assert "access-control-allow-origin" not in behind.get("/coffee", headers={"Origin": ORIGIN}).headers


@case("cors", app({"/tea": TEA}, cors={}))
def cors_for_everybody(behind):
    assert behind.get("/tea", headers={"Origin": ORIGIN}).headers["access-control-allow-origin"] in ("*", ORIGIN)
