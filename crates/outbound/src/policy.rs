//! What may be reached although it is not public.

use std::net::IpAddr;
use std::str::FromStr;

use pitcrew_kernel::{Error, Result};

use crate::address::{Place, place, within};

/// A name or a range of addresses that may be called although it is not public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exception {
    /// A host by its name, wherever that leads.
    Host(String),
    /// Every address that shares so many first bits with this one.
    Range(IpAddr, u8),
}

impl FromStr for Exception {
    type Err = Error;

    /// Reads `hooks.internal`, `10.1.2.3` or `10.1.0.0/16`.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::invalid("OUTBOUND_EXCEPTION_INVALID", format!("`{text}` is neither a host nor a range of addresses"))
                .hint("write a name like `hooks.internal`, an address like `10.1.2.3`, or a range like `10.1.0.0/16`")
        };
        let (first, bits) = text.split_once('/').map_or((text, None), |(first, bits)| (first, Some(bits)));
        match (first.parse::<IpAddr>(), bits) {
            (Ok(address), bits) => {
                let most = if address.is_ipv4() { 32 } else { 128 };
                let bits = bits.map_or(Ok(most), str::parse).ok().filter(|bits| *bits <= most).ok_or_else(wrong)?;
                Ok(Self::Range(address, bits))
            }
            (Err(_), None) if is_host(text) => Ok(Self::Host(text.to_ascii_lowercase())),
            _ => Err(wrong()),
        }
    }
}

fn is_host(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

/// What may be reached: everything public, and what whoever runs the server adds.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Whether this machine may be called. Right where everyone who can call the server is on this machine anyway.
    pub loopback: bool,
    /// What else may be called.
    pub exceptions: Vec<Exception>,
}

impl Policy {
    /// Whether the address that `host` led to may be called; where it leads if not.
    pub(crate) fn allows(&self, host: &str, address: IpAddr) -> Result<(), &'static str> {
        let excepted = self.exceptions.iter().any(|exception| match exception {
            Exception::Host(name) => name == host,
            Exception::Range(first, bits) => within(address, *first, *bits),
        });
        match place(address) {
            _ if excepted => Ok(()),
            Place::Public => Ok(()),
            Place::Loopback if self.loopback => Ok(()),
            Place::Loopback => Err("this machine"),
            Place::Inside(words) => Err(words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(policy: &Policy, host: &str, address: &str) -> bool {
        policy.allows(host, address.parse().unwrap()).is_ok()
    }

    #[test]
    fn exceptions_are_names_addresses_and_ranges() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let read = |text: &str| text.parse::<Exception>();
        assert_eq!(read("Hooks.Internal").unwrap(), Exception::Host("hooks.internal".to_owned()));
        assert_eq!(read("10.1.2.3").unwrap(), Exception::Range(ip("10.1.2.3"), 32));
        assert_eq!(read("10.1.0.0/16").unwrap(), Exception::Range(ip("10.1.0.0"), 16));
        assert_eq!(read("fd00::/8").unwrap(), Exception::Range(ip("fd00::"), 8));
        for wrong in ["", "10.0.0.0/33", "fd00::/129", "10.0.0.0/x", "10.0.0.0/", "a/8", "http://a", "a:80", "a b"] {
            assert_eq!(read(wrong).unwrap_err().code(), "OUTBOUND_EXCEPTION_INVALID", "{wrong}");
        }
    }

    #[test]
    fn only_what_is_excepted_is_reached_besides_the_public() {
        let nothing = Policy::default();
        assert!(allows(&nothing, "a", "8.8.8.8") && !allows(&nothing, "a", "127.0.0.1"));
        let here = Policy { loopback: true, exceptions: Vec::new() };
        assert!(allows(&here, "a", "127.0.0.1") && allows(&here, "a", "::1"));
        assert!(!allows(&here, "a", "::ffff:127.0.0.1") && !allows(&here, "a", "10.0.0.1"));
        assert!(!allows(&here, "a", "0.0.0.0") && !allows(&here, "a", "::"));
        let some = Policy {
            loopback: false,
            exceptions: vec!["hooks.internal".parse().unwrap(), "10.1.0.0/16".parse().unwrap()],
        };
        assert!(allows(&some, "hooks.internal", "192.168.0.7") && !allows(&some, "other.internal", "192.168.0.7"));
        assert!(allows(&some, "any", "10.1.9.9") && !allows(&some, "any", "10.2.0.1"));
    }
}
