"""A faithful Message Batches API on this machine; it speaks the wire and imports none of the other rooms."""

from nightsort.simulator.billing import BatchBill, Bill
from nightsort.simulator.control import Usage
from nightsort.simulator.faults import Fault
from nightsort.simulator.mistakes import Mistakes, Truths
from nightsort.simulator.options import SimulatorOptions
from nightsort.simulator.simulator import Simulator, run

__all__ = ["BatchBill", "Bill", "Fault", "Mistakes", "Simulator", "SimulatorOptions", "Truths", "Usage", "run"]
