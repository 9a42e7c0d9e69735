"""Rules that a machine can check."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from app.db.migrating import check
from app.settings import Settings

ROOT = Path(__file__).resolve().parents[1]


def test_the_web_process_never_loads_torch_fastai_or_matplotlib(tmp_path: Path) -> None:
    code = (
        "import sys, app.main, app.serving; from app.settings import Settings; "
        "app.main.create_app(Settings(data_dir=sys.argv[1]));print([m for m in ('torch', 'torchvision', "
        "'fastai', 'matplotlib', 'pandas', 'dbos', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_help_loads_neither_the_web_framework_nor_the_database() -> None:
    code = (
        "import sys\ntry:\n    import app.cli; sys.argv = ['toploss', '--help']; app.cli.main()\nexcept "
        "SystemExit: pass\nprint([m for m in ('torch', 'fastapi', 'sqlalchemy', 'pydantic', 'asyncio', "
        "'app.commands.training') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip().endswith("[]")


def test_the_models_say_nothing_that_no_migration_does(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.connect() as connection:
        check(connection)
    engine.dispose()


@pytest.mark.parametrize("field", list(Settings.model_fields))
def test_every_setting_is_documented_with_its_default(field: str) -> None:
    documented = (ROOT / "docs" / "settings.md").read_text()
    info = Settings.model_fields[field]
    default = "" if info.default == "" else str(info.default)
    assert (
        f"| `TOPLOSS_{field.upper()}` | {f'`{default}`' if default else 'empty'} | {info.description} |"
        in documented
    )


@pytest.mark.parametrize("pages", ["README.md", "CONTRIBUTING.md", "docs/*.md", "docs/decisions/*.md"])
def test_every_path_that_the_documents_name_exists(pages: str) -> None:
    in_a_room = r"(?<![\w./-])(?:app|templates|static|tests|benchmarks|migrations|docs)/[\w./-]*\w"
    a_module = r"`[\w./-]+\.(?:py|html|js)(?=[`:])"
    named = {
        (document.name, path.strip("`"))
        for document in ROOT.glob(pages)
        for path in re.findall(f"{in_a_room}|{a_module}", document.read_text())
    }
    assert named
    assert not {(document, path) for document, path in named if not (ROOT / path).exists()}


@pytest.mark.parametrize("pages", ["*.md", "docs/*.md", "docs/decisions/*.md"])
def test_every_link_between_the_documents_leads_to_a_page_and_a_heading(pages: str) -> None:
    links = {
        (document, link)
        for document in ROOT.glob(pages)
        for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", document.read_text())
    }
    assert links
    for document, link in links:
        path, _, heading = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), (document.name, link)
        headings = re.findall(r"(?m)^#+ (.*)", target.read_text()) if heading else []
        anchors = [re.sub(r"[^\w -]", "", text).lower().replace(" ", "-") for text in headings]
        assert not heading or heading in anchors, (document.name, link)


def test_the_page_of_the_architecture_has_a_row_for_each_layer() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    table = (ROOT / "docs" / "architecture.md").read_text().split("| --- | --- |\n")[1].split("\n\n")[0]
    rows = [set(re.findall(r"`(\w+)`", row.split("|")[1])) for row in table.splitlines()]
    assert rows == [set(re.findall(r"\w+", layer)) for layer in layers]


def test_every_runtime_dependency_has_its_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    block = text.split("dependencies = [")[1].split("\n]")[0]
    for line in filter(None, map(str.strip, block.splitlines())):
        assert re.search(r'",\s+# \w', line), line


def test_the_lock_files_record_no_address() -> None:
    for name in (
        "requirements.lock",
        "requirements-web.lock",
        "requirements-readers.lock",
        "pyproject.toml",
        "constraints.txt",
    ):
        assert not re.search(r"https?://|--index|--find-links", (ROOT / name).read_text()), name


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-readers.lock"])
def test_a_lock_file_is_resolved_for_every_system(name: str) -> None:
    """Not for the machine that wrote it alone: some packages are for one system or one Python only."""
    assert re.search(r"^\S+ ; .*sys_platform == '(?:linux|win32)'", (ROOT / name).read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    ("spelled_out", "homes"),
    [
        # history shows when each decision was undone, so it joins the undo itself
        (r"\w+\.undoes_id == Decision\.id", {"app/deck/history.py", "app/review/log.py"}),
        # the tokens and the users lock rows of their own
        (
            r"\.with_for_update\((?:of=Dataset)?\)",
            {
                "app/accounts/tokens.py",
                "app/accounts/users.py",
                "app/datasets/catalog.py",
            },
        ),
        (r"\bDELETED = -1|label, -1\)", {"app/datasets/versions.py"}),
        (r"SampleReview\.sample_id\.is_\(None\), Sample\.given_now", {"app/review/standing.py"}),
        (r"VersionLabel\.sample_id\.is_\(None\), Sample\.given_label", {"app/datasets/versions.py"}),
        (r"\bHOLD_OUT = ", {"app/datasets/gold.py"}),
        # nothing but these rules leaves the gold part out
        (r"~\s*is_gold\(|not_\(is_gold\(", {"app/datasets/gold.py"}),
        (r"or_\(is_visible\(", {"app/review/policy.py"}),
        # the draw and its progress, the figures and the queue of the gold part read who belongs to it
        (
            r"\bGoldMember\b",
            {
                "app/datasets/gold.py",
                "app/datasets/models.py",
                "app/deck/queues.py",
                "app/measuring/best.py",
                "app/review/gold.py",
            },
        ),
    ],
)
def test_a_rule_is_spelled_out_in_its_home_only(spelled_out: str, homes: set[str]) -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "app").rglob("*.py")
        if re.search(spelled_out, path.read_text())
    }
    assert found == homes


# Modules without a test file of their own name, by the reason.
WITHOUT_A_TEST_FILE = {
    "declarations of tables, which every test of the database reads": """
            accounts/models.py datasets/models.py db/tables.py jobs/models.py ranking/models.py
            review/models.py training/models.py
    """,
    "declarations of errors": """
            errors.py ml/errors.py
    """,
    "another name for a function of app/decoding": """
            ml/decoding.py
    """,
    "parts of a drawn face, which tests/faces/test_folder.py looks at as a whole": """
            faces/accessories.py faces/canvas.py faces/drawing.py faces/face.py
            faces/features.py faces/hair.py faces/objects.py faces/palette.py
    """,
    "started as a whole by tests/web and tests/journeys": """
            cli.py commands/exporting.py commands/importing.py commands/predicting.py commands/running.py
            main.py
    """,
    "used by every test with a database, and by tests/db/test_migrating.py and tests/deck/test_answer.py": """
            db/connections.py db/copies.py db/engine.py
    """,
    "parts of one training, which tests/ml/test_trainer.py and tests/tasks/test_train.py run": """
            ml/learner.py ml/watch.py tasks/ending.py tasks/machine.py tasks/plan.py
            tasks/progress.py tasks/ranking.py
    """,
    "declarations, which other tests of this file read": """
            settings.py
    """,
    "what tests/tasks/test_learning.py has the worklist ordered by": """
            tasks/ordering.py
    """,
}


def test_every_module_of_the_domain_has_its_test_file_in_the_same_place() -> None:
    modules = {
        path.relative_to(ROOT / "app") for path in (ROOT / "app").rglob("*.py") if path.name != "__init__.py"
    }
    domain = {module for module in modules if module.parts[0] != "web"}
    assert domain
    lacking = {
        module.as_posix()
        for module in domain
        if not (ROOT / "tests" / module.with_name(f"test_{module.name}")).exists()
    }
    assert lacking == {name for names in WITHOUT_A_TEST_FILE.values() for name in names.split()}
