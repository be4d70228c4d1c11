"""Make-believe: the whole life of a job on a clock, without touching media."""

from mediaglot.gateway.backends.sim.craft import SPEED, SimulatedCraft
from mediaglot.gateway.backends.sim.pace import Immediate, Manual, Pace, Timed, pace_of

__all__ = ["SPEED", "Immediate", "Manual", "Pace", "SimulatedCraft", "Timed", "pace_of"]
