"""Every error a person can meet: what happened, that nothing is lost, what to do next, a stable code.

Codes are lower-case words; docs/errors.md lists them all, and a test holds it to that.
"""

IN_USE = "space_in_use"
"""The code of an error that says that another process has the space or its stores."""


class GuestlistError(Exception):
    """Base of all our errors.

    `code` never changes once published; texts may carry ids and counts, never personal values.
    """

    def __init__(self, code: str, message: str, *, next_step: str, nothing_lost: str | None = None) -> None:
        self.code = code
        self.message = message
        self.next_step = next_step
        self.nothing_lost = nothing_lost
        super().__init__(" ".join(part for part in (message, nothing_lost, next_step, f"[{code}]") if part))


class WrongUseError(GuestlistError):
    """What was typed is not as it should be, and nothing else is wrong: another command line helps."""
