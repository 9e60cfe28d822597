"""A moment is kept and gone back to: the state of a simulator is made once, and many tests go on from it."""

import pytest
from tests.fakemeta.conftest import Graph

from fakemeta.harness import Running


def test_all_is_again_as_it_was_as_often_as_one_likes(meta: Running, graph: Graph) -> None:
    audience = graph.create()
    graph.add(audience, "mary@example.com")
    meta.fault("throttle", path="/users$", nth=2)
    moment, now, requests = meta.keep_moment(), meta.now(), meta.get("")["requests"]
    there = meta.members(audience)
    assert there
    for _ in range(2):
        graph.remove(audience, "mary@example.com")
        graph.create("Another")
        meta.clear_faults()
        meta.set_speed(60)
        meta.advance(90_000)
        meta.reset()
        meta.go_back(moment)
        assert [one["id"] for one in meta.get("audiences")["audiences"]] == [audience]
        assert meta.members(audience) == there
        assert [one["action"] for one in meta.history(audience)] == ["add"]
        assert (meta.now(), meta.get("clock")["speed"], meta.get("")["requests"]) == (now, 0, requests)
        assert meta.get("faults")["rules"]
        assert graph.read(audience) == {"id": audience}  # the token of then is good


def test_a_moment_that_was_not_kept(meta: Running) -> None:
    with pytest.raises(ValueError, match="no moment 0 was kept"):
        meta.go_back(0)
