"""What pages and verdicts say, in English and Chinese."""
