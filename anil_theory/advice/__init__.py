"""From constants and an accuracy to settings: `advise`, and what its answer is made of."""

from anil_theory.advice.asking import KINDS as KINDS
from anil_theory.advice.asking import LEAST_ADAPTATION as LEAST_ADAPTATION
from anil_theory.advice.asking import advise as advise
from anil_theory.advice.settings import Advice as Advice
from anil_theory.advice.settings import PopulationSettings as PopulationSettings
from anil_theory.advice.settings import RecommendedSettings as RecommendedSettings
from anil_theory.advice.settings import Sensitivity as Sensitivity
from anil_theory.advice.settings import Share as Share
