"""The gold baseline itself as an expectation."""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.compatibility import pydantic
from great_expectations.core.suite_parameters import SuiteParameterDict

from collapse_guard.baseline.signature import signer
from collapse_guard.baseline.store import Store
from collapse_guard.errors import BaselineNotFoundError, CorruptBaselineError, SignatureError

from .pinned import PinnedExpectation


class ExpectGoldBaselineToBeIntact(PinnedExpectation):
    """Expect every byte of a gold baseline to be as it was frozen, and its name to mean what was recorded.

    ExpectGoldBaselineToBeIntact is a Batch Expectation. It reads the store, not the batch, and it does so at every run. It errs, which is
    a failure too, if the store cannot be read.

    Args:
        baseline (str): The baseline: `name@digest`, of which the name's latest version must have that digest, or `name`, whose latest
            version may be any.
        store (str or None): Folder or URL of baselines; `COLLAPSE_GUARD_STORE`, or `./gold`, if left out.
        allowed_signers (str or None): File of SSH keys (`man ssh-keygen`), one of which must have signed all versions of the name.

    Returns:
        An ExpectationValidationResult; `observed_value` says what was found (intact, damaged, missing, superseded, not signed), with the
        baseline's digest, or with the file that is damaged.
    """

    baseline: str | SuiteParameterDict[str, Any] = pydantic.Field(description="The baseline: name@digest, or a name.")
    store: str | SuiteParameterDict[str, Any] | None = pydantic.Field(
        default=None, description="Folder or URL of baselines; COLLAPSE_GUARD_STORE, or ./gold, if left out."
    )

    allowed_signers: str | SuiteParameterDict[str, Any] | None = pydantic.Field(
        default=None, description="File of SSH keys, one of which must have signed all versions of the baseline's name."
    )

    metric_dependencies: ClassVar = ()
    domain_keys: ClassVar = ("batch_id",)
    success_keys: ClassVar = ("baseline", "store", "allowed_signers")
    args_keys: ClassVar = success_keys
    sentence: ClassVar[str] = "The gold baseline $baseline must be intact: every byte as it was frozen, and its name unmoved."

    class Config:
        title = "Expect gold baseline to be intact"

    def _judged(self, metrics: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - only what lists rows is asked how many
        wanted = self._get_success_kwargs()
        success, found = intact(Store(wanted["store"]), wanted["baseline"], wanted["allowed_signers"])
        return {"success": success, "result": {"observed_value": found}}


def intact(store: Store, reference: str, allowed_signers: str | None = None) -> tuple[bool, str]:
    """Return whether a baseline is intact, and signed if that is asked for, and what was found."""
    try:
        entry = store.verify(reference)
        if allowed_signers:
            signer(store, reference, allowed_signers)
    except SignatureError as error:
        return False, f"not signed: {error}"
    except CorruptBaselineError as error:
        return False, f"damaged: {error}"
    except BaselineNotFoundError as error:
        return False, f"missing: {error}"
    if not entry.latest:
        _, latest = store.resolve(entry.name)
        return False, f"superseded: expected {reference} to be the latest {entry.name}, which is now {entry.name}@{latest}."
    return True, f"intact: {entry.name}@{entry.digest}"
