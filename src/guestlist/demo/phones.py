"""Telephone numbers that ring nowhere: the ranges that regulators keep for films, else ranges nobody was given."""

from collections.abc import Iterator
from typing import NamedTuple


class Phone(NamedTuple):
    """One number: the digits it stands for, and how people of its country write it."""

    digits: str
    local: str
    international: str


def numbers(country: str) -> Iterator[Phone]:
    """The numbers of a country, each once; none where no range is safe."""
    makers = {"DE": _german, "FR": _french, "ES": _spanish, "IT": _italian, "US": _american, "GB": _british}
    return makers.get(country, _mexican if country == "MX" else _none)()


def _german() -> Iterator[Phone]:
    """Bundesnetzagentur: numbers for media."""
    for n in range(100):
        yield Phone(f"49171392{n:02}07", f"0171 392{n:02}07", f"+49 (0) 171 / 392{n:02}07")
    for n in range(1000):
        for area, block in (("30", "23125"), ("69", "90009"), ("40", "66969"), ("221", "4710"), ("89", "99998")):
            yield Phone(f"49{area}{block}{n:03}", f"0{area}/{block}-{n:03}", f"0049 {area} {block}{n:03}")


def _french() -> Iterator[Phone]:
    """ARCEP: numbers for audiovisual works. Their mobiles are unknown to libraries, so they come with the +33."""
    for n in range(10_000):
        a, b = divmod(n, 100)
        yield Phone(f"3319900{n:04}", f"01.99.00.{a:02}.{b:02}", f"+33 (0)1 99 00 {a:02} {b:02}")
        yield Phone(f"3363998{n:04}", f"+33 6 39 98 {a:02} {b:02}", f"0033 639 98{n:04}")


def _spanish() -> Iterator[Phone]:
    """No range is kept for fiction; no Spanish number begins with 555."""
    for n in range(10_000):
        yield Phone(f"3455501{n:04}", f"+34 555 01 {n // 100:02} {n % 100:02}", f"0034-55501{n:04}")


def _italian() -> Iterator[Phone]:
    """No range is kept for fiction; no Italian number begins with 555."""
    for n in range(10_000):
        yield Phone(f"39555012{n:04}", f"555 012 {n:04}", f"+39 555/012{n:04}")


def _american() -> Iterator[Phone]:
    """555-0100 to 555-0199 of areas that exist."""
    for n in range(100):
        for area in (
            201,
            202,
            212,
            303,
            312,
            314,
            404,
            415,
            503,
            512,
            617,
            650,
            702,
            713,
            801,
            808,
            907,
            917,
            919,
            952,
        ):
            yield Phone(f"1{area}55501{n:02}", f"({area}) 555-01{n:02}", f"+1-{area}-555-01{n:02}")


def _british() -> Iterator[Phone]:
    """Ofcom: numbers for drama. Its mobiles are unknown to libraries, so they come with the +44."""
    for n in range(1000):
        yield Phone(f"447700900{n:03}", f"+44 7700 900{n:03}", f"+44 (0)7700 900 {n:03}")
        yield Phone(f"442079460{n:03}", f"020 7946 0{n:03}", f"0044 20 7946 0{n:03}")


def _mexican() -> Iterator[Phone]:
    """No area has the code 200. Half are written as they were before 2019, with the 1 of a mobile."""
    for n in range(10_000):
        yield Phone(f"52200555{n:04}", f"200 555 {n:04}", f"+52 {'1 ' if n % 2 else ''}200 555 {n:04}")


def _none() -> Iterator[Phone]:
    return iter(())
