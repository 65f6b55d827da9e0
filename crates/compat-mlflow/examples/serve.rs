//! A door on a port over a SQLite file in a temporary folder, to try a client against: `cargo run -p pitcrew-compat-mlflow --example serve -- 5900`.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    missing_docs,
    missing_debug_implementations,
    reason = "a tool for trying; it shares the tests' door"
)]

#[path = "../tests/it/door.rs"]
mod door;

use std::sync::Arc;

use pitcrew_auth::{Auth, Mode};
use pitcrew_kernel::{Clock, Ids, RandomIds};
use pitcrew_testkit::TestDb;
use pitcrew_web::{GuardOptions, guarded};
use pitcrew_work::SystemClock;

#[tokio::main]
async fn main() {
    let port = std::env::args().nth(1).unwrap_or_else(|| "5900".to_owned());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn Ids> = Arc::new(RandomIds::new(Arc::clone(&clock)));
    let folder = tempfile::tempdir().unwrap();
    let db =
        TestDb::sqlite(&[pitcrew_tracking::MIGRATIONS, pitcrew_registry::MIGRATIONS, pitcrew_auth::MIGRATIONS]).await;
    let open = door::door(&db, &clock, &ids, folder.path());
    let auth = Auth::load(db.db.clone(), Arc::clone(&clock), Arc::clone(&ids), Mode::None).await.unwrap();
    let options = GuardOptions { auth: Arc::new(auth), ids, allowed_hosts: Arc::default() };
    let native = pitcrew_tracking::routes(Arc::clone(&open.tracking));
    let router = guarded(pitcrew_compat_mlflow::routes(open).merge(native).into_router(), options, axum::Router::new());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await.unwrap();
    println!("listening on {port}");
    axum::serve(axum::serve::ListenerExt::tap_io(listener, |stream| drop(stream.set_nodelay(true))), router)
        .await
        .unwrap();
}
