"""The files of SQLTests/: paragraphs between blank lines, and the records in them."""
import re


def paragraphs(text):
    """The blocks between blank lines; results end at a blank line, too."""
    for block in re.split(r"\n[ \t]*\n", text.strip("\n")):
        if block.strip():
            yield block.strip("\n").split("\n")


HEADS = ("statement", "query")


def records(lines):
    """(prefix lines, head words, SQL) of each record of a paragraph; SQL None for lines to keep as they are."""
    prefix = []
    while lines and (lines[0].startswith("#") or re.match(r"(skipif|onlyif) ", lines[0])):
        prefix.append(lines[0])
        lines = lines[1:]
    if not lines or re.match(r"(hash-threshold|halt)\b", lines[0]) or "onlyif meridian" in prefix:
        yield prefix + lines, None, None
        return
    if lines[0].split()[0] in HEADS:
        sql = lines[1:]
        if "----" in sql:
            sql = sql[:sql.index("----")]
        yield prefix, lines[0].split(), "\n".join(sql)
        return
    statement = []
    for line in lines:
        if line.startswith("#") and not statement:
            prefix.append(line)
            continue
        statement.append(line)
        if line.rstrip().endswith(";"):
            yield prefix, ["bare"], "\n".join(statement).rstrip().removesuffix(";")
            prefix, statement = [], []
    if statement:
        yield prefix, ["bare"], "\n".join(statement)
    elif prefix:
        yield prefix, None, None
