//! The HTTP server: connections with limits, answered until the server stops.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use pitcrew_kernel::Clock;
use pitcrew_work::Tasks;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

/// Connections at once, pages that listen for events among them. One more is refused at once.
const MAX_CONNECTIONS: usize = 4_096;
/// How long a connection may take to send the head of a request, and so how long it may be idle.
const HEAD_PATIENCE: Duration = Duration::from_secs(120);
/// After an accept that failed (out of file descriptors), before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Said to the connection that is one too many.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: 26\r\n\r\ntoo many open connections\n";

/// Answers connections until the server is asked to stop, then those requests that are under way.
pub(crate) async fn answer(listener: TcpListener, router: Router, tasks: Tasks, clock: Arc<dyn Clock>) {
    more_descriptors();
    let (graceful, free) = (GracefulShutdown::new(), Arc::new(Semaphore::new(MAX_CONNECTIONS)));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_ended) = connections.join_next() => continue,
            () = tasks.stopping() => break,
        };
        match accepted {
            Ok((stream, _)) => match Arc::clone(&free).try_acquire_owned() {
                Ok(permit) => {
                    connections.spawn(one(stream, router.clone(), graceful.watcher(), permit));
                }
                Err(_full) => {
                    connections.spawn(refuse(stream));
                }
            },
            Err(error) if is_the_callers(&error) => {}
            Err(error) => {
                tracing::warn!(error = %error, "a connection cannot be accepted");
                clock.sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    graceful.shutdown().await;
    while connections.join_next().await.is_some() {}
}

async fn one(stream: TcpStream, router: Router, watcher: Watcher, _permit: OwnedSemaphorePermit) {
    // Small answers must not wait for the caller's delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(error = %error, "TCP_NODELAY cannot be set");
    }
    let service = router.map_request(|request: Request<Incoming>| request.map(Body::new));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    if let Err(error) = watcher.watch(connection).await {
        // The caller went away or sent what is no HTTP: its own affair.
        tracing::debug!(error = %error, "a connection broke");
    }
}

async fn refuse(mut stream: TcpStream) {
    // Whoever does not read it is refused all the same.
    let _told = stream.write_all(FULL).await;
}

/// A connection that was gone before it was accepted says nothing about us.
fn is_the_callers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Systems start programs with as few as 1,024 file descriptors and let them ask for more.
fn more_descriptors() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    {
        tracing::debug!(error = %error, "no more file descriptors are to be had");
    }
}
