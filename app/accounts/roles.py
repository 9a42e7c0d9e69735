"""The roles of people: each one includes what those before it allow. Pure."""

from app.errors import Invalid

VIEWER, ANNOTATOR, REVIEWER, ADMIN = ROLES = ("viewer", "annotator", "reviewer", "admin")
MAY = {
    VIEWER: "look at everything and export, but decide nothing",
    ANNOTATOR: "also decide and send photos, but not settle disputes, import, train or manage people",
    REVIEWER: "also settle disputes, but not import, train or manage people",
    ADMIN: "do everything: also import, train, create the checked test set and manage people",
}
# The most that an API token of each scope acts as. No scope is between annotate and admin: a dispute is
# settled by a person, or by a script of an admin.
SCOPES = {"read": VIEWER, "annotate": ANNOTATOR, "admin": ADMIN}


def includes(role: str, other: str) -> bool:
    """Whether who has this role may do all that the other role allows."""
    return ROLES.index(role) >= ROLES.index(other)


def lower_of(role: str, other: str) -> str:
    """The role that allows less."""
    return other if includes(role, other) else role


def check_role(role: str) -> None:
    """Raises Invalid, naming the roles there are."""
    if role not in ROLES:
        raise Invalid(f"“{role}” is no role; choose {', '.join(ROLES[:-1])} or {ROLES[-1]}.")


def named(role: str) -> str:
    """The role with its article: an annotator, a viewer."""
    return f"{'an' if role[0] in 'aeiou' else 'a'} {role}"


def most_scope(role: str) -> str:
    """The scope of a token that may do the most that a token of somebody with this role may do."""
    return [scope for scope, acts_as in SCOPES.items() if includes(role, acts_as)][-1]


class Allowed:
    """What somebody with the role `role` may do."""

    role: str

    @property
    def may_decide(self) -> bool:
        """Whether they answer cards, decide for many and send photos."""
        return includes(self.role, ANNOTATOR)

    @property
    def may_settle(self) -> bool:
        """Whether they settle disputes."""
        return includes(self.role, REVIEWER)

    @property
    def is_admin(self) -> bool:
        """Whether they may do everything."""
        return includes(self.role, ADMIN)
