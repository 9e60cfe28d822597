"""Amounts of time are written one way, wherever people write them."""

from datetime import timedelta

import pytest

from guestlist.alerting.settings import AlertSettings
from guestlist.cli import run
from guestlist.destinations.settings import DelaySettings
from guestlist.spans import span_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("60s", 60), ("5m", 300), ("15 minutes", 900), ("1h", 3600), ("2 D", 172_800), ("1w", 604_800), ("0s", 0)],
)
def test_options_and_settings_read_the_same(text: str, seconds: int) -> None:
    span = timedelta(seconds=seconds)
    assert span_of(text) == span
    assert DelaySettings.model_validate({"pipeline": text}).pipeline == span
    assert AlertSettings.model_validate({"failing_for": text}).failing_for == span


@pytest.mark.parametrize("text", ["soon", "-1m", "1 month", "1.5h", "h", "", "60"])
def test_what_is_no_amount_of_time(text: str) -> None:
    assert span_of(text) is None


def test_a_number_alone_has_the_unit_that_is_said() -> None:
    assert span_of("90", plain="seconds") == timedelta(seconds=90)
    assert span_of("48", plain="hours") == timedelta(days=2)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("serve", "--hung-after", "soon"), "--hung-after soon is no amount of time."),
        (("serve", "--hung-after", "0s"), "--hung-after 0s is too short."),
        (("hooks", "rotate", "crm", "--overlap", "400d"), "--overlap 400d is too long."),
    ],
)
def test_an_option_says_what_it_could_not_read(
    words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(list(words)) == 2
    err = capsys.readouterr().err
    assert told in err
    assert "[bad_time]" in err
