"""``collapse-guard baselines``: what is frozen, whether it is intact, and who signed it.

Exit status: 0, or 2 for any error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from collapse_guard.command import OPEN, allowed_signers, guarded, hint, shared
from collapse_guard.urls import shown

if TYPE_CHECKING:
    from collapse_guard.baseline.store import Entry, Store


@click.group()
def baselines() -> None:
    """List, show, verify and sign frozen baselines."""


@baselines.command(name="list")
@shared
@guarded
def list_baselines(store: str | None) -> int:
    """List the baselines of a store, a line each."""
    from collapse_guard.baseline.store import Store  # noqa: PLC0415

    entries = Store(store).entries()
    for entry in entries:
        click.echo(_line(entry))
    if entries:
        hint(f"collapse-guard baselines show {entries[-1].name}@{entries[-1].digest} --store {Store(store).root}")
    else:
        hint(f"the store {Store(store).root} is empty: collapse-guard freeze GOLD --column COLUMN --name NAME")
    return OPEN


@baselines.command()
@click.argument("reference")
@shared
@guarded
def show(reference: str, store: str | None) -> int:
    """Show what REFERENCE was frozen from, what it can see, and what its modes are about."""
    from collapse_guard.baseline.store import Store  # noqa: PLC0415
    from collapse_guard.verdict.policy import Policy  # noqa: PLC0415
    from collapse_guard.verdict.power import power_card, render_card  # noqa: PLC0415

    reference = Store(store).complete(reference)
    entry = Store(store).verify(reference)
    facts = entry.facts
    click.echo(_line(entry))
    click.echo(f"digest     {entry.digest}")
    click.echo(f"columns    {', '.join(facts['columns'])} ({facts['kind']})")
    click.echo(f"embedder   {facts['embedder']['identity']}")
    if facts.get("companion"):
        click.echo(f"confirms   {facts['companion']['embedder']['identity']}")
    click.echo(f"rows       {facts['rows']:,} measured, {facts['nulls']:,} empty; seed {facts['seed']}")
    for step in lineage(Store(store), reference):
        click.echo(f"extends    {step}")
    click.echo(render_card(power_card(Store(store).load(reference), Policy())))
    click.echo(f"modes      {len(facts['modes']):,}")
    for number, mode in enumerate(facts["modes"]):
        click.echo(f"  {number:>4}  {_mode(mode, number)}")
    hint(f"collapse-guard check BATCH --baseline {entry.name}@{entry.digest} --store {Store(store).root}")
    return OPEN


@baselines.command()
@click.argument("reference")
@allowed_signers
@shared
@guarded
def verify(reference: str, allowed_signers: str | None, store: str | None) -> int:
    """Check every byte of a baseline. Exit status: 0 intact, 2 damaged, not there, or not signed as asked."""
    from collapse_guard.baseline.signature import signer  # noqa: PLC0415
    from collapse_guard.baseline.store import Store  # noqa: PLC0415

    entry = Store(store).verify(Store(store).complete(reference))
    signed = f", signed by {signer(Store(store), f'{entry.name}@{entry.digest}', allowed_signers)}" if allowed_signers else ""
    click.echo(f"intact {entry.name}@{entry.digest}{signed}")
    hint(f"collapse-guard check BATCH --baseline {entry.name}@{entry.digest} --store {Store(store).root}")
    return OPEN


@baselines.command()
@click.argument("reference")
@click.option(
    "--key", type=click.Path(), required=True, help="SSH key: the private one, or the public one of a key that an agent holds."
)
@shared
@guarded
def sign(reference: str, key: str, store: str | None) -> int:
    """Sign all versions of a name up to its newest, REFERENCE, so that who froze them can be checked; a signature is never replaced.

    Example: collapse-guard baselines sign news --key ~/.ssh/id_ed25519
    """
    from collapse_guard.baseline.signature import sign as sign_baseline  # noqa: PLC0415
    from collapse_guard.baseline.store import Store  # noqa: PLC0415

    reference = Store(store).complete(reference)
    click.echo(f"signed {shown(sign_baseline(Store(store), reference, key))}")
    hint(f"collapse-guard baselines verify {reference} --allowed-signers FILE --store {Store(store).root}")
    return OPEN


def lineage(store: Store, reference: str) -> list[str]:
    """Return the baselines that one extends, directly and through others, as ``name@digest``."""
    found = []
    parent = store.verify(reference).facts["parent"]
    while parent:
        entry = store.verify(parent)
        found.append(f"{entry.name}@{entry.digest}  {entry.facts['rows']:>9,} rows  {entry.created_at}")
        parent = entry.facts["parent"]
    return found


def _mode(mode: dict[str, Any], number: int) -> str:
    label = "" if mode["label"] == str(number) else mode["label"]
    return ": ".join(part for part in (label, ", ".join(mode["keywords"])) if part) or "-"


def _line(entry: Entry) -> str:
    latest = "  latest" if entry.latest else ""
    return f"{entry.name}@{entry.digest}  {entry.facts['rows']:>9,} rows  {', '.join(entry.facts['columns'])}  {entry.created_at}{latest}"
