"""Scoring the files of a folder on a Ray cluster, or on the cores of one machine."""
