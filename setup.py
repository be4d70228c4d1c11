"""Names the packages: everything below gateway/ and emulators/, as parts of the package that the root is."""

from setuptools import find_packages, setup

FOUND = find_packages(include=["gateway*", "emulators*"])

# script_name keeps this file itself, which lies in the package's folder, out of the wheel.
setup(script_name="setup.py", packages=["mediaglot", *(f"mediaglot.{name}" for name in FOUND)])
