"""Alembic's folder of migrations; `glancetui.registry.sql.schema` runs them, there is no env.py."""
