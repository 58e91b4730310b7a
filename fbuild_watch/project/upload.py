"""How a core uploads: `tools.NAME.upload.pattern` of its platform.txt, for one board.

Not here: running it, and the ports (flash/).

The program is asked to be verbose: its words are read for progress and for proof.
"""

from __future__ import annotations

import re

from fbuild_watch.model import Environment, UploadRecipe
from fbuild_watch.project import esptool_words
from fbuild_watch.project import properties as props
from fbuild_watch.project.recipe import Recipes, protect

_ESPTOOL = re.compile(r"tools\.(esptool\w*)\.upload\.pattern")
_LATER = (
    "serial.port", "serial.port.file", "serial.port.label", "upload.port.address",
    "upload.port.label",
)  # fmt: skip
"""What only the upload itself knows; those with `upload.` are arduino-cli's names for the same port."""
_PROTOCOLS = dict.fromkeys(("serial.port.protocol", "upload.port.protocol"), "serial")


def recipe(recipes: Recipes, environment: Environment) -> UploadRecipe | None:
    """The upload of a plan; None where the core has none for this board."""
    return _of_tool(_tool(recipes), recipes, environment)


def flash_files(recipes: Recipes, environment: Environment) -> esptool_words.Files:
    """What an upload with esptool writes: by the board's own tool, else by one that the core has."""
    named = (match[1] for key in recipes.properties if (match := _ESPTOOL.fullmatch(key)))
    tools = (_of_tool(tool, recipes, environment) for tool in (_tool(recipes), *sorted(named)))
    found = (esptool_words.written(tool.argv) for tool in tools if tool)
    return next((files for files in found if files), ())


def _of_tool(tool: str, recipes: Recipes, environment: Environment) -> UploadRecipe | None:
    own = props.below(recipes.properties, f"tools.{tool}")
    if not tool or "upload.pattern" not in own:
        return None
    settings = {
        "upload.verbose": own.get("upload.params.verbose", ""),
        "upload.verify": own.get("upload.params.verify", ""),
    }
    if environment.upload_speed:
        settings["upload.speed"] = str(environment.upload_speed)
    later = {name: protect("{serial.port.file}" if name.endswith("file") else "{serial.port}")
             for name in _LATER}  # fmt: skip
    filled = {**settings, **later, **_PROTOCOLS}
    local = Recipes({**recipes.properties, **own, **filled}, recipes.path)
    speed = local.get("upload.speed")
    return UploadRecipe(
        tool=tool,
        argv=local.argv("upload"),
        speed=int(speed) if speed.isdigit() else None,
        touch_1200=local.get("upload.use_1200bps_touch") == "true",
        wait_for_port=local.get("upload.wait_for_upload_port") == "true",
    )


def _tool(recipes: Recipes) -> str:
    """The tool for a serial port, as pluggable discovery names it, else the only one."""
    names = ("upload.tool.serial", "upload.tool.default", "upload.tool")
    found = next((recipes.get(name) for name in names if recipes.get(name)), "")
    return found.rpartition(":")[2]
