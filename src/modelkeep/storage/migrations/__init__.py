"""Numbered schema steps, one SQL file per step and database."""
