/** How the tests start Chromium. Debian's own by default; CHROMIUM_BIN names another. */
export const CHROMIUM = {
  executablePath: process.env.CHROMIUM_BIN || "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
};
