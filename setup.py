"""Names the packages: everything below gateway/ and emulators/, as parts of the package that the root is."""

from setuptools import find_packages, setup

setup(packages=["mediaglot", *(f"mediaglot.{name}" for name in find_packages(include=["gateway*", "emulators*"]))])
