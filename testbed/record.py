"""Our own notes on what the test bed created, so that ``clean`` removes that and nothing else."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from testbed.cache import Cache


@dataclass
class Record:
    """Clusters by name (and which one is not finished), images pulled, whether kind's network and dockerd are ours."""

    path: Path
    clusters: list[str] = field(default_factory=list)
    unfinished: str | None = None
    pulled: list[str] = field(default_factory=list)
    network: bool = False
    daemon_pid: int | None = None

    @classmethod
    def load(cls, cache: Cache) -> Record:
        """The notes of earlier runs; none yet is an empty record."""
        path = cache.root / "record.json"
        return cls(path, **json.loads(path.read_text())) if path.exists() else cls(path)

    def save(self) -> None:
        """Write the notes, whole or not at all."""
        notes = {name: value for name, value in asdict(self).items() if name != "path"}
        draft = self.path.with_suffix(".new")
        draft.write_text(json.dumps(notes, indent=1))
        draft.rename(self.path)
