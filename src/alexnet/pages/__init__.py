"""HTML, plots and templates that the reports of all subjects share."""
