"""Each request is carried out in its client's environment, as far as that travels (`control/variables.py`).

Here, once, for all requests: which of them read a project, start a program or ask a server is theirs to know.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import Any

from fbuild_watch.control.connection import Call, Handler
from fbuild_watch.control.variables import merged
from fbuild_watch.system import surroundings


def in_their_clients(handlers: Mapping[str, Handler]) -> dict[str, Handler]:
    """The same handlers, each in the environment of who asks."""
    return {method: partial(_carry_out, handler) for method, handler in handlers.items()}


async def _carry_out(handler: Handler, call: Call) -> Any:
    """A client that says nothing of its environment gets ours."""
    variables: Mapping[str, str] = getattr(call.params, "variables", {})
    if not variables:
        return await handler(call)
    with surroundings.of(merged(os.environ, variables)):
        return await handler(call)
