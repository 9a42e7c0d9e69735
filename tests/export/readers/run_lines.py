"""Runs lines of Python in the environment of a reader; started by `test_loading.py`.

    python run_lines.py jobs.json answers.json

A job has a folder, the lines, and an expression of what they loaded. The answers are the expressions' values,
or what was raised.
"""

import json
import os
import sys
import traceback
from pathlib import Path

jobs, answers = Path(sys.argv[1]), Path(sys.argv[2])
done = {}
for name, job in json.loads(jobs.read_text(encoding="utf-8")).items():
    os.chdir(job["folder"])
    try:
        names: dict[str, object] = {}
        exec(job["lines"] + job["answer"], names)  # noqa: S102 - lines of our own documentation
        done[name] = {"read": names["answer"]}
    except Exception:  # noqa: BLE001 - what a reader raises is the answer
        done[name] = {"raised": traceback.format_exc()}
answers.write_text(json.dumps(done), encoding="utf-8")
