"""The page that says what a row declares: ``python -m collapse_guard.provenance.vocabulary_document`` prints ``VOCABULARY.md``."""

from __future__ import annotations

import click

from collapse_guard.provenance.rules import rules_table
from collapse_guard.provenance.vocabulary import METHODS, NO_VALUE, vocabulary_table


def document() -> str:
    """Return the page, in Markdown."""
    silent = ", ".join(f"`{text}`" for text in NO_VALUE if text)
    return f"""# What a row declares

Made by `python -m collapse_guard.provenance.vocabulary_document` from the tables in the code.

## Fields

{vocabulary_table()}

A field says nothing if it is null, blank, or one of {silent} in any case; a Boolean `false` says nothing either. Only Croissant knows single rows;
the terms of the other standards say the same of a whole data set. A cell is empty where a standard has no term.

## Rules

{rules_table()}

`unknown` breaks no rule, and is never counted as human. People's rows have depth 0 without saying so. The last rule needs the column of
texts: a parent is looked for in the batch by the SHA-256 of its text (the UTF-8 bytes as they stand, so that `sha256sum` gives the same);
of several rows with that text the deepest counts, and if some parents are not in the batch, the depth must be at least 1 + that of the
others.

## Codes of `method`

{", ".join(f"`{code}`" for code in METHODS)}
"""


if __name__ == "__main__":
    click.echo(document(), nl=False)
