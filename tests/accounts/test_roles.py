"""Roles are ordered: each includes those before it."""

import pytest

from app.accounts.roles import MAY, ROLES, Allowed, check_role, includes, lower_of, most_scope, named
from app.errors import Invalid


class Somebody(Allowed):
    """Somebody with a role."""

    def __init__(self, role: str) -> None:
        self.role = role


def test_each_role_includes_those_before_it_and_no_other() -> None:
    assert ROLES == ("viewer", "annotator", "reviewer", "admin")
    for at, role in enumerate(ROLES):
        assert [each for each in ROLES if includes(role, each)] == list(ROLES[: at + 1])
        assert [lower_of(role, each) for each in ROLES] == [ROLES[min(at, other)] for other in range(4)]


def test_what_each_role_may_do() -> None:
    may = [(each.may_decide, each.may_settle, each.is_admin) for each in map(Somebody, ROLES)]
    assert may == [(False, False, False), (True, False, False), (True, True, False), (True, True, True)]
    assert set(MAY) == set(ROLES)


def test_no_token_of_a_reviewer_may_more_than_annotate() -> None:
    assert [most_scope(role) for role in ROLES] == ["read", "annotate", "annotate", "admin"]


def test_another_role_is_refused_with_those_there_are() -> None:
    with pytest.raises(Invalid, match="“king” is no role; choose viewer, annotator, reviewer or admin"):
        check_role("king")
    assert [named(role) for role in ROLES] == ["a viewer", "an annotator", "a reviewer", "an admin"]
