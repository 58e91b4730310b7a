"""No blocking call in the event loop: judged by the call, not by a clock.

`blocking_calls` watches; `named_places` says where such a call may be, and why; `sitecustomize` puts
it into a real `fbuild` that a test starts with this folder on PYTHONPATH.
"""
