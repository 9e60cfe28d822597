"""Spaces on disk: made, opened, written to without losing a comment, and never a place for secrets."""

from pathlib import Path

import pytest

from guestlist.errors import GuestlistError, WrongUseError
from guestlist.settings import SecretReference
from guestlist.space import make_space, open_space


def test_a_new_space_has_its_settings_and_private_stores(tmp_path: Path) -> None:
    space = make_space(tmp_path / "shop", country="de", time_zone="Europe/Berlin")

    assert (space.settings.country, space.settings.zone.key) == ("DE", "Europe/Berlin")
    assert space.private.stat().st_mode & 0o777 == 0o700
    assert space.audiences.is_dir()
    with space.open_warehouse() as warehouse:
        assert not warehouse.has("message")


def test_a_space_is_not_made_twice(tmp_path: Path) -> None:
    make_space(tmp_path)
    with pytest.raises(GuestlistError, match="space_exists"):
        make_space(tmp_path)


def test_a_country_may_be_named(tmp_path: Path) -> None:
    assert make_space(tmp_path, country="Germany").settings.country == "DE"


@pytest.mark.parametrize(
    ("country", "zone", "said"),
    [
        ("Narnia", None, "'Narnia' is not a country."),
        (None, "Berlin", "Did you mean Europe/Berlin?"),
        (None, "europe/berlin", "Did you mean Europe/Berlin?"),
        (None, "Mars/Olympus", "Give a name such as Europe/Berlin."),
    ],
)
def test_a_space_is_not_made_in_no_mans_land(tmp_path: Path, country: str | None, zone: str | None, said: str) -> None:
    with pytest.raises(WrongUseError) as told:
        make_space(tmp_path / "shop", country=country, time_zone=zone)
    assert said in str(told.value)
    assert not (tmp_path / "shop").exists()


def test_a_folder_that_is_no_space_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(GuestlistError, match="guestlist init"):
        open_space(tmp_path)


def test_writing_an_entry_keeps_comments_and_the_rest(tmp_path: Path) -> None:
    space = make_space(tmp_path)
    space.settings_file.write_text("# mine\ncountry: NO   # Norway is not false\n")

    written = open_space(tmp_path).write_entry("sources", "customers", {"as": "people", "columns": {"Mail": "email"}})

    assert written.settings.sources["customers"]["columns"] == {"Mail": "email"}
    text = space.settings_file.read_text()
    assert text.startswith("# mine\ncountry: NO   # Norway is not false\n")
    assert open_space(tmp_path).settings == written.settings


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time_zone: Mars/Base", "time_zone: not a time zone"),
        ("contry: DE", "contry: not a setting; did you mean country?"),
        ("xyz: red", "xyz: not a setting."),
        ("country: Germany", "country: not a country's code"),
        ("destinations: {main: {access_token: abc}}", "destinations.main.access_token holds a secret"),
        ("a: [", "settings_not_yaml"),
    ],
)
def test_a_mistake_is_told_with_its_path_and_without_its_value(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "guestlist.yaml").write_text(text)
    with pytest.raises(GuestlistError) as told:
        open_space(tmp_path)
    assert said in str(told.value)
    assert "abc" not in str(told.value)


def test_a_secret_is_read_where_its_reference_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("t-1\n")
    monkeypatch.setenv("SHOP_TOKEN", "t-2")
    assert SecretReference(file=Path("token")).read(tmp_path) == "t-1"
    assert SecretReference(env="SHOP_TOKEN").read(tmp_path) == "t-2"
    with pytest.raises(GuestlistError, match="secret_missing"):
        SecretReference(env="NOT_SET_ANYWHERE").read(tmp_path)
