"""The text of boards and of people: escape sequences, and regular expressions that end. Pure."""
