"""The life of a stack's CA, from one run to the next: made, followed, trusted beside the next one, forgotten."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from module_utils.ingresskit import authority as ca
from module_utils.ingresskit import model, tls
from module_utils.ingresskit.errors import InventoryError
from module_utils.ingresskit.facts import Authority, Former
from module_utils.ingresskit.model.tls import Ca

from .certificates import NOW

WISH = Ca(days=90, overlap=10)  # what it issues lives for 30 days
FIRST = tls.new_authority("edge", NOW, WISH)
OVER = timedelta(minutes=5)  # by which certificates are dated back


def day(number):
    return NOW + timedelta(days=number)


def at(number, authority=FIRST, wish=WISH):
    return ca.advanced(authority, "edge", wish, day(number))


def fingerprints(bundle):
    return [
        tls.fingerprint(part + "-----END CERTIFICATE-----\n")
        for part in bundle.split("-----END CERTIFICATE-----\n")[:-1]
    ]


def test_a_stack_without_a_ca_gets_the_one_it_wants():
    made = ca.advanced(None, "edge", Ca(algorithm="rsa", days=400, overlap=7, rotate="once"), NOW)
    info = tls.inspect(made.certificate)
    assert (info.not_after, made.rotate, made.successor, made.former) == (day(400), "once", None, ())
    assert not ca.is_due(made, Ca(rotate="once"), NOW), "what it was made with asks for no other one"
    assert list(ca.news(None, made)) == []


@pytest.mark.parametrize(("number", "due"), [(0, False), (49, False), (51, True), (80, True), (89, True), (100, True)])
def test_a_successor_is_due_while_what_is_signed_until_it_takes_over_lives_its_whole_life(number, due):
    """90 days, less the 30 of a certificate's life, less an overlap of 10."""
    assert ca.is_due(FIRST.public, WISH, day(number)) is due
    assert (at(number) != FIRST) is due


def test_the_whole_life():
    made = at(51)
    assert (made.certificate, made.key) == (FIRST.certificate, FIRST.key), "the old one signs on"
    assert made.successor and made.signs_from == day(61) and made.former == ()
    assert fingerprints(made.bundle(day(51))) == [tls.fingerprint(FIRST.certificate), tls.fingerprint(made.successor)]
    tls.check_pair(made.successor.encode(), made.successor_key.encode())
    assert at(60.9, made) == made and not ca.is_due(made.public, WISH, day(60.9))

    assert ca.is_due(made.public, WISH, day(61))
    over = at(61, made)
    assert (over.certificate, over.key) == (made.successor, made.successor_key) and over.successor is None
    (former,) = over.former
    assert former.certificate == FIRST.certificate and timedelta() <= day(90) - former.until <= timedelta(hours=1)
    assert fingerprints(over.bundle(day(61))) == [tls.fingerprint(over.certificate), tls.fingerprint(FIRST.certificate)]
    assert fingerprints(over.bundle(day(90))) == [tls.fingerprint(over.certificate)], "nothing that it signed is alive"
    assert not ca.is_due(over.public, WISH, day(90)) and at(90, over).former == (), "dropped with the next write"
    assert ca.is_due(over.public, WISH, day(51 + 51))


@pytest.mark.parametrize(
    ("number", "starts"),
    [(70, 80), (81, 87), (89, 89 + 2 / 3)],
    ids=["time for the overlap", "two thirds of what is left", "even less"],
)
def test_a_stack_that_was_not_run_for_long_has_less_overlap(number, starts):
    assert abs(at(number).signs_from - day(starts)) < OVER


@pytest.mark.parametrize("number", [90, 91, 1000])
def test_an_expired_ca_is_followed_at_once(number):
    made = at(number)
    assert made.certificate != FIRST.certificate and made.successor is None and made.key
    assert fingerprints(made.bundle(day(number))) == [tls.fingerprint(made.certificate)]
    assert tls.inspect(made.certificate).not_after == day(number + 90)


def rotating(text, overlap=10, **more):
    return Ca(days=90, overlap=overlap, rotate=text, **more)


def test_a_rotation_on_request_is_done_once():
    asked = rotating("2026-08")
    assert ca.is_due(FIRST.public, asked, NOW)
    made = at(0, wish=asked)
    assert made.signs_from == day(10) and made.certificate == FIRST.certificate and made.rotate == "2026-08"
    assert not ca.is_due(made.public, asked, day(1)) and not ca.is_due(made.public, WISH, day(1))
    over = at(10, made, asked)
    assert over.certificate == made.successor and not ca.is_due(over.public, asked, day(10))
    assert over.former == (Former(FIRST.certificate, day(10) + tls.leaf_lifetime(FIRST.certificate)),)
    again = at(11, over, rotating("again"))
    assert again.successor not in (None, made.successor) and len(again.former) == 1


def test_without_an_overlap_the_new_one_signs_at_once():
    made = at(0, wish=rotating("now", 0, algorithm="rsa"))
    assert made.certificate != FIRST.certificate and made.successor is None
    assert [each.certificate for each in made.former] == [FIRST.certificate]


def test_a_rotation_on_request_takes_the_successor_that_is_there():
    made = at(51)
    sooner = at(52, made, rotating("now", 0))
    assert sooner.certificate == made.successor and sooner.rotate == "now"
    assert at(52, made, rotating("later", 30)).signs_from == made.signs_from, "never later than it was told"


def test_what_a_user_is_told():
    made = at(51)
    over = at(61, made)
    assert list(ca.news(FIRST, FIRST.public)) == []
    (line,) = ca.news(FIRST.public, made)
    assert line.startswith(
        "the stack's CA: a new one is trusted from now on and signs from 2026-10-01; clients need it"
    )
    (line,) = ca.news(made.public, over)
    assert line == "the stack's CA: the new one signs from now on; the one before is trusted until 2026-10-30"
    (line,) = ca.news(FIRST.public, replace(FIRST, rotate="x"))
    assert line == "the stack's CA: its record is brought up to date"
    (line,) = ca.news(FIRST.public, at(100))
    assert "clients need it" in line, "nothing of the old one is left"


@pytest.mark.parametrize("authority", [FIRST, at(51), at(61, at(51)), at(0, wish=rotating("x"))], ids=range(4))
def test_a_record_holds_all_but_the_keys(authority):
    text = json.dumps(ca.recorded(authority))
    assert ca.from_record(json.loads(text)) == authority.public
    assert "PRIVATE" not in text
    keys = {"key": authority.key, "successor": authority.successor, "successor_key": authority.successor_key}
    assert ca.with_keys(json.loads(text), certificate=authority.certificate, **keys) == authority


@pytest.mark.parametrize("said", [None, "a certificate, as records of long ago had it", []])
def test_records_that_tell_of_no_ca(said):
    assert ca.from_record(said) is None


def test_what_became_of_a_ca_is_known_from_what_another_run_made_of_it():
    made, other = at(51), at(51)
    over = at(61, made)
    assert all(
        ca.descends(after, before) for after, before in [(made, FIRST), (over, made), (over, FIRST), (made, made)]
    )
    assert not any(ca.descends(after, before) for after, before in [(other, made), (at(61, other), made), (made, over)])
    assert not ca.descends(tls.new_authority("edge", NOW), FIRST)


@pytest.mark.parametrize(
    ("given", "path", "words"),
    [
        ({"overlap": 31, "days": 90}, "ingress_ca", "overlap (31) is at most a third of days (90)"),
        ({"days": 20}, "ingress_ca", "overlap (30) is at most a third of days (20)"),
        ({"days": 0}, "ingress_ca.days", "greater than or equal to 1"),
        ({"overlap": -1}, "ingress_ca.overlap", "greater than or equal to 0"),
        ({"algorithm": "dsa"}, "ingress_ca.algorithm", "is not one of ecdsa, rsa"),
        ({"rotate": 2026}, "ingress_ca.rotate", "must be a string, not the number 2026"),
        ({"rotate": ""}, "ingress_ca.rotate", "at least 1 character"),
        ({"rotated": "x"}, "ingress_ca.rotated", "did you mean 'rotate'?"),
    ],
)
def test_wishes_that_cannot_be(given, path, words):
    with pytest.raises(InventoryError) as caught:
        model.load({"ingress_ca": given})
    (problem,) = caught.value.problems
    assert problem.path == path and words in problem.message


def test_no_repr_shows_a_key_of_either():
    shown = repr(at(51)) + repr(Authority("CERT", "canary", "CERT", "canary"))
    assert "PRIVATE" not in shown and "canary" not in shown
