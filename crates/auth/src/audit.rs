//! The audit log: one entry for each event, chained by digests.

use pitcrew_contracts::event::Envelope;
use pitcrew_db::{Row, Tx};
use pitcrew_kernel::{Result, Timestamp};
use pitcrew_work::{Subscriber, last_delivered};
use serde::Serialize;

/// Entries read at once when the chain is checked: it may be longer than memory.
const VERIFIED_AT_ONCE: i64 = 1_000;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// The event's place.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What: the event's name.
    pub action: String,
    /// To what.
    pub subject: String,
    /// In one sentence, with what led to it.
    pub detail: String,
    /// Digest of this entry and the one before.
    pub hash: String,
}

/// Writes the audit log.
#[derive(Debug)]
pub struct AuditSubscriber;

impl Subscriber for AuditSubscriber {
    fn name(&self) -> &'static str {
        "audit"
    }

    fn wants(&self, event: &str) -> bool {
        // The arrival of traffic is not a change that somebody made.
        event != "serving.log_advanced"
    }

    fn handle(&self, tx: &mut Tx<'_>, event: &Envelope) -> Result<()> {
        let before = tx
            .optional("SELECT hash FROM auth_audit ORDER BY seq DESC LIMIT 1", &[], |row| row.text(0))?
            .unwrap_or_default();
        let mut entry = AuditEntry {
            seq: event.seq,
            at: event.at,
            actor: event.actor.clone(),
            action: event.name.clone(),
            subject: format!("{}:{}", event.subject.kind, event.subject.name),
            detail: detail(event),
            hash: String::new(),
        };
        entry.hash = chained(&before, &entry);
        tx.exec(
            "INSERT INTO auth_audit (seq, at, actor, action, subject, detail, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            &[
                entry.seq.into(),
                entry.at.into(),
                entry.actor.into(),
                entry.action.into(),
                entry.subject.into(),
                entry.detail.into(),
                entry.hash.into(),
            ],
        )?;
        Ok(())
    }
}

fn detail(event: &Envelope) -> String {
    match &event.cause {
        Some(cause) => format!("{}, because of {} {}: {}", event.summary, cause.kind, cause.id, cause.summary),
        None => event.summary.clone(),
    }
}

fn chained(before: &str, entry: &AuditEntry) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [
        before,
        &entry.seq.to_string(),
        &entry.at.micros().to_string(),
        &entry.actor,
        &entry.action,
        &entry.subject,
        &entry.detail,
    ] {
        // The length keeps two neighbouring fields from trading characters.
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

const SELECT: &str = "SELECT seq, at, actor, action, subject, detail, hash FROM auth_audit";

/// The last `limit` entries before `before` (all when `None`), newest first.
///
/// # Errors
/// What the database can give.
pub fn audit_page(tx: &mut Tx<'_>, before: Option<i64>, limit: i64) -> Result<Vec<AuditEntry>> {
    tx.all(
        &format!("{SELECT} WHERE seq < $1 ORDER BY seq DESC LIMIT $2"),
        &[before.unwrap_or(i64::MAX).into(), limit.into()],
        entry,
    )
}

/// What a look at the whole chain found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ChainCheck {
    /// Whether every entry fits the one before, and the last one is there.
    pub whole: bool,
    /// How many entries there are.
    pub entries: u64,
    /// The place of the last entry; 0 when there is none.
    pub seq: i64,
    /// Its digest, which stands for all entries up to it. Kept elsewhere, it shows later whether somebody wrote the whole chain anew.
    pub hash: String,
    /// The place of the first entry that does not fit or is missing.
    pub broken_at: Option<i64>,
}

/// Checks the whole chain, and that it reaches as far as the events do.
///
/// # Errors
/// What the database can give.
pub fn verify_chain(tx: &mut Tx<'_>) -> Result<ChainCheck> {
    let (mut check, mut after) = (ChainCheck::default(), i64::MIN);
    loop {
        let entries = tx.all(
            &format!("{SELECT} WHERE seq > $1 ORDER BY seq LIMIT $2"),
            &[after.into(), VERIFIED_AT_ONCE.into()],
            entry,
        )?;
        let Some(last) = entries.last() else { break };
        after = last.seq;
        for entry in entries {
            if check.broken_at.is_none() && chained(&check.hash, &entry) != entry.hash {
                check.broken_at = Some(entry.seq);
            }
            check.entries += 1;
            (check.hash, check.seq) = (entry.hash, entry.seq);
        }
    }
    // The chain cannot show by itself that its end was cut off.
    let due = last_delivered(tx, &AuditSubscriber)?;
    check.broken_at = check.broken_at.or((due > check.seq).then_some(due));
    check.whole = check.broken_at.is_none();
    Ok(check)
}

fn entry(row: &Row<'_>) -> Result<AuditEntry> {
    Ok(AuditEntry {
        seq: row.int(0)?,
        at: row.time(1)?,
        actor: row.text(2)?,
        action: row.text(3)?,
        subject: row.text(4)?,
        detail: row.text(5)?,
        hash: row.text(6)?,
    })
}
