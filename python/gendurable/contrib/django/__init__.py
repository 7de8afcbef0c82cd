"""For Django: ``INSTALLED_APPS = [..., "gendurable.contrib.django"]``.

Migrations install and upgrade the schema, ``manage.py gendurable`` is the command line on Django's
database, steps use the ORM without a thought of connections, and the admin shows instances.

``settings.GENDURABLE_DATABASE`` says in which of ``DATABASES`` the engine is; ``default`` if it is
left out.
"""
