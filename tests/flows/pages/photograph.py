"""Takes pictures of a running home's MLflow and Prefect pages with the system's Chromium: `photograph.py FOLDER`."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

sys.path.insert(0, str(Path(__file__).parent))
from addresses import Page, pages_of

WIDTH = 1200
_WAIT_MS = 60_000
_QUIET_MS = 800
_LOOK = """() => ({
  wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  text: document.body.innerText,
})"""
_STILL = """() => new Promise(done => {
  let timer = setTimeout(done, %d);
  const seen = new MutationObserver(() => { clearTimeout(timer); timer = setTimeout(done, %d); });
  seen.observe(document.body, { subtree: true, childList: true, characterData: true });
  setTimeout(done, 15000);
})"""

_NO_ASSISTANT = """localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true")"""
"""MLflow opens its assistant over a third of the page in a browser that is new to it, unless it thinks it did."""


@dataclass(frozen=True)
class Seen:
    """What a browser saw of one page."""

    page: Page
    picture: Path
    text: str
    wide_px: int
    """How far the page runs over the window's right edge."""
    errors: tuple[str, ...]
    """What the page itself wrote to the console as an error."""
    missing: tuple[str, ...]
    """Texts that should stand there and do not."""


@contextmanager
def browser() -> Iterator[Browser]:
    """Headless Chromium. It resolves no name, so that a page that asks elsewhere shows here too."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise FileNotFoundError("no chromium on the path: apt-get install chromium")
    rules = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", rules])
        try:
            yield opened
        finally:
            opened.close()


def look(chromium: Browser, page: Page, folder: Path) -> Seen:
    """Opens a page, waits for its texts and then until nothing changes any more, and takes its picture."""
    from playwright.sync_api import TimeoutError as Late

    # A context of its own: what one page opened or closed is not there on the next.
    context = chromium.new_context(viewport={"width": WIDTH, "height": page.height}, reduced_motion="reduce")
    context.add_init_script(_NO_ASSISTANT)
    tab = context.new_page()
    errors: list[str] = []
    tab.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    try:
        tab.goto(page.url, wait_until="load", timeout=_WAIT_MS)
        missing = []
        for text in page.texts:
            try:
                tab.get_by_text(text).first.wait_for(timeout=_WAIT_MS if not missing else 1_000)
            except Late:
                missing.append(text)
        if page.tab:
            tab.get_by_text(page.tab, exact=True).first.click()
        if page.search:
            tab.get_by_placeholder("Search metric charts").fill(page.search)
        tab.evaluate(_STILL % (_QUIET_MS, _QUIET_MS))
        picture = folder / f"{page.name}.png"
        tab.screenshot(path=str(picture))
        found = tab.evaluate(_LOOK)
        return Seen(page, picture, found["text"], int(found["wide"]), tuple(errors), tuple(missing))
    finally:
        context.close()


def photograph(pages: Sequence[Page], folder: Path) -> tuple[Seen, ...]:
    """Looks at every page in one browser."""
    folder.mkdir(parents=True, exist_ok=True)
    with browser() as chromium:
        return tuple(look(chromium, page, folder) for page in pages)


def shrink(picture: Path, *, colours: int = 128) -> None:
    """Makes a screenshot small enough for a repository: a palette instead of true colour."""
    from PIL import Image

    with Image.open(picture) as image:
        image.convert("RGB").quantize(colours, dither=Image.Dither.NONE).save(picture, optimize=True)


def main(arguments: Sequence[str]) -> int:
    """Photographs the home that `sluice status` knows. Exit 1 when a page lacks a text."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pipeline", default="support-triage")
    parser.add_argument("--only", default="", help="pages whose name begins so")
    asked = parser.parse_args(arguments)
    told = subprocess.run(
        [str(Path(sys.executable).parent / "sluice"), "status", "--json"], check=True, capture_output=True, text=True
    )
    urls = {service["name"]: service["url"] for service in json.loads(told.stdout)["services"]}
    pages = [
        page for page in pages_of(urls["mlflow"], urls["prefect"], asked.pipeline) if page.name.startswith(asked.only)
    ]
    failed = False
    for seen in photograph(pages, asked.folder):
        shrink(seen.picture)
        failed = failed or bool(seen.missing)
        size = seen.picture.stat().st_size // 1024
        wide = f", {seen.wide_px} px too wide" if seen.wide_px > 0 else ""
        missing = f", missing: {', '.join(seen.missing)}" if seen.missing else ""
        print(f"{seen.picture} {size} KB{wide}{missing}; {len(seen.errors)} console errors")
        for error in seen.errors[:3]:
            print(f"    {error[:200]}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
