//! The ways in which people have written `..` and `/` so that one reader passes it and the next one climbs.
//!
//! Paths name rows here and cannot climb. But clients write what they download to their own disks under these names, and proxies and tools
//! in between decode, fold and trim: a name that any of them may take for a way up is none of ours.

/// How often a path is decoded at most; each time makes it shorter, so nothing honest comes near.
const DECODINGS_MAX: usize = 16;

/// Whether some reader could take this path for one that leaves its folder.
pub(crate) fn may_climb(path: &str) -> bool {
    let mut text = path.to_owned();
    for _ in 0..DECODINGS_MAX {
        if climbs(&folded(&text)) {
            return true;
        }
        match decoded(&text) {
            Some(more) => text = more,
            None => return false,
        }
    }
    true
}

/// Whether a path climbs as it stands, for readers on any system.
fn climbs(path: &str) -> bool {
    let absolute = path.starts_with(['/', '\\']);
    let first = path.split(['/', '\\']).next().unwrap_or_default();
    let drive = matches!(first.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic() && first.len() == 2);
    absolute
        || drive
        || first.eq_ignore_ascii_case("file:")
        || path.chars().any(char::is_control)
        || path.split(['/', '\\']).any(is_way)
}

/// `.`, `..`, and what some system takes for them: Windows drops dots and blanks at the end, others drop what follows a semicolon.
fn is_way(part: &str) -> bool {
    let part = part.split(';').next().unwrap_or_default();
    !part.is_empty() && part.trim_end_matches(['.', ' ']).is_empty()
}

/// The text with letters that look like dots and slashes, or become them when text is normalised, as those.
fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{2024}' | '\u{fe52}' | '\u{ff0e}' => out.push('.'),
            '\u{2025}' | '\u{fe30}' => out.push_str(".."),
            '\u{2026}' | '\u{fe19}' => out.push_str("..."),
            '\u{2044}' | '\u{2215}' | '\u{29f8}' | '\u{ff0f}' => out.push('/'),
            '\u{2216}' | '\u{29f5}' | '\u{fe68}' | '\u{ff3c}' => out.push('\\'),
            c => out.push(c),
        }
    }
    out
}

/// The text with `%xx` and `%uxxxx` decoded once; `None` when nothing in it is encoded.
fn decoded(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let (mut at, mut changed) = (0, false);
    while let Some(&byte) = bytes.get(at) {
        let hex = |from: usize, digits: usize| {
            let digits = std::str::from_utf8(bytes.get(at + from..at + from + digits)?).ok()?;
            u32::from_str_radix(digits, 16).ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        };
        let (letter, length) = match byte {
            b'%' if matches!(bytes.get(at + 1), Some(b'u' | b'U')) => (hex(2, 4).and_then(char::from_u32), 6),
            b'%' => match (hex(1, 2), hex(4, 2).filter(|_| bytes.get(at + 3) == Some(&b'%'))) {
                // Two bytes for a letter that needs one: no valid text, and a dot or a slash to careless readers.
                (Some(0xc0), Some(second @ 0x80..=0xbf)) => (char::from_u32(second & 0x3f), 6),
                (Some(0xc1), Some(second @ 0x80..=0xbf)) => (char::from_u32(0x40 | second & 0x3f), 6),
                (Some(first), _) => {
                    out.push(u8::try_from(first).unwrap_or(b'?'));
                    (at, changed) = (at + 3, true);
                    continue;
                }
                (None, _) => (None, 0),
            },
            _ => (None, 0),
        };
        match letter {
            Some(letter) => {
                out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                (at, changed) = (at + length, true);
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    changed.then(|| String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each of these left a folder somewhere, once.
    const CLIMBING: &[&str] = &[
        "..",
        "../secret",
        "a/../../secret",
        "a/..",
        ".",
        "a/./b",
        "/etc/passwd",
        "//host/share",
        "....//secret",
        "..././secret",
        "%2e%2e/secret",
        "%2E%2E/secret",
        "%2e./secret",
        ".%2e/secret",
        "..%2fsecret",
        "..%2Fsecret",
        "..%5csecret",
        "a%2f..%2f..%2fsecret",
        "%2fetc%2fpasswd",
        "%252e%252e/secret",
        "%252e%252e%252fsecret",
        "%25252e%25252e/secret",
        "%2525252e%2525252e%2525252fsecret",
        "..%255csecret",
        "..%c0%afsecret",
        "%c0%ae%c0%ae/secret",
        "%c0%ae%c0%ae%c0%afsecret",
        "..%c1%9csecret",
        "%u002e%u002e/secret",
        "..%u2215secret",
        "%uff0e%uff0e/secret",
        "..\\secret",
        "a\\..\\..\\secret",
        "\\\\host\\share",
        "\\etc\\passwd",
        "C:",
        "C:/Windows/win.ini",
        "c:\\Windows\\win.ini",
        "C%3a/Windows",
        "file:/etc/passwd",
        "FILE:///etc/passwd",
        "a\0b",
        "a%00b",
        "a%2500b",
        "../secret\0.png",
        "a\nb",
        "a%0ab",
        "\u{2024}\u{2024}/secret",
        "\u{2025}/secret",
        "\u{ff0e}\u{ff0e}/secret",
        "\u{ff0e}\u{ff0e}\u{ff0f}secret",
        "\u{fe52}\u{fe52}/secret",
        "\u{fe30}/secret",
        "..\u{2215}secret",
        "..\u{2044}secret",
        "..\u{ff3c}secret",
        "%e2%80%a4%e2%80%a4/secret",
        "%ef%bc%8e%ef%bc%8e/secret",
        ".. /secret",
        "... /secret",
        ". ./secret",
        ".../secret",
        "..;/secret",
        "..;jsessionid=1/secret",
    ];

    #[test]
    fn every_known_way_up_is_seen() {
        for path in CLIMBING {
            assert!(path.parse::<crate::ArtifactPath>().is_err(), "{path:?}");
        }
    }

    #[test]
    fn honest_names_stay() {
        for path in [
            "model/MLmodel",
            "a..b/.hidden/..c/d..",
            "100%.txt",
            "50%25",
            "a b/größe.txt",
            "日本語／表.csv",
            "a;b.txt",
            "x:y.txt",
            "C:x",
            "ends with blank ",
            "…and so on.txt",
        ] {
            assert!(!may_climb(path), "{path:?}");
        }
    }
}
