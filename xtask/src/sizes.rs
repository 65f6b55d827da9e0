//! Small files, a small kernel, no large blobs.

use crate::finding::Finding;
use crate::rust::Source;
use crate::tree::File;

const RULE: &str = "size";

/// Lines a shipped Rust file may have.
const FILE_LINES_MAX: usize = 500;
/// Lines a test file may have.
const TEST_LINES_MAX: usize = 1_500;
/// Shipped lines of `kernel` and `contracts` together, tests aside: everything rebuilds after them. An event for every change that the audit
/// log must hold took it past 3,000.
const BASE_LINES_MAX: usize = 3_500;
/// Bytes of any file in the repository.
const FILE_BYTES_MAX: u64 = 1_000_000;
/// Lines of the documents that must stay readable in one sitting.
const DOCUMENT_LINES_MAX: &[(&str, usize)] = &[("ARCHITECTURE.md", 300), ("CONTRIBUTING.md", 60)];

/// Checks the size of every file.
pub(crate) fn check(files: &[File], sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        if file.bytes > FILE_BYTES_MAX {
            findings.push(Finding::new(
                &file.path,
                1,
                RULE,
                format!("{} bytes: files over {FILE_BYTES_MAX} do not belong in the repository", file.bytes),
            ));
        }
        for (name, limit) in DOCUMENT_LINES_MAX {
            let lines = file.text.as_deref().map_or(0, |text| text.lines().count());
            if file.path == *name && lines > *limit {
                findings.push(Finding::new(&file.path, *limit, RULE, format!("{lines} lines: keep it to {limit}")));
            }
        }
    }
    for source in sources {
        let limit = if source.is_test_file() { TEST_LINES_MAX } else { FILE_LINES_MAX };
        if source.lines > limit {
            findings.push(Finding::new(
                &source.path,
                limit,
                RULE,
                format!("{} lines: split it by idea, {limit} at most", source.lines),
            ));
        }
    }
    let base: usize = sources.iter().filter(|source| is_base(&source.path)).map(Source::shipped_lines).sum();
    if base > BASE_LINES_MAX {
        findings.push(Finding::new("crates/kernel", 1, RULE, format!("kernel and contracts have {base} lines together, {BASE_LINES_MAX} at most: everything rebuilds after them")));
    }
    findings
}

fn is_base(path: &str) -> bool {
    path.starts_with("crates/kernel/src/") || path.starts_with("crates/contracts/src/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, lines: usize) -> usize {
        let files = [File::sample(path, &"//\n".repeat(lines))];
        let sources: Vec<Source> = files.iter().filter_map(Source::of).collect();
        check(&files, &sources).len()
    }

    #[test]
    fn limits_are_inclusive() {
        assert_eq!(found("crates/db/src/a.rs", 500), 0);
        assert_eq!(found("crates/db/src/a.rs", 501), 1);
        assert_eq!(found("crates/db/tests/it/a.rs", 1_500), 0);
        assert_eq!(found("crates/db/tests/it/a.rs", 1_501), 1);
        assert_eq!(found("CONTRIBUTING.md", 61), 1);
        assert_eq!(found("docs/CONTRIBUTING.md", 61), 0);
    }

    #[test]
    fn the_base_stays_small() {
        let files: Vec<File> =
            (0..8).map(|n| File::sample(&format!("crates/kernel/src/{n}.rs"), &"//\n".repeat(450))).collect();
        let sources: Vec<Source> = files.iter().filter_map(Source::of).collect();
        assert_eq!(check(&files, &sources).len(), 1);
    }

    #[test]
    fn large_files_are_found() {
        assert_eq!(found("docs/picture.svg", 400_000), 1);
    }
}
