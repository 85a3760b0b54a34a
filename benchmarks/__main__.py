"""Every kernel beside its peers, on one core: python -m benchmarks [--quick] [--only NAME ...] [--compare OLD.json]."""

import argparse
import sys
from pathlib import Path

from benchmarks.bench.pinning import pin

RESULTS = Path(__file__).parent / "results"


def parsed(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one size of each kernel, under ten minutes")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="cases whose names contain these words")
    parser.add_argument("--compare", type=Path, metavar="OLD.json", help="say what moved since an earlier run")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where the results go: benchmarks/results")
    parser.add_argument("--budget", type=float, default=2.0, metavar="SECONDS", help="for one comparison: 2")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Measures, prints, writes; 1 when a kernel or a peer computes something wrong, 2 for a wrong word."""
    given = parsed(argv)
    core = pin()
    from benchmarks.bench.work import run

    try:
        return run(given.quick, tuple(given.only), given.compare, given.out, given.budget, core)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
