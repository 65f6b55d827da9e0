//! Splits a command into words as a shell would, without being one: quotes and backslashes, no variables, no globs, no pipes.

use pitcrew_kernel::{Error, Result};

/// The longest command.
pub(crate) const MAX_COMMAND_BYTES: usize = 16 * 1024;
/// What only a shell understands. A command with one of these, unquoted, would silently do something else.
const SHELL_ONLY: &[char] = &['|', '&', ';', '<', '>', '`', '$', '(', ')'];

/// The words of `command`.
///
/// # Errors
/// `COMMAND_INVALID` when it is empty, too long, ends within quotes, or needs a shell.
pub(crate) fn split(command: &str) -> Result<Vec<String>> {
    if command.len() > MAX_COMMAND_BYTES {
        return Err(wrong(format!("it is longer than {MAX_COMMAND_BYTES} bytes")));
    }
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' => quoted(&mut chars, '\'', word.get_or_insert_default())?,
            '"' => quoted(&mut chars, '"', word.get_or_insert_default())?,
            '\\' => {
                let next = chars.next().ok_or_else(|| wrong("it ends with a backslash".to_owned()))?;
                word.get_or_insert_default().push(next);
            }
            '\0' => return Err(wrong("it contains a zero byte".to_owned())),
            c if SHELL_ONLY.contains(&c) => {
                return Err(wrong(format!("`{c}` needs a shell, and commands are started without one"))
                    .hint(format!("quote `{c}`, or run a script, or write `sh -c '...'`")));
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    if words.first().is_none_or(String::is_empty) {
        return Err(wrong("it names no program".to_owned()));
    }
    Ok(words)
}

fn quoted(chars: &mut std::str::Chars<'_>, quote: char, word: &mut String) -> Result<()> {
    while let Some(c) = chars.next() {
        match c {
            c if c == quote => return Ok(()),
            '\\' if quote == '"' => match chars.next() {
                Some(escaped @ ('"' | '\\' | '$' | '`')) => word.push(escaped),
                Some(other) => word.extend(['\\', other]),
                None => break,
            },
            '\0' => return Err(wrong("it contains a zero byte".to_owned())),
            c => word.push(c),
        }
    }
    Err(wrong(format!("a {quote} is not closed")))
}

fn wrong(what: String) -> Error {
    Error::invalid("COMMAND_INVALID", format!("the command cannot be started: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_split_like_a_shell_does() {
        for (command, words) in [
            ("python steps/train.py", vec!["python", "steps/train.py"]),
            ("  a   b\tc\n", vec!["a", "b", "c"]),
            ("sh -c 'echo \"x y\" > out; exit 3'", vec!["sh", "-c", "echo \"x y\" > out; exit 3"]),
            (r#"a "b \" \\ \n $" c\ d"#, vec!["a", r#"b " \ \n $"#, "c d"]),
            ("a '' b\"c\"'d'", vec!["a", "", "bcd"]),
        ] {
            assert_eq!(split(command).unwrap(), words, "{command}");
        }
    }

    #[test]
    fn what_cannot_be_started_says_why() {
        for bad in [
            "",
            "   ",
            "'' x",
            "a 'b",
            "a \"b",
            "a \\",
            "a | b",
            "a > b",
            "a $B",
            "a && b",
            "a\0",
            &"x".repeat(MAX_COMMAND_BYTES + 1),
        ] {
            assert_eq!(split(bad).unwrap_err().code(), "COMMAND_INVALID", "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn quoted_words_survive(words in prop::collection::vec("[^\0]{1,12}", 1..6)) {
            let quoted: Vec<String> = words.iter().map(|word| format!("'{}'", word.replace('\'', r"'\''"))).collect();
            prop_assert_eq!(split(&quoted.join(" ")).unwrap(), words);
        }

        #[test]
        fn strange_text_never_panics(text in "\\PC{0,60}") {
            let _ = split(&text);
        }
    }
}
