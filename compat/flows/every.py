"""All steps, in the order of the matrix."""

from compat.flows import artifacts, logged_models, models, promotions, prompts, runs, searches, versions
from compat.flows.steps import Step

_MODULES = (models, versions, promotions, searches, runs, artifacts, logged_models, prompts)

STEPS = tuple(step for module in _MODULES for step in vars(module).values() if isinstance(step, Step))
