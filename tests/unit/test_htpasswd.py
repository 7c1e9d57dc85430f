"""Users and passwords: hashed so that a proxy can verify them, the same in every run, never shown."""

import bcrypt
import pytest

from module_utils.ingresskit import model
from module_utils.ingresskit.controllers import controller_for
from module_utils.ingresskit.errors import InventoryError
from module_utils.ingresskit.facts import ExistingSecret, Facts
from module_utils.ingresskit.htpasswd import htpasswd
from module_utils.ingresskit.preflight.passwords import check_passwords


def test_hashes_verify_are_stable_and_differ_by_user_and_place():
    text = htpasswd({"tea": "canary", "coffee": "canary"}, "edge/cafe/cafe")
    names, hashes = zip(*(line.split(":") for line in text.splitlines()), strict=True)
    assert names == ("coffee", "tea")
    assert all(bcrypt.checkpw(b"canary", each.encode()) and not bcrypt.checkpw(b"x", each.encode()) for each in hashes)
    assert text == htpasswd({"coffee": "canary", "tea": "canary"}, "edge/cafe/cafe")
    assert len({*hashes, htpasswd({"tea": "canary"}, "edge/shop/shop")}) == 3


@pytest.mark.parametrize("ready", ["$2y$05$abc", "$2b$05$abc", "$apr1$abc$def", "{SHA}abc"])
def test_a_hash_stays_as_it_is(ready):
    assert htpasswd({"tea": ready}, "x") == f"tea:{ready}\n"


@pytest.mark.parametrize(
    ("users", "message"),
    [
        ({"a:b": "x"}, "holds no colon"),
        ({"": "x"}, "is not empty"),
        ({"a": ""}, "1 to 72 bytes"),
        ({"a": "x" * 73}, "1 to 72 bytes"),
    ],
)
def test_what_cannot_be_a_user_is_refused_without_the_password(users, message):
    users = users | {"good": "canary"}
    with pytest.raises(InventoryError, match=message) as caught:
        model.load(
            {"ingress_apps": {"a": {"options": {"basic_auth": {"users": users}}, "hosts": {"h.example": "x:80"}}}}
        )
    assert "canary" not in str(caught.value) and "x" * 73 not in str(caught.value)


SECRETS = {
    "right": (ExistingSecret("nginx.org/htpasswd", None, False, ("htpasswd",)), {"nginx": "", "traefik": ""}),
    "auth": (
        ExistingSecret("Opaque", None, False, ("auth",)),
        {"nginx": "is of type Opaque: F5 NGINX Ingress Controller wants nginx.org/htpasswd", "traefik": ""},
    ),
    "none": (ExistingSecret("Opaque", None, False, ("x",)), {"traefik": "has no key htpasswd or auth or users"}),
    "gone": (
        None,
        {"nginx": "there is no Secret people in namespace a: create it there", "traefik": "there is no Secret"},
    ),
}


@pytest.mark.parametrize("case", SECRETS)
def test_a_secret_that_exists_is_looked_at(case):
    secret, expected = SECRETS[case]
    app = {"options": {"basic_auth": {"secret": "people"}}, "hosts": {"h.example": "x:80"}}
    for kind, message in expected.items():
        stack = model.load({"ingress_apps": {"a": app}, "ingress_controller": {"kind": kind}})
        found = list(check_passwords(stack, controller_for(stack.controller), Facts(secrets={("a", "people"): secret})))
        assert [message in each.message for each in found] == [True] * bool(message)
        assert all(each.path == "ingress_apps.a.options.basic_auth.secret" for each in found)
