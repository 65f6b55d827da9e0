//! Identifiers are types: `mv_...` never passes for `run_...`. They sort by time and come from an injected source.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use uuid::Uuid;

use crate::{Clock, Error, Result};

/// Where ids and random numbers come from.
pub trait Ids: Send + Sync + fmt::Debug {
    /// A new UUID of version 7: its first 48 bits are the present time in milliseconds.
    fn next(&self) -> Uuid;
    /// Sixteen random bytes (MLflow's 32 hex digits, token secrets).
    fn random_bytes(&self) -> [u8; 16];
}

/// Ids from the operating system's randomness.
#[derive(Debug)]
pub struct RandomIds {
    clock: Arc<dyn Clock>,
}

impl RandomIds {
    /// Ids stamped with `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }
}

impl Ids for RandomIds {
    fn next(&self) -> Uuid {
        stamped(self.clock.now().millis(), &self.random_bytes())
    }

    #[expect(clippy::disallowed_methods, reason = "this is the source everyone else is handed")]
    fn random_bytes(&self) -> [u8; 16] {
        rand::random()
    }
}

/// Repeatable ids for tests and simulations.
#[derive(Debug)]
pub struct SeededIds {
    clock: Arc<dyn Clock>,
    rng: Mutex<ChaCha8Rng>,
}

impl SeededIds {
    /// The sequence of `seed`, stamped with `clock`.
    pub fn new(clock: Arc<dyn Clock>, seed: u64) -> Self {
        Self { clock, rng: Mutex::new(ChaCha8Rng::seed_from_u64(seed)) }
    }
}

impl Ids for SeededIds {
    fn next(&self) -> Uuid {
        stamped(self.clock.now().millis(), &self.random_bytes())
    }

    fn random_bytes(&self) -> [u8; 16] {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).random()
    }
}

fn stamped(millis: i64, random: &[u8; 16]) -> Uuid {
    let mut tail = [0; 10];
    tail.copy_from_slice(&random[..10]);
    uuid::Builder::from_unix_timestamp_millis(u64::try_from(millis).unwrap_or(0), &tail).into_uuid()
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const ENCODED_LEN: usize = 26;

/// Crockford base 32 of 128 bits: 26 characters, order-preserving.
#[doc(hidden)]
pub fn encode(value: u128) -> String {
    (0..ENCODED_LEN).rev().map(|i| ALPHABET[(value >> (5 * i)) as usize & 31] as char).collect()
}

#[doc(hidden)]
pub fn decode(prefix: &str, text: &str) -> Result<Uuid> {
    let wrong =
        || Error::invalid("ID_INVALID", format!("`{text}` is not an id of the form `{prefix}_` and 26 characters"));
    let body = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).ok_or_else(wrong)?;
    if body.len() != ENCODED_LEN || body.as_bytes()[0] > b'7' {
        return Err(wrong());
    }
    let mut value = 0u128;
    for byte in body.bytes() {
        let digit = ALPHABET.iter().position(|&c| c == byte).ok_or_else(wrong)?;
        value = value << 5 | digit as u128;
    }
    Ok(Uuid::from_u128(value))
}

/// Defines an id type: `define_id!(/// A release. ReleaseId, "rel");`. It prints and parses as `rel_` and 26 characters.
#[macro_export]
macro_rules! define_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($crate::__private::Uuid);

        impl $name {
            /// A new id.
            pub fn new(ids: &dyn $crate::Ids) -> Self {
                Self(ids.next())
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                write!(f, concat!($prefix, "_{}"), $crate::__private::encode(self.0.as_u128()))
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::Error;

            fn from_str(text: &str) -> $crate::Result<Self> {
                $crate::__private::decode($prefix, text).map(Self)
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> ::std::result::Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> ::std::result::Result<Self, D::Error> {
                let text = <::std::string::String as ::serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(::serde::de::Error::custom)
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FakeClock, Timestamp};
    use proptest::prelude::*;

    #[expect(unreachable_pub, reason = "the macro makes public types, as its users need them")]
    mod thing {
        define_id!(
            /// A thing.
            ThingId,
            "th"
        );
    }
    use thing::ThingId;

    #[test]
    fn ids_parse_only_their_own_prefix_and_sort_by_time() {
        let clock = FakeClock::at(Timestamp::from_millis(1_000));
        let ids = SeededIds::new(Arc::new(clock.clone()), 7);
        let first = ThingId::new(&ids);
        clock.advance(std::time::Duration::from_millis(1));
        let second = ThingId::new(&ids);
        assert!(first < second && first.to_string() < second.to_string());
        assert_eq!(first.to_string().parse::<ThingId>().unwrap(), first);
        assert_eq!(decode("mv", &first.to_string()).unwrap_err().code(), "ID_INVALID");
    }

    proptest! {
        #[test]
        fn every_id_survives_text(value in any::<u128>()) {
            let text = format!("x_{}", encode(value));
            prop_assert_eq!(decode("x", &text).unwrap().as_u128(), value);
        }

        #[test]
        fn strange_text_never_panics(text in "\\PC{0,40}") {
            let _ = decode("x", &text);
        }
    }
}
