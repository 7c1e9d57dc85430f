"""Shows what a smoke test found: terminal table, curl command, JUnit, HTML. Opens no connection."""

from .curl import curl_command
from .junit import render_junit
from .result import result_of
from .rows import expiring, summary
from .table import render_table

__all__ = ["curl_command", "expiring", "render_junit", "render_table", "result_of", "summary"]
