"""Short waits: what is waited for is told, and who holds it where it does not end."""

import pytest

from module_utils.ingresskit.engine.until import gone
from module_utils.ingresskit.errors import ClusterError

LIVE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "cafe", "uid": "1"}}
ANOTHER = LIVE | {"metadata": {"name": "cafe", "uid": "2"}}
HELD = LIVE | {"metadata": LIVE["metadata"] | {"finalizers": ["example.com/slow"]}}


class Answers:
    """What the API server says of the object, one answer after another, the last one for ever."""

    def __init__(self, *answers):
        self.left = list(answers)

    def get(self, ref, *, metadata_only):
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


@pytest.mark.parametrize(("answers", "told"), [((LIVE, LIVE, None), 3), ((LIVE, ANOTHER), 2), ((None,), 1)])
def test_gone(answers, told):
    said = []
    gone(Answers(*answers), LIVE, 5, said.append)
    assert said == ["waiting for Namespace cafe to be gone"] * told


def test_what_does_not_go_is_told_with_what_holds_it():
    with pytest.raises(ClusterError, match=r"Namespace cafe: still being deleted after 0 s, held by example.com/slow"):
        gone(Answers(HELD), LIVE, 0)
