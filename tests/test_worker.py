import os
import subprocess
import sys

PROGRAM = """
import sys, types
from app.commands import running
assert "numpy" not in sys.modules, "it reads how many threads it may use when it is loaded"
def report(_):
    import numpy, threadpoolctl
    pools = threadpoolctl.threadpool_info()
    print({pool["num_threads"] for pool in pools if pool["internal_api"] == "openblas"})
sys.modules["app.worker"] = types.SimpleNamespace(run_worker=report)
running.worker()
"""


def test_numpy_has_one_thread_in_a_worker(tmp_path):
    clean = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    env = clean | {"TOPLOSS_DATA_DIR": str(tmp_path)}
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=True
    )
    assert said.stdout.split("\n")[-2] == "{1}"
