"""Score the batches of a folder with one peer, inside that peer's own environment: ``python score.py PEER FOLDER``.

It stands alone: NumPy, the standard library, and the peer with what it needs itself. Every score is turned so that **higher is
more alarming**. No peer's own verdict, threshold, permutation test or bootstrap is used: a threshold is set from the healthy
batches, equally for all.

``FOLDER/scores/<peer>.json`` holds ``peer``, ``version``, ``score`` (score -> world -> case -> one number a batch, in the order of
the files' names; NaN where the peer failed), ``errors`` (``world/case/NNN.npy`` -> message), and ``seconds_per_batch``: the mean
CPU seconds of one batch, whatever is computed from gold alone left out.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

SEED = 0
PRDC_NEIGHBOURS = 5
PRDC_GOLD_ROWS = 2_000
"""Gold rows that prdc is given at most, drawn with a fixed seed: it holds gold x gold distances and computes them every batch."""
CLASSIFIER_FOLDS = 5
FROUROS_PAIRS = 2_000

SILENCE = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1"}
"""Evidently and NannyML otherwise report their use over the network."""

Rows = npt.NDArray[np.float32]
Scores = dict[str, float]
Scorer = Callable[[Rows], Scores]


class Peer(NamedTuple):
    """The names of a peer's scores, and what makes its scorer from gold."""

    scores: tuple[str, ...]
    fit: Callable[[Rows], Scorer]


@dataclass
class Ledger:
    """What one peer said of every batch.

    Parameters
    ----------
    names
        The peer's scores.
    """

    names: tuple[str, ...]
    score: dict[str, dict[str, dict[str, list[float]]]] = field(init=False)
    errors: dict[str, str] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.score = {name: {} for name in self.names}

    def add(self, batch: Path, scorer: Scorer) -> None:
        """Score one batch; a peer that fails on it gets NaN, and its message is kept."""
        world, case = batch.parts[-3:-1]
        scores = dict.fromkeys(self.names, float("nan"))
        try:
            rows = np.load(batch)
            start = time.process_time()
            scores = scorer(rows)
            self.seconds.append(time.process_time() - start)
        except Exception as error:  # noqa: BLE001 - a peer may raise anything, and the other batches still count
            self.errors[f"{world}/{case}/{batch.name}"] = f"{type(error).__name__}: {error}"
        for name in self.names:
            self.score[name].setdefault(world, {}).setdefault(case, []).append(float(scores[name]))


def evidently(gold: Rows) -> Scorer:
    """Return Evidently's embedding drift methods ``model`` and ``mmd`` at their defaults, without a bootstrap.

    ``model`` is the ROC AUC of a classifier of gold against batch. Its ``mmd`` is cut off at zero, so healthy batches tie there.
    The methods are called by themselves, since Evidently's report fits a t-SNE every time as well.
    """
    methods = evidently_methods()
    gold_frame = frame_of(gold)

    def score(batch: Rows) -> Scores:
        # Copies, because the classifier's method writes a target column into the frames that it is given.
        drift = {name: method(frame_of(batch), gold_frame.copy()) for name, method in methods.items()}
        return {name: value for name, (value, _, _) in drift.items()}

    return score


def evidently_methods() -> dict[str, Callable[[pd.DataFrame, pd.DataFrame], tuple[float, bool, str]]]:
    """Return Evidently's methods by name, each from the batch's frame and gold's to score, verdict and name."""
    from evidently.legacy.metrics.data_drift import embedding_drift_methods as methods  # type: ignore[import-not-found]

    return {"model": methods.model(), "mmd": methods.mmd()}


def alibi_detect(gold: Rows) -> Scorer:
    """Return Alibi Detect's squared MMD, its classifier's distance, and its largest KS distance over the dimensions.

    The kernel's width is the median distance of gold to itself, computed once, as is gold's part of the kernel. One permutation
    is the fewest that it takes. The classifier's predictions are out of fold, because its default single split tests a quarter
    of the rows and ignores the seed. Bonferroni's correction scales p-values, so the largest distance decides.
    """
    from alibi_detect.cd import ClassifierDrift, KSDrift  # type: ignore[import-not-found]
    from sklearn.linear_model import LogisticRegression

    detectors = {
        "mmd": alibi_mmd(gold, 1),
        "classifier": ClassifierDrift(
            gold, LogisticRegression(max_iter=1_000), backend="sklearn", n_folds=CLASSIFIER_FOLDS, seed=SEED
        ),
        "ks": KSDrift(gold, correction="bonferroni"),
    }
    return lambda batch: {name: np.max(detector.predict(batch)["data"]["distance"]) for name, detector in detectors.items()}


def alibi_mmd(gold: Rows, permutations: int) -> Any:  # noqa: ANN401 - a class of a package that we do not have
    """Return Alibi Detect's MMD detector of so many permutations, at least one."""
    from alibi_detect.cd import MMDDrift

    return MMDDrift(gold, backend="pytorch", n_permutations=permutations, device="cpu")


def frouros(gold: Rows, permutations: int = 0) -> Scorer:
    """Return frouros' squared MMD; the kernel's width is the median distance between rows of gold.

    With permutations, in one process, it also tests for drift; the score is the same.
    """
    from frouros.callbacks import PermutationTestDistanceBased  # type: ignore[import-not-found]
    from frouros.detectors.data_drift import MMD  # type: ignore[import-not-found]
    from frouros.utils.kernels import rbf_kernel  # type: ignore[import-not-found]

    left, right = gold[np.random.default_rng(SEED).integers(len(gold), size=(2, FROUROS_PAIRS))]
    width = float(np.median(np.linalg.norm(left - right, axis=1)))
    test = PermutationTestDistanceBased(permutations, num_jobs=1, random_state=SEED) if permutations else None
    detector = MMD(kernel=partial(rbf_kernel, sigma=width), callbacks=test)
    detector.fit(X=gold)
    return lambda batch: {"mmd": float(detector.compare(X=batch)[0].distance)}


def nannyml(gold: Rows) -> Scorer:
    """Return NannyML's PCA reconstruction error, read downwards and in either direction.

    ``error_away`` is the distance to gold's own error. That error is in-sample, as it is in NannyML, so healthy batches lie a
    little above it. Gold and batch are one chunk each: the mean over equal chunks is the mean over all rows.
    """
    from nannyml import DataReconstructionDriftCalculator  # type: ignore[import-not-found]

    frame = frame_of(gold)
    calculator = DataReconstructionDriftCalculator(column_names=list(frame.columns), chunk_number=1).fit(frame)

    def error(period: str) -> float:
        return float(calculator.result.filter(period=period).to_df()["reconstruction_error", "value"].mean())

    reference = error("reference")

    def score(batch: Rows) -> Scores:
        calculator.calculate(frame_of(batch))
        value = error("analysis")
        return {"error_down": -value, "error_away": abs(value - reference)}

    return score


def vendi_score(gold: Rows) -> Scorer:  # noqa: ARG001 - the Vendi score reads the batch alone
    """Return the Vendi score of order 1 of the cosine kernel, negated.

    From the d x d matrix: it has the eigenvalues of the n x n one, and ``score_X`` ignores its order. In double precision,
    because single precision leaves noise where eigenvalues are zero.
    """
    from vendi_score import vendi

    return lambda batch: {"order_1": -float(vendi.score_dual(batch.astype(np.float64), q=1, normalize=True))}


def prdc(gold: Rows, most_rows: int = PRDC_GOLD_ROWS) -> Scorer:
    """Return coverage and recall of (at most ``most_rows`` rows of) gold by the batch, negated."""
    from prdc import compute_prdc  # type: ignore[import-not-found]

    kept = np.random.default_rng(SEED).permutation(len(gold))[:most_rows]
    real = gold[np.sort(kept)]

    def score(batch: Rows) -> Scores:
        result = compute_prdc(real_features=real, fake_features=batch, nearest_k=PRDC_NEIGHBOURS)
        return {name: -float(result[name]) for name in ("coverage", "recall")}

    return score


def mauve_text(gold: Rows) -> Scorer:
    """Return MAUVE of gold and batch at its defaults, negated; its k-means starts from a fixed seed."""
    from mauve import compute_mauve  # type: ignore[import-not-found]

    return lambda batch: {"mauve": -float(compute_mauve(p_features=gold, q_features=batch, seed=SEED, verbose=False).mauve)}


PEERS = {
    "alibi-detect": Peer(("mmd", "classifier", "ks"), alibi_detect),
    "evidently": Peer(("model", "mmd"), evidently),
    "frouros": Peer(("mmd",), frouros),
    "mauve-text": Peer(("mauve",), mauve_text),
    "nannyml": Peer(("error_down", "error_away"), nannyml),
    "prdc": Peer(("coverage", "recall"), prdc),
    "vendi-score": Peer(("order_1",), vendi_score),
}


def main() -> None:
    """Write ``FOLDER/scores/<peer>.json``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    os.environ.update(SILENCE)
    report = score_folder(arguments.peer, arguments.folder)
    target = arguments.folder / "scores" / f"{arguments.peer}.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(report, indent=1), encoding="utf-8")


def score_folder(name: str, folder: Path) -> dict[str, object]:
    """Return what the peer says of every batch of every world in ``folder``."""
    peer = PEERS[name]
    ledger = Ledger(peer.scores)
    for gold in sorted(folder.glob("*/gold.npy")):
        scorer = peer.fit(np.load(gold))
        for batch in sorted(gold.parent.glob("*/*.npy")):
            ledger.add(batch, scorer)
    return {
        "peer": name,
        "version": version(name),
        "score": ledger.score,
        "errors": ledger.errors,
        "seconds_per_batch": float(np.mean(ledger.seconds)) if ledger.seconds else float("nan"),
    }


def frame_of(rows: Rows) -> pd.DataFrame:
    """Return a data frame of one column a dimension."""
    import pandas as pd

    return pd.DataFrame(rows, columns=[f"d{column}" for column in range(rows.shape[1])])


if __name__ == "__main__":
    main()
