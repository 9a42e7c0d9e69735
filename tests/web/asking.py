"""Saying yes to a question that an act asks first."""

import html
import re
from typing import Any

from fastapi.testclient import TestClient
from httpx import Response

from tests.web.html import flat

_FIELD = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


def asked(answer: Response) -> tuple[str, dict[str, list[str]]]:
    """The address and the fields of a question's form."""
    assert answer.status_code in (200, 409), (answer.status_code, answer.text)
    form = flat(answer.text).split('<section class="asking')[1]
    fields: dict[str, list[str]] = {}
    for name, value in _FIELD.findall(form):
        fields.setdefault(name, []).append(html.unescape(value))
    action = re.search(r'<form method="post" action="([^"]+)"', form)
    assert action
    return html.unescape(action[1]), fields


def sure(client: TestClient, path: str, data: dict[str, Any] | None = None) -> Response:
    """Do it, and say yes where it is asked about, as it has to be."""
    action, fields = asked(client.post(path, data=data or {}))
    assert action == path
    return client.post(action, data=fields)
