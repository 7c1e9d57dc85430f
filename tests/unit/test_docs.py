"""What the documentation shows can be true: commands parse, name what is there and take the options given; YAML is YAML,
and what is an inventory keeps to the contract. tests/cluster/test_docs.py runs the commands.
"""

import json
import re
import shlex
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml
from ansible.cli.playbook import PlaybookCLI

from testbed import cli as testbed
from tests.docs import ELSEWHERE, FENCE, PAGES, ROOT, RUN, VERBS, blocks, not_run

SHELL = [block for page in PAGES for block in blocks(page, "sh", "bash", "shell", "console")]
YAML = [block for page in PAGES for block in blocks(page, "yaml", "yml")]
SCHEMA = json.loads((ROOT / "docs/schema/inventory.json").read_text())
TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
VARIABLES = "\n".join(
    path.read_text() for folder in ("playbooks", "roles", "gitops") for path in (ROOT / folder).rglob("*.yml")
)
PLAYBOOKS = re.compile(r"(?:ansible-playbook|ingresskit-render)$")


class Loader(yaml.SafeLoader):
    """Ansible's and mkdocs' own tags are fine."""


Loader.add_multi_constructor("!", lambda loader, suffix, node: str(node.value))


def uncommented(line):
    """A line without its comment, which begins where no quotation is open."""
    begins = (match.start() for match in re.finditer(r"(?:^|\s)#", line))
    return line[: next((i for i in begins if not any(line[:i].count(quote) % 2 for quote in "\"'")), None)]


def commands(block):
    """The simple commands of a block, each a list of words; comments, pipes and redirections are left out."""
    text = "\n".join(map(uncommented, block.text.replace("\\\n", " ").splitlines()))
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|&;<>()\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t", True, ""
    words = []
    for token in [*lexer, "\n"]:
        if set(token) <= set("|&;<>()\n"):
            if words:
                yield words
            words = []
        else:
            words.append(token)


def of(program):
    """(block, words) of every command of a program, wherever it stands in a line."""
    return [
        pytest.param(block, words[index:], id=f"{block}:{' '.join(words[index:])[:60]}")
        for block in SHELL
        for words in commands(block)
        for index, word in enumerate(words)
        if program.search(word)
    ]


def test_there_is_something_to_look_at():
    assert len(SHELL) > 20 and len(YAML) > 30 and len(of(PLAYBOOKS)) > 20


@pytest.mark.parametrize("page", PAGES)
def test_comments_for_the_tests_are_understood(page):
    """Each stands directly before a block, with a verb that is known and the words that it needs."""
    said = re.findall(r"<!-- test: .*", PAGES[page].read_text())
    marked = [block for block in blocks(page) if block.verb]
    assert len(marked) == len(said), "a comment is not on the line before a block"
    assert {block.verb for block in marked} <= VERBS
    assert [str(block) for block in marked if block.verb in {"skip", "file"} and not block.words] == []


def test_commands_are_run_or_say_why_not():
    assert [place for place, why in not_run().items() if not why] == []
    assert [page for page in [*RUN, *ELSEWHERE] if page not in PAGES] == []
    tests = [*ELSEWHERE.values(), *re.findall(r"tests/[\w/]+\.py", " ".join(not_run().values()))]
    assert [test for test in tests if not (ROOT / test).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_commands_are_marked_as_such(page):
    """What is indented is shown, not tested: commands stand in a fence."""
    command = re.compile(r"^ *(?:ansible-playbook|make|kubectl|docker|helm|git|python3?|bin/\S+) .*", re.MULTILINE)
    assert [line for block in blocks(page, "", "text", "console") for line in command.findall(block.text)] == []
    assert [line for line in command.findall(FENCE.sub("", PAGES[page].read_text())) if line.startswith("    ")] == []


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_the_shell_understands(block):
    assert block.language == "sh", "the language of commands is sh"
    parsed = subprocess.run(["bash", "-n"], input=block.text, text=True, capture_output=True, check=False)
    assert (parsed.returncode, parsed.stderr) == (0, "")


@pytest.mark.parametrize(("block", "words"), of(PLAYBOOKS))
def test_playbooks_exist_and_take_what_is_given(block, words):
    cli = PlaybookCLI(words)
    cli.init_parser()
    implied = ["playbooks/render.yml"] if words[0].endswith("ingresskit-render") else []
    given = cli.parser.parse_args([*words[1:], *implied])
    for name in given.args:
        collection = re.fullmatch(r"ingresskit\.ingresskit\.(\w+)", name)
        path = f"playbooks/{collection[1]}.yml" if collection else name
        written = {other.words for other in blocks(block.page) if other.verb == "file"}
        assert (ROOT / path).exists() or path in written or "$" in path, f"{block}: there is no {path}"
    for text in given.extra_vars:
        for key in json.loads(text) if text.startswith("{") else [text.partition("=")[0]]:
            known = key in SCHEMA["properties"] or re.search(rf"\b{key}\b", VARIABLES)
            assert known or key.startswith("@") or "__" in key, f"{block}: nothing reads {key}"


@pytest.mark.parametrize(("block", "words"), of(re.compile("^make$")))
def test_targets_exist(block, words):
    assert [word for word in words[1:] if "=" not in word and word not in TARGETS] == []


@pytest.mark.parametrize(("block", "words"), of(re.compile("^testbed$")))
def test_the_test_bed_takes_what_is_given(block, words):
    assert testbed._parser().parse_args(words[1:])


@pytest.mark.parametrize("block", YAML, ids=str)
def test_yaml_is_yaml_and_inventories_keep_to_the_contract(block):
    text = block.text.replace("sha256: …", f"sha256: {'a' * 64}")
    for document in yaml.load_all(text, Loader):
        if isinstance(document, dict) and any(str(key).startswith("ingress_") for key in document):
            faults = jsonschema.Draft202012Validator(SCHEMA).iter_errors(document)
            assert [f"{fault.json_path}: {fault.message}" for fault in faults] == []


def test_names_of_files_in_the_text_exist():
    """Paths of the repository in backticks."""
    missing = {}
    for page, path in PAGES.items():
        named = re.findall(
            r"`((?:docs|inventories|playbooks|testbed|gitops|roles|library|bin|benchmarks)/[\w./-]+)`", path.read_text()
        )
        written = " ".join(
            block.words + block.text for block in blocks(page) if block.verb == "file" or block.language == "sh"
        )
        lost = [name for name in named if not Path(ROOT, name).exists() and name not in written]
        if lost:
            missing[page] = lost
    assert missing == {}


# said by Kubernetes, Flux and the kubelet, and repeated word by word
OTHERS = {
    "field is immutable",
    "provided port is already allocated",
    "is SOPS encrypted",
    "Pod Security",
    "ErrImagePull",
}


def test_messages_of_the_troubleshooting_page_are_said():
    """The words that are quoted in the first column of its tables, around what differs, stand in the code."""
    rows = re.findall(r"^\| (.*?) \|", PAGES["docs/troubleshooting.md"].read_text(), re.MULTILINE)
    quoted = [each for row in rows for each in re.findall(r"`([^`]{4,})`", row) if not each.startswith("make ")]
    assert len(quoted) > 20
    folders = ("module_utils", "roles", "testbed", "playbooks")
    said = "".join(
        path.read_text() for each in folders for path in (ROOT / each).rglob("*") if path.suffix in {".py", ".yml"}
    )
    parts = {part.strip(" :,?") for each in quoted for part in re.split('…|"', each)}
    assert sorted(part for part in parts if part and part not in said and part not in OTHERS) == []
