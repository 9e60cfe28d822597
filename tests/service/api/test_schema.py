"""Whatever the OpenAPI document allows, and much that it does not, is answered as the document says."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig

from guestlist.operations import catalogue
from guestlist.service.api.application import make_api

from .conftest import Made, Served, serving

EXAMPLES = 6
THERE = {
    "key": "buyers",
    "other": "viewers",
    "person": "user_id:u1042",
    "identifier": "email:jane.doe@example.org",
    "text": "jane",
    "report": "calls.jsonl.csv",
    "rules": {"limits": {"email": 1}},
    "as_of": "2026-01-02",
    "since": "2026-01-01",
}
CONFIG = {
    "checks": {
        # A definition or a person that cannot be read is a mistake in what was written, not in its shape.
        "positive_data_acceptance": {"expected-statuses": ["2xx", "400", "403", "404", "409", "412", "422"]},
    },
}


@pytest.fixture(scope="module")
def asked(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(made.copy_to(tmp_path_factory.mktemp("asked") / "both")) as one:
        yield one


DOCUMENT: Any = schemathesis.openapi.from_dict(make_api({}).openapi(), config=SchemathesisConfig.from_dict(CONFIG))
WITHOUT_PARAMETERS = {
    f"{one.route.method} /spaces/{{space}}{one.route.path}" for one in catalogue.OPERATIONS if not one.model_fields
}
OPERATIONS = {found.ok().label: found.ok() for found in DOCUMENT.get_all_operations()}


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["as told", "otherwise"])
@pytest.mark.parametrize("label", OPERATIONS)
def test_every_answer_is_as_the_document_says(asked: Served, label: str, mode: GenerationMode) -> None:
    headers = {"Authorization": f"Bearer {asked.keys['admin']}"}

    @settings(
        max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
    )
    @given(case=OPERATIONS[label].as_strategy(generation_mode=mode), real=st.booleans())
    def ask(case: Any, real: bool) -> None:
        case.path_parameters["space"] = asked.folder.name
        if mode is GenerationMode.POSITIVE:
            case.headers.pop("Authorization", None)
            if real and case.method not in {"PUT", "DELETE"}:
                _name_what_is_there(case)
        address = {"base_url": f"{asked.address}/api/v1", "headers": headers}
        answered = case.call(**address)
        for _ in range(100):
            if answered.status_code != 503:
                break
            time.sleep(0.1)  # the stores are opened anew, after an erasure or another mapping
            answered = case.call(**address)
        case.validate_response(answered, headers=headers)

    try:
        ask()
    except Unsatisfiable:
        # Only of what takes no parameters there is nothing that could be asked otherwise.
        assert mode is GenerationMode.NEGATIVE
        assert label in WITHOUT_PARAMETERS


def _name_what_is_there(case: Any) -> None:
    for part in (case.path_parameters, case.query, case.body):
        if isinstance(part, dict):
            part |= {name: THERE[name] for name in part.keys() & THERE.keys()}
