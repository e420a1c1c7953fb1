"""Validating a version: load it, predict, measure, judge, and record what came out as evidence about its bytes."""
