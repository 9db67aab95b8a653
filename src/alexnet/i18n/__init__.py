"""Messages, numbers and units for readers, in English and Chinese."""
