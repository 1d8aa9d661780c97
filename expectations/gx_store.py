"""The store of suites that a project's ``great_expectations.yml`` names, so that every context knows our expectations.

Great Expectations has no entry points: it knows an expectation only once its class was defined, and silently leaves out of a
saved suite what it does not know. With this module as ``module_name`` of the expectations store, making a context imports this
package, which defines the expectations and the actions; where it is not installed, no context can be made.
"""

from __future__ import annotations

from typing import Any

from great_expectations.core.expectation_suite import ExpectationSuite  # noqa: F401 - an import cycle of theirs begins here
from great_expectations.data_context.store import expectations_store
from great_expectations.expectations.registry import list_registered_expectation_implementations

from collapse_guard.errors import CollapseGuardError

MODULE = __name__


class UnknownExpectationError(CollapseGuardError):
    """A saved suite that holds an expectation of a package that was not imported."""


class ExpectationsStore(expectations_store.ExpectationsStore):
    """Great Expectations' own store, which reads a suite whole or not at all. The project's file refers to it by this name."""

    def get(self, key: Any) -> dict[str, Any]:  # noqa: ANN401 - Great Expectations' signature is without types
        """Return the suite under ``key``, if all of its expectations are known.

        Raises
        ------
        UnknownExpectationError
            An expectation would be left out, and deleted from the file by the next one that is added.
        """
        suite = super().get(key)
        saved = {each["type"] for each in suite["expectations"]}
        if unknown := sorted(saved.difference(list_registered_expectation_implementations())):
            msg = f"expected to know every expectation of suite {suite['name']!r}; {', '.join(unknown)} is not defined. Import the package that defines it first"
            raise UnknownExpectationError(msg)
        return suite
