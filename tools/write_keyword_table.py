"""Writes docs/reference/panna-keywords.md from the program's table of PANNA's keywords."""

from pathlib import Path

from panna_exp.panna_ini.document import keyword_page

if __name__ == "__main__":
    path = Path(__file__).resolve().parent.parent / "docs" / "reference" / "panna-keywords.md"
    path.write_text(keyword_page())
    print(f"wrote {path}")
