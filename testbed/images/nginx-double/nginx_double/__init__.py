"""A TEST DOUBLE of the F5 NGINX Ingress Controller 5.5.4: real nginx, driven as that controller was observed to."""

IMITATES = "F5 NGINX Ingress Controller 5.5.4"
BANNER = f"nginx: test double of {IMITATES}"
