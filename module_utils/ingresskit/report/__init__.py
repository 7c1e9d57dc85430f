"""Shows what a smoke test or a comparison found: terminal, curl command, JUnit, HTML. Opens no connection."""

from .curl import curl_command
from .drift import drift_result, drop_reports
from .junit import render_junit
from .result import result_of
from .rows import expiring, summary
from .table import render_table

__all__ = [
    "curl_command",
    "drift_result",
    "drop_reports",
    "expiring",
    "render_junit",
    "render_table",
    "result_of",
    "summary",
]
