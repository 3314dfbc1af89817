#!/usr/bin/python3
"""The page of `serve` in a real browser: `run` follows a log that grows while it is open.

MAILWARDEN_PICTURES=FOLDER keeps pictures of all views, wide and narrow, light and dark.
"""

import base64
import json
import os
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import browser  # noqa: E402
import support  # noqa: E402
from support import Case, lines_read, mailwarden, wait_until  # noqa: E402

if not browser.missing():
    from selenium.webdriver import ActionChains, Keys
    from selenium.webdriver.common.by import By

TOKEN = "4f1c9a7be25d40c8a1f3"
# Runs, and marks the window, wherever it is taken for markup.
SCRIPT = "<img src=x onerror=\"window.owned=1\"><script>window.owned=1;alert(1)</script>"
HELO_TAG = "<script>window.owned=1</script>"
HELO_QUOTES = "x'onmouseover='window.owned=1"
VIEWS = ("#/", "#/trace?q=joe%40", "#/live")
PICTURES = os.environ.get("MAILWARDEN_PICTURES")


def stamp(at=None):
    return time.strftime("%b %e %H:%M:%S", time.gmtime(at))


def delivered(number, at=None):
    return (f"{stamp(at)} mx1 postfix/smtp[79]: 4bXkWz{number:06d}f: to=<joe@hotmail.com>, "
            "relay=hotmail-com.olc.protection.outlook.com[203.0.113.10]:25, delay=1.4, "
            "delays=0.1/0/0.7/0.6, dsn=2.6.0, status=sent (250 2.6.0 Queued mail)\n")


def blocked(number, words=""):
    return (f"{stamp()} mx1 postfix/smtp[79]: 4bXkWz{number:06d}f: to=<joe@hotmail.com>, "
            "relay=hotmail-com.olc.protection.outlook.com[203.0.113.10]:25, delay=1.4, "
            "delays=0.1/0/0.7/0.6, dsn=5.7.1, status=bounced (host hotmail-com.olc.protection."
            f"outlook.com[203.0.113.10] said: 550 5.7.1 {words} Unfortunately, messages from "
            "[192.0.2.25] weren't sent. Please contact your Internet service provider since "
            "part of their network is on our block list (S3140). (in reply to MAIL FROM "
            "command))\n")


def refused(helo):
    return (f"{stamp()} mx1 postfix/smtpd[2417]: NOQUEUE: reject: RCPT from "
            "unknown[192.0.2.66]: 554 5.7.1 <bob@example.com>: Relay access denied; "
            f"from=<a@example.net> to=<bob@example.com> proto=ESMTP helo=<{helo}>\n")


class Page(Case):
    @classmethod
    def setUpClass(cls):
        cls.driver = browser.browser()
        cls.addClassCleanup(cls.driver.quit)

    def setUp(self):
        super().setUp()
        self.port = browser.free_port()
        token = self.folder / "web.token"
        token.touch(0o600)
        token.write_text(TOKEN + "\n")
        self.config = self.folder / "mailwarden.yaml"
        self.config.write_text(
            f"state: {self.state}\nsources:\n  - file: {self.log}\n"
            f"web: {{ listen: \"127.0.0.1:{self.port}\", token_file: {token} }}\n")
        now = time.time()
        # Two days of deliveries; the last are not newer than what the tests add.
        self.log.write_text("".join(delivered(i, now - (120 - i) * 1500) for i in range(120)))
        self.written = 120
        self.watch = self.daemon("--no-notifier", "--no-ingest", "--config", self.config)
        self.watch.until(lambda: lines_read(self.state) == 120, "reads the log")
        self.serve()
        browser.window(self.driver, 1280, 900)
        self.driver.get_log("browser")

    def tearDown(self):
        self.driver.get("about:blank")  # the stream ends before the server does
        super().tearDown()

    def serve(self):
        self.server = browser.Server(self.config, self.port)
        self.addCleanup(self.server.kill)

    def grow(self, *lines):
        with open(self.log, "ab") as out:
            out.write("".join(lines).encode())
        self.written += len(lines)

    # --- the page ---

    def open(self, where="#/"):
        self.driver.get("about:blank")
        self.driver.get(f"{self.server.base}/{where}")
        self.wait(lambda: self.one("#link-state").get_attribute("data-state") == "open",
                  "the stream is connected")
        self.script("window.sameOne = true")

    def script(self, text, *values):
        return self.driver.execute_script(text, *values)

    def one(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return " ".join(e.text for e in self.all(selector))

    def wait(self, condition, what):
        return wait_until(browser.settled(condition), what)

    def wait_text(self, selector, words):
        self.wait(lambda: words in self.text(selector), f"{selector} says {words!r}")

    def press(self, *keys):
        ActionChains(self.driver).send_keys(*keys).perform()

    def focused(self):
        return self.driver.switch_to.active_element

    def drawn(self):
        """All panels show the same span and none is still asked for."""
        self.wait(lambda: len(self.all(".panel[data-from]")) == 6 and
                  not self.all("#panels[aria-busy]"), "the lines are there")
        spans = {(p.get_attribute("data-from"), p.get_attribute("data-until"))
                 for p in self.all(".panel")}
        self.assertEqual(len(spans), 1)
        return tuple(map(int, spans.pop()))

    def wait_span(self, condition, what):
        def there():
            span = self.drawn()
            return span if condition(*span) else None
        return self.wait(there, what)

    def assert_untouched(self):
        """Nothing was reloaded, run, blocked or asked of anybody else."""
        self.assertTrue(self.script("return window.sameOne === true"), "it was reloaded")
        self.assert_not_owned()
        names = self.script("return performance.getEntriesByType('resource').map(e => e.name)")
        self.assertGreater(len(names), 5)
        for name in names:
            self.assertTrue(name.startswith(self.server.base + "/"), name)
        said = [entry["message"] for entry in self.driver.get_log("browser")
                if entry["level"] == "SEVERE"]
        self.assertEqual(said, [])

    def assert_not_owned(self):
        self.assertIsNone(self.script("return window.owned ?? null"))
        self.assertEqual(self.script("return document.querySelectorAll("
                                     "'main img, main script, main svg[onload]').length"), 0)

    def incident(self):
        """Makes one happen; its id once the page shows it."""
        self.grow(blocked(self.written))
        row = self.wait(lambda: self.all("#open-list li.incident"), "the incident is shown")
        return row[0].get_attribute("data-incident")

    # --- tests ---

    def test_loads(self):
        self.open()
        self.wait(lambda: self.one("#health").get_attribute("data-verdict") != "", "health")
        self.wait_text("#open-list", "No trouble is open.")
        self.assertIn("mailwarden", self.driver.title)
        self.drawn()
        self.assertTrue(self.all(".panel[data-what=volume] canvas"))
        self.assertIn("delivered", self.text(".panel[data-what=volume] .keys"))
        for view in VIEWS:
            self.script("location.hash = arguments[0]", view)
            self.wait(lambda: self.all(".view:not([hidden])"), "a view is shown")
        self.assert_untouched()

    def test_incident_happens(self):
        self.open()
        self.wait_text("#open-list", "No trouble is open.")
        self.incident()
        self.wait_text("#open-list", "critical")
        self.assertIn("block list", self.text("#open-list"))
        self.wait(lambda: "New: critical" in self.one("#announce").get_attribute("textContent"),
                  "it is read aloud")
        self.wait(lambda: self.driver.title.startswith("(1) "), "the title counts it")
        self.wait(lambda: self.one("#health").get_attribute("data-verdict") == "critical",
                  "health follows")
        # The list may be made anew at this moment.
        self.wait(lambda: self.one("#open-list h3 a").click() is None, "a click on it")
        self.wait_text("#incident", "What to do")
        self.assertIn("our block list (S3140)", self.text(".evidence"))
        self.assertIn("Opened", self.text(".timeline"))
        opened = self.one(".timeline time")
        hour = int(opened.get_attribute("datetime")[11:13])
        self.assertIn(f" {hour:02d}:", opened.get_attribute("title"))
        self.assertTrue(opened.get_attribute("title").endswith(" UTC"))
        self.assertIn(f"{(hour + browser.ZONE_HOURS) % 24:02d}:", opened.text)
        self.assertEqual(self.focused().tag_name, "h1")
        self.assert_untouched()

    def acknowledge(self, token):
        self.one("#ack-token").clear()
        self.one("#ack-token").send_keys(token)
        self.one("#ack-who").clear()
        self.one("#ack-who").send_keys("ann")
        self.one("#ack-note").clear()
        self.one("#ack-note").send_keys("asked for delisting", Keys.ENTER)

    def acknowledged(self):
        done = mailwarden("incidents", "--json", "--state", self.state)
        return json.loads(done.stdout.splitlines()[0]).get("acknowledged")

    def test_acknowledge(self):
        self.open()
        self.incident()
        self.one("#open-list .ack").click()
        self.wait(lambda: self.one("#ack").is_displayed(), "the dialog")
        self.acknowledge("not-the-token")
        self.wait_text("#ack-wrong", "Refused")
        self.assertIsNone(self.acknowledged())
        self.acknowledge(TOKEN)
        self.wait_text("#open-list", "Acknowledged by ann")
        self.assertFalse(self.one("#ack").is_displayed())
        self.assertEqual(self.acknowledged()["note"], "asked for delisting")
        self.assertEqual(self.all("#open-list .ack"), [])
        kept = self.script("return JSON.stringify(Object.entries(localStorage))")
        self.assertEqual(kept, "[]")

    def test_no_scripts_of_strangers(self):
        self.open("#/live")
        # A HELO that looks like the end of its field leaves a line that is told in part.
        self.grow(refused(HELO_TAG), refused(HELO_QUOTES), blocked(self.written, SCRIPT))
        self.wait_text("#tail", "onerror=")
        self.wait_text("#tail", HELO_QUOTES)
        self.wait(lambda: self.text("#tail-rows").count("192.0.2.66") == 2, "both are told")
        self.assertIn(SCRIPT, self.one("#tail").get_attribute("textContent"))
        self.assert_not_owned()
        self.script("location.hash = '#/'")
        self.wait(lambda: self.all("#open-list li.incident"), "the incident is shown")
        self.one("#open-list h3 a").click()
        self.wait_text(".evidence", SCRIPT)
        self.assert_not_owned()
        self.script("location.hash = '#/trace?q=joe%40hotmail.com'")
        self.wait_text("#trace-found", "onerror=")
        self.script("location.hash = '#/trace?q=' + encodeURIComponent(arguments[0])", SCRIPT)
        self.wait_text("#trace-said", "<script>")
        self.assert_untouched()

    def test_range_and_zoom(self):
        self.open()
        start, end = self.drawn()
        self.assertAlmostEqual(end - start, 7 * 86400, delta=3600)
        self.one("[data-range='30d']").click()
        start, end = self.wait_span(lambda a, b: b - a > 29 * 86400, "30 days")
        plot = self.one(".panel[data-what=volume] .u-over")
        width = plot.size["width"]
        self.script("arguments[0].scrollIntoView({block: 'center'})", plot)
        drag = ActionChains(self.driver, duration=50)
        drag.move_to_element_with_offset(plot, int(width * 0.36), 0).click_and_hold()
        drag.move_by_offset(width // 20, 0).move_by_offset(width // 20, 0).release().perform()
        near, far = self.wait_span(lambda a, b: b - a < 6 * 86400, "zoomed in")
        self.assertGreater(near, start + 24 * 86400)
        self.assertLessEqual(far, end)
        self.assertTrue(self.one("#range-reset").is_enabled())
        plot = self.one(".panel[data-what=volume] .u-over")
        ActionChains(self.driver).double_click(plot).perform()
        self.wait_span(lambda a, b: (a, b) == (start, end), "back to 30 days")
        self.one("#range-in").click()
        self.wait_span(lambda a, b: b - a < 16 * 86400, "zoomed by the button")
        self.one("[data-range='1y']").click()
        self.wait_span(lambda a, b: b - a >= 364 * 86400, "a year")
        self.assertIn("range=1y", self.driver.current_url)

    def test_dates(self):
        self.open()
        self.drawn()
        self.one("#range-dates").click()
        self.script("document.getElementById('range-from').value = arguments[0];"
                    "document.getElementById('range-until').value = arguments[1]",
                    "2026-02-03", "2026-02-02")
        self.one("#range-form button[type=submit]").click()
        self.wait_text("#range-wrong", "before")
        self.script("document.getElementById('range-until').value = '2026-02-05'")
        self.one("#range-form button[type=submit]").click()
        start, end = self.wait_span(lambda a, b: b - a == 3 * 86400, "three days")
        self.assertEqual(self.script("return new Date(arguments[0] * 1000).getDate()", start), 3)
        self.driver.refresh()
        self.wait_span(lambda a, b: (a, b) == (start, end), "the address keeps them")

    def test_table(self):
        self.open()
        self.drawn()
        panel = ".panel[data-what=volume]"
        before = self.text(f"{panel} .key")
        self.one(f"{panel} .panel-foot button").click()
        rows = self.all(f"{panel} tbody tr")
        self.assertGreater(len(rows), 24)
        column = [h.text for h in self.all(f"{panel} thead th")].index("delivered")
        total = self.script(
            "return [...arguments[0].querySelectorAll('tbody tr')].reduce((n, tr) => n + "
            "Number(tr.cells[arguments[1]].textContent.replace(/\\D/g, '')), 0)",
            self.one(panel), column)
        self.assertEqual(total, 120)
        self.assertIn("120", before)

    def test_live(self):
        self.open("#/live")
        self.grow(delivered(900001))
        self.wait_text("#tail-rows", "joe@hotmail.com")
        self.one("#tail-pause").click()
        self.grow(delivered(900002))
        self.wait_text("#tail-said", "1 new event waits")
        self.assertNotIn("4bXkWz900002f", self.text("#tail-rows"))
        self.one("#tail-pause").click()
        self.wait_text("#tail-rows", "4bXkWz900002f")
        self.grow(refused("client.example.net"))
        self.wait_text("#tail-rows", "client.example.net")
        self.script("const s = document.getElementById('tail-kind'); s.value = 'reject';"
                    "s.dispatchEvent(new Event('change'))")
        self.assertEqual(len(self.all("#tail-rows tr")), 1)
        self.one("#tail-text").send_keys("nothing like it")
        self.wait_text("#tail-said", "No event matches.")
        many = 400
        self.script("const s = document.getElementById('tail-kind'); s.value = '';"
                    "s.dispatchEvent(new Event('change'))")
        self.one("#tail-text").clear()
        self.grow(*(delivered(910000 + i) for i in range(many)))
        self.wait_text("#tail-rows tr:first-child", f"4bXkWz{910000 + many - 1}f")
        self.assertLessEqual(len(self.all("#tail-rows tr")), 300)

    def test_lost_connection(self):
        self.open()
        self.server.stop()
        self.wait_text("#link-state", "lost")
        self.grow(blocked(self.written))
        self.watch.until(lambda: lines_read(self.state) == self.written, "reads the log")
        self.serve()
        self.wait_text("#link-state", "Connected")
        self.wait_text("#open-list", "block list")
        self.assertTrue(self.script("return window.sameOne === true"))

    def test_keyboard(self):
        self.open()
        self.incident()
        self.drawn()
        self.press(Keys.TAB)
        self.assertEqual(self.focused().get_attribute("id"), "skip")
        self.press(Keys.ENTER)
        self.assertEqual(self.focused().get_attribute("id"), "main")
        wanted = ("#open-list h3 a", "#open-list .ack", "[data-range='1y']", "#range-in",
                  ".panel[data-what=logins] .panel-foot button")
        seen, reached = [], set()
        for _ in range(120):
            self.press(Keys.TAB)
            element = self.focused()
            if element.tag_name == "body" or element in seen:
                break
            seen.append(element)
            # Now: lists are made anew meanwhile, their elements are others then.
            reached.update(selector for selector in wanted if self.script(
                "return arguments[0].matches(arguments[1])", element, selector))
            self.assertNotEqual(self.script(
                "return getComputedStyle(arguments[0]).outlineStyle", element), "none",
                element.get_attribute("outerHTML")[:200])
        self.assertEqual(reached, set(wanted))
        self.script("document.querySelector('#open-list .ack').focus()")
        self.press(Keys.ENTER)
        self.wait(lambda: self.focused().get_attribute("id") == "ack-token", "asks for the token")
        self.press(Keys.ESCAPE)
        self.wait(lambda: "ack" in (self.focused().get_attribute("class") or "").split(),
                  "the focus is back")
        self.script("document.querySelector('nav [data-view=trace]').focus()")
        self.press(Keys.ENTER)
        self.wait(lambda: self.focused().text == "Find a message", "the view has the focus")

    def look(self, name, width, scheme):
        self.assertLessEqual(self.script("return document.documentElement.scrollWidth"), width,
                             f"{name} is wider than {width}")
        if PICTURES:
            height = self.script("return document.documentElement.scrollHeight")
            picture = self.driver.execute_cdp_cmd("Page.captureScreenshot", {
                "captureBeyondViewport": True,
                "clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}})
            pathlib.Path(PICTURES, f"{name}-{width}-{scheme}.png").write_bytes(
                base64.b64decode(picture["data"]))

    def find_faults(self, name):
        if not browser.AXE.exists():
            return
        if not self.script("return 'axe' in window"):
            self.script(browser.AXE.read_text())
        found = self.driver.execute_async_script(
            "const done = arguments[0]; axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa',"
            "'best-practice'] }).then((r) => done(r.violations.map((v) => v.id + ': ' +"
            "v.nodes.map((n) => n.target + ' ' + n.failureSummary).join('; '))))")
        self.assertEqual(found, [], name)

    def test_looks(self):
        self.open()
        which = self.incident()
        views = {"overview": "#/", "incident": f"#/incident/{which}",
                 "trace": "#/trace?q=joe%40hotmail.com", "live": "#/live"}
        for width in (1280, 390):
            for scheme in ("light", "dark"):
                browser.window(self.driver, width, 844, scheme)
                for name, where in views.items():
                    self.open(where)
                    self.wait(lambda: self.one("#health").get_attribute("data-open") == "1",
                              "health")
                    if name == "overview":
                        self.drawn()
                    self.wait(lambda n=name: n not in ("incident", "trace") or
                              self.all(f"#view-{n} h2"), "content")
                    with self.subTest(name=name, width=width, scheme=scheme):
                        self.look(name, width, scheme)
                        self.find_faults(name)


if __name__ == "__main__":
    why = browser.missing()
    if why:
        print(f"skipped: {why}")
        sys.exit(77)
    unittest.main(verbosity=2)
