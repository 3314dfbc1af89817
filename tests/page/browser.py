"""Chromium for the page's tests, and `mailwarden serve` as they need it."""

import os
import pathlib
import shutil
import socket
import sys
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support  # noqa: E402
from support import BUILD, PROGRAM, Daemon  # noqa: E402

try:
    from selenium import webdriver
    from selenium.common.exceptions import StaleElementReferenceException
    from selenium.webdriver.chrome.service import Service
except ImportError:
    webdriver = None

PAGE = BUILD / "web" / "page"
AXE = BUILD / "web" / "page_build" / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
ZONE = "Asia/Tokyo"
ZONE_HOURS = 9


def missing():
    """Why nothing can be tested; empty: it can."""
    if webdriver is None:
        return "no python3-selenium"
    if CHROMIUM is None or DRIVER is None:
        return "no chromium and chromedriver (Debian: chromium, chromium-driver)"
    if not (PAGE / "index.html").exists():
        return "built without the page: no npm, or no network at the build"
    return ""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server(Daemon):
    """`mailwarden serve` on loopback."""

    program = (PROGRAM, "serve")

    def __init__(self, config, port):
        super().__init__("--config", config)
        self.base = f"http://127.0.0.1:{port}"
        self.until(self.answers, "serve answers")

    def answers(self):
        try:
            with urllib.request.urlopen(f"{self.base}/api/v1/health", timeout=10) as reply:
                return reply.status == 200
        except OSError:
            return False


def browser():
    """One that reaches nothing but loopback and says so when a page asks for more."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for word in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage",
                 "--hide-scrollbars", "--no-first-run", "--disable-background-networking",
                 "--disable-component-update", "--force-prefers-reduced-motion", "--lang=en",
                 "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"):
        options.add_argument(word)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # chromium's own does not start as root
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # Some networks' proxies stand in the environment: loopback must not go there.
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        os.environ.pop(name, None)
        os.environ.pop(name.upper(), None)
    # Not the logs' zone: what is shown must be told apart.
    service = Service(DRIVER, env={**os.environ, "TZ": ZONE})
    driver = webdriver.Chrome(service=service, options=options)
    driver.set_page_load_timeout(support.PATIENCE_S)
    driver.set_script_timeout(support.PATIENCE_S)
    return driver


def window(driver, width, height, scheme="light"):
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
        "features": [{"name": "prefers-color-scheme", "value": scheme}]})


def settled(condition):
    """The condition, false while the page puts new elements in the place of old ones."""
    def ask():
        try:
            return condition()
        except StaleElementReferenceException:
            return False
    return ask
