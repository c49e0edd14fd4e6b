"""The entry point: chooses the command, reads its options, and turns failures into exit codes.

    0    done
    1    a check failed, or a bug of ours (with its traceback)
    2    a mistake in the input or the state of the machine: one line on standard error
    130  interrupted from the keyboard        143  terminated
    141  the reader of our output went away

Heavy modules are imported by the commands when they run, so that help is quick.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import re
import sys
from collections.abc import Sequence
from typing import ClassVar, Protocol, TextIO

from minilm.cli.formatting import printable
from minilm.errors import MinilmError, did_you_mean

__all__ = ["main"]

INTERRUPTED = 130
BROKEN_PIPE = 141


def _choices(told: str) -> str:
    """Without None, which stands for leaving the option out and comes with a random order."""
    choices = told.split(", ")
    return ", ".join(sorted(set(choices) - {"'None'"}) if "'None'" in choices else choices)


# Of the parser's wording: what says it to a program, and how we say it to a person.
_PHRASES = (
    (r"^Error parsing ", ""),
    (r"^Missing from [^:]*: (\S+).*", r"\1 is missing"),
    (r"^Missing value for argument '(.*)'\. Expected 1 values\.?$", r"\1 needs a value"),
    (
        r"^invalid choice (.*) for argument '(.*)'\. Expected one of \((.*)\)\.?$",
        lambda found: f"{found[2]}: {found[1]} is none of {_choices(found[3])}",
    ),
    (r"^Expected one of \{(.*)\}\.?$", r"choose from \1"),
    (r"^Unrecognized options: ", "unknown: "),
)


class Command(Protocol):
    """What each command's dataclass offers beside its options.

    `examples` are pairs: a line to type, and what it does. The overview shows the first.
    """

    examples: ClassVar[tuple[tuple[str, str], ...]]

    def run(self) -> int:
        """Do it; returns the exit code."""
        ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``minilm`` with the words `argv` (default: the process's own); returns the exit code."""
    _never_fail_to_print(sys.stdout)
    try:
        code = _dispatch(list(sys.argv[1:] if argv is None else argv))
        # Inside the try: a reader that has left is often noticed only now.
        sys.stdout.flush()
        return code
    except MinilmError as error:
        return _fail(str(error))
    except BrokenPipeError:
        _silence(sys.stdout)
        return BROKEN_PIPE
    except KeyboardInterrupt:
        # The terminal has echoed ^C: the prompt belongs on the line below.
        print(file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}")
    except MemoryError as error:
        return _fail(f"out of memory: {error}" if str(error) else "out of memory")


def _dispatch(argv: list[str]) -> int:
    _refuse_unreadable(argv)
    if not argv or argv[0] in ("-h", "--help"):
        print(_overview())
        return 0
    if argv[0] == "--version":
        print(f"minilm {_version()}")
        return 0
    commands = _commands()
    if argv[0] not in commands:
        kind = "option" if argv[0].startswith("-") else "command"
        raise MinilmError(f"no {kind} {argv[0]!r}{did_you_mean(argv[0], commands)}")
    command = _parse(argv[0], commands[argv[0]], argv[1:])
    return 0 if command is None else command.run()


def _commands() -> dict[str, type[Command]]:
    from minilm.cli.bench import Bench
    from minilm.cli.classify import Classify
    from minilm.cli.compare import Compare
    from minilm.cli.corpus import Corpus
    from minilm.cli.describe import Describe
    from minilm.cli.embed import Embed
    from minilm.cli.evaluate import Evaluate
    from minilm.cli.exporting import Export
    from minilm.cli.fill import Fill
    from minilm.cli.finetune import Finetune
    from minilm.cli.golden import Golden
    from minilm.cli.gradcheck import Gradcheck
    from minilm.cli.importing import Import
    from minilm.cli.info import Info
    from minilm.cli.pairs import Pairs
    from minilm.cli.pretrain import Pretrain
    from minilm.cli.sample import Sample
    from minilm.cli.search import Search
    from minilm.cli.tokenizer import Tokenizer

    return {
        "pretrain": Pretrain,
        "sample": Sample,
        "fill": Fill,
        "embed": Embed,
        "search": Search,
        "finetune": Finetune,
        "classify": Classify,
        "evaluate": Evaluate,
        "pairs": Pairs,
        "describe": Describe,
        "gradcheck": Gradcheck,
        "golden": Golden,
        "compare": Compare,
        "tokenizer": Tokenizer,
        "corpus": Corpus,
        "import": Import,
        "export": Export,
        "info": Info,
        "bench": Bench,
    }


def _overview() -> str:
    lines = ["minilm pretrains transformers by gradients that are all written by hand.", ""]
    for command in _commands().values():
        example, purpose = command.examples[0]
        lines.append(f"  {example:<36}  {purpose}")
    lines += ["", "minilm COMMAND --help lists the options of a command."]
    return "\n".join(lines)


def _version() -> str:
    import minilm

    return minilm.__version__


def _parse(name: str, command: type[Command], words: list[str]) -> Command | None:
    """The command with its options, or None when only help was asked for."""
    import tyro

    for word in words:
        # The parser's own switches write shell scripts; they would be undocumented commands.
        if word.replace("_", "-").startswith("--tyro"):
            raise MinilmError(f"no option {word!r}; see minilm {name} --help")
    examples = "\n".join(f"  {example}" for example, _ in command.examples)
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(
                command,
                prog=f"minilm {name}",
                description=f"{inspect.getdoc(command)}\n\nExamples:\n{examples}",
                args=words,
                config=(tyro.conf.FlagCreatePairsOff,),
            )
    except SystemExit as stop:
        if not stop.code:
            return None
        raise MinilmError(_one_line(complaint.getvalue(), name)) from None


def _one_line(complaint: str, name: str) -> str:
    """The parser's boxed complaint as one sentence.

    The box (of Unicode or ASCII) has a title, then what was wrong, then below a rule what
    might help; of that we keep the nearest option.
    """
    plain = re.sub(r"\x1b\[[0-9;]*m", "", complaint)
    lines = [line.strip("╭╮╰╯│ ") for line in plain.splitlines()][1:]
    sections: list[list[str]] = [[]]
    for line in filter(None, lines):
        if set(line) <= set("─-"):
            sections.append([])
        else:
            sections[-1].append(line)
    wrong = " ".join(next(filter(None, sections), []))
    for pattern, words in _PHRASES:
        wrong = re.sub(pattern, words, wrong)
    nearest = re.search(r"Perhaps you meant:\s+(--[\w-]+)", " ".join(lines))
    hint = f"; did you mean {nearest[1]}?" if nearest else f"; see minilm {name} --help"
    return f"{wrong}{hint}"


def _refuse_unreadable(argv: list[str]) -> None:
    """Words that neither a file name nor a recipe nor JSON could hold."""
    for number, word in enumerate(argv, 1):
        try:
            word.encode()
        except UnicodeEncodeError as error:
            raise MinilmError(
                f"argument {number} ({word!r}) is not valid UTF-8 at character {error.start}"
            ) from None
        if "\0" in word:
            raise MinilmError(f"argument {number} ({word!r}) contains a null character")


def _fail(message: str) -> int:
    print(f"minilm: error: {printable(message)}", file=sys.stderr)
    return 2


def _never_fail_to_print(stream: TextIO) -> None:
    """A character that the terminal's encoding lacks becomes a question mark, not an error."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")


def _silence(stream: TextIO) -> None:
    """Python flushes standard output once more at exit: let that go nowhere."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
