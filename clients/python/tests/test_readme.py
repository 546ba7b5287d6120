"""Runs every example of the README and compares the output with the comments behind `print`."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import KEY, run_service

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = [(match[1], match[2]) for match in re.finditer(r"^```(\w+)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)]


def program() -> str:
    """The Python examples, joined into one program."""
    return "\n".join(code for language, code in BLOCKS if language == "python")


def test_examples_print_what_they_show(tmp_path: Path) -> None:
    with run_service(str(tmp_path)) as url:
        code = program().replace("http://127.0.0.1:8080", url)
        env = {**os.environ, "POSTS_API_KEY": KEY}
        run = subprocess.run([sys.executable, "-P", "-c", code], env=env, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    expected: list[str] = re.findall(r"^ *print\(.*\)  # (.*)$", code, re.MULTILINE)
    assert len(expected) == code.count("print(") == 15
    assert run.stdout.splitlines() == expected


def test_examples_pass_mypy(tmp_path: Path) -> None:
    file = tmp_path / "readme.py"
    file.write_text(program(), encoding="utf-8")
    options = ["--strict", "--cache-dir", str(tmp_path / "cache")]
    run = subprocess.run(
        [sys.executable, "-m", "mypy", *options, str(file)], capture_output=True, text=True, cwd=tmp_path
    )
    assert run.returncode == 0, run.stdout


def test_install_command(tmp_path: Path) -> None:
    """Runs the command with the wheel that was built from this directory, instead of the package index."""
    (command,) = [code for language, code in BLOCKS if language == "sh"]
    options = {"NO_INDEX": "1", "FIND_LINKS": os.environ["WHEELS"], "NO_DEPS": "1", "TARGET": str(tmp_path)}
    env = {**os.environ, **{f"PIP_{name}": value for name, value in options.items()}}
    subprocess.run(command.replace("pip", f"{sys.executable} -m pip", 1), shell=True, env=env, check=True)
    assert (tmp_path / "posts_api_client" / "py.typed").exists()


def test_all_blocks_are_run() -> None:
    assert {language for language, _ in BLOCKS} <= {"python", "sh"}
    assert "```" not in re.sub(r"^```(\w+)\n(.*?)^```$", "", README, flags=re.DOTALL | re.MULTILINE)
    with pytest.raises(AssertionError):
        assert not BLOCKS
