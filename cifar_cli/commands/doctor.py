"""`cifar doctor`: examines whether trainings work on this machine, and prints what a helper asks for first."""

import json
from typing import Annotated

import typer

from cifar_cli.commands.data import Root
from cifar_cli.commands.options import DEFAULT_LOG_DIR, AsJson, LogDir
from cifar_cli.errors import CifarError


def doctor(
    mirrors: Annotated[bool, typer.Option("--mirrors", help="Ask the servers of the datasets, too.")] = False,
    seconds: Annotated[float, typer.Option(min=0, help="The duration of the trial training; 0 for none.")] = 5,
    root: Root = None,
    log_dir: LogDir = DEFAULT_LOG_DIR,
    as_json: AsJson = False,
) -> None:
    """Examine whether trainings work on this machine: what to run first, and to paste into a bug report."""
    from cifar_cli.console.streams import notes, print_next_step, results
    from cifar_cli.diagnosis.checklist import checklist
    from cifar_cli.diagnosis.examiner import Examiner
    from cifar_cli.diagnosis.finding import Situation, TerminalFacts
    from cifar_cli.diagnosis.findings_report import as_object, count, print_finding

    console = results()
    terminal = TerminalFacts(console.is_terminal, console.width, console.color_system, console.encoding)
    checks = checklist(with_mirrors=mirrors)
    name_width = max(len(check.name) for check in checks)
    examined, section = [], ""
    with Examiner(Situation(log_dir, root, seconds, terminal)) as examiner:
        for check in checks:
            with notes().status(f"{check.section.lower()}: {check.name} …", spinner="line"):
                finding = examiner.examine(check)
            examined.append((check, finding))
            if as_json:
                continue
            if check.section != section:
                section = check.section
                console.print(f"{'' if len(examined) == 1 else chr(10)}{section}", style="bold", markup=False)
            print_finding(console, check, finding, name_width=name_width)
    if as_json:
        print(json.dumps(as_object(examined)))
    if problems := [check.name for check, finding in examined if finding.status == "problem"]:
        raise CifarError(
            f"cifar doctor: expected no problem, found {len(problems)} that would stop a training: "
            f"{', '.join(problems)}; mend each as its line says"
        )
    warnings = count(examined, "warning")
    notes().print(f"\nno problems, {warnings} warning{'' if warnings == 1 else 's'}", style="bold")
    print_next_step(wrote=[], next_command="cifar train --config quickstart")
