"""What is imported when."""

import subprocess
import sys

HEAVY = ("numpy", "pandas", "scipy", "sklearn", "skops", "cloudpickle", "yaml", "xgboost", "lightgbm", "onnx", "apsw")


def test_no_package_of_machine_learning_is_imported_before_a_model_of_it_is_used():
    code = (
        "import sys, modelkeep.sklearn, modelkeep.pyfunc, modelkeep.models, modelkeep.xgboost, modelkeep.lightgbm, modelkeep.onnx\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "[]"
