"""Speed as ratios inside one process: variants interleaved, medians. `make bench` writes bench.json."""
