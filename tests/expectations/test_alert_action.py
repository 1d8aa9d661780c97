"""The alert against a real server on this machine: what arrives, and that no server can change what the checkpoint says."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import great_expectations as gx
import pandas as pd
import pytest
from great_expectations.checkpoint.actions import ActionContext, ValidationAction
from great_expectations.checkpoint.checkpoint import Checkpoint, CheckpointResult
from great_expectations.core.validation_definition import ValidationDefinition
from great_expectations.expectations.core.expect_column_max_to_be_between import ExpectColumnMaxToBeBetween
from great_expectations.expectations.core.expect_column_most_common_value_to_be_in_set import ExpectColumnMostCommonValueToBeInSet
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.metadata_types import FailureSeverity

import collapse_guard.expectations as cge
from tests.conftest import sentences

pytestmark = pytest.mark.gx
SECRET = "T000-B000-secret"
HOSTILE = "<script>alert(1)</script> <!channel> ``` & <https://evil.example|click> \u202e*bold*\nGate OPEN"
Run = Callable[..., CheckpointResult]


class Webhook(BaseHTTPRequestHandler):
    """A webhook that keeps what it gets, and answers as the last part of the path says."""

    received: list[Any]
    released: threading.Event

    def do_POST(self) -> None:
        """Read, then answer."""
        self.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        how = self.path.rsplit("/", 1)[-1]
        if how == "hang":
            self.released.wait(30)
        if how == "drip":
            self.drip()
            return
        self.send_response({"broken": 500, "moved": 302}.get(how, 200))
        if how == "moved":
            self.send_header("Location", "/ok")
        self.end_headers()

    def drip(self) -> None:
        """Send a byte every tenth of a second, so that no single read runs out of time."""
        for _ in range(150):
            if self.released.wait(0.1):
                return
            self.wfile.write(b"H")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[Any]]]:
    """Return the address of a webhook, without the last part, and the list of what it got."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    received: list[Any] = []
    released = threading.Event()
    handler = type("Handler", (Webhook,), {"received": received, "released": released})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/{SECRET}", received
    released.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def run() -> Run:
    """Return a function that runs a checkpoint over a frame: expectations, then the actions."""
    context = gx.get_context(mode="ephemeral")
    rows = context.data_sources.add_pandas("pandas").add_dataframe_asset("batch").add_batch_definition_whole_dataframe("whole")

    def checkpoint(frame: pd.DataFrame, expectations: list[Expectation], *actions: ValidationAction) -> CheckpointResult:
        suite = context.suites.add_or_update(gx.ExpectationSuite("suite", expectations=expectations))
        definition = context.validation_definitions.add_or_update(ValidationDefinition(name="rows", data=rows, suite=suite))
        made = context.checkpoints.add_or_update(
            Checkpoint(name="nightly", validation_definitions=[definition], actions=list(actions))
        )
        return made.run(batch_parameters={"dataframe": frame})

    return checkpoint


FRAME = pd.DataFrame({"x": [1.0, 2.0, 3.0]})


def below(bound: float, severity: str = "critical", column: str = "x") -> Expectation:
    """Return an expectation that passes for a bound of 3 or more; of a column that is not there it cannot be computed."""
    return ExpectColumnMaxToBeBetween(column=column, max_value=bound, severity=FailureSeverity(severity))


def alert(url: str, **options: Any) -> cge.CollapseAlert:  # noqa: ANN401 - any field
    """Return the alert."""
    return cge.CollapseAlert(name="alert", webhook=url, **options)


def texts(payload: dict[str, Any]) -> list[str]:
    """Return every text of a message."""
    return [payload["text"], *(block["text"]["text"] for block in payload["blocks"])]


def test_a_failure_arrives(run: Run, webhook: tuple[str, list[Any]]) -> None:
    """The message counts the expectations, and tells of each that did not pass its column, severity and value."""
    url, received = webhook
    result = run(FRAME, [below(3), below(2, "warning"), below(3, "info", "nope")], alert(f"{url}/ok"))
    assert not result.success
    (payload,) = received
    headline, *found = texts(payload)
    assert headline.startswith("Checkpoint nightly: 1 passed, 1 failed, 1 not computed of 3 expectations. Cannot judge: ")
    assert found[0] == headline
    assert sorted(found[1:]) == [
        'info error: expect_column_max_to_be_between of nope\n```Error: The column "nope" in BatchData does not exist.```',
        "warning failed: expect_column_max_to_be_between of x\n```3```",
    ]
    assert {(block["type"], block["text"]["type"], block["text"]["verbatim"]) for block in payload["blocks"]} == {
        ("section", "mrkdwn", True)
    }


def test_a_collapse_arrives_with_its_verdict(
    run: Run, webhook: tuple[str, list[Any]], private_store: tuple[list[str], Path]
) -> None:
    """The verdict's text is part of the message, within what Slack takes."""
    url, received = webhook
    gold, home = private_store
    gate = cge.ExpectColumnNotToShowCollapse(column="text", baseline="private", store=str(home))
    result = run(pd.DataFrame({"text": sentences(40, 1) * 20}), [gate], alert(f"{url}/ok"))
    assert not result.success
    (payload,) = received
    assert "critical failed: expect_column_not_to_show_collapse of text\n```Gate CLOSED" in payload["blocks"][1]["text"]["text"]
    assert all(len(text) <= 3000 for text in texts(payload))
    assert gold[0] not in json.dumps(payload)


@pytest.mark.parametrize("notify_on", ["failure", "all"])
def test_a_pass_is_told_if_asked_for(run: Run, webhook: tuple[str, list[Any]], notify_on: str) -> None:
    """By default people hear of failures alone."""
    url, received = webhook
    assert run(FRAME, [below(3)], alert(f"{url}/ok", notify_on=notify_on)).success
    told = ["Checkpoint nightly: 1 passed of 1 expectation"]
    assert [texts(payload)[0] for payload in received] == (told if notify_on == "all" else [])


def test_nothing_evaluated_is_told(run: Run, webhook: tuple[str, list[Any]]) -> None:
    """Great Expectations calls it a success; people must hear of it."""
    url, received = webhook
    run(FRAME, [], alert(f"{url}/ok"))
    assert "none evaluated of 0 expectations. Cannot judge: " in texts(received[0])[0]


@pytest.mark.parametrize("where", ["value", "column", "message"])
def test_text_of_batches_arrives_escaped(run: Run, webhook: tuple[str, list[Any]], where: str) -> None:
    """Neither markup nor mentions, links, code fences, hidden letters or forged lines get through."""
    url, received = webhook
    expectation: Expectation = {
        "value": ExpectColumnMostCommonValueToBeInSet(column="x", value_set=["a"]),
        "column": ExpectColumnMaxToBeBetween(column=HOSTILE, max_value=2),
        "message": below(3, column=HOSTILE),
    }[where]
    frame = pd.DataFrame({"x": [HOSTILE, HOSTILE], HOSTILE: 3.0})
    run(frame.drop(columns=HOSTILE) if where == "message" else frame, [expectation], alert(f"{url}/ok"))
    for text in texts(received[0]):
        assert not set("<>\u202e") & set(text)
        assert text.count("```") in {0, 2}
        assert text.replace("```", "").count("`") == 0
        assert "\nGate OPEN" not in text
    whole = "".join(texts(received[0]))
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &lt;!channel&gt; ''' &amp; &lt;https://evil.example|click&gt;" in whole


def test_long_text_is_cut_between_entities(run: Run, webhook: tuple[str, list[Any]]) -> None:
    """Slack refuses blocks of more than 3,000 characters, and 50 blocks; half an entity would be read as text."""
    url, received = webhook
    frame = pd.DataFrame({f"x{number}": ["a" * number + "&" * 5000] for number in range(5)})
    values = [ExpectColumnMostCommonValueToBeInSet(column=column, value_set=["a"]) for column in map(str, frame)]
    run(frame.assign(x=1.0), [*values, *(below(number / 100) for number in range(60))], alert(f"{url}/ok"))
    (payload,) = received
    assert len(payload["blocks"]) <= 50
    assert all(len(text) <= 3000 for text in texts(payload))
    assert payload["blocks"][-1]["text"]["text"] == "and 45 more"
    assert all(part.split(";")[0] in {"amp", "lt", "gt"} for text in texts(payload) for part in text.split("&")[1:])


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        ("broken", "it answered 500"),
        ("moved", "it answered 302"),
        ("hang", "it did not answer in time"),
        ("drip", "it did not answer in time"),
        ("down", "could not be reached (ConnectionError)"),
    ],
)
def test_no_webhook_changes_the_result_or_the_gate(
    run: Run, webhook: tuple[str, list[Any]], caplog: pytest.LogCaptureFixture, how: str, problem: str
) -> None:
    """The checkpoint returns what it found, the gate after the alert still closes, soon, and the log has no secret."""
    url, _ = webhook
    address = f"http://127.0.0.1:9/{SECRET}" if how == "down" else f"{url}/{how}"
    sending = alert(address, time_limit=1)
    begun = time.monotonic()
    with caplog.at_level(logging.WARNING, logger="collapse_guard"):
        result = run(FRAME, [below(3), below(2)], sending)
        assert [each.success for validation in result.run_results.values() for each in validation.results].count(True) == 1
        with pytest.raises(cge.CheckpointRefusedError, match="gate closed"):
            run(FRAME, [below(2)], sending, cge.CollapseGuardGate(name="gate"))
    assert time.monotonic() - begun < 10
    assert len(caplog.messages) == 2
    for message in caplog.messages:
        assert "alert 'alert' was not sent: expected the webhook at 127.0.0.1 to take the message" in message
        assert problem in message
        assert SECRET not in message


def test_what_the_action_returns(run: Run, webhook: tuple[str, list[Any]]) -> None:
    """Actions that follow can see whether people were told."""
    url, _ = webhook
    result = run(FRAME, [below(2)])
    assert alert(f"{url}/ok").run(result, ActionContext()) == {"sent": True, "error": None}
    missed = alert(f"{url}/broken").run(result, ActionContext())
    assert missed["sent"] is False
    assert "it answered 500" in missed["error"]


@pytest.mark.parametrize("address", ["", "nonsense", "http://", "ftp://x/y", "http://[::1", "${COLLAPSE_GUARD_NO_SUCH_VARIABLE}"])
def test_a_wrong_address_is_reported(run: Run, address: str) -> None:
    """So is a variable that is not set."""
    returned = alert(address, time_limit=1).run(run(FRAME, [below(2)]), ActionContext())
    assert returned["sent"] is False
    assert returned["error"]


def test_the_secret_is_not_saved(webhook: tuple[str, list[Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file holds the name of the variable; its value comes from the environment when the checkpoint runs."""
    url, received = webhook
    monkeypatch.setenv("COLLAPSE_GUARD_TEST_WEBHOOK", f"{url}/ok")
    context = gx.get_context(mode="file", project_root_dir=tmp_path)
    rows = context.data_sources.add_pandas("pandas").add_dataframe_asset("batch").add_batch_definition_whole_dataframe("whole")
    suite = context.suites.add(gx.ExpectationSuite("suite", expectations=[below(2)]))
    definition = context.validation_definitions.add(ValidationDefinition(name="rows", data=rows, suite=suite))
    actions: list[ValidationAction] = [alert("${COLLAPSE_GUARD_TEST_WEBHOOK}")]
    context.checkpoints.add(Checkpoint(name="saved", validation_definitions=[definition], actions=actions))
    files = [file.read_text() for file in tmp_path.rglob("*.json")]
    assert [text for text in files if "${COLLAPSE_GUARD_TEST_WEBHOOK}" in text]
    again = gx.get_context(mode="file", project_root_dir=tmp_path)
    again.checkpoints.get("saved").run(batch_parameters={"dataframe": FRAME})
    assert [texts(payload)[0] for payload in received] == ["Checkpoint saved: 1 failed of 1 expectation"]
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and SECRET.encode() in file.read_bytes()]
