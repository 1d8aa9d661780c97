"""The action that tells people."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import requests
from great_expectations.checkpoint.actions import ActionContext, ValidationAction
from great_expectations.compatibility import pydantic
from great_expectations.datasource.fluent.config_str import ConfigStr

from collapse_guard.errors import CollapseGuardError

from .alert_message import message
from .decision import decide

if TYPE_CHECKING:
    from great_expectations.checkpoint.checkpoint import CheckpointResult

_log = logging.getLogger(__name__)
_LATE = "it did not answer in time"


class WebhookError(CollapseGuardError):
    """A webhook that did not take the message."""


class CollapseAlert(ValidationAction):
    """Post what a checkpoint found to a webhook that takes Slack's messages. It belongs before the gate.

    It never raises and never waits longer than its time limit: a webhook that is down changes neither the result nor the gate.

    Parameters
    ----------
    name
        What to call the action.
    webhook
        Where to post. It is a secret: write ``${NAME}``, which is read from the environment or the project's config variables
        and is saved as written.
    notify_on
        ``failure``: when an expectation failed, whatever its severity, could not be computed, or was not evaluated; ``all``:
        after every run.
    time_limit
        Seconds after which the webhook is left alone.

    Examples
    --------
    ``gx.Checkpoint(..., actions=[CollapseAlert(name="alert", webhook="${ALERT_WEBHOOK}"), CollapseGuardGate(name="gate")])``
    """

    type: Literal["collapse_alert"] = "collapse_alert"
    webhook: ConfigStr | str
    notify_on: Literal["failure", "all"] = "failure"
    time_limit: float = pydantic.Field(default=10.0, gt=0)

    def run(
        self,
        checkpoint_result: CheckpointResult,
        action_context: ActionContext | None = None,  # noqa: ARG002 - Great Expectations' signature
    ) -> dict[str, Any]:
        """Post, and return ``{"sent": bool, "error": str | None}``."""
        try:
            decision = decide(checkpoint_result, "info")
            if decision.outcome == "open" and self.notify_on == "failure":
                return {"sent": False, "error": None}
            url = self._substitute_config_str_if_needed(self.webhook) or ""
            _post(url, message(checkpoint_result.name, decision), self.time_limit)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong here, the gate that follows must still run
            problem = str(error) if isinstance(error, CollapseGuardError) else f"{type(error).__name__}: {error}"
            _log.warning("alert %r was not sent: %s", self.name, problem)
            return {"sent": False, "error": problem}
        return {"sent": True, "error": None}


def _post(url: str, content: dict[str, Any], limit: float) -> None:
    """Post within the limit; a read timeout alone would let a server that drips, or a name that never resolves, hold us up."""
    problems: list[str | None] = []
    sender = threading.Thread(target=lambda: problems.append(_problem(url, content, limit)), daemon=True)
    sender.start()
    sender.join(limit)
    problem = problems[0] if problems else _LATE
    if problem:
        msg = f"expected the webhook at {urlsplit(url).hostname} to take the message; {problem}. The checkpoint's result stands"
        raise WebhookError(msg)


def _problem(url: str, content: dict[str, Any], limit: float) -> str | None:
    """Return why the webhook did not take the message. The library's own words hold the address, which is a secret."""
    try:
        with requests.post(url, json=content, timeout=limit, allow_redirects=False, stream=True) as response:
            return None if response.status_code < 300 else f"it answered {response.status_code}"
    except requests.Timeout:
        return _LATE
    except Exception as error:  # noqa: BLE001 - an exception in a thread would be lost
        return f"it could not be reached ({type(error).__name__})"
