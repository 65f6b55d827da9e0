//! Human keys are validated newtypes.

use crate::{Error, Result};

/// The longest name of anything.
pub(crate) const MAX_NAME_LEN: usize = 128;

#[doc(hidden)]
pub fn check(what: &str, text: &str) -> Result<()> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts_well && text.len() <= MAX_NAME_LEN && text.chars().all(fine) && !text.contains("..") {
        return Ok(());
    }
    Err(Error::invalid("NAME_INVALID", format!("`{}` is not a valid {what} name", text.escape_debug()))
        .hint("use letters, digits, `-`, `_` and `.`, starting with a letter or digit, at most 128 characters"))
}

/// Defines a validated name type: `define_name!(/// The name of a data set. DatasetName, "data set");`.
#[macro_export]
macro_rules! define_name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize)]
        pub struct $name(::std::string::String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::Error;

            fn from_str(text: &str) -> $crate::Result<Self> {
                $crate::__private::check_name($what, text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl ::std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
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

    #[test]
    fn names_cannot_walk_the_file_system() {
        for good in ["bikes", "a", "bikes-v2.1_x"] {
            assert!(check("model", good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a..b", "-a", "a\0", "é", &"x".repeat(MAX_NAME_LEN + 1)] {
            assert_eq!(check("model", bad).unwrap_err().code(), "NAME_INVALID", "{bad:?}");
        }
    }
}
