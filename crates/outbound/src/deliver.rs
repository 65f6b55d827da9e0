//! A message that somebody must have taken.

use pitcrew_kernel::{Error, Kind, Result};

use crate::call::{Message, Outbound};
use crate::target::Target;

/// Statuses besides 500 and above after which another try may succeed: too slow, too early, too often.
const PASSING: [u16; 3] = [408, 425, 429];

impl Outbound {
    /// Posts a message, and is content only when the receiver says that it took it.
    ///
    /// # Errors
    /// `WEBHOOK_FAILED` and `OUTBOUND_UNREACHABLE`, which [`may_pass`]; `WEBHOOK_REFUSED` and `OUTBOUND_REFUSED`, which do not.
    pub async fn deliver(&self, target: &Target, message: Message) -> Result<()> {
        let said = |status: u16| format!("{target} answered {status}");
        match self.post(target, message).await?.status {
            200..=299 => Ok(()),
            status if status >= 500 || PASSING.contains(&status) => {
                Err(Error::unavailable("WEBHOOK_FAILED", said(status)))
            }
            status => Err(Error::precondition("WEBHOOK_REFUSED", said(status))),
        }
    }
}

/// Whether another try of the same message may succeed.
pub fn may_pass(error: &Error) -> bool {
    matches!(error.kind(), Kind::Unavailable | Kind::Timeout | Kind::Internal)
}
