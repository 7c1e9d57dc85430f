"""What the benchmark calls its things in the cluster; a sweep removes everything of these names."""

PREFIX = "ingresskit-bench"
STACK = PREFIX
STATE_NAMESPACE = f"{PREFIX}-state"
CONTROLLER_NAMESPACE = f"{PREFIX}-controller"
SHARED_NAMESPACE = f"{PREFIX}-apps"
DOMAIN = "bench.example.com"


def namespace_of(app: str, *, per_app: bool) -> str:
    """Where an app lives: one namespace for all, or one each."""
    return f"{PREFIX}-{app}" if per_app else SHARED_NAMESPACE
