"""The text of a query -> what is written there, part by part with its place; nothing here knows what it means."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken, v_args

from guestlist.audiences.mistakes import Mistakes, did_you_mean

LONGEST = 100_000
"""Characters; a longer text is made to exhaust the reader."""
_GRAMMAR = r"""
    ?start: expression
    ?expression: conjunction | conjunction (_OR conjunction)+ -> any_of
    ?conjunction: unary | unary (_AND unary)+ -> all_of
    ?unary: comparison | NOT unary -> negated | QUANTIFIER unary -> quantified
    ?comparison: operand | operand SIGN operand -> compared
    ?operand: primary | primary ("." call)+ -> chain
    ?primary: call | value | LPAR expression RPAR -> group
    call: NAME LPAR (argument ("," argument)*)? RPAR
    ?argument: expression | expression _AS NAME -> typed | NAME COLON argument -> named
    ?value: STRING -> text | NUMBER -> number | FLAG -> flag | MOMENT -> moment | NUMBER NAME -> duration
          | LSQB (argument ("," argument)*)? RSQB -> array
          | LBRACE (argument ("," argument)*)? RBRACE -> record

    _AND.3: /and\b/i
    _OR.3: /or\b/i
    NOT.3: /not\b/i
    QUANTIFIER.3: /(any|all)\b(?!\s*:)/i
    _AS.3: /as\b/i
    FLAG.3: /(true|false)\b/i
    MOMENT.2: /\d{4}-\d\d-\d\d(T[0-9:.]+(Z|[+-]\d\d(:?\d\d)?)?)?/
    NUMBER: /[-+]?\d+(\.\d+)?([eE][-+]?\d+)?/
    NAME: /[^\W\d]\w*/
    STRING: /'[^'\\]*(\\.[^'\\]*)*'|"[^"\\]*(\\.[^"\\]*)*"/s
    SIGN: />=|<=|<>|!=|==|=|>|</
    LPAR: "("
    RPAR: ")"
    LSQB: "["
    RSQB: "]"
    LBRACE: "{"
    RBRACE: "}"
    COLON: ":"
    %ignore /\s+/
"""


# What is written


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    at: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Number:
    at: int
    number: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Flag:
    at: int
    true: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """An amount of time as it is written, such as `7 days`."""

    at: int
    said: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Array:
    at: int
    items: tuple["Written", ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """What stands in braces."""

    at: int
    items: tuple["Written", ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    at: int
    name: str
    value: "Written"


@dataclass(frozen=True, kw_only=True, slots=True)
class Typed:
    at: int
    value: "Written"
    type: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    at: int
    name: str
    arguments: tuple["Written", ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Chain:
    at: int
    first: "Written"
    calls: tuple[Call, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    at: int
    left: "Written"
    sign: str
    sign_at: int
    right: "Written"


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    at: int
    inside: "Written"


@dataclass(frozen=True, kw_only=True, slots=True)
class Negated:
    at: int
    part: "Written"


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantified:
    at: int
    word: str
    part: "Written"


@dataclass(frozen=True, kw_only=True, slots=True)
class Joined:
    at: int
    word: Literal["AND", "OR"]
    parts: tuple["Written", ...]


Written = (
    Text | Number | Flag | Span | Array | Record | Named | Typed | Call | Chain | Compared | Group | Negated
    | Quantified | Joined
)  # fmt: skip


def bare(written: Written) -> Written:
    """Without the parentheses around it."""
    while isinstance(written, Group):
        written = written.inside
    return written


def calls_of(written: Written) -> tuple[Call, ...]:
    """The calls of a chain from the first on; none of anything else."""
    last_first: list[Call] = []
    written = bare(written)
    while isinstance(written, Chain):
        last_first += reversed(written.calls)
        written = bare(written.first)
    return (written, *reversed(last_first)) if isinstance(written, Call) else ()


# Mistakes with their place


@dataclass(frozen=True, kw_only=True, slots=True)
class Telling:
    """Tells mistakes of one text, with line, column and the words around."""

    text: str
    path: str
    mistakes: Mistakes

    def tell(self, at: int, message: str, suggestion: str = "") -> None:
        if len(self.mistakes.found) >= _ENOUGH:
            return
        message = re.sub(r"`([^`]{40})[^`]+`", r"`\1…`", message)
        before = self.text[:at]
        line, column = before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1
        place = f"line {line}, column {column}" if "\n" in self.text else f"column {column}"
        self.mistakes.add(self.path, f"{place}: {message}", suggestion, excerpt=self._excerpt(line, column))

    def _excerpt(self, line: int, column: int) -> str:
        words = self.text.split("\n")[line - 1].expandtabs(1)
        start, end = max(0, column - 1 - _AROUND), column - 1 + _AROUND
        wider = max(0, start - _AROUND)
        masked = _PERSONAL.sub(lambda found: "*" * len(found[0]), words[wider : end + _AROUND])
        shown = masked[start - wider : end - wider]
        left, right = "…" if start else "", "…" if len(words) > end else ""
        return f"    {left}{shown}{right}\n    {' ' * (len(left) + column - 1 - start)}^"


_AROUND = 40
_ENOUGH = 20
"""Mistakes; a text with more was not meant as a query."""
# Of a person, perhaps: addresses and long numbers are not repeated, but keep their length for the mark.
_PERSONAL = re.compile(r"[^\s'\"(]+@[^\s'\")]+|\+\d[\d -]{5,}\d|\d{7,}")


# Reading


def written_in(telling: Telling) -> Written | None:
    text = telling.text
    if len(text) > LONGEST:
        telling.mistakes.add(telling.path, f"is longer than {LONGEST:,} characters: that is no query.")
        return None
    if not text or text.isspace():
        telling.mistakes.add(telling.path, "is empty.", "For example: event('Order Completed').count() >= 1")
        return None
    # Whoever pastes a query out of a program pastes the end of a line, too.
    text = text.rstrip().removesuffix(";")
    try:
        return _parser().parse(text)  # type: ignore[return-value]  # the transformer made it a part
    except UnexpectedCharacters as error:
        _tell_character(text, int(error.pos_in_stream or 0), telling)
    except UnexpectedToken as error:
        _tell_token(error, telling)
    return None


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", lexer="basic", transformer=_Parts())


_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"'}
_DIGITS = 300
"""A longer number is none that anything could be compared with."""


def _unquoted(token: str) -> str:
    """Other letters keep their backslash, so that `\\.` in a path stays what it is."""
    return re.sub(r"\\(.)", lambda found: _ESCAPED.get(found[1], found[0]), token[1:-1], flags=re.DOTALL)


def _number(token: str) -> float:
    whole = token.lstrip("+-").isdecimal()
    return int(token) if whole and len(token) <= _DIGITS else float(token)


@v_args(inline=True)
class _Parts(Transformer[Token, Written]):
    def text(self, token: Token) -> Text:
        return Text(at=_at(token), text=_unquoted(token))

    def number(self, token: Token) -> Number:
        return Number(at=_at(token), number=_number(token))

    def flag(self, token: Token) -> Flag:
        return Flag(at=_at(token), true=token.casefold() == "true")

    def moment(self, token: Token) -> Text:
        return Text(at=_at(token), text=str(token))

    def duration(self, number: Token, unit: Token) -> Span:
        return Span(at=_at(number), said=f"{number} {unit}")

    def array(self, bracket: Token, *items: Written) -> Array:
        return Array(at=_at(bracket), items=items[:-1])

    def record(self, bracket: Token, *items: Written) -> Record:
        return Record(at=_at(bracket), items=items[:-1])

    def named(self, name: Token, _colon: Token, value: Written) -> Named:
        return Named(at=_at(name), name=str(name), value=value)

    def typed(self, value: Written, name: Token) -> Typed:
        return Typed(at=value.at, value=value, type=str(name))

    def call(self, name: Token, _bracket: Token, *arguments: Written) -> Call:
        return Call(at=_at(name), name=str(name), arguments=arguments[:-1])

    def chain(self, first: Written, *calls: Call) -> Chain:
        return Chain(at=first.at, first=first, calls=calls)

    def group(self, bracket: Token, inside: Written, _bracket: Token) -> Group:
        return Group(at=_at(bracket), inside=inside)

    def compared(self, left: Written, sign: Token, right: Written) -> Compared:
        return Compared(at=left.at, left=left, sign=str(sign), sign_at=_at(sign), right=right)

    def negated(self, word: Token, part: Written) -> Negated:
        return Negated(at=_at(word), part=part)

    def quantified(self, word: Token, part: Written) -> Quantified:
        return Quantified(at=_at(word), word=word.upper(), part=part)

    def all_of(self, *parts: Written) -> Joined:
        return Joined(at=parts[0].at, word="AND", parts=parts)

    def any_of(self, *parts: Written) -> Joined:
        return Joined(at=parts[0].at, word="OR", parts=parts)


def _at(token: Token) -> int:
    assert token.start_pos is not None
    return token.start_pos


# What is not a query


_INSTEAD = {"&": "AND", "|": "OR", "!": "NOT", ";": ",", "~": "NOT"}
_NAMES = {
    "LPAR": "`(`", "RPAR": "`)`", "LSQB": "`[`", "RSQB": "`]`", "LBRACE": "`{`", "RBRACE": "`}`", "COLON": "`:`",
    "COMMA": "`,`", "DOT": "`.`", "SIGN": "a comparison such as `=`", "_AND": "`AND`", "_OR": "`OR`",
    "$END": "the end", "NAME": "a function such as `event(...)`", "STRING": "a value", "_AS": "`as`",
}  # fmt: skip
_NOTHING = ("null", "none", "nil", "undefined")
_LAST_WORD = re.compile(r"([^\W\d]\w*)\s*$")
_WORDS = {"_AND": "AND", "_OR": "OR", "_AS": "as"}


def _tell_character(text: str, at: int, telling: Telling) -> None:
    letter = text[at]
    if letter in "'\"":
        telling.tell(at, "the text that begins here has no end.", f"Close it with {letter}.")
    elif letter in "‘’“”„`´":
        telling.tell(at, f"{letter} is no quotation mark here.", "Use ' or \".")
    else:
        instead = _INSTEAD.get(letter)
        telling.tell(at, f"`{letter}` means nothing here.", f"Did you mean `{instead}`?" if instead else "")


def _tell_token(error: UnexpectedToken, telling: Telling) -> None:
    token = error.token
    accepted = error.accepts or set()
    at = len(telling.text.rstrip()) if token.type == "$END" else _at(token)
    hint = _hint(telling.text[:at], token, accepted)
    if token.type == "$END":
        telling.tell(at, f"the query ends too early; expected: {_expected(accepted)}.", hint)
    else:
        said = {"STRING": "a text", "NUMBER": "a number"}.get(token.type, f"`{token}`")
        telling.tell(at, f"{said} is not possible here; expected: {_expected(accepted)}.", hint)


def _hint(before: str, token: Token, accepted: set[str]) -> str:
    words = [word for name, word in _WORDS.items() if name in accepted]
    last = _LAST_WORD.search(before)
    if last and last[1].casefold() in _NOTHING:
        return "To ask whether there is a value at all, use .exists() or .absent()."
    if accepted <= {"LPAR", "COLON"}:
        return "Text stands in quotes, such as event('Order Completed')."
    if token.type == "STRING":
        return "A quotation mark inside a text is written \\'."
    if token.type not in {"NAME", "LPAR"} or not accepted & {"_AND", "_AS"}:
        return ""
    near = did_you_mean(token, words) or (did_you_mean(last[1], ("AND", "OR")) if last else "")
    return near or "Put AND or OR between two conditions."


def _expected(terminals: Iterable[str]) -> str:
    """The terminals in the order of the table, as a person would say it."""
    known = set(terminals)
    if "STRING" in known:  # a value, so whatever one begins with
        known -= {"LPAR", "LSQB", "LBRACE"}
    said = [words for name, words in _NAMES.items() if name in known]
    return ", ".join(said[:-1]) + " or " + said[-1] if len(said) > 1 else "".join(said)
