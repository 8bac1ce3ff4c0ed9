"""Map the card's folders to packages; everything else is in pyproject.toml."""

from setuptools import find_packages, setup

FOLDERS = {"raa.templates": "templates", "raa.static": "static", "raa.defaults": "config", "raaplugins": "plugins"}

packages = find_packages(include=["raa", "raa.*"])
for package, folder in FOLDERS.items():
    packages.append(package)
    packages += [f"{package}.{child}" for child in find_packages(folder)]

DATA = {package: ["**/*"] for package in FOLDERS}
DATA["raa.bench"] = ["plugins/**/*"]  # not packages of raa: they are found as plugins are

setup(packages=packages, package_dir=dict(FOLDERS), package_data=DATA)
