"""How a thread that started others tells their calls that nobody waits for them any more."""

from __future__ import annotations

import threading
from contextvars import ContextVar

_NEVER = threading.Event()
# Set in a worker thread by who started it; its calls are not sent, and not sent again, once the event is set.
called_off: ContextVar[threading.Event] = ContextVar("called_off", default=_NEVER)
