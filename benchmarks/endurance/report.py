"""The report of an endurance run: Markdown for people, JSON for programs."""

import json
import os
import platform
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.endurance.places import Part


def about(note: str) -> dict[str, Any]:
    """The machine, the moment and the command."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "command": shlex.join(["python", "-m", "benchmarks.endurance", *sys.argv[1:]]),
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{os.cpu_count()} cores, {memory / 2**30:.0f} GB, {platform.system()}, "
        f"Python {platform.python_version()}",
        "load before": round(os.getloadavg()[0], 2),
        "note": note,
    }


def write_report(folder: Path, facts: dict[str, Any], parts: Sequence[Part]) -> str:
    """Write `endurance.json` and `endurance.md`; the text is the answer."""
    folder.mkdir(parents=True, exist_ok=True)
    everything = facts | {"parts": [part.as_json() for part in parts]}
    (folder / "endurance.json").write_text(json.dumps(everything, indent=2) + "\n")
    lines = ["# Endurance", "", *(f"- {name}: {value}" for name, value in facts.items() if value != ""), ""]
    for part in parts:
        ended = "held" if not part.problems else "DID NOT HOLD"
        where = f", {part.database}" if part.database else ""
        lines += [
            f"## {part.name}{where}: {ended} ({part.seconds:.0f} s)",
            "",
            "| what | figure |",
            "| --- | --- |",
        ]
        lines += [f"| {name} | {_shown(value)} |" for name, value in part.figures.items()]
        lines += ["", *(f"- {problem}" for problem in part.problems), ""]
    text = "\n".join(lines).rstrip() + "\n"
    (folder / "endurance.md").write_text(text)
    return text


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value).replace("|", "\\|")
