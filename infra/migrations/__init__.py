"""Migrations of a home: one numbered file each, never edited once released."""
