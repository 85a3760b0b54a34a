"""The whole run."""

from benchmarks.bench.quick import run_quick

run_full = run_quick
