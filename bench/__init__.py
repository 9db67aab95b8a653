"""Speed ratios measured within one process: interleaved variants, medians. `make bench` writes bench.json."""
