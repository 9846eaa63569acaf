"""Lints the translated template: mistakes inside `AWS::Serverless::*` show only there. Also its size."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from .processes import Failure
from .template import Template

MOST_RESOURCES = 480
"""CloudFormation takes 500 in a template; the rest is kept for a change in a hurry."""
MOST_ENVIRONMENT_BYTES = 3_500
"""Lambda takes 4 KB of names and values; ARNs and URLs are longer than the references that stand for them."""
REFERENCE_BYTES = 120
"""How long a name, ARN or URL is at most that a reference stands for."""


def lint(template: Template, folder: Path) -> str:
    """Fails on any finding; says how large the template is."""
    translated = template.translated()
    file = folder / "translated.json"
    file.write_text(json.dumps(translated, indent=1))
    # W3005: SAM names dependencies that follow from references anyway. W2001: parameters used by SAM itself.
    command = [str(Path(sys.executable).parent / "cfn-lint"), "--ignore-checks", "W3005", "--", str(file)]
    found = subprocess.run(command, check=False, capture_output=True, text=True)
    if found.returncode != 0:
        raise Failure(f"the translated template does not lint:\n{found.stdout}{found.stderr}")
    resources = translated["Resources"]
    if len(resources) > MOST_RESOURCES:
        raise Failure(f"{len(resources)} resources; CloudFormation takes 500, and we stop at {MOST_RESOURCES}")
    for name, resource in resources.items():
        if resource["Type"] == "AWS::Lambda::Function":
            variables = resource["Properties"].get("Environment", {}).get("Variables", {})
            size = sum(
                len(key) + (len(value) if isinstance(value, str) else REFERENCE_BYTES)
                for key, value in variables.items()
            )
            if size > MOST_ENVIRONMENT_BYTES:
                raise Failure(f"{name}: about {size} bytes of environment; Lambda takes 4096")
    return f"{len(resources)} of 500 resources"
