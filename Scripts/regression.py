"""PostgreSQL's regression scripts: where they come from, and the statements they are made of."""
import pathlib
import re
import subprocess
import sys
import tempfile

FILES = """boolean char varchar text name int2 int4 int8 float4 float8 numeric date time timestamp timestamptz interval strings case select
select_distinct select_having select_implicit join union subselect aggregates window with insert insert_conflict update delete limit arrays
jsonb json sequence create_view""".split()
COMPONENTS = "bookworm main", "bookworm-updates main"
FOLDER = pathlib.Path(tempfile.gettempdir()) / "postgresql-15-regression"


def fetch(folder):
    """Debian's source package, only what the regression tests are made of."""
    found = list(folder.glob("postgresql-15.*/src/test/regress"))
    if found:
        return found[0]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lists/partial").mkdir(parents=True, exist_ok=True)
    keys = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    (folder / "sources.list").write_text("".join(f"deb-src {keys} http://deb.debian.org/debian {c}\n" for c in COMPONENTS))
    options = ["-o", f"Dir::Etc::sourcelist={folder}/sources.list", "-o", "Dir::Etc::sourceparts=/dev/null", "-o",
               f"Dir::State::lists={folder}/lists", "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=", "-o",
               "APT::Sandbox::User=root", "-qq"]
    for command in (["update"], ["source", "--download-only", "postgresql-15"]):
        subprocess.run(["apt-get", *options, *command], cwd=folder, check=True, stdout=sys.stderr)
    archive = next(folder.glob("postgresql-15_*.orig.tar.bz2"))
    subprocess.run(["tar", "xjf", archive.name, "--wildcards", "*/src/test/regress/*"], cwd=folder, check=True)
    return next(folder.glob("postgresql-15.*/src/test/regress"))


def statements(text):
    """The units that psql would send or carry out, each with the lines it ends with: the statement up to its semicolon, or to a
    backslash command that ends it, with the data of a COPY behind."""
    start = position = depth = atomic = 0
    units = []

    def cut(end):
        nonlocal start
        unit = text[start:end]
        start = end
        if strip_comments(unit).strip():
            units.append(unit.strip("\n"))

    def line_end(at):
        end = text.find("\n", at)
        return len(text) if end < 0 else end + 1

    while position < len(text):
        c = text[position]
        if text.startswith("--", position):
            position = line_end(position)
        elif text.startswith("/*", position):
            level, position = 1, position + 2
            while position < len(text) and level:
                if text.startswith("/*", position):
                    level, position = level + 1, position + 2
                elif text.startswith("*/", position):
                    level, position = level - 1, position + 2
                else:
                    position += 1
        elif c == "'":
            word = re.search(r"[A-Za-z0-9_&]*$", text[max(0, position - 40):position]).group().lower()
            escapes = word == "e"
            position += 1
            while position < len(text):
                if escapes and text[position] == "\\":
                    position += 2
                elif text[position] == "'":
                    position += 1
                    break
                else:
                    position += 1
        elif c == '"':
            position = text.find('"', position + 1) + 1 or len(text)
        elif c == "$" and (tag := re.match(r"\$(?:[A-Za-z_\x80-\uffff][A-Za-z0-9_\x80-\uffff]*)?\$", text[position:])) \
                and not re.match(r"[A-Za-z0-9_]", text[position - 1:position] or " "):
            end = text.find(tag.group(), position + len(tag.group()))
            position = len(text) if end < 0 else end + len(tag.group())
        elif c == "\\":
            end = line_end(position)
            if text.startswith("\\;", position):
                position += 2
                continue
            separate = not strip_comments(text[start:position]).strip()
            if not separate and not re.match(r"\\(g|crosstab|watch)", text[position:]):
                position = end
                continue
            position = end
            cut(end)
            depth = 0
        elif c in "()":
            depth += 1 if c == "(" else -1
            position += 1
        elif c == ";" and depth <= 0 and not atomic:
            position += 1
            statement = strip_comments(text[start:position])
            if re.match(r"\s*copy\b.*\bfrom\s+stdin\b", statement, re.I | re.S):
                end = re.search(r"^\\\.\n", text[position:], re.M)
                position += end.end() if end else 0
            cut(position)
            depth = 0
        elif c.isalpha():
            word = re.match(r"\w+", text[position:]).group()
            if word.lower() == "atomic" and re.search(r"\bbegin\s+$", text[start:position], re.I):
                atomic = 1
            elif atomic and word.lower() == "case":
                atomic += 1
            elif atomic and word.lower() == "end":
                atomic -= 1
            position += len(word)
        else:
            position += 1
    cut(len(text))
    return units


def strip_comments(sql):
    sql = re.sub(r"/\*.*?\*/", " ", sql, flags=re.S)
    return re.sub(r"--[^\n]*", " ", sql)
