"""``python -m gendurable``."""

from gendurable.cli import main

main()
