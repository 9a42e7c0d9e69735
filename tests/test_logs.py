"""Log lines: text or JSON, with the id of their request, without secrets."""

import io
import json
import logging
import threading
from contextvars import copy_context

import pytest

from app import logs


def written(formatter: logging.Formatter, message: str, **more: object) -> str:
    """What a logger with this formatter writes."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    logger = logging.Logger("app.here")  # noqa: LOG001 - of its own, so that pytest does not see it
    logger.addHandler(handler)
    logger.error(message, **more)  # type: ignore[arg-type]
    return out.getvalue()


@pytest.mark.parametrize(
    "given", ["abc-123.x", "0af7651916cd43dd8448eb211c80319c", "Root=1"[5:] + "-5759e988"]
)
def test_the_id_of_a_proxy_is_kept(given: str) -> None:
    assert copy_context().run(logs.begin_request, given) == given


@pytest.mark.parametrize(
    "given", ["", "short", "a b c d e f", "line\nbreak1", "<script>1", "x" * 101, "é" * 10]
)
def test_an_id_that_is_none_is_replaced(given: str) -> None:
    made = copy_context().run(logs.begin_request, given)
    assert made != given
    assert logs.SANE.fullmatch(made)


def test_a_line_has_the_id_of_its_request_in_other_threads_too() -> None:
    def line() -> list[str]:
        known, lines = logs.begin_request(), []
        inside = copy_context()
        thread = threading.Thread(target=lambda: lines.append(inside.run(written, logs.TextLines(), "hello")))
        thread.start()
        thread.join()
        assert f"ERROR app.here [{known}]: hello\n" in lines[0]
        return lines

    assert copy_context().run(line)
    assert "ERROR app.here: hello\n" in written(logs.TextLines(), "hello")


def test_a_json_line_is_one_object_whatever_it_says() -> None:
    def line() -> dict[str, object]:
        logs.begin_request("the-proxys-id")
        try:
            raise ValueError("two\nlines")  # noqa: TRY301
        except ValueError:
            text = written(logs.JsonLines(), "a\n“quoted”", exc_info=True, extra={"fields": {"status": 200}})
        assert text.count("\n") == 1
        found: dict[str, object] = json.loads(text)
        return found

    found = copy_context().run(line)
    assert (found["level"], found["logger"], found["message"]) == ("error", "app.here", "a\n“quoted”")
    assert (found["request_id"], found["status"]) == ("the-proxys-id", 200)
    assert "ValueError: two\nlines" in str(found["exception"])


def test_a_part_of_a_path_that_may_be_a_token_is_left_out() -> None:
    token = "q3zZ_x-0" * 6
    assert logs.without_secrets(f"/join/{token}/now") == "/join/…/now"
    assert logs.without_secrets("/d/faces/images/12") == "/d/faces/images/12"
    assert logs.without_secrets("/jobs/7f5c3a52-0d5c-4b58-9a1e-5a1a6b8e7a11") != "/jobs/…"
