"""Asks the questions of a smoke test over HTTP and judges the answers: the only code that opens HTTP connections."""

from .run import run
from .tls import days_left

__all__ = ["days_left", "run"]
