"""HTML, plots and templates, without a subject of their own."""
