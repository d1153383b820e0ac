"""Write the repository's address, which stands in pyproject.toml, into the README's links: `make badges`."""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"


def repository(pyproject: str) -> str:
    """Return "OWNER/REPOSITORY" from the text of a pyproject.toml; ValueError when its address has another form."""
    address = tomllib.loads(pyproject).get("project", {}).get("urls", {}).get("Repository")
    found = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)(\.git)?/?", str(address))
    if not found:
        raise ValueError(f"Repository in pyproject.toml is {address!r}: write https://github.com/OWNER/REPOSITORY.")
    return found[1]


def with_links(readme: str, name: str) -> str:
    """Return the README's text with its Binder, Colab, clone and install links leading to the repository `name`."""
    for before, after in (
        (r"https://mybinder\.org/v2/gh/", r"/"),
        (r"https://colab\.research\.google\.com/github/", r"/"),
        (r"git clone https://github\.com/", r"\s"),
        (r"git\+https://github\.com/", r"[\s\"'`@]"),
    ):
        readme = re.sub(rf"({before})[\w.-]+/[\w.-]+(?={after})", rf"\g<1>{name}", readme)
    return readme


if __name__ == "__main__":
    try:
        name = repository((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        README.write_text(with_links(README.read_text(encoding="utf-8"), name), encoding="utf-8")
    except tomllib.TOMLDecodeError as error:
        sys.exit(f"pyproject.toml is no TOML ({error}): repair it.")
    except OSError as error:
        sys.exit(f"{error.filename} cannot be read or written ({error.strerror}).")
    except ValueError as error:
        sys.exit(str(error))
    print(f"The links of README.md lead to {name}.")
