"""Countries: codes, names in many languages, aliases."""

import pytest
from babel import Locale

from guestlist.values.country import alpha2, read_country
from guestlist.values.reading import Reason


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("US", "us"), ("us", "us"), (" US ", "us"), ("USA", "us"), ("U.S.", "us"), ("U.S.A.", "us"),
        ("United States", "us"), ("UNITED STATES", "us"), ("United-States", "us"), ("United States of America", "us"),
        ("Vereinigte Staaten", "us"), ("États-Unis", "us"), ("Estados Unidos", "us"), ("Stati Uniti", "us"),
        ("UK", "gb"), ("U.K.", "gb"), ("GB", "gb"), ("GBR", "gb"), ("United Kingdom", "gb"), ("Great Britain", "gb"),
        ("England", "gb"), ("Scotland", "gb"), ("Wales", "gb"), ("Northern Ireland", "gb"), ("UAE", "ae"),
        ("Germany", "de"), ("Deutschland", "de"), ("Allemagne", "de"), ("DEU", "de"), ("Turkey", "tr"),
        ("Türkiye", "tr"), ("Russia", "ru"), ("Россия", "ru"), ("Holland", "nl"), ("Ivory Coast", "ci"),
        ("Côte d'Ivoire", "ci"), ("Cote d’Ivoire", "ci"), ("日本", "jp"), ("대한민국", "kr"), ("South Korea", "kr"),
        ("Korea, Republic of", "kr"), ("Japão", "jp"), ("Georgia", "ge"), ("NA", "na"), ("Namibia", "na"), ("in", "in"),
        ("Norge", "no"), ("NO", "no"), ("Hong Kong", "hk"), ("Puerto Rico", "pr"), ("Bolivia", "bo"), ("Iran", "ir"),
    ],
)  # fmt: skip
def test_known(raw: str, code: str) -> None:
    assert read_country(raw).normal == code


@pytest.mark.parametrize("raw", ["XX", "ZZ", "xyz", "Narnia", "G3rmany", "1ca", "840", "N.A.", "EU", "unknown", "..."])
def test_unknown(raw: str) -> None:
    assert read_country(raw).reason is Reason.BAD_COUNTRY


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "it", "pt"])
def test_every_name_of_the_main_languages(language: str) -> None:
    names = {c: n for c, n in Locale.parse(language).territories.items() if c.lower() in alpha2()}
    wrong = {c: read_country(n).normal for c, n in names.items() if read_country(n).normal != c.lower()}
    assert wrong == {}
    assert len(names) == len(alpha2()) == 249
