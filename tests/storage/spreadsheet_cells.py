"""Cells that a spreadsheet would run as formulas, and cells that stay as they are: one table for every program of ours that writes CSV."""

FORMULAS = (
    "=1+1", "+a", "-a", "@a", "\t=1", "\r=1", "\n=1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20a", "+5", "--1", "-", "-1.", "-1e",
    "'=1", "''@a", "-\u0661",
)  # fmt: skip
OTHERS = ("-0.5", "-1e-06", "-3", "cat", "a=b", "a\n=b", "", "'s-hertogenbosch", "0.912000", "猫", '"=1', " =1")
