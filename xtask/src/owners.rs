//! Calls that only one place may make: the clock, ids, randomness, the environment, tasks without an owner; and who may speak HTTP.

use crate::finding::Finding;
use crate::layers::SLICES;
use crate::rust::Source;

const CALLS: &str = "owner";
const HTTP: &str = "http";

/// A call, where it may stand (path beginnings), and what others use instead.
struct Owned {
    call: &'static [&'static str],
    owners: &'static [&'static str],
    instead: &'static str,
}

const OWNED: &[Owned] = &[
    Owned { call: &["SystemTime", "now"], owners: &["crates/work/src/clock.rs"], instead: "take a `Clock` and ask it" },
    Owned { call: &["Utc", "now"], owners: &["crates/work/src/clock.rs"], instead: "take a `Clock` and ask it" },
    Owned { call: &["Local", "now"], owners: &[], instead: "take a `Clock`; times are UTC" },
    Owned {
        call: &["Instant", "now"],
        owners: &["crates/work/src/clock.rs", "crates/app/src/server/telemetry.rs"],
        instead: "take a `Clock` and ask it",
    },
    Owned {
        call: &["Uuid", "new_"],
        owners: &["crates/kernel/src/ids.rs"],
        instead: "take `Ids` and ask for the next one",
    },
    Owned {
        call: &["Uuid", "now_"],
        owners: &["crates/kernel/src/ids.rs"],
        instead: "take `Ids` and ask for the next one",
    },
    Owned {
        call: &["rand", "random"],
        owners: &["crates/kernel/src/ids.rs"],
        instead: "take `Ids` or a seeded generator",
    },
    Owned {
        call: &["rand", "rng"],
        owners: &["crates/kernel/src/ids.rs"],
        instead: "take `Ids` or a seeded generator",
    },
    Owned { call: &["rand", "thread_rng"], owners: &[], instead: "take `Ids` or a seeded generator" },
    Owned {
        call: &["tokio", "spawn"],
        owners: &["crates/work/src/"],
        instead: "give the task an owner that waits for it at shutdown",
    },
    Owned {
        call: &["env", "var"],
        owners: &["crates/app/src/"],
        instead: "read it once in `app` and pass the value down",
    },
    Owned {
        call: &["env", "vars"],
        owners: &["crates/app/src/"],
        instead: "read it once in `app` and pass the value down",
    },
    Owned {
        call: &["env", "var_os"],
        owners: &["crates/app/src/"],
        instead: "read it once in `app` and pass the value down",
    },
];

/// Crates that are doors: all of their files may speak HTTP.
const DOORS: &[&str] = &["web", "app", "demo", "testkit", "compat-mlflow", "compat-otel", "compat-oip"];

/// Checks the owned calls and the HTTP border in one file.
pub(crate) fn check(source: &Source) -> Vec<Finding> {
    // The chores and build scripts live in cargo's environment, benches measure; they are no part of the product.
    if source.crate_name() == "xtask" || source.path.ends_with("/build.rs") || source.path.contains("/benches/") {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for owned in OWNED {
        if owned.owners.iter().any(|owner| source.path.starts_with(owner)) {
            continue;
        }
        for line in source.lines_with_path(owned.call) {
            findings.push(Finding::new(
                &source.path,
                line,
                CALLS,
                format!("`{}`: {}", owned.call.join("::"), owned.instead),
            ));
        }
    }
    findings.extend(http_outside_doors(source));
    findings
}

fn http_outside_doors(source: &Source) -> Vec<Finding> {
    let name = source.crate_name();
    let is_routes = source.path.ends_with("/routes.rs") || source.path.contains("/routes/");
    if DOORS.contains(&name) || (SLICES.contains(&name) && is_routes) {
        return Vec::new();
    }
    let mut lines: Vec<(usize, &str)> = Vec::new();
    for foreign in ["axum", "tower_http", "utoipa"] {
        lines.extend(
            source.shipped().filter(|(_, token)| token.is_word(foreign)).map(|(_, token)| (token.line, foreign)),
        );
    }
    lines.dedup();
    lines
        .into_iter()
        .map(|(line, foreign)| {
            Finding::new(
                &source.path,
                line,
                HTTP,
                format!("`{foreign}` outside `routes.rs`: only the doors know HTTP; move it there"),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::File;

    fn found(path: &str, text: &str) -> Vec<String> {
        let source = Source::of(&File::sample(path, text)).expect("a Rust file");
        check(&source).into_iter().map(|finding| finding.to_string()).collect()
    }

    #[test]
    fn the_clock_has_one_owner() {
        let text = "fn a() { std::time::SystemTime::now(); }";
        assert_eq!(
            found("crates/db/src/a.rs", text),
            ["crates/db/src/a.rs:1: owner: `SystemTime::now`: take a `Clock` and ask it"]
        );
        assert!(found("crates/work/src/clock.rs", text).is_empty());
        assert!(found("crates/db/src/a.rs", "// SystemTime::now() is forbidden here\n").is_empty());
    }

    #[test]
    fn tasks_have_owners() {
        assert_eq!(found("crates/serving/src/a.rs", "fn a() { tokio::spawn(b()); }").len(), 1);
        assert!(found("crates/serving/src/a.rs", "fn a() { tasks.spawn(b()); }").is_empty());
    }

    #[test]
    fn http_stays_in_routes() {
        let text = "use axum::Router;";
        assert_eq!(found("crates/registry/src/service.rs", text).len(), 1);
        assert!(found("crates/registry/src/routes.rs", text).is_empty());
        assert!(found("crates/registry/src/routes/models.rs", text).is_empty());
        assert!(found("crates/compat-oip/src/infer.rs", text).is_empty());
        assert_eq!(found("crates/db/src/routes.rs", text).len(), 1);
    }
}
