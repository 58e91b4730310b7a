"""What is measured, and how: see README.md. Nothing here is a test."""
