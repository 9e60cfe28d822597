"""The lists of a document: identifiers in a column of a file, or of what a query gives."""

from collections.abc import Mapping

from guestlist.audiences import definition as d
from guestlist.audiences.mistakes import Mistakes
from guestlist.audiences.reading import join, known_keys, read_mapping, read_text

LIST_KEYS = ("file", "query", "column", "type")
IDENTIFIERS = ("user_id", "email", "phone", "anonymous_id", "ios.idfa", "android.idfa")


def read_list(body: Mapping[str, object], path: str, mistakes: Mistakes) -> d.Listed | None:
    kind = "in_list" if "in_list" in body else "not_in_list"
    known_keys(body, (kind,), path, mistakes)
    here = join(path, kind)
    told = read_mapping({"file": body[kind]} if isinstance(body[kind], str) else body[kind], here, mistakes)
    if told is None:
        return None
    known_keys(told, LIST_KEYS, here, mistakes)
    if ("file" in told) == ("query" in told):
        mistakes.add(
            here, "needs one of `file` and `query`.", "For example: `in_list: {file: vip.csv, column: email}`."
        )
        return None
    texts = {name: read_text(part, join(here, name), mistakes) for name, part in told.items() if name in LIST_KEYS}
    if None in texts.values():
        return None
    place = join(here, "file" if "file" in told else "query") if isinstance(body[kind], dict) else here
    return d.Listed(list=_list_of(texts, place), inside=kind == "in_list")


def _list_of(texts: Mapping[str, str | None], place: str) -> d.IdentifierList:
    """A column called like an identifier holds that one; of neither is said, it is e-mails."""
    kind, column = texts.get("type"), texts.get("column")
    kind = kind or (column if column in IDENTIFIERS else "email")
    of = {name: texts.get(name) for name in ("file", "query")}
    return d.IdentifierList(identifier=kind, column=column or kind, **of, place=place)
