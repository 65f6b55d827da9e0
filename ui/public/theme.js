// Runs before the first paint, so that a remembered theme does not flash. The content security policy allows no inline script.
(function () {
  try {
    var theme = localStorage.getItem("pitcrew.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage may be forbidden; the system's preference holds then.
  }
})();
