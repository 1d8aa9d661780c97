"""The Great Expectations face of collapse-guard. Importing it registers the expectations and the actions.

Examples
--------
>>> import collapse_guard.expectations as cge
>>> gate = cge.ExpectColumnNotToShowCollapse(column="text", baseline="news", store="gold/")
>>> gate.configuration.type
'expect_column_not_to_show_collapse'
"""

from __future__ import annotations

from .alert_action import CollapseAlert
from .decision import CheckpointRefusedError
from .expect_column_duplicate_share_to_be_between import ExpectColumnDuplicateShareToBeBetween
from .expect_column_embedding_diversity_ratio_to_be_between import ExpectColumnEmbeddingDiversityRatioToBeBetween
from .expect_column_embedding_drift_to_be_between import ExpectColumnEmbeddingDriftToBeBetween
from .expect_column_embedding_mode_coverage_to_be_between import ExpectColumnEmbeddingModeCoverageToBeBetween
from .expect_column_embedding_spread_ratio_to_be_between import ExpectColumnEmbeddingSpreadRatioToBeBetween
from .expect_column_embedding_tail_mass_ratio_to_be_between import ExpectColumnEmbeddingTailMassRatioToBeBetween
from .expect_column_lexical_diversity_ratio_to_be_between import ExpectColumnLexicalDiversityRatioToBeBetween
from .expect_column_not_to_show_collapse import ExpectColumnNotToShowCollapse
from .expect_column_values_to_be_on_gold_manifold import ExpectColumnValuesToBeOnGoldManifold
from .expect_column_values_to_be_semantically_unique import ExpectColumnValuesToBeSemanticallyUnique
from .expect_generation_depth_to_be_between import ExpectGenerationDepthToBeBetween
from .expect_gold_anchor_share_to_be_between import ExpectGoldAnchorShareToBeBetween
from .expect_gold_baseline_to_be_intact import ExpectGoldBaselineToBeIntact
from .expect_human_share_to_be_between import ExpectHumanShareToBeBetween
from .expect_rows_to_declare_provenance import ExpectRowsToDeclareProvenance
from .gate_action import CollapseGuardGate

__all__ = [
    "CheckpointRefusedError",
    "CollapseAlert",
    "CollapseGuardGate",
    "ExpectColumnDuplicateShareToBeBetween",
    "ExpectColumnEmbeddingDiversityRatioToBeBetween",
    "ExpectColumnEmbeddingDriftToBeBetween",
    "ExpectColumnEmbeddingModeCoverageToBeBetween",
    "ExpectColumnEmbeddingSpreadRatioToBeBetween",
    "ExpectColumnEmbeddingTailMassRatioToBeBetween",
    "ExpectColumnLexicalDiversityRatioToBeBetween",
    "ExpectColumnNotToShowCollapse",
    "ExpectColumnValuesToBeOnGoldManifold",
    "ExpectColumnValuesToBeSemanticallyUnique",
    "ExpectGenerationDepthToBeBetween",
    "ExpectGoldAnchorShareToBeBetween",
    "ExpectGoldBaselineToBeIntact",
    "ExpectHumanShareToBeBetween",
    "ExpectRowsToDeclareProvenance",
]
