"""The API server's refusals, as they came from a 1.34 API server."""

import pytest

from module_utils.ingresskit.api.failures import (
    ApiError,
    Cause,
    Conflict,
    FieldConflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Unauthorized,
    WebhookDown,
    failure,
)

GROUP = "networking.k8s.io"
MAY_NOT = 'the user "system:serviceaccount:a:b" may not'
TYPED = "failed to create typed patch object (cafe/cafe; networking.k8s.io/v1, Kind=Ingress): "
INVALID = 'Ingress.networking.k8s.io "cafe" is invalid: spec.rules[0].http.paths[0].pathType: Required value'
MOVED = "the object has been modified"
WHO = 'User "system:serviceaccount:a:b" cannot'
NO_POD = 'Post "https://x.y.svc:443/?timeout=10s": no endpoints available for service "x"'
CASES = [
    (
        403,
        {"message": f'x is forbidden: {WHO} list resource "ingresses" in API group "{GROUP}" at the cluster scope'},
        Forbidden,
        f"{MAY_NOT} list ingresses.networking.k8s.io in the whole cluster: grant that by RBAC",
    ),
    (
        403,
        {"message": f'x is forbidden: {WHO} patch resource "secrets" in API group "" in the namespace "cafe"'},
        Forbidden,
        f"{MAY_NOT} patch secrets in namespace cafe: grant that by RBAC",
    ),
    (
        403,
        {"message": 'pods "x" is forbidden: exceeded quota: none'},
        Forbidden,
        'Ingress cafe/cafe: pods "x" is forbidden: exceeded quota: none',
    ),
    (401, {"message": "Unauthorized"}, Unauthorized, "ingress_cluster.context: the API server refuses its credentials"),
    (404, {"message": 'namespaces "nope" not found'}, NotFound, 'Ingress cafe/cafe: namespaces "nope" not found'),
    (410, {"message": "too old resource version"}, Gone, "Ingress cafe/cafe: too old resource version"),
    (409, {"message": MOVED, "reason": "Conflict"}, Conflict, f"Ingress cafe/cafe: {MOVED}"),
    (
        422,
        {"message": INVALID},
        Invalid,
        f"Ingress cafe/cafe: {INVALID}",
    ),
    (
        500,
        {"message": f"{TYPED}.spec.rulez: field not declared in schema"},
        Invalid,
        "Ingress cafe/cafe: .spec.rulez: field not declared in schema",
    ),
    (
        500,
        {"message": TYPED + ".data.a: expected string, got &value.valueUnstructured{Value:1}"},
        Invalid,
        "Ingress cafe/cafe: .data.a: expected string, got 1",
    ),
    (
        400,
        {"message": 'admission webhook "validate.nginx" denied the request: host is taken'},
        Invalid,
        'Ingress cafe/cafe: admission webhook "validate.nginx" denied the request: host is taken',
    ),
    (
        500,
        {"message": f'Internal error occurred: failed calling webhook "a.b.c": failed to call webhook: {NO_POD}'},
        WebhookDown,
        f'Ingress cafe/cafe: the admission webhook "a.b.c" does not answer ({NO_POD}): see to the Service and the Pods',
    ),
    (
        500,
        {"message": f"conversion webhook for a.b/v1, Kind=C failed: {NO_POD}"},
        WebhookDown,
        f"Ingress cafe/cafe: the conversion webhook for a.b/v1, Kind=C does not answer ({NO_POD}): see to the Service",
    ),
    (503, {}, ApiError, "Ingress cafe/cafe: the API server answered 503"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind", "text"), CASES)
def test_failure(status, body, kind, text):
    error = failure(status, body, "Ingress cafe/cafe")
    assert type(error) is kind
    assert str(error).startswith(text)
    assert error.status == status


@pytest.mark.parametrize(
    ("message", "immutable"),
    [
        ('Deployment.apps "tea" is invalid: spec.selector: Invalid value: {...}: field is immutable', True),
        ('RoleBinding "x" is invalid: roleRef: Invalid value: {...}: cannot change roleRef', True),
        ('Service "x" is invalid: spec.clusterIPs[0]: Invalid value: []: may not change once set', True),
        (
            "spec: Forbidden: updates to statefulset spec for fields other than ... are forbidden",
            True,
        ),
        ('PriorityClass "x" is invalid: value: Forbidden: may not be changed in an update.', True),
        ('StorageClass "x" is invalid: provisioner: Forbidden: updates to provisioner are forbidden.', True),
        ('Pod "x" is invalid: spec: Forbidden: pod updates may not change fields other than `spec.a`', True),
        ('ConfigMap "x" is invalid: data: Forbidden: field is immutable when `immutable` is set', True),
        ('Ingress "x" is invalid: spec.rules: Required value', False),
        (f"{TYPED}.immutable: expected boolean, got &value.valueUnstructured{{Value:1}}", False),
    ],
)
def test_immutable_fields_are_told_apart(message, immutable):
    assert failure(422, {"message": message}, "x").immutable is immutable


def test_long_values_are_left_out():
    template = '{"Spec":{"Containers":[' + '{"Name":"c","Env":null},' * 20 + "]}}"
    text = f'Job.batch "x" is invalid: spec.template: Invalid value: {template}: field is immutable'
    said = str(failure(422, {"message": text}, "Job a/x"))
    assert said == 'Job a/x: Job.batch "x" is invalid: spec.template: field is immutable'
    text = 'Pod "x" is invalid: spec: Forbidden: spec is immutable\n  core.PodSpec{\n  ...'
    assert str(failure(422, {"message": text}, "x")).endswith("spec is immutable")
    text = 'PersistentVolumeClaim "x" is invalid: spec: Forbidden: spec is immutable\n@@ -10,7 +10,7 @@\n   }\n  },\n'
    assert str(failure(422, {"message": text}, "x")).endswith("spec is immutable")


@pytest.mark.parametrize(
    "value",
    [
        '[]interface {{"canary"}}',
        "&value.valueUnstructured{Value:canary\ncanary}",
        'map[string]interface {{"a":"canary"}}',
    ],
)
def test_the_values_of_a_secret_are_not_repeated(value):
    text = f"failed to create typed patch object (a/x; /v1, Kind=Secret): .data.a: expected string, got {value}"
    assert str(failure(500, {"message": text}, "Secret a/x")) == "Secret a/x: .data.a: expected string, got ***"
    text = 'Secret "x" is invalid: data[a]: Invalid value: "canary": a valid config key must consist of'
    assert "canary" not in str(failure(422, {"message": text}, "Secret a/x"))


def test_field_conflicts_are_parsed_into_field_manager_and_operation():
    messages = {
        ".spec.rules": 'conflict with "kubectl-edit" using networking.k8s.io/v1',
        ".spec.tls": 'conflict with "argocd"',
        ".spec.replicas": 'conflict with "kubectl" with subresource "scale" using apps/v1 at 2026-01-01T00:00:00Z',
    }
    reason = "FieldManagerConflict"
    causes = [{"reason": reason, "message": text, "field": path} for path, text in messages.items()]
    causes.append({"reason": "Other", "message": "m"})
    error = failure(
        409, {"message": "Apply failed with 3 conflicts", "details": {"causes": causes}}, "Ingress cafe/cafe"
    )
    assert isinstance(error, FieldConflict)
    assert error.causes == (
        Cause(".spec.rules", "kubectl-edit", "Update"),
        Cause(".spec.tls", "argocd", "Apply"),
        Cause(".spec.replicas", "kubectl", "Update", "scale"),
    )
