"""Files as the world writes them: every kind, encoding and damage."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from guestlist.errors import GuestlistError
from guestlist.sources import bytestream
from guestlist.sources.files import DataFile, Kind
from guestlist.sources.records import LONGEST_FIELD


def written(tmp_path: Path, content: bytes, name: str = "file.csv") -> DataFile:
    (tmp_path / name).write_bytes(content)
    return DataFile(tmp_path / name)


def lines(file: DataFile) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for batch in file.batches() for row in batch.rows.to_pylist()]


def rejected(file: DataFile) -> list[tuple[int, str, str]]:
    return [(r.line, r.field, r.reason) for batch in file.batches() for r in batch.rejections]


TWO = [(1, "ada@example.org", "Ada"), (2, "bo@example.org", "Bo")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "^", "~", "\x01", ":"])
def test_any_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    text = "Email,Name\nada@example.org,Ada\nbo@example.org,Bo\n".replace(",", delimiter)
    file = written(tmp_path, text.encode())
    assert file.columns == ("Email", "Name")
    assert lines(file) == TWO


@pytest.mark.parametrize(
    "content",
    [
        " email   name \r\n ada@example.org  Ada\r\n bo@example.org\t Bo\r\n",
        'email,name\r\n"ada@example.org",Ada\r\nbo@example.org,"Bo"',
        "email,name\rada@example.org,Ada\rbo@example.org,Bo\r",
        "email,name\n\n\nada@example.org,Ada\n\nbo@example.org,Bo\n\n",
        "ada@example.org,Ada\nbo@example.org,Bo\n",
    ],
    ids=["blanks and CRLF", "quoted", "CR", "empty lines", "no header"],
)
def test_ways_to_write_the_same_lines(tmp_path: Path, content: str) -> None:
    assert lines(written(tmp_path, content.encode())) == TWO


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = "name,city\nJosé,Köln\nZoë,Orléans\nBjörk,Malmö\n"
    file = written(tmp_path, text.encode(encoding))
    assert file.columns == ("name", "city")
    assert lines(file) == [(1, "José", "Köln"), (2, "Zoë", "Orléans"), (3, "Björk", "Malmö")]


BAD_LINES = [
    (b"name,city\na,b\nc\nd,e,f\ng,h\n", [(2, "", "ragged_line"), (3, "", "ragged_line")], [1, 4]),
    (b"name,city\na,b\nc,\xff\xfe\ng,h\n", [(2, "city", "undecodable_text")], [1, 3]),
    (b'name,city\na,"open\nc,d\ng,h\n', [(1, "city", "unclosed_quote")], [2, 3]),
    (b"name,city\na,b\n" + b"c," + b"x" * (LONGEST_FIELD + 1) + b"\ng,h\n", [(2, "city", "too_long")], [1, 3]),
    (b"name,city\na,b\nc," + b'"' + b"x" * 200_000 + b'"\ng,h\n', [(2, "city", "too_long")], [1, 3]),
]


@pytest.mark.parametrize(("content", "bad", "good"), BAD_LINES, ids=range(len(BAD_LINES)))
def test_a_bad_line_costs_only_itself(
    tmp_path: Path, content: bytes, bad: list[tuple[int, str, str]], good: list[int]
) -> None:
    file = written(tmp_path, content)
    assert [(line, reason) for line, _field, reason in rejected(file)] == [(line, reason) for line, _, reason in bad]
    assert [line[0] for line in lines(file)] == good


def test_quotes_hold_delimiters_line_ends_and_quotes(tmp_path: Path) -> None:
    file = written(tmp_path, b'name,note\n"a, b","one\ntwo"\nc,"say ""hi"""\nd,5" pipe\ne,f\n')
    assert lines(file) == [(1, "a, b", "one\ntwo"), (2, "c", 'say "hi"'), (3, "d", '5" pipe'), (4, "e", "f")]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 11, 64])
def test_where_blocks_are_cut_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    content = 'name,note\r\n"a, b","one\r\ntwo ""x"""\r\nc\r\nJosé,\r\nd,5" pipe\r\ne,f\r\n'.encode()
    whole = written(tmp_path, content)
    expected = (lines(whole), rejected(whole))
    monkeypatch.setattr(bytestream, "BLOCK", size)
    assert (lines(whole), rejected(whole)) == expected
    assert len(expected[0]) == 4


def test_a_clean_file_and_the_same_with_one_bad_line_give_the_same_lines(tmp_path: Path) -> None:
    body = "".join(f'{n},"x ""{n}""",\n' for n in range(1000))
    clean = written(tmp_path, f"id,text,empty\n{body}".encode(), "clean.csv")
    dirty = written(tmp_path, f"id,text,empty\n{body}ragged\n".encode(), "dirty.csv")
    assert lines(clean) == lines(dirty)
    assert rejected(dirty) == [(1001, "", "ragged_line")]


def test_json_lines(tmp_path: Path) -> None:
    file = written(tmp_path, b'\xef\xbb\xbf{"type":"track"}\r\n\n{"a":"\xff"}\n{"type":"page"}', "x.jsonl")
    assert file.kind is Kind.JSON_LINES
    assert lines(file) == [(1, '{"type":"track"}'), (3, '{"type":"page"}')]
    assert rejected(file) == [(2, "", "undecodable_text")]


def test_parquet_of_every_type_comes_as_text(tmp_path: Path) -> None:
    made = pa.table({"id": [1, 2], "ok": [True, None], "tags": [["a"], []], "n": [1.5, 2.0]})
    pq.write_table(made, tmp_path / "x.parquet")
    file = DataFile(tmp_path / "x.parquet")
    assert lines(file) == [(1, "1", "true", '["a"]', "1.5"), (2, "2", None, "[]", "2")]


def test_gzip_is_unpacked(tmp_path: Path) -> None:
    file = written(tmp_path, gzip.compress(b"email,name\nada@example.org,Ada\nbo@example.org,Bo\n"), "x.csv.gz")
    assert lines(file) == TWO


def parquet_bytes(tmp_path: Path) -> bytes:
    pq.write_table(pa.table({"id": list(range(10_000))}), tmp_path / "whole")
    return (tmp_path / "whole").read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("x.csv", b"", "file_type"),
        ("x.csv", b"PK\x03\x04" + b"\0" * 100, "file_type"),
        ("x.csv", b"\x89PNG\r\n\x1a\n\0\0\0", "file_type"),
        ("x.csv", b"<html></html>", "file_type"),
        ("x.json", b'[{"a": 1}]', "file_type"),
        ("x.parquet", b"a,b\n1,2\n", "file_damaged"),
        ("x.csv.gz", gzip.compress(b"a,b\n" * 100, mtime=0)[:-10], "file_damaged"),
        ("x.csv.gz", gzip.compress(b"a,b\n" * 10_000_000, mtime=0), "file_expands"),
    ],
    ids=["empty", "zip", "picture", "HTML", "JSON list", "named Parquet", "cut gzip", "zip bomb"],
)
def test_a_file_that_is_wrong_as_a_whole_is_refused(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    file = written(tmp_path, content, name)
    with pytest.raises(GuestlistError, match=code):
        list(file.batches())


def test_truncated_parquet_is_refused(tmp_path: Path) -> None:
    whole = parquet_bytes(tmp_path)
    for cut in (len(whole) // 2, len(whole) - 1, 10):
        file = written(tmp_path, whole[:cut], "cut.parquet")
        with pytest.raises(GuestlistError, match="file_damaged"):
            list(file.batches())


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(GuestlistError, match="no_file"):
        list(DataFile(tmp_path / "none.csv").batches())
