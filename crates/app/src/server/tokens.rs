//! The first token: made on a home folder whose server is not running.

use std::path::Path;
use std::sync::Arc;

use pitcrew_auth::{Auth, Mode, NewToken};
use pitcrew_db::{Db, Options, migrate};
use pitcrew_kernel::{Access, Clock, Ctx, Ids, RandomIds, Result};
use pitcrew_work::SystemClock;

use super::home::Home;
use super::wire;

/// Makes a token in the embedded database of `home`.
///
/// # Errors
/// `HOME_IN_USE` while its server runs, and what making a token can give.
pub(crate) async fn create_offline(
    home: &Path,
    name: &str,
    access: Access,
    life: Option<std::time::Duration>,
) -> Result<NewToken> {
    let home = Home::open(home)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn Ids> = Arc::new(RandomIds::new(Arc::clone(&clock)));
    let db = Db::open(&Options::Sqlite(home.path().join("metadata.db")))?;
    migrate(&db, clock.as_ref(), &wire::migrations()).await?;
    let auth = Auth::load(db, clock, ids, Mode::Token).await?;
    auth.create_token(&Ctx::system("offline"), name, access, life).await
}
