"""The provider's words for what is wrong, and its codes: section 1.7."""

from __future__ import annotations

from typing import Final

from mediaglot.emulators.xvid_mediahub import answer
from mediaglot.gateway import faults
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.oauth import BadClient
from mediaglot.gateway.trait import Complaint

# For each module the code of "Invalid Input", that of "… does not exist", and that text. Only those of
# jobs, pipelines and files are known; the other numbers are ours, in this one place.
FILE: Final = ("023", "Requested file")
KNOWN: Final = {"pipelines": ("017", "Pipeline"), "files": FILE, "playlists": FILE}
APPS: Final = {"applications": ("002", "Application"), "oauth2": ("003", "Token")}
OURS: Final = APPS | {"presets": ("018", "Preset"), "codecs": ("019", "Codec"), "users": ("001", "User")}
MODULES: Final = {
    "jobs": ("0050001", "0x0050005", "Job does not exist"),
    "templates": ("0050001", "0x0050005", "Template does not exist"),
    **{room: (f"0x{n}0001", f"0x{n}0002", f"{word} does not exist") for room, (n, word) in (KNOWN | OURS).items()},
}
GLOBAL, DENIED = "0x0000001", "0x0000003"
INPUT: Final = Complaint(400, "Invalid Input", "invalid", evidence="seed")
FAULTS: Final[dict[type[Fault], Complaint]] = {
    faults.Unauthorized: Complaint(403, "Invalid access token", DENIED, evidence="seed"),
    faults.Forbidden: Complaint(403, "Invalid access token", DENIED, evidence="inferred"),
    BadClient: Complaint(403, "Invalid client credentials", DENIED, evidence="proposed"),
    faults.UnknownAction: Complaint(404, "Not Found", GLOBAL, evidence="proposed"),
    faults.MethodNotAllowed: Complaint(405, "Method Not Allowed", GLOBAL, evidence="proposed"),
    faults.BadRequest: INPUT,
    faults.Conflict: Complaint(400, "Invalid Input", "invalid", evidence="proposed"),
    faults.WorkFault: Complaint(400, answer.FAILURE[1], "invalid", evidence="seed"),
    faults.NotFound: Complaint(404, "Job does not exist", "absent", evidence="seed"),
    Fault: Complaint(500, "Internal Error", GLOBAL, evidence="seed"),
}
"""Codes that hang on the module are words here: ``invalid`` and ``absent``."""
