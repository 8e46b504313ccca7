"""Where models lie: those of the package, and those of runs. Needs no torch."""

from pathlib import Path

SHIPPED = Path(__file__).parent.parent / "weights"


def find_model(model: str | Path) -> Path:
    """The folder with the four files: a shipped model's, a run's, or a stage's of a run. FileNotFoundError of none."""
    candidates = [SHIPPED / str(model), Path(model) / "export", Path(model) / "model" / "export", Path(model)]
    for folder in candidates:
        if (folder / "config.json").is_file() and (folder / "dit.safetensors").is_file():
            return folder
    shipped = sorted(p.parent.name for p in SHIPPED.glob("*/config.json"))
    raise FileNotFoundError(f"no model {str(model)!r}. Shipped: {', '.join(shipped) or 'none'}; or give a run's folder.")
