"""A page: a template, filled in and written as one file that needs nothing else.

Whatever a template shows is escaped, and characters that would be invisible or change the direction
of writing are shown by their numbers. A content security policy allows the style sheet alone.
"""

import base64
import hashlib
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from senticli.errors import SenticliError, UsageError
from senticli.io.atomic import write_text
from senticli.io.formats import missing_package
from senticli.report.tables import shown, shown_interval
from senticli.report.text import visible

if TYPE_CHECKING:
    from jinja2 import Environment

SUFFIX = ".html"


def check_page(path: str | Path) -> Path:
    """Return the full path of a page that can be written, checked before the long work starts.

    Raises:
        UsageError: it is not called .html.
        SenticliError: jinja2 is not installed, or there is no such folder.
    """
    path = Path(path)
    if path.suffix.lower() != SUFFIX:
        raise UsageError(f"`report` {str(path)!r} is not a page", f"use a name in {SUFFIX}")
    _environment()
    if not path.absolute().parent.is_dir():
        raise SenticliError(f"there is no folder {path.absolute().parent}", "create it first")
    if path.is_dir():
        raise SenticliError(f"{path} is a folder", "choose another name")
    if not os.access(path.absolute().parent, os.W_OK):
        raise _unwritable(path, "permission denied")
    return path.absolute()


def write_page(path: Path, template: str, **content: Any) -> None:
    """Fill in a template and write it, in one step; a page that is there is replaced.

    Raises:
        SenticliError: it cannot be written.
    """
    page = render(template, **content)
    try:
        write_text(path, page)
    except OSError as error:
        raise _unwritable(path, (error.strerror or str(error)).lower()) from error


def _unwritable(path: Path, why: str) -> SenticliError:
    return SenticliError(f"cannot write {path}: {why}", "choose another place: `report=FILE.html`")


def render(template: str, **content: Any) -> str:
    """Return a page: a template of this package, filled in."""
    environment = _environment()
    style = environment.get_template("style.css").render().strip()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template(template).render(style=style, style_hash=digest, **content)


@cache
def _environment() -> "Environment":
    """Return what fills in templates. Raises SenticliError if jinja2 is not installed."""
    try:
        import jinja2
    except ImportError as error:
        raise missing_package("jinja2", "reports need", "report", error) from error
    from markupsafe import Markup

    def finalize(value: object) -> object:
        return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        finalize=finalize,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"shown": shown, "shown_interval": shown_interval}
    environment.globals["zip"] = zip
    return environment
