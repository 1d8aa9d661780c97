"""What healthy data scores, learned from the calibration part of gold."""
