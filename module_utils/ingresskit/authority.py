"""The life of a stack's CA. Pure.

Its end nears, or ``ingress_ca.rotate`` asks for it: a successor is made, and trusted from then on. After the overlap it
signs, and what the CA before it has issued is issued anew. That one is trusted until nothing it signed can be alive.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from . import tls
from .facts import Authority, Former
from .model.tls import Ca


def is_due(authority: Authority, wish: Ca, now: datetime) -> bool:
    """Whether ``advanced`` has something to do; that can be told without the CA's keys."""
    return _takes_over(authority, now) or _asked(authority, wish) or _ends(authority, wish, now)


def advanced(authority: Authority | None, stack_name: str, wish: Ca, now: datetime) -> Authority:
    """The CA as it is from now on, with its keys: ``authority`` (None: there is none yet), or what became of it."""
    if authority is None:
        return tls.new_authority(stack_name, now, wish)
    if _takes_over(authority, now):
        authority = _succeeded(authority, now)
    asked = _asked(authority, wish)
    if asked or _ends(authority, wish, now):
        authority = _with_successor(authority, stack_name, wish, now)
    if asked:
        authority = replace(authority, rotate=str(wish.rotate))
    if _takes_over(authority, now):  # there was no time for an overlap, or none is wanted
        authority = _succeeded(authority, now)
    return replace(authority, former=tuple(each for each in authority.former if each.until > now))


def descends(authority: Authority, before: Authority) -> bool:
    """Whether ``authority`` is what has become of ``before``, and not of what another run made of it."""
    signed = {authority.certificate, *(each.certificate for each in authority.former)}
    return before.certificate in signed and before.successor in (None, authority.successor, authority.certificate)


def news(before: Authority | None, after: Authority | None) -> Iterator[str]:
    """What a user is to know of a change, a line each; nothing of the first CA, which comes with what it has signed."""
    if before is None or after is None or before.public == after.public:
        return
    export = "clients need it: playbooks/ca.yml writes all that they have to trust"
    if after.certificate != before.certificate:
        until = next((each.until for each in after.former if each.certificate == before.certificate), None)
        yield "the stack's CA: the new one signs from now on" + (
            f"; the one before is trusted until {until:%Y-%m-%d}" if until else f"; {export}"
        )
    elif after.successor != before.successor:
        yield f"the stack's CA: a new one is trusted from now on and signs from {after.signs_from:%Y-%m-%d}; {export}"
    else:
        yield "the stack's CA: its record is brought up to date"


def recorded(authority: Authority) -> dict[str, Any]:
    """The CA without its keys, as JSON for a release record."""
    return {
        "certificate": authority.certificate,
        "successor": authority.successor,
        "signs_from": authority.signs_from.isoformat() if authority.signs_from else None,
        "former": [[each.certificate, each.until.isoformat()] for each in authority.former],
        "rotate": authority.rotate,
    }


def from_record(said: Any) -> Authority | None:
    """The CA that a release record tells of, None where it tells of none."""
    return _read(said) if isinstance(said, Mapping) else None


def _read(said: Mapping[str, Any]) -> Authority:
    signs_from = said.get("signs_from")
    return Authority(
        said["certificate"],
        said.get("key"),
        said.get("successor"),
        said.get("successor_key"),
        datetime.fromisoformat(signs_from) if signs_from else None,
        tuple(Former(text, datetime.fromisoformat(until)) for text, until in said.get("former", ())),
        said.get("rotate", ""),
    )


def with_keys(said: Mapping[str, Any], **texts: str | None) -> Authority:
    """The CA as its Secret holds it: ``texts`` (certificate, key, successor, successor_key) and the rest of the record.

    The texts count: whoever restores a CA from a backup has its certificate and its key, and nothing else."""
    return _read({**said, **texts})


def _takes_over(authority: Authority, now: datetime) -> bool:
    return authority.successor is not None and authority.signs_from is not None and authority.signs_from <= now


def _asked(authority: Authority, wish: Ca) -> bool:
    return wish.rotate is not None and wish.rotate != authority.rotate


def _ends(authority: Authority, wish: Ca, now: datetime) -> bool:
    """Whether the successor has to be made for what is signed until the overlap is over to live its whole life."""
    if authority.successor is not None:
        return False
    end = tls.inspect(authority.certificate).not_after
    return end - now < tls.leaf_lifetime(authority.certificate) + timedelta(days=wish.overlap)


def _with_successor(authority: Authority, stack_name: str, wish: Ca, now: datetime) -> Authority:
    """One that is made already only signs sooner, if at all. The last third of the old one's life is not waited for:
    what it signs then would end with it."""
    left = max(tls.inspect(authority.certificate).not_after - now, timedelta())
    start = now + min(timedelta(days=wish.overlap), left * 2 / 3)
    if authority.successor is not None and authority.signs_from is not None:
        return replace(authority, signs_from=min(start, authority.signs_from))
    new = tls.new_authority(stack_name, now, wish)
    return replace(authority, successor=new.certificate, successor_key=new.key, signs_from=start)


def _succeeded(authority: Authority, now: datetime) -> Authority:
    """The successor signs. What the old one has signed ends with its own longest life, or with the old one."""
    former = Former(authority.certificate, tls.best_end(authority.certificate, now))
    return Authority(
        str(authority.successor),
        authority.successor_key,
        former=(*authority.former, former),
        rotate=authority.rotate,
    )
