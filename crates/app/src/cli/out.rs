//! What is printed: text for people, JSON for programs. Results go to standard output, everything else to standard error.
#![expect(clippy::print_stderr, reason = "this is the one place that prints")]

use std::io::{ErrorKind, Write as _};

use pitcrew_kernel::{Error, Kind};
use serde_json::{Value, json};

/// How to print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    json: bool,
}

impl Out {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether programs read this.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// A result: `value` as JSON, or what `text` makes of it.
    pub(crate) fn result(self, value: &Value, text: impl FnOnce(&Value) -> String) {
        if self.json {
            put(&format!("{value:#}\n"));
        } else {
            let text = text(value);
            if !text.is_empty() {
                put(&format!("{}\n", text.trim_end()));
            }
        }
    }

    /// One line of a stream.
    pub(crate) fn line(self, value: &Value, text: impl FnOnce(&Value) -> String) {
        let line = if self.json { value.to_string() } else { text(value) };
        put(&format!("{line}\n"));
    }

    /// Text that is a result as it is (a log, a script).
    pub(crate) fn raw(self, text: &str) {
        put(text);
    }

    /// A remark for people.
    pub(crate) fn note(self, text: &str) {
        if !self.json {
            eprintln!("{text}");
        }
    }

    pub(crate) fn error(self, error: &Error, colour: bool) {
        if self.json {
            eprintln!(
                "{}",
                json!({ "error": { "code": error.code(), "detail": error.detail(), "cause": cause(error), "hint": error.hint_text() } })
            );
            return;
        }
        let (red, cyan, plain) = if colour { ("\x1b[1;31m", "\x1b[1;36m", "\x1b[0m") } else { ("", "", "") };
        eprintln!("{red}error{plain}: {} [{}]", error.detail(), error.code());
        if let Some(cause) = cause(error) {
            eprintln!("{cyan}cause{plain}: {cause}");
        }
        if let Some(hint) = error.hint_text() {
            eprintln!("{cyan}hint{plain}: {hint}");
        }
    }
}

/// The first cause of what is not the caller's fault, for whoever has to mend it.
fn cause(error: &Error) -> Option<String> {
    if !matches!(error.kind(), Kind::Internal | Kind::Unavailable | Kind::Timeout) {
        return None;
    }
    let mut first = std::error::Error::source(error)?;
    while let Some(deeper) = first.source() {
        first = deeper;
    }
    Some(first.to_string())
}

/// Exit code when standard output cannot be written: as for anything else that is not available.
const OUTPUT_LOST: i32 = 6;

/// Writes a result. A reader that has seen enough (`pitcrew events | head`) ends the program quietly; any other failure is told, so that a
/// cut result never looks whole.
#[expect(clippy::disallowed_methods, reason = "whoever prints holds nothing that a sudden end would harm")]
fn put(text: &str) {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            eprintln!("error: standard output cannot be written: {error}");
            std::process::exit(OUTPUT_LOST);
        }
    }
}

/// Rows in columns as wide as their widest cell.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells.zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(&mut head.iter().copied())];
    lines.extend(rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
    lines.join("\n")
}

/// The text of a field, `-` when it is not there.
pub(crate) fn field(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) if number.is_f64() => format!("{:.4}", number.as_f64().unwrap_or(0.0)),
        Some(other) => other.to_string(),
    }
}

/// The items of a list.
pub(crate) fn items(value: &Value) -> &[Value] {
    value.get("items").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_absent_fields_show() {
        let value = json!({"items": [{"a": "x", "b": 1.5}, {"a": "longer"}]});
        let rows: Vec<Vec<String>> =
            items(&value).iter().map(|item| vec![field(item, "/a"), field(item, "/b")]).collect();
        assert_eq!(table(&["A", "B"], &rows), "A       B\nx       1.5000\nlonger  -");
    }
}
