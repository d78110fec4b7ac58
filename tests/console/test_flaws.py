"""What is wrong with a page is found where it is wrong only in one scheme, or at one width."""

from __future__ import annotations

from typing import Any, cast

from playwright.sync_api import Browser

from tests.console.window import Window

PAGE = """<!doctype html><html lang="en"><head><title>A page</title><style>
body { background: #fff; color: #000; }
@media (prefers-color-scheme: dark) { body { background: #000; color: #222; } }
.scroll { overflow: auto; } .scroll div { width: 300px; } .wide { width: 500px; } body > main > * { max-width: 200px; }
body > main > .wide { max-width: none; }
</style></head><body><main><h1>A page</h1><input><p class="wide">Words</p>
<div class="scroll" tabindex="0"><div>Words</div></div></main></body></html>"""


def test_a_flaw_of_one_scheme_or_of_one_width_is_found(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(PAGE)
    found = Window(cast(Any, None), page).flaws("page")
    page.close()

    def where(words: str) -> set[str]:
        return {" ".join(each.split(":")[0].split()[1:3]) for each in found if words in each}

    assert where("color-contrast") == {"360 dark", "1280 dark", "2560 dark"}
    assert where("label: <input>") == {"360 light", "1280 dark", "2560 light"}
    assert where("is wider than its window") == {"360 light", "360 dark"}
    assert where("scrolled sideways") == {"360 light", "360 dark"}
