"""Lists of roles in settings."""

from domain.access.callers import Role


def parse_roles(text: object) -> frozenset[Role]:
    """Roles separated by commas. Raises ValueError for another word."""
    if isinstance(text, frozenset):
        return text
    words = (word.strip() for word in str(text).split(","))
    return frozenset(Role(word) for word in words if word)
