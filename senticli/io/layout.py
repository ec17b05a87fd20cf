"""How a file of texts is written: what is known of it, and how the rows of a table are cut."""

from dataclasses import dataclass
from typing import Any, get_args

from senticli.config import Quoting, check_choice
from senticli.errors import UsageError
from senticli.io.formats import DELIMITERS, JSONL, LINES, PARQUET, TSV
from senticli.io.lines import check_encoding

QUOTINGS = get_args(Quoting)
SAMPLE = 20  # lines that decide about the delimiter


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How an input is written, where that is known; what is None is found out.

    Args:
        text_column: the text's column or field: its name; ``a.b`` for a field inside another; or
            its number, from 1. None: the only column, or one of the usual names.
        likely: a name that comes before the usual ones, where there is such a column.
        or_usual: take a column of a usual name where there is no ``text_column``.
        delimiter: one character between the fields of a table. None: a tab in TSV; in CSV, the
            one that its first rows agree on.
        quoting: ``csv`` (a field in double quotes, a quote in it doubled), ``backslash`` (the
            same, a quote in it after a backslash) or ``none`` (a quote is a character). None:
            ``csv`` for CSV and ``none`` for TSV, as its registration with IANA has it.
        header: False if the first row is data; columns are then called 1, 2, 3 ….
        encoding: of the text, by Python's name. None: UTF-8.
        sample: lines after the first that may be read ahead to find the delimiter, or objects to
            find the field of the text.

    Raises:
        UsageError: a value that makes no sense.
    """

    text_column: str | None = None
    likely: str | None = None
    or_usual: bool = False
    delimiter: str | None = None
    quoting: str | None = None
    header: bool = True
    encoding: str | None = None
    sample: int = SAMPLE

    def __post_init__(self) -> None:
        if self.delimiter in ("tab", "\\t"):
            object.__setattr__(self, "delimiter", "\t")
        if self.delimiter is not None and (
            len(self.delimiter) != 1 or self.delimiter in '"\r\n\0\\'
        ):
            raise UsageError(
                f"`delimiter` {self.delimiter!r} is not one character between fields",
                "use one such as ';' or '|', or tab",
            )
        if self.quoting is not None:
            check_choice("quoting", self.quoting, QUOTINGS)
        if self.encoding is not None:
            check_encoding(self.encoding)

    @property
    def given(self) -> dict[str, object]:
        """What is not left to be found out, by the setting that says it."""
        values = {
            "text_column": self.text_column,
            "delimiter": self.delimiter,
            "quoting": self.quoting,
            "header=False": None if self.header else False,
            "encoding": self.encoding,
        }
        return {option: value for option, value in values.items() if value is not None}

    def check(self, format: str, name: str) -> None:
        """Raise UsageError if it says something that has no meaning for ``format``."""
        meaningful = {
            LINES: {"encoding"},
            JSONL: {"text_column", "encoding"},
            PARQUET: {"text_column"},
        }
        for option in self.given:
            if option not in meaningful.get(format, self.given):
                shown = f"{option}=False" if option == "header" else option
                kind = {LINES: "plain lines", JSONL: "JSON Lines", PARQUET: "Parquet"}[format]
                raise UsageError(
                    f"`{shown}` has no meaning for {kind}, which {name} is read as",
                    "name the format: `format=csv`, tsv, jsonl or parquet; or leave it out",
                )


@dataclass(frozen=True)
class Dialect:
    """How the rows of a table are cut into fields."""

    delimiter: str
    quoting: str = "csv"

    @classmethod
    def of(cls, format: str, delimiter: str | None = None, quoting: str | None = None) -> "Dialect":
        """Return the dialect of ``format``, with what is given in place of the usual."""
        usual = "none" if format == TSV else "csv"
        return cls(delimiter or DELIMITERS[format], quoting or usual)

    @property
    def options(self) -> dict[str, Any]:
        """The options of the csv module."""
        escape = {"escapechar": "\\", "doublequote": False} if self.quoting == "backslash" else {}
        return {"delimiter": self.delimiter, **escape}
