"""No test depends on how busy the machine is: what a machine can see of it in the tests' own code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PATIENCE = 60  # seconds that a sign may take on a busy machine; less than one is a pause between two looks
REQUESTS = {"get", "post", "put", "patch", "delete", "request", "stream", "Client"}
A_FUNCTION = re.compile(r"(async )?(\w+|\([^()]*\)) *=>")


def number(node: ast.expr) -> float:
    """A number as it is written, otherwise 0."""
    value = node.value if isinstance(node, ast.Constant) else 0
    return float(value) if isinstance(value, int | float) else 0.0


def problems(call: ast.Call) -> Iterator[str]:
    """What is wrong with one call."""
    assert isinstance(call.func, ast.Attribute)
    name, of = call.func.attr, call.func.value
    named = {each.arg: each.value for each in call.keywords}
    if name == "wait_for_timeout":
        yield "waits for a time and not for a sign"
    if name == "wait_for_load_state":
        yield "may look at the page before: wait with `ready` of tests/browser/deck.py"
    if name == "wait_for_function" and not A_FUNCTION.match(str(getattr(call.args[0], "value", ""))):
        yield "pages forbid to evaluate an expression a second time: give a function"
    is_request = isinstance(of, ast.Name) and of.id == "httpx" and name in REQUESTS
    if is_request and not {"timeout", None} & set(named):
        yield "httpx gives up after five seconds: say a timeout"
    if name in ("wait", "result", "acquire", "join"):
        given = [number(each) for each in (*call.args, named.get("timeout", ast.Constant(0)))]
        if any(1 <= each < PATIENCE for each in given):
            yield f"is patient for less than {PATIENCE} seconds"


def calls(code: str) -> list[ast.Call]:
    """Those of methods and of functions of modules."""
    found = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    return [each for each in found if isinstance(each.func, ast.Attribute)]


def test_tests_wait_for_signs_and_are_patient() -> None:
    files = sorted(TESTS.rglob("*.py"))
    assert len(files) > 200
    found = [
        f"{path.relative_to(TESTS)}:{call.lineno} {problem}"
        for path in files
        for call in calls(path.read_text())
        for problem in problems(call)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("line", "is_wrong"),
    [
        ("page.wait_for_timeout(100)", True),
        ("page.wait_for_load_state()", True),
        ("page.wait_for_function('window.swaps > 0')", True),
        ("page.wait_for_function('() => window.swaps > 0')", False),
        ("page.wait_for_function('id => id', arg=1)", False),
        ("httpx.get(url)", True),
        ("httpx.Client(timeout=60)", False),
        ("client.get(url)", False),
        ("event.wait(10)", True),
        ("event.wait(0.05)", False),
        ("event.wait(60)", False),
        ("future.result(timeout=20)", True),
        ("','.join(names)", False),
    ],
)
def test_a_line_that_does_otherwise_is_found(line: str, is_wrong: bool) -> None:
    [call] = calls(line)
    assert bool([*problems(call)]) == is_wrong
