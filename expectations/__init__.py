"""The Great Expectations face of collapse-guard. Importing it registers the expectations.

Examples
--------
>>> import collapse_guard.expectations as cge
>>> gate = cge.ExpectColumnNotToShowCollapse(column="text", baseline="news", store="gold/")
>>> gate.configuration.type
'expect_column_not_to_show_collapse'
"""

from __future__ import annotations

from .expect_column_embedding_diversity_ratio_to_be_between import ExpectColumnEmbeddingDiversityRatioToBeBetween
from .expect_column_not_to_show_collapse import ExpectColumnNotToShowCollapse

__all__ = ["ExpectColumnEmbeddingDiversityRatioToBeBetween", "ExpectColumnNotToShowCollapse"]
