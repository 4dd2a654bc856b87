"""Every link of every page leads somewhere: to a file or folder of the tree, and to a heading that is there.

Links to other sites are not followed: a test needs no network. Code blocks have no links.
"""
import re
import sys
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = {"build", "node_modules", ".git"}


def pages():
    return [path for path in sorted(ROOT.rglob("*.md")) if not SKIPPED & set(path.relative_to(ROOT).parts)]


def without_code(text):
    text = re.sub(r"^(```|~~~).*?^\1[ ]*$", "", text, flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", "code", text)


def anchors(path):
    """As the usual renderers make them: small letters, blanks as -, nothing but words and -."""
    text = re.sub(r"^(```|~~~).*?^\1[ ]*$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    found = set(re.findall(r'<a (?:id|name)="([^"]+)"', text))
    for heading in re.findall(r"^#+ +(.*?)\s*#*$", text, re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
        name = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        count = 1
        base = name
        while name in found:
            name = f"{base}-{count}"
            count += 1
        found.add(name)
    return found


def faults_of(path):
    text = without_code(path.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^()\s]+(?:\([^()]*\))?)(?: \"[^\"]*\")?\)", text):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        file, _, anchor = target.partition("#")
        to = (path.parent / file).resolve() if file else path
        where = path.relative_to(ROOT)
        if not to.exists() or ROOT not in (to, *to.parents):
            yield f"{where}: {target} is not there"
        elif anchor and (to.suffix != ".md" or anchor not in anchors(to)):
            yield f"{where}: {target}: there is no such heading"


def self_check():
    """A checker that finds nothing in a page of broken links would find nothing anywhere."""
    import tempfile
    global ROOT
    kept = ROOT
    with tempfile.TemporaryDirectory() as folder:
        ROOT = pathlib.Path(folder).resolve()
        page = ROOT / "page.md"
        page.write_text("# A b: `c`\n[x](gone.md) [y](#a-b-c) [z](#gone) [o](../up)\n```\n[in code](gone.md)\n```\n", encoding="utf-8")
        found = [fault.split(": ")[1] for fault in faults_of(page)]
    ROOT = kept
    return found == ["gone.md is not there", "#gone", "../up is not there"]


def main():
    if not self_check():
        sys.exit("the checker itself is wrong")
    checked = pages()
    faults = [fault for page in checked for fault in faults_of(page)]
    print("\n".join(faults))
    print(f"{len(checked)} pages, {len(faults)} links that lead nowhere")
    sys.exit(1 if faults or len(checked) < 10 else 0)


if __name__ == "__main__":
    main()
