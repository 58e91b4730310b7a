"""The text of boards and of people: escape sequences, regular expressions. Pure."""
