//! One error type. It says what the caller can do; the cause stays inside for the log.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// The result of everything in Pitcrew that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a caller can do about an error. Closed on purpose: each door maps these to its own protocol once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request is wrong; change it.
    Invalid,
    /// No valid credentials.
    Unauthenticated,
    /// Valid credentials without the right.
    Forbidden,
    /// The named thing does not exist.
    NotFound,
    /// The thing exists already, or changed meanwhile.
    Conflict,
    /// The request is fine, but the state of the system forbids it (a failed check, a refused gate).
    Precondition,
    /// A named size limit was passed.
    TooLarge,
    /// Too many requests; come back after `retry_after`.
    Limited,
    /// A part is not available now; the same request may work later.
    Unavailable,
    /// It took longer than its limit.
    Timeout,
    /// Our defect.
    Internal,
}

/// An error with a stable code, a public sentence, an optional hint and a private cause.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    code: &'static str,
    detail: Cow<'static, str>,
    hint: Option<Cow<'static, str>>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $kind:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
            Self::new(Kind::$kind, code, detail)
        }
    )*};
}

impl Error {
    /// An error of `kind`. `code` is upper snake case and has a page `docs/errors/<code>.md`; `detail` is one public, lower-case sentence.
    pub fn new(kind: Kind, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner { kind, code, detail: detail.into(), hint: None, retry_after: None, source: None }))
    }

    constructors! {
        /// The request is wrong.
        invalid => Invalid;
        /// Credentials are missing, unknown or expired.
        unauthenticated => Unauthenticated;
        /// The caller may not do this.
        forbidden => Forbidden;
        /// The named thing does not exist.
        not_found => NotFound;
        /// The thing exists already or has changed.
        conflict => Conflict;
        /// The state of the system forbids it.
        precondition => Precondition;
        /// A size limit was passed.
        too_large => TooLarge;
        /// A rate or queue limit was passed.
        limited => Limited;
        /// Try again later.
        unavailable => Unavailable;
        /// A time limit was passed.
        timeout => Timeout;
    }

    /// Our own defect: `what` failed because of `source`. The public sentence does not show the source.
    pub fn internal(
        what: impl Into<Cow<'static, str>>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::new(Kind::Internal, "INTERNAL", what).with_source(source)
    }

    /// Adds the next step for the reader.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds the private cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Says when to come back.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// Puts `prefix: ` before the public sentence, to say where it happened.
    #[must_use]
    pub fn context(mut self, prefix: impl fmt::Display) -> Self {
        self.0.detail = Cow::Owned(format!("{prefix}: {}", self.0.detail));
        self
    }

    /// The same error for another caller who waited for the same work.
    #[must_use]
    pub fn for_another(&self) -> Self {
        Self(Box::new(Inner {
            kind: self.0.kind,
            code: self.0.code,
            detail: self.0.detail.clone(),
            hint: self.0.hint.clone(),
            retry_after: self.0.retry_after,
            source: Some(format!("{self:?}").into()),
        }))
    }

    /// What the caller can do.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The public sentence.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The next step, if there is one.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// When to come back, if known.
    pub fn retry_after_hint(&self) -> Option<Duration> {
        self.0.retry_after
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}: {}", self.0.kind, self.0.code, self.0.detail)?;
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            write!(f, "; caused by: {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_sentence_hides_the_cause_and_debug_shows_it() {
        let error =
            Error::internal("reading the model failed", std::io::Error::other("disk on fire")).hint("try again");
        assert_eq!(error.to_string(), "reading the model failed");
        assert_eq!(error.code(), "INTERNAL");
        assert_eq!(error.hint_text(), Some("try again"));
        assert!(format!("{error:?}").contains("disk on fire"));
    }

    #[test]
    fn context_says_where() {
        let error = Error::invalid("NAME_INVALID", "empty").context("pitcrew.yaml:3");
        assert_eq!(error.detail(), "pitcrew.yaml:3: empty");
        assert_eq!(error.kind(), Kind::Invalid);
    }
}
