"""The statistics of a verdict, one file a family; each statistic stands whole in one place."""
