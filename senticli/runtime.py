"""ONNX Runtime, imported in one place so that it never reports home.

Its import starts telemetry: it keeps a device id and a queue of events under the user's cache
folder, and looks up a server to send them to. Only a variable set before the import prevents that;
where the host program has imported it already, that program has decided.
"""

import os
from typing import Any


def import_onnxruntime() -> Any:
    """Return the module, imported with its telemetry off."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    return onnxruntime
