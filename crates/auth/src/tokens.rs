//! Bearer tokens.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pitcrew_contracts::auth::{TokenCreated, TokenRevoked};
use pitcrew_db::{Arg, Db, Outgoing, Row, Tx};
use pitcrew_kernel::{Access, Clock, Ctx, Error, Ids, Result, Timestamp, define_id};
use serde::Serialize;

use crate::passes::{Pass, Passes};

define_id!(
    /// One token.
    TokenId, "tok");

const PREFIX: &str = "pc_";
const MAX_NAME: usize = 128;
/// Tokens without an explicit expiry live this long.
const DEFAULT_LIFE: Duration = Duration::from_secs(90 * 86_400);
const MAX_TOKENS: usize = 10_000;

/// Whether callers must show a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Everyone who can reach the socket may do everything. Only allowed on loopback.
    None,
    /// Everything but public routes needs a bearer token.
    Token,
}

/// A token as shown, without its secret.
#[derive(Debug, Clone, Serialize)]
pub struct TokenInfo {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// What it allows.
    pub access: Access,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When it was withdrawn.
    pub revoked_at: Option<Timestamp>,
}

/// A new token; the only time its secret is seen.
#[derive(Debug, Serialize)]
pub struct NewToken {
    /// Its id.
    pub id: String,
    /// The secret: send it as `Authorization: Bearer`.
    pub token: String,
}

struct Known {
    name: String,
    access: Access,
    expires_at: Option<Timestamp>,
}

/// The valid tokens by the digest of their secret.
#[derive(Default)]
struct Tokens {
    /// Which look into the database this is from.
    look: u64,
    by_hash: HashMap<String, Known>,
}

/// Checks callers and manages tokens.
pub struct Auth {
    db: Db,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    mode: Mode,
    known: RwLock<Tokens>,
    passes: Arc<Passes>,
    looks: AtomicU64,
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").field("mode", &self.mode).finish_non_exhaustive()
    }
}

impl Auth {
    /// Knows no token until [`Auth::refresh`].
    pub fn new(db: Db, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>, mode: Mode) -> Self {
        Self { db, clock, ids, mode, known: RwLock::default(), passes: Arc::default(), looks: AtomicU64::new(0) }
    }

    /// Knows every token.
    ///
    /// # Errors
    /// What the database can give.
    pub async fn load(db: Db, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>, mode: Mode) -> Result<Self> {
        let auth = Self::new(db, clock, ids, mode);
        auth.refresh().await?;
        Ok(auth)
    }

    /// Whether callers must show a token.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether at least one valid token can administer the server.
    pub fn has_admin(&self) -> bool {
        let now = self.clock.now();
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.by_hash.values().any(|token| token.access == Access::Admin && token.expires_at.is_none_or(|at| at > now))
    }

    /// Reads the tokens again: after a change, and now and then for changes made elsewhere.
    ///
    /// # Errors
    /// What the database can give.
    pub async fn refresh(&self) -> Result<()> {
        let look = self.looks.fetch_add(1, Ordering::SeqCst) + 1;
        let tokens = self
            .db
            .read(|tx| {
                tx.all("SELECT hash, name, access, expires_at FROM auth_tokens WHERE revoked_at IS NULL", &[], |row| {
                    Ok((
                        row.text(0)?,
                        Known { name: row.text(1)?, access: access(row, 2)?, expires_at: row.opt_time(3)? },
                    ))
                })
            })
            .await?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // A look that began earlier may end later: it must not bring back what was withdrawn in between.
        if look > known.look {
            *known = Tokens { look, by_hash: tokens.into_iter().collect() };
        }
        Ok(())
    }

    /// Who the bearer of `secret` is. Reads memory only.
    ///
    /// # Errors
    /// `TOKEN_REQUIRED`, `TOKEN_INVALID`, `TOKEN_EXPIRED`.
    pub fn authenticate(&self, secret: Option<&str>, request_id: String) -> Result<Ctx> {
        if self.mode == Mode::None {
            return Ok(Ctx { actor: "local".to_owned(), access: Access::Admin, request_id, cause: None });
        }
        let Some(secret) = secret else {
            return Err(Error::unauthenticated("TOKEN_REQUIRED", "this server asks for a token")
                .hint("send `Authorization: Bearer pc_...`; on the server `pitcrew token create` makes one"));
        };
        let hash = hash(secret);
        if let Some(ctx) = self.passes.bearer(&hash, &request_id) {
            return Ok(ctx);
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let Some(token) = known.by_hash.get(&hash) else {
            return Err(Error::unauthenticated("TOKEN_INVALID", "the token is unknown or was withdrawn"));
        };
        if token.expires_at.is_some_and(|at| at <= self.clock.now()) {
            return Err(Error::unauthenticated("TOKEN_EXPIRED", "the token has expired")
                .hint("make a new one: `pitcrew token create`"));
        }
        Ok(Ctx { actor: format!("token:{}", token.name), access: token.access, request_id, cause: None })
    }

    /// A pass for a process that this server starts, by which `actor` may call it; `None` where nobody needs one.
    pub fn admit(&self, actor: String, access: Access) -> Option<Pass> {
        (self.mode == Mode::Token).then(|| self.passes.admit(self.ids.as_ref(), actor, access))
    }

    /// Makes a token; the secret is answered once and never stored.
    ///
    /// # Errors
    /// `FORBIDDEN`, `TOKEN_NAME_INVALID`, `TOKEN_LIMIT`.
    pub async fn create_token(
        &self,
        ctx: &Ctx,
        name: &str,
        access: Access,
        life: Option<Duration>,
    ) -> Result<NewToken> {
        ctx.require(Access::Admin)?;
        if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(Error::invalid(
                "TOKEN_NAME_INVALID",
                format!("a token needs a name of at most {MAX_NAME} printable characters"),
            ));
        }
        let secret = new_secret(self.ids.as_ref());
        let id = TokenId::new(self.ids.as_ref()).to_string();
        let now = self.clock.now();
        let made = TokenCreated {
            token: id.clone(),
            name: name.to_owned(),
            access,
            expires_at: now.plus(life.unwrap_or(DEFAULT_LIFE)),
        };
        let (hash, ctx, ids, clock) = (hash(&secret), ctx.clone(), Arc::clone(&self.ids), Arc::clone(&self.clock));
        self.db
            .write(move |tx| {
                insert(tx, &hash, &made, &ctx.actor, now)?;
                tx.emit(Outgoing { ctx: &ctx, ids: ids.as_ref(), clock: clock.as_ref() }, &made)
            })
            .await?;
        self.refresh().await?;
        Ok(NewToken { id, token: secret })
    }

    /// All tokens, newest first, without their secrets.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn tokens(&self, ctx: &Ctx) -> Result<Vec<TokenInfo>> {
        ctx.require(Access::Admin)?;
        self.db
            .read(|tx| {
                tx.all(
                    "SELECT id, name, access, created_at, created_by, expires_at, revoked_at FROM auth_tokens ORDER BY id DESC LIMIT 1000",
                    &[],
                    |row| {
                        Ok(TokenInfo {
                            id: row.text(0)?,
                            name: row.text(1)?,
                            access: self::access(row, 2)?,
                            created_at: row.time(3)?,
                            created_by: row.text(4)?,
                            expires_at: row.opt_time(5)?,
                            revoked_at: row.opt_time(6)?,
                        })
                    },
                )
            })
            .await
    }

    /// Withdraws a token at once.
    ///
    /// # Errors
    /// `FORBIDDEN`, `TOKEN_NOT_FOUND`.
    pub async fn revoke_token(&self, ctx: &Ctx, id: &str) -> Result<()> {
        ctx.require(Access::Admin)?;
        let id: TokenId = id.parse()?;
        let (ctx, ids, clock) = (ctx.clone(), Arc::clone(&self.ids), Arc::clone(&self.clock));
        self.db
            .write(move |tx| {
                let name = withdraw(tx, id, clock.now())?;
                let withdrawn = TokenRevoked { token: id.to_string(), name };
                tx.emit(Outgoing { ctx: &ctx, ids: ids.as_ref(), clock: clock.as_ref() }, &withdrawn)
            })
            .await?;
        self.refresh().await
    }
}

fn insert(tx: &mut Tx<'_>, hash: &str, token: &TokenCreated, by: &str, now: Timestamp) -> Result<()> {
    let count = tx.one("SELECT count(*) FROM auth_tokens WHERE revoked_at IS NULL", &[], |row| row.int(0))?;
    if usize::try_from(count).unwrap_or(usize::MAX) >= MAX_TOKENS {
        return Err(Error::limited("TOKEN_LIMIT", format!("there are already {MAX_TOKENS} valid tokens"))
            .hint("revoke some first"));
    }
    let access = serde_json::to_value(token.access)
        .map_err(|source| Error::internal("an access level does not serialise", source))?;
    tx.exec(
        "INSERT INTO auth_tokens (id, name, hash, access, created_at, created_by, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            (&token.token).into(),
            (&token.name).into(),
            hash.into(),
            access.as_str().unwrap_or("read").into(),
            now.into(),
            by.into(),
            token.expires_at.into(),
        ],
    )?;
    Ok(())
}

/// Withdraws a valid token; answers what it was for.
fn withdraw(tx: &mut Tx<'_>, id: TokenId, now: Timestamp) -> Result<String> {
    tx.optional(
        "UPDATE auth_tokens SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL RETURNING name",
        &[now.into(), Arg::show(&id)],
        |row| row.text(0),
    )?
    .ok_or_else(|| Error::not_found("TOKEN_NOT_FOUND", format!("no valid token has the id `{id}`")))
}

fn access(row: &Row<'_>, column: usize) -> Result<Access> {
    serde_json::from_value(serde_json::Value::String(row.text(column)?))
        .map_err(|source| Error::internal("an access level does not read", source))
}

/// A secret nobody guesses: 256 random bits behind a prefix that scanners of leaked secrets can look for.
pub(crate) fn new_secret(ids: &dyn Ids) -> String {
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode([ids.random_bytes(), ids.random_bytes()].concat()))
}

/// Secrets hold 256 random bits, so a plain fast digest is as good as a slow one.
pub(crate) fn hash(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}
