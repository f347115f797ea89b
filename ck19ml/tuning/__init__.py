"""The only package that imports optuna: studies with an exact budget of trials."""

from ck19ml.tuning.sampling import STARTUP_TRIALS as STARTUP_TRIALS
from ck19ml.tuning.sampling import WARMUP_EPOCHS as WARMUP_EPOCHS
from ck19ml.tuning.sampling import applies as applies
from ck19ml.tuning.storage import has_password as has_password
from ck19ml.tuning.storage import lost_in_one_line as lost_in_one_line
from ck19ml.tuning.storage import require_answer as require_answer
from ck19ml.tuning.storage import require_storage as require_storage
from ck19ml.tuning.storage import shown as shown
from ck19ml.tuning.study import Study as Study
from ck19ml.tuning.study import open_study as open_study
from ck19ml.tuning.types import Ended as Ended
from ck19ml.tuning.types import Notes as Notes
from ck19ml.tuning.types import Objective as Objective
from ck19ml.tuning.types import Parameters as Parameters
from ck19ml.tuning.types import Report as Report
from ck19ml.tuning.types import Space as Space
from ck19ml.tuning.types import Trial as Trial
from ck19ml.tuning.types import Watcher as Watcher
from ck19ml.tuning.types import When as When
