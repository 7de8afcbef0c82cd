"""A shop behind FastAPI: orders through SQLAlchemy, their checkout in gendurable."""
