"""What is wrong with a page is found where it is wrong only in one scheme, at one width or size, or on paper."""

from __future__ import annotations

from typing import Any, cast

from playwright.sync_api import Browser

from tests.console.window import Window

PAGE = """<!doctype html><html lang="en"><head><title>A page</title><style>
body { background: #fff; color: #000; }
@media (prefers-color-scheme: dark) { body { background: #000; color: #222; } }
.scroll { overflow: auto; } .scroll div { width: 300px; } .wide { width: 500px; } body > main > * { max-width: 200px; }
body > main > .wide { max-width: none; }
@media (width: 640px) { body > main > .wide { width: 700px; } }
@media (width: 1280px) { body > main > .wide { width: 50rem; } }
@media print { body > main > .wide { width: 700px; } pre { height: 1em; overflow: hidden; } }
</style></head><body><main><h1>A page</h1><input><p class="wide">Words</p>
<div class="scroll" tabindex="0"><div>Words</div></div>
<button>Do</button>
<ul class="tree"><li><details><summary>Items</summary><b class="value">One</b></details></li></ul>
<pre>Words<br>Words</pre></main></body></html>"""


def test_a_flaw_of_one_scheme_or_of_one_width_is_found(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(PAGE)
    found = Window(cast(Any, None), page).flaws("page")
    page.close()

    def where(words: str) -> set[str]:
        return {" ".join(each.split(":")[0].split()[1:3]) for each in found if words in each}

    assert where("color-contrast") == {"320 dark", "1280 dark", "2560 dark"}
    assert where("label: <input") == {"320 light", "1280 dark", "2560 light"}
    pressed = {"640 zoomed", "1280 enlarged", "680 printed"}
    assert where("is wider than its window") == {"320 light", "320 dark"} | pressed
    assert where("scrolled sideways") == {"320 light", "320 dark"} | pressed
    assert where("has what is clicked: <button>") == {"680 printed"}
    assert where("is cut off: <pre>") == {"680 printed"}
    assert where("is left out: <b") == {"680 printed"}
