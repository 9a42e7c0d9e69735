"""Jobs of several kinds begin at once in the threads of one worker."""

import subprocess
import sys

from app.db.engine import Database
from app.errors import Invalid
from app.jobs.engine import Engine, JobContext
from app.jobs.models import Job
from app.settings import Settings
from app.training.ending import give_up
from app.training.runs import get_run
from tests.factories import Made
from tests.training.test_runs import ask

BOTH = """
import threading
from app.tasks import load
found = []
names = ("first_look", "train")
threads = [threading.Thread(target=lambda name=name: found.append(load(name).run)) for name in names]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(found))
"""


def test_two_jobs_load_what_they_need_at_the_same_time() -> None:
    done = subprocess.run([sys.executable, "-c", BOTH], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "2", done.stderr


def test_a_first_look_loads_no_fastai_which_would_take_150_megabytes_more() -> None:
    code = "import sys; from app.tasks import load; load('first_look'); print('fastai' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "False", done.stderr


def test_a_job_that_fails_before_its_run_begins_ends_the_run(
    database: Database, settings: Settings, made: Made
) -> None:
    def fail(_: JobContext) -> None:
        raise Invalid("Nothing could be loaded.")

    with database.write() as session:
        run = ask(session, made)
        job_id = str(run.job_id)
    Engine(settings, database, {"train": fail}, give_up=give_up)._run(job_id)
    with database.read() as session:
        ended = get_run(session, run_id=run.id)
        assert (ended.state, ended.note) == ("failed", "Nothing could be loaded.")
        assert session.get_one(Job, job_id).state == "failed"
