"""Decisions per second of Toploss and of Label Studio community, one after the other on one machine.

    python -m venv X && X/bin/pip install label-studio
    .venv/bin/python benchmarks/label_studio.py --label-studio X/bin/label-studio [--clients 1 32] [--rounds
    3]

A submit is an answer stored and the next image's data received. Ours is one request, as in decide.py: an
answer, and the cards that the page has not. Label Studio's is two, those that its own labelling stream sends
after "Submit": POST /api/tasks/ID/annotations/ and POST /api/dm/actions/?id=next_task (which locks the task
for who asked). On both sides every client is an annotator of their own with a session of their own; no image
is ever fetched.

Label Studio is as `label-studio start` makes it: its own SQLite file and Django's server with threads;
analytics, error reports and the look for a newer version are off. Its documentation recommends PostgreSQL for
many annotators at once, which is not measured here. Its first start in a folder makes its database, which
takes minutes on a busy machine.
"""

import argparse
import http.client
import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from decide import CLASSES, Measured, make_review, measure

from tests.servers import start_server

LABELS = f"""<View><Image name="image" value="$image"/><Choices name="choice" toName="image" choice="single">
{"".join(f'<Choice value="{name}"/>' for name in CLASSES)}</Choices></View>"""
PASSWORD = "correct horse battery"  # noqa: S105 - of a server that lives as long as the benchmark


@contextmanager
def start_label_studio(executable: Path, folder: Path) -> Iterator[str]:
    """Start Label Studio on a free port and give its URL.

    The first start in a folder migrates its database.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder.mkdir(parents=True, exist_ok=True)
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("LABEL_STUDIO_", "HEARTEX_", "DJANGO_"))
    } | {
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder / "data"),
        "LABEL_STUDIO_COLLECT_ANALYTICS": "false",
        "LABEL_STUDIO_LATEST_VERSION_CHECK": "false",
        "LABEL_STUDIO_SENTRY_DSN": "",
        "LABEL_STUDIO_FRONTEND_SENTRY_DSN": "",
        "XDG_CONFIG_HOME": str(folder / "config"),
    }
    url, log = f"http://127.0.0.1:{port}", folder / "log"
    command = [str(executable), "start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(port)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        until = time.monotonic() + 1800
        while not answers(f"{url}/health"):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"Label Studio did not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.5)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(url: str) -> bool:
    """Whether a server is there."""
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.HTTPError:
        return False


def make_project(url: str, tasks: int, people: int) -> tuple[int, list[str]]:
    """Create an image classification project with tasks and signed-in people; return its id and cookies."""
    cookies = []
    for i in range(people):
        with httpx.Client(base_url=url, timeout=300) as http:
            http.get("/user/signup/").raise_for_status()
            form = {
                "csrfmiddlewaretoken": http.cookies["csrftoken"],
                "email": f"a{i}.{time.time_ns()}@example.org",
                "password": PASSWORD,
            }
            answer = http.post("/user/signup/", data=form)
            if "sessionid" not in http.cookies:
                raise SystemExit(f"Label Studio signed nobody up: {answer.status_code}, {answer.text[:300]}")
            cookies.append("; ".join(f"{name}={value}" for name, value in http.cookies.items()))
            if i == 0:
                answer = http.post(
                    "/api/projects/", json={"title": "faces", "label_config": LABELS}
                ).raise_for_status()
                project = int(answer.json()["id"])
                for first in range(0, tasks, 1000):
                    images = [
                        {"image": f"http://127.0.0.1/{n:06}.png"}
                        for n in range(first, min(tasks, first + 1000))
                    ]
                    http.post(f"/api/projects/{project}/import", json=images).raise_for_status()
    return project, cookies


def label(address: str, cookie: str, until: float, times: list[tuple[float, float]], project: int) -> None:
    """Label what the stream gives until the time is over.

    What a locked database refuses is sent again, as people do.
    """
    connection = http.client.HTTPConnection(address, timeout=600)
    headers = {"content-type": "application/json", "cookie": cookie}

    def post(path: str, **body: object) -> dict[str, object]:
        why = ""
        for _ in range(50):
            try:
                connection.request("POST", path, json.dumps(body), headers)
                response = connection.getresponse()
                text = response.read().decode()
            except ConnectionError as error:  # its queue of new connections holds ten
                why = repr(error)
                connection.close()
                continue
            if response.status // 100 == 2:  # noqa: PLR2004
                return dict(json.loads(text))
            why = f"{response.status}: {text[:300]}"
            if response.status != 500:  # noqa: PLR2004
                break
        raise RuntimeError(why)

    task = post(f"/api/dm/actions/?id=next_task&project={project}")["id"]
    result = [
        {"from_name": "choice", "to_name": "image", "type": "choices", "value": {"choices": [CLASSES[0]]}}
    ]
    while (started := time.perf_counter()) < until:
        post(f"/api/tasks/{task}/annotations/?project={project}", lead_time=0.9, result=result)
        task = post(f"/api/dm/actions/?id=next_task&project={project}")["id"]
        times.append((started, time.perf_counter()))


def version(executable: Path) -> str:
    """Which Label Studio this is."""
    python = executable.parent / "python"
    code = "import importlib.metadata as m; print(m.version('label-studio'))"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def main() -> None:
    """Print a line for each round and number of clients."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--label-studio", type=Path, required=True, metavar="EXECUTABLE")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="that count of ours, after a quarter as long to warm up"
    )
    parser.add_argument(
        "--their-seconds", type=float, default=40.0, help="of Label Studio's, whose submits last longer"
    )
    parser.add_argument("--samples", type=int, default=28_000, help="of ours")
    parser.add_argument("--tasks", type=int, default=5_000, help="of Label Studio's")
    parser.add_argument(
        "--folder",
        type=Path,
        help="where Label Studio's SQLite file goes and stays, for a quicker next start",
    )
    options = parser.parse_args()
    executable, people = options.label_studio.absolute(), max(options.clients)
    print(
        f"Label Studio {version(executable)}, {options.tasks} tasks; ours {options.samples} samples; "
        f"{os.cpu_count()} cores",
        flush=True,
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(start_label_studio(executable, options.folder or folder / "label-studio"))
        project, their_cookies = make_project(url, options.tasks, people)
        client, seconds = partial(label, project=project), options.their_seconds
        cookies = make_review(folder / "ours", options.samples, people)
        ours = urlsplit(stack.enter_context(start_server(folder / "ours")).url).netloc
        for number in range(1, options.rounds + 1):
            for clients in options.clients:
                say = f"round {number}, {clients:3d} clients"
                mine = measure(ours, cookies[:clients], options.seconds, warm=options.seconds / 4)
                print(f"{say}: ours {figures(mine)}", flush=True)
                other = measure(
                    urlsplit(url).netloc, their_cookies[:clients], seconds, warm=seconds / 4, client=client
                )
                print(f"{say}: Label Studio {figures(other)}; ours makes {ratio(mine, other)}", flush=True)


def figures(measured: Measured) -> str:
    """A measurement in words."""
    return f"{measured.rate:6.2f} per second, median {measured.median:6.0f} ms, p95 {measured.p95:6.0f} ms"


def ratio(mine: Measured, other: Measured) -> str:
    """How many times the submits per second."""
    return f"{mine.rate / other.rate:.1f} times as many" if other.rate else "some, it none"


if __name__ == "__main__":
    main()
