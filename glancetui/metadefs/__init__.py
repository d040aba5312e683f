"""The metadata definition service: its rules, the catalogue that ships with it, definitions put to work on images."""
