"""The lecture's claims as measurements: arms that differ in one thing, paired runs, a verdict."""
