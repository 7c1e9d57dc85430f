"""Cases of limits: body_size, timeouts, rate_limit; and of levels, which they show best."""

import time
from concurrent.futures import ThreadPoolExecutor

from tests.cluster.options.case import COFFEE, TEA, app, case, to


def post(behind, target, size):
    answer = behind.get(target, method="POST", body=b"x" * size)
    return answer.status or answer.error


@case("body_size", app({"/tea": to(TEA, body_size="1k"), "/coffee": COFFEE}))
def body_size_of_a_path(behind):
    assert [post(behind, "/tea", size) for size in (900, 1025, 5000)] == [200, 413, 413]
    assert post(behind, "/coffee", 5000) == 200


@case("body_size", app({"/tea": TEA}, body_size="0"))
def body_size_without_limit(behind):
    assert post(behind, "/tea", 3_000_000) == 200


@case("timeouts", app({"/tea": to(COFFEE, timeouts={"read": 1}), "/coffee": COFFEE}))
def read_timeout(behind):
    assert behind.status("/tea/delay/0") == 200
    assert behind.status("/coffee/delay/2.5") == 200
    assert behind.status("/tea/delay/3") == 504


@case("timeouts", app({"/tea": COFFEE}, timeouts={"connect": 3, "read": 4}))
def timeouts_that_suffice(behind):
    assert behind.status("/tea/delay/1") == 200


@case("timeouts", app({"/tea": COFFEE}, timeouts={"send": 3}))
def send_timeout_that_suffices(behind):
    assert behind.status("/tea", method="POST", body=b"x" * 200_000) == 200


@case("rate_limit", app({"/tea": to(COFFEE, rate_limit={"rps": 1, "burst": 2}), "/coffee": COFFEE}, tls=False))
def rate_limit_of_a_path(behind):
    for _ in range(4):
        assert behind.status("/tea", tls=False) == 200
        time.sleep(1.3)
    with ThreadPoolExecutor(8) as pool:

        def at_once(times):
            return list(pool.map(lambda _: behind.status("/tea", tls=False), range(times)))

        burst = at_once(30)
        assert {200, 429} == set(burst), burst
        other, own = pool.submit(behind.from_a_pod, "/tea"), []
        while not other.done():
            own += at_once(14)
        assert own.count(429) > own.count(200), own
        assert other.result() == 200
        assert set(pool.map(lambda _: behind.status("/coffee", tls=False), range(20))) == {200}


@case("rate_limit", app({"/tea": COFFEE}, rate_limit={"rps": 1, "status": 503}))
def rate_limit_with_another_status(behind):
    with ThreadPoolExecutor() as pool:
        assert {200, 503} == set(pool.map(lambda _: behind.status("/tea"), range(20)))


LEVELS = app(
    {"/tea": TEA, "/big": to(TEA, body_size="8k"), "/free": to(TEA, body_size=None)},
    body_size="1k",
)
LEVELS["hosts"]["other.this-case.example.com"] = {"paths": {"/tea": COFFEE}, "options": {"body_size": "4k"}}


@case("body_size", LEVELS)
def levels_of_a_number(behind):
    """App, host and path: the nearer wins, and null unsets."""
    assert [post(behind, "/tea", size) for size in (900, 2000)] == [200, 413]
    assert [post(behind, "/big", size) for size in (7000, 9000)] == [200, 413]
    assert post(behind, "/free", 20_000) == 200
    found = [behind.status("/tea", host=f"other.{behind.host}", method="POST", body=b"x" * n) for n in (3000, 5000)]
    assert found == [200, 413]
