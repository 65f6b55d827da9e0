//! The pins of a requirements file: an environment must be the same whenever it is built.

use pitcrew_kernel::{Error, Result};

/// The largest requirements file.
pub(crate) const MAX_REQUIREMENTS_BYTES: u64 = 1024 * 1024;
/// Options that choose where packages come from, not which.
const OPTIONS: &[&str] = &[
    "--index-url",
    "-i",
    "--extra-index-url",
    "--no-index",
    "--only-binary",
    "--no-binary",
    "--prefer-binary",
    "--require-hashes",
    "--trusted-host",
];

/// Refuses the first line of `text` that does not pin what it names. `file` is for the message.
///
/// # Errors
/// `REQUIREMENTS_UNPINNED` with file and line.
pub(crate) fn check_pins(file: &str, text: &str) -> Result<()> {
    let mut continued = false;
    for (line, number) in text.lines().zip(1..) {
        let is_continuation = std::mem::replace(&mut continued, line.trim_end().ends_with('\\'));
        // Comments begin a line or follow a space, so that `#sha256=` of an address is none.
        let code = if line.trim_start().starts_with('#') { "" } else { line.split(" #").next().unwrap_or_default() };
        let code = code.trim().trim_end_matches('\\').trim();
        if code.is_empty() || is_continuation {
            continue;
        }
        if let Err(why) = check(code) {
            return Err(Error::invalid("REQUIREMENTS_UNPINNED", format!("{file}:{number}: `{code}` {why}"))
                .hint("pin every package like `scikit-learn==1.7.2`; `pip freeze` prints such lines"));
        }
    }
    Ok(())
}

fn check(code: &str) -> std::result::Result<(), &'static str> {
    if code.starts_with('-') {
        let option = code.split([' ', '=']).next().unwrap_or_default();
        return if OPTIONS.contains(&option) { Ok(()) } else { Err("is an option whose effect is not pinned") };
    }
    // The marker after `;` and the hashes after the pin say nothing about the version.
    let requirement = code.split(';').next().unwrap_or_default();
    if let Some((_name, address)) = requirement.split_once(" @ ") {
        return if address.contains("#sha256=") { Ok(()) } else { Err("names an address without `#sha256=`") };
    }
    let requirement = requirement.split(" --hash").next().unwrap_or_default().trim();
    let Some((name, version)) = requirement.split_once("==") else { return Err("has no exact version") };
    let version = version.trim_start_matches('=').trim();
    let name_ends_well = name.trim_end().ends_with(|c: char| c.is_ascii_alphanumeric() || c == ']');
    let exact = !version.is_empty()
        && version.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '!' | '-' | '_'));
    if name_ends_well && exact { Ok(()) } else { Err("has no exact version") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_pass() {
        let text = "# what the steps need\n\nscikit-learn==1.7.2\nmlflow-skinny[extra] == 3.4.0 ; python_version >= \"3.10\" # why\n\
                    --index-url https://example.org/simple\n\
                    numpy==2.3.1 --hash=sha256:aa \\\n    --hash=sha256:bb\n\
                    thing @ https://example.org/thing.whl#sha256=aa\nlocal===1.0+cpu\n";
        check_pins("requirements.txt", text).unwrap();
    }

    #[test]
    fn a_line_without_a_pin_is_named() {
        for bad in [
            "numpy",
            "numpy>=2",
            "numpy~=2.0",
            "numpy==2.*",
            "numpy==2.0,<3",
            "numpy>=1,==2.0,!=3",
            "numpy==",
            "==2.0",
            "-r other.txt",
            "-e .",
            "thing @ https://example.org/thing.whl",
            "./wheel.whl",
        ] {
            let error = check_pins("requirements.txt", &format!("# first\n{bad}\n")).unwrap_err();
            assert_eq!(error.code(), "REQUIREMENTS_UNPINNED", "{bad}");
            assert!(error.detail().starts_with(&format!("requirements.txt:2: `{bad}`")), "{error}");
        }
    }
}
