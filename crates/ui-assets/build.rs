//! Says loudly when the web UI was not built. Cargo never runs npm: `npm run build` in `ui/` does, before this crate is compiled.
#![expect(clippy::disallowed_methods, reason = "cargo talks to a build script through its environment")]

use std::path::Path;

/// Where Vite writes the built UI, relative to this crate. The derive in `src/lib.rs` names the same folder.
const DIST: &str = "../../ui/dist";

fn main() -> Result<(), String> {
    println!("cargo::rerun-if-changed={DIST}");
    println!("cargo::rerun-if-env-changed=REQUIRE_UI");
    if Path::new(DIST).join("index.html").is_file() {
        return Ok(());
    }
    let required = std::env::var_os("REQUIRE_UI").is_some_and(|value| value == "1");
    if required {
        // An empty folder embeds silently, so a packaged binary could go out without its UI. This stops it.
        return Err(
            "REQUIRE_UI=1 and ui/dist/index.html is missing: run `npm ci && npm run build` in ui/ first".to_owned()
        );
    }
    println!(
        "cargo::warning=ui/dist is missing: a placeholder page is served instead of the web UI (build it with `npm ci && npm run build` in ui/)"
    );
    Ok(())
}
