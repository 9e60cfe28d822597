"""Errors as facts, the same in a command's JSON and in an answer of the API; personal values and secrets are masked."""

import re
from collections.abc import Mapping
from typing import Any

from guestlist.audiences.mistakes import DefinitionError, Mistake
from guestlist.errors import GuestlistError, WrongUseError
from guestlist.telling import masking

_ADDRESS = re.compile(r"[^\s'\"()<>:=,/]+@[^\s'\"()<>:=,/]+\.[^\s'\"()<>:=,/.]{2,}")
_LONG = re.compile(r"(?<![\w/.-])[A-Za-z0-9]{40,}(?![\w/.-])")  # a token or a hash
_EXAMPLE = "jane@example.org"  # in what we tell people to type


def problem(error: GuestlistError) -> dict[str, Any]:
    """What happened, that nothing is lost, what to do next; all mistakes, where there are several."""
    facts: dict[str, Any] = {
        "code": error.code,
        "message": discreet(error.message),
        "nothing_lost": discreet(error.nothing_lost),
        "next_step": discreet(error.next_step),
    }
    if isinstance(error, DefinitionError):
        facts["mistakes"] = [
            {"at": m.path, "message": discreet(m.message), "suggestion": discreet(m.suggestion)}
            | ({"excerpt": discreet(m.excerpt)} if m.excerpt else {})
            for m in error.mistakes
        ]
    return facts


def error_of(facts: Mapping[str, Any]) -> GuestlistError:
    """The error that was told so by a service."""
    if facts.get("code") == "definition_mistakes":
        mistakes = [
            Mistake(
                path=str(one["at"]),
                message=str(one["message"]),
                suggestion=str(one.get("suggestion") or ""),
                excerpt=str(one.get("excerpt") or ""),
            )
            for one in facts["mistakes"]
        ]
        return DefinitionError(mistakes)
    kind, code = WrongUseError if facts.get("wrong_use") else GuestlistError, str(facts.get("code", "unexpected"))
    return kind(
        code,
        str(facts.get("message") or "The service told no reason."),
        nothing_lost=facts.get("nothing_lost"),
        next_step=str(facts.get("next_step") or ""),
    )


def discreet(text: str | None) -> str | None:
    """An error repeats what was typed: an e-mail in the place of a name, or a token in that of a file, is masked."""
    return text and _LONG.sub(masking.STARS, _ADDRESS.sub(_masked_address, text))


def _masked_address(found: re.Match[str]) -> str:
    return found[0] if found[0] == _EXAMPLE else masking.email(found[0])
