//! The built web UI, inside the binary.
//!
//! [`asset`] answers any path a browser may ask of the server's root: a file of the build, the application's page for the
//! addresses of its own router (so that deep links work), or a placeholder when the UI was not built. It knows no HTTP; the
//! server turns an [`Asset`] into headers.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")
)]

use std::borrow::Cow;
use std::fmt::Write as _;

use rust_embed::RustEmbed;

/// The page served when the UI was not built.
const PLACEHOLDER: &str = include_str!("placeholder.html");

/// The page of the application; its router reads the rest of the address.
const INDEX: &str = "index.html";

/// The folder in which Vite puts files whose name holds a hash of their content.
const HASHED_FOLDER: &str = "assets/";

// The path is relative to this crate. A `$CARGO_MANIFEST_DIR/..` would need the feature `interpolate-folder-path`; without it, and
// with `allow_missing`, the derive embeds nothing and says nothing. The test `the_built_ui_is_embedded` and `build.rs` guard that.
#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
#[allow_missing = true]
struct Dist;

/// One file of the UI, ready to be sent.
#[derive(Debug, Clone)]
pub struct Asset {
    /// The file's content.
    pub bytes: Cow<'static, [u8]>,
    /// The media type, with the character set where the file is text.
    pub content_type: String,
    /// A strong validator in quotes, as the `ETag` header wants it: the SHA-256 of the content.
    pub etag: String,
    /// Whether the name holds a hash of the content, so that a browser may keep the file for ever.
    pub immutable: bool,
}

/// The file for a request path such as `/`, `/assets/index-3fa1.js` or `/models/bikes`.
///
/// An address without a file answers the application's page, because its own router reads the address; `None` (not found) is for a
/// missing file under `assets/` and for names with a file extension, where a page of HTML would only mislead the browser.
#[must_use]
pub fn asset(path: &str) -> Option<Asset> {
    let path = path.trim_start_matches('/');
    if let Some(file) = Dist::get(path) {
        return Some(from_file(path, file));
    }
    if path.starts_with(HASHED_FOLDER) || looks_like_a_file(path) {
        return None;
    }
    Some(Dist::get(INDEX).map_or_else(placeholder, |file| from_file(INDEX, file)))
}

/// Whether the UI was built into this binary (otherwise [`asset`] answers the placeholder page).
#[must_use]
pub fn is_built() -> bool {
    Dist::get(INDEX).is_some()
}

fn from_file(path: &str, file: rust_embed::EmbeddedFile) -> Asset {
    Asset {
        bytes: file.data,
        content_type: content_type(path),
        etag: etag(&file.metadata.sha256_hash()),
        immutable: path.starts_with(HASHED_FOLDER),
    }
}

fn placeholder() -> Asset {
    Asset {
        bytes: Cow::Borrowed(PLACEHOLDER.as_bytes()),
        content_type: content_type(INDEX),
        etag: format!("\"placeholder-{}\"", env!("CARGO_PKG_VERSION")),
        immutable: false,
    }
}

/// Addresses of the router may hold dots (`/runs/v1.2`), so only endings that a browser asks for by itself count as files.
fn looks_like_a_file(path: &str) -> bool {
    const ENDINGS: [&str; 11] =
        ["js", "css", "map", "svg", "png", "ico", "json", "txt", "woff2", "webmanifest", "html"];
    path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).is_some_and(|(_, ending)| ENDINGS.contains(&ending))
}

fn content_type(path: &str) -> String {
    let mime = mime_guess::from_path(path).first_or_octet_stream();
    let text = mime.type_() == mime_guess::mime::TEXT || mime.subtype() == mime_guess::mime::JAVASCRIPT;
    if text { format!("{}; charset=utf-8", mime.essence_str()) } else { mime.essence_str().to_owned() }
}

fn etag(hash: &[u8; 32]) -> String {
    let mut tag = String::with_capacity(2 + hash.len() * 2);
    tag.push('"');
    for byte in hash {
        // Writing into a `String` cannot fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_the_router_answers_the_page() {
        for path in ["", "/", "/runs", "/models/bikes/versions/3", "/runs/v1.2", "/data/bikes@2"] {
            let page = asset(path).unwrap_or_else(|| panic!("{path} must answer the page"));
            assert_eq!(page.content_type, "text/html; charset=utf-8", "{path}");
            assert!(!page.immutable, "{path}: the page must be asked for anew, it names the hashed files");
            assert!(String::from_utf8_lossy(&page.bytes).contains("Pitcrew"), "{path}");
        }
    }

    #[test]
    fn a_missing_file_is_not_found_rather_than_a_page() {
        for path in ["/assets/index-0000.js", "/assets/none", "/favicon.ico", "/robots.txt", "/nested/app.css"] {
            assert!(asset(path).is_none(), "{path}");
        }
    }

    #[test]
    fn no_path_leaves_the_folder() {
        for path in ["/../Cargo.toml", "/assets/../../../package.json", "..%2fpackage.json", "//etc/passwd.txt"] {
            let answer = asset(path);
            let leaked = answer.is_some_and(|file| !file.content_type.starts_with("text/html"));
            assert!(!leaked, "{path}");
        }
    }

    #[test]
    fn validators_are_quoted_and_differ_with_the_content() {
        let page = asset("/").unwrap();
        assert!(page.etag.starts_with('"') && page.etag.ends_with('"') && page.etag.len() > 2, "{}", page.etag);
        assert_ne!(etag(&[0; 32]), etag(&[1; 32]));
    }

    #[test]
    fn text_files_name_their_character_set() {
        assert_eq!(content_type("a/b.js"), "text/javascript; charset=utf-8");
        assert_eq!(content_type("a.css"), "text/css; charset=utf-8");
        assert_eq!(content_type("favicon.svg"), "image/svg+xml");
        assert_eq!(content_type("unknown"), "application/octet-stream");
    }

    /// With `allow_missing` a wrong folder embeds nothing and builds green, so a packaged build asks for this with `REQUIRE_UI=1`.
    #[test]
    fn the_built_ui_is_embedded() {
        let required = option_env!("REQUIRE_UI") == Some("1");
        let on_disk = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/dist").join(INDEX).is_file();
        assert!(!required || is_built(), "REQUIRE_UI=1, but no index.html was embedded");
        assert_eq!(is_built(), on_disk, "the derive and ui/dist must be the same folder");
        if is_built() {
            let hashed = Dist::iter().find(|name| name.starts_with(HASHED_FOLDER)).expect("a build has hashed files");
            assert!(asset(&hashed).unwrap().immutable);
        }
    }
}
