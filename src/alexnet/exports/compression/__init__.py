"""Deep Compression (Han, Mao, Dally 2016): prune, fine-tune, share values, fine-tune, code."""
