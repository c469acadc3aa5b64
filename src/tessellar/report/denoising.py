"""x"""
from pathlib import Path


def write_denoising_report(folder: Path) -> None: pass
