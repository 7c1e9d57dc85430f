"""One form for what is sent and what is compared. Pure."""

from __future__ import annotations

from ..api.resources import Object


def normalise(obj: Object) -> Object:
    """The manifest without what a server-side apply would own needlessly; the input is not changed.

    Nulls, empty lists, empty labels, annotations and data, status and server-set metadata go; ``stringData`` becomes
    ``data``, as server-side apply does not own it (https://github.com/kubernetes/kubernetes/issues/108008).
    Empty maps elsewhere mean something (``emptyDir: {}``) and stay; so does all content of custom resources.
    """
    raise NotImplementedError


def fingerprint(obj: Object) -> str:
    """A short hash of a normalised manifest. Where the annotation ``ingresskit.io/inputs`` tells what the content was
    generated from, ``data`` is left out: the same inputs are the same object."""
    raise NotImplementedError
