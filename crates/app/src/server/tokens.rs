//! The first token: made in the database of a server that is not running, since a running one would ask for a token.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pitcrew_auth::{Auth, Mode, NewToken};
use pitcrew_db::{Options, migrate};
use pitcrew_kernel::{Access, Clock, Ctx, Ids, RandomIds, Result};
use pitcrew_work::SystemClock;

use super::home::Home;
use super::wire;

/// Which server's database.
#[derive(Debug)]
pub(crate) enum Place {
    /// The embedded one of a home folder.
    Home(PathBuf),
    /// PostgreSQL, by its address. Servers that run on it learn of the token within seconds.
    Database(String),
}

/// Makes a token.
///
/// # Errors
/// `HOME_IN_USE` while the home folder's server runs, and what making a token can give.
pub(crate) async fn create_offline(
    place: Place,
    name: &str,
    access: Access,
    life: Option<Duration>,
) -> Result<NewToken> {
    match place {
        // The folder's lock is held to the end: no server starts on it meanwhile.
        Place::Home(folder) => {
            let home = Home::open(&folder)?;
            create_in(wire::database(home.path(), None), name, access, life).await
        }
        Place::Database(url) => create_in(wire::database(Path::new(""), Some(&url)), name, access, life).await,
    }
}

async fn create_in(database: Options, name: &str, access: Access, life: Option<Duration>) -> Result<NewToken> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn Ids> = Arc::new(RandomIds::new(Arc::clone(&clock)));
    let db = wire::open_database(database).await?;
    migrate(&db, clock.as_ref(), &wire::migrations()).await?;
    let auth = Auth::load(db, clock, ids, Mode::Token).await?;
    auth.create_token(&Ctx::system("offline"), name, access, life).await
}
