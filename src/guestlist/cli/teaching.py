"""How the command line teaches itself: the overview of all commands, and the help of one."""

import inspect
from collections.abc import Iterator, Mapping

import typer
from typer.models import CommandInfo

COMMANDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Begin": {
        "demo": ("demo:demo", "See all of it in a minute, without a Meta account."),
        "init": ("space:init", "Make a space: the folder of one company's audiences."),
        "import": ("imports:import_files", "Bring files of customer data into the space."),
        "sources": (
            "sources:commands",
            "add, list, show, load, remove: who may send live\nmessages; tables and files loaded on a schedule.",
        ),
    },
    "Audiences": {
        "audiences": (
            "audiences:commands",
            (
                "check, list, show, convert, preview, members, explain,\n"
                "diff, history, changes, export, adopt, external, take,\n"
                "schema."
            ),
        ),
        "traits": ("traits:commands", "check, list, show: what is worked out of people."),
        "match-keys": ("match_keys:match_keys", "What Meta would get of a file's people, cell by cell."),
    },
    "People": {
        "profile": ("profiles:commands", "show, find, split: one person, and why it is one."),
        "identity": ("profiles:identity_commands", "try: what other rules would make of people."),
    },
    "Meta": {
        "destinations": (
            "destinations:commands",
            (
                "connect, reconnect, disconnect, list, show, audiences,\n"
                "share, unshare, shares, delete-audience: the ad accounts."
            ),
        ),
        "doctor": ("doctor:doctor", "Is all in order, at Meta and on this machine?"),
        "plan": ("syncs:plan", "What a sync would send now. Sends nothing."),
        "sync": ("syncs:sync", "Add who entered, remove who exited."),
        "pause": ("pausing:pause", "Let a sync rest; who must never be sent still leaves."),
        "resume": ("pausing:resume", "Let it run again."),
        "cancel": ("pausing:cancel", "End one that a service is running, until its next time."),
        "status": ("standing:status", "How every audience stands."),
        "runs": ("standing:runs", "What was sent, and what became of it."),
        "results": ("results:results", "Members, moves, runs as Parquet, for other tools."),
    },
    "A service": {
        "serve": ("serve:serve", "Do all of it by itself, on time, until it is stopped."),
        "keys": ("keys:commands", "add, list, remove: who may ask and tell it by the API."),
        "audit": ("keys:audit", "Who changed what."),
    },
    "Space": {
        "alerts": ("alerts:commands", "test: who is told when something is the matter."),
        "backup": ("backups:backup", "The space in one file; also beside a running service."),
        "restore": ("backups:restore", "A space out of a backup, with nothing taken for certain."),
    },
    "Other systems": {
        "hooks": (
            "hooks:commands",
            "add, list, remove, rotate, test, failed, retry, drop, send:\nwho is told who enters and exits.",
        ),
    },
    "Privacy": {
        "do-not-send": ("do_not_send:commands", "add, remove, list: people who must never be sent."),
        "erase": ("erase:erase", "Take a person from this machine and from Meta."),
    },
}
"""Every command by what it is for: the module and name of its function, and what the overview says of it."""

_FIRST_STEPS = (
    "guestlist init shop --country DE",
    "guestlist import customers.csv --space shop",
    "guestlist audiences check --space shop",
    "guestlist plan --space shop",
)
_OURS = "guestlist "


def overview() -> str:
    """All commands on one screen. It is plain text, so that no command has to be loaded to show it."""
    lines = [
        "Usage: guestlist COMMAND [OPTIONS]",
        "",
        "Keep Meta Custom Audiences exactly right, from your own machine.",
    ]
    for purpose, commands in COMMANDS.items():
        lines += ["", f"{purpose}:"]
        for name, (_, says) in commands.items():
            first, *more = says.splitlines()
            lines += [f"  {name:13} {first}", *(f"  {'':13} {line}" for line in more)]
    lines += ["", "First steps:", *(f"  {step}" for step in _FIRST_STEPS), ""]
    lines += [
        "guestlist COMMAND --help teaches one command; --json answers in JSON.",
        "Exit codes: 0 done, 1 needs a person, 2 wrong use,",
        "3 there is something to send (plan --exit-code), 4 goes on later by itself.",
    ]
    return "\n".join(lines)


def place(name: str) -> tuple[str, str] | None:
    """The module and the function of a command; None if there is none of that name."""
    for commands in COMMANDS.values():
        if name in commands:
            module, _, function = commands[name][0].partition(":")
            return module, function
    return None


def names() -> Iterator[str]:
    """The names of all commands."""
    for commands in COMMANDS.values():
        yield from commands


def taught(group: typer.Typer) -> typer.Typer:
    """The group, with the help of its commands as it should be shown."""
    for one in group.registered_commands:
        _teach(one)
    return group


def _teach(one: CommandInfo) -> None:
    one.help = help_text(one.callback)
    one.short_help = one.help.partition("\n")[0].partition(". ")[0].removesuffix(".") + "."


def help_text(command: object) -> str:
    """A docstring as help: what it does, in paragraphs that fit the screen; then examples, left as they are typed."""
    parts = (inspect.getdoc(command) or "").split("\n\n")
    said = [part.replace("\n", " ") for part in parts if not _is_example(part)]
    examples = [line for part in parts if _is_example(part) for line in part.splitlines()]
    if examples:
        said.append("\n".join(("\b", "Examples:" if len(examples) > 1 else "Example:", *(f"  {e}" for e in examples))))
    return "\n\n".join(said)


def _is_example(part: str) -> bool:
    return part.startswith(_OURS) or f"| {_OURS}" in part
