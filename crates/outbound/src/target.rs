//! An address as somebody typed it.

use std::fmt;
use std::str::FromStr;

use pitcrew_kernel::{Error, Result};
use reqwest::Url;

/// Longest address, in bytes.
const MAX_URL: usize = 2_000;
const SCHEMES: [&str; 2] = ["http", "https"];

/// An address that can be called. It is shown without path, query and user, which may hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Target(Url);

impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |what: &str| {
            Error::invalid("OUTBOUND_URL_INVALID", format!("the address cannot be called: {what}"))
                .hint("write it like `https://hooks.example.com/path`")
        };
        if text.len() > MAX_URL {
            return Err(wrong(&format!("it has {} bytes, at most {MAX_URL} are taken", text.len())));
        }
        let url: Url = text.parse().map_err(|_| wrong("it is no URL"))?;
        if !SCHEMES.contains(&url.scheme()) {
            return Err(wrong(&format!("its scheme is `{}`, not http or https", url.scheme())));
        }
        match url.host_str() {
            Some(host) if !host.is_empty() => Ok(Self(url)),
            _ => Err(wrong("it names no host")),
        }
    }
}

impl Target {
    /// The host as compared with exceptions: in lower case, an IPv6 address without its brackets.
    pub(crate) fn host(&self) -> &str {
        let host = self.0.host_str().unwrap_or_default();
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or_default()
    }

    pub(crate) fn url(&self) -> Url {
        self.0.clone()
    }
}

impl fmt::Display for Target {
    /// Scheme, host and port only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.origin().ascii_serialization())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

/// An address, kept as text, without what it may keep secret.
pub fn shown(text: &str) -> String {
    text.parse::<Target>().map_or_else(|_| "an address that cannot be read".to_owned(), |target| target.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_what_it_keeps_secret() {
        assert_eq!(shown("https://hooks.example.com/T000/B000/XXXX?key=1"), "https://hooks.example.com");
        assert_eq!(shown("https://user:word@hooks.example.com:8443"), "https://hooks.example.com:8443");
        assert_eq!(shown("nonsense"), "an address that cannot be read");
    }

    #[test]
    fn only_the_web_is_called() {
        let host = |text: &str| text.parse::<Target>().map(|target| (target.host().to_owned(), target.port()));
        assert_eq!(host("https://Hooks.Example.com/x").unwrap(), ("hooks.example.com".to_owned(), 443));
        assert_eq!(host("http://[::1]:8080/").unwrap(), ("::1".to_owned(), 8080));
        for wrong in
            ["", "  ", "nonsense", "ftp://a/b", "file:///etc/passwd", "gopher://a", "http:", "http://", "javascript:1"]
        {
            assert_eq!(host(wrong).unwrap_err().code(), "OUTBOUND_URL_INVALID", "{wrong}");
        }
        assert!(host(&format!("http://a/{}", "b".repeat(MAX_URL))).is_err());
    }

    #[test]
    fn each_spelling_of_an_address_is_that_address() {
        for text in [
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "127.1",
            "0x7f000001",
            "127.0.0.1.",
            "%31%32%37.0.0.1",
            "１２７.0.0.1",
        ] {
            assert_eq!(format!("http://{text}/").parse::<Target>().unwrap().host(), "127.0.0.1", "{text}");
        }
        assert_eq!("http://user@8.8.8.8@127.0.0.1/".parse::<Target>().unwrap().host(), "127.0.0.1");
        assert_eq!("http://[::ffff:7f00:1]/".parse::<Target>().unwrap().host(), "::ffff:7f00:1");
    }

    #[test]
    fn it_is_shown_without_what_it_keeps_secret() {
        let target: Target = "https://user:word@hooks.example.com:8443/T0/XX?key=1".parse().unwrap();
        assert_eq!(target.to_string(), "https://hooks.example.com:8443");
        assert_eq!(format!("{target:?}"), "Target(https://hooks.example.com:8443)");
    }
}
