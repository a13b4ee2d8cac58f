"""Writes conf/schema.json, and what points to it in the folders of groups, for editors."""

from panna_exp.config.json_schema import schema_files

if __name__ == "__main__":
    for path, text in schema_files().items():
        path.write_text(text)
        print(f"wrote {path}")
