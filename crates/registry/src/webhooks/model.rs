//! What a webhook is, and what it can listen to.

use std::fmt;
use std::str::FromStr;

use pitcrew_kernel::{Error, Result, Timestamp, define_id};

define_id!(
    /// One webhook.
    WebhookId,
    "hook"
);

/// Longest name, in bytes.
const MAX_NAME: usize = 63;
/// Longest secret, in bytes.
const MAX_SECRET: usize = 1_000;
/// Webhooks there may be: each event is compared with all of them.
pub(crate) const MAX_WEBHOOKS: i64 = 1_000;

/// What can happen, as MLflow names it: `entity.action`. In the order of these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// A budget of MLflow's gateway was used up. There is no gateway here, so it never happens.
    BudgetExceeded,
    /// A version was registered.
    VersionCreated,
    /// An alias was pointed to a version.
    VersionAliasCreated,
    /// An alias was removed.
    VersionAliasDeleted,
    /// A version's tag was removed.
    VersionTagDeleted,
    /// A version's tag was set.
    VersionTagSet,
    /// A prompt was made.
    PromptCreated,
    /// An alias was pointed to a prompt's version.
    PromptAliasCreated,
    /// A prompt's alias was removed.
    PromptAliasDeleted,
    /// A prompt's tag was removed.
    PromptTagDeleted,
    /// A prompt's tag was set.
    PromptTagSet,
    /// A prompt's version was registered.
    PromptVersionCreated,
    /// A tag of a prompt's version was removed.
    PromptVersionTagDeleted,
    /// A tag of a prompt's version was set.
    PromptVersionTagSet,
    /// A model was made.
    ModelCreated,
}

impl Topic {
    /// Each of them.
    pub const ALL: [Self; 15] = [
        Self::BudgetExceeded,
        Self::VersionCreated,
        Self::VersionAliasCreated,
        Self::VersionAliasDeleted,
        Self::VersionTagDeleted,
        Self::VersionTagSet,
        Self::PromptCreated,
        Self::PromptAliasCreated,
        Self::PromptAliasDeleted,
        Self::PromptTagDeleted,
        Self::PromptTagSet,
        Self::PromptVersionCreated,
        Self::PromptVersionTagDeleted,
        Self::PromptVersionTagSet,
        Self::ModelCreated,
    ];

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::BudgetExceeded => ("budget_policy", "exceeded"),
            Self::VersionCreated => ("model_version", "created"),
            Self::VersionAliasCreated => ("model_version_alias", "created"),
            Self::VersionAliasDeleted => ("model_version_alias", "deleted"),
            Self::VersionTagDeleted => ("model_version_tag", "deleted"),
            Self::VersionTagSet => ("model_version_tag", "set"),
            Self::PromptCreated => ("prompt", "created"),
            Self::PromptAliasCreated => ("prompt_alias", "created"),
            Self::PromptAliasDeleted => ("prompt_alias", "deleted"),
            Self::PromptTagDeleted => ("prompt_tag", "deleted"),
            Self::PromptTagSet => ("prompt_tag", "set"),
            Self::PromptVersionCreated => ("prompt_version", "created"),
            Self::PromptVersionTagDeleted => ("prompt_version_tag", "deleted"),
            Self::PromptVersionTagSet => ("prompt_version_tag", "set"),
            Self::ModelCreated => ("registered_model", "created"),
        }
    }

    /// To what it happens.
    pub fn entity(self) -> &'static str {
        self.words().0
    }

    /// What happens to it.
    pub fn action(self) -> &'static str {
        self.words().1
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.entity(), self.action())
    }
}

impl FromStr for Topic {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|topic| topic.to_string() == text).ok_or_else(|| {
            Error::invalid("WEBHOOK_TOPIC_UNKNOWN", format!("`{text}` is nothing that a webhook can listen to"))
        })
    }
}

/// One webhook. Its secret is not part of it: nobody is shown that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Its name; several may have the same.
    pub name: String,
    /// What it is for, in words.
    pub description: String,
    /// Where messages go.
    pub url: String,
    /// What it listens to, in the order of the names; never empty.
    pub topics: Vec<Topic>,
    /// Whether messages are sent.
    pub active: bool,
    /// The last message that was given up, if none was delivered since.
    pub failure: Option<Failure>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When something of it changed last.
    pub updated_at: Timestamp,
}

/// A message that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// When.
    pub at: Timestamp,
    /// Why, in one sentence.
    pub why: String,
}

/// What signs a webhook's messages. It is written nowhere as it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A webhook to be.
#[derive(Debug, Clone, Default)]
pub struct NewWebhook {
    /// Its name.
    pub name: String,
    /// What it is for, in words.
    pub description: String,
    /// Where messages go.
    pub url: String,
    /// What it listens to.
    pub topics: Vec<Topic>,
    /// What signs its messages; they are not signed without.
    pub secret: Option<Secret>,
    /// Whether it sends nothing for now.
    pub disabled: bool,
}

/// What of a webhook changes; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct WebhookChange {
    /// Its name.
    pub name: Option<String>,
    /// What it is for, in words.
    pub description: Option<String>,
    /// Where messages go.
    pub url: Option<String>,
    /// What it listens to.
    pub topics: Option<Vec<Topic>>,
    /// What signs its messages; an empty one takes the signature away.
    pub secret: Option<Secret>,
    /// Whether messages are sent.
    pub active: Option<bool>,
}

/// How a message sent on trial fared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trial {
    /// There was an answer.
    Answered {
        /// Its status.
        status: u16,
        /// The beginning of its body.
        body: String,
    },
    /// There was none.
    Failed(String),
}

/// Letters, digits, `.`, `_` and `-`, the first and the last a letter or digit.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let bytes = name.as_bytes();
    let ends_well = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let fine = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if bytes.len() <= MAX_NAME && ends_well(bytes.first()) && ends_well(bytes.last()) && bytes.iter().all(fine) {
        return Ok(());
    }
    Err(Error::invalid(
        "WEBHOOK_NAME_INVALID",
        format!(
            "a webhook's name has 1 to {MAX_NAME} letters, digits, `.`, `_` and `-`, and ends and begins with a letter or digit"
        ),
    ))
}

/// Sorted, each once; at least one.
pub(crate) fn check_topics(mut topics: Vec<Topic>) -> Result<Vec<Topic>> {
    topics.sort_unstable();
    topics.dedup();
    if topics.is_empty() {
        return Err(Error::invalid("WEBHOOK_TOPICS_MISSING", "a webhook listens to one event at least"));
    }
    Ok(topics)
}

pub(crate) fn check_secret(secret: &Secret) -> Result<()> {
    let bytes = secret.0.len();
    if bytes <= MAX_SECRET {
        return Ok(());
    }
    Err(Error::too_large(
        "WEBHOOK_SECRET_TOO_LONG",
        format!("the secret has {bytes} bytes, at most {MAX_SECRET} are kept"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_read_as_they_are_written_and_stand_in_the_order_of_their_names() {
        let names: Vec<String> = Topic::ALL.iter().map(ToString::to_string).collect();
        for (topic, name) in Topic::ALL.iter().zip(&names) {
            assert_eq!(name.parse::<Topic>().unwrap(), *topic);
        }
        let mut sorted = names.clone();
        sorted.sort();
        assert_eq!(names, sorted);
        assert!(Topic::ALL.is_sorted());
        assert_eq!("model_version.deleted".parse::<Topic>().unwrap_err().code(), "WEBHOOK_TOPIC_UNKNOWN");
    }

    #[test]
    fn names_are_those_of_hosts() {
        for name in ["a", "A-b.c_d9", &"a".repeat(MAX_NAME)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "-a", "a-", "a b", "ä", &"a".repeat(MAX_NAME + 1)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
