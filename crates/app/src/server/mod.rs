//! The server: everything wired together and kept running.

mod apply;
mod core;
mod demo;
mod environment;
mod home;
mod listen;
mod objects;
mod pages;
mod routes;
mod store;
mod telemetry;
mod tokens;
mod wire;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use pitcrew_auth::Mode;
use pitcrew_kernel::{Error, Result};
use pitcrew_outbound::{Exception, Policy};
use pitcrew_work::{SystemClock, Tasks};
use tokio::net::TcpListener;
use tracing::info;

pub(crate) use demo::demo_bikes;
pub(crate) use environment::engine;
pub(crate) use home::{announced, is_running};
pub(crate) use tokens::{Place, create_offline};

use home::Home;
use wire::{Server, Wiring};

/// How long tasks may take to end when the server is asked to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// Options of `pitcrew up`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  pitcrew up\n  pitcrew up --home /var/lib/pitcrew --listen 0.0.0.0:7070 --auth token"
)]
pub(crate) struct UpArgs {
    /// Where to listen. Any address but loopback needs `--auth token`.
    #[arg(long, default_value = "127.0.0.1:7070", value_name = "ADDR")]
    pub(crate) listen: String,
    /// Whether callers must show a token: none or token.
    #[arg(long, default_value = "none", value_parser = ["none", "token"])]
    pub(crate) auth: String,
    /// A name, besides loopback ones, that callers may use for this server. May be repeated.
    #[arg(long, value_name = "HOST")]
    pub(crate) allow_host: Vec<String>,
    /// A host, address or range of addresses that webhooks may reach although it is not public: `hooks.internal`, `10.1.0.0/16`. May be repeated.
    #[arg(long, value_name = "HOST")]
    pub(crate) allow_webhook_host: Vec<Exception>,
    /// PostgreSQL instead of the embedded database: `postgres://user:password@host:5432/database`.
    #[arg(long, env = "PITCREW_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// A bucket for the objects instead of the home folder: `s3://bucket/prefix`. `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and
    /// `AWS_ENDPOINT_URL` tell how to reach it.
    #[arg(long, env = "PITCREW_OBJECTS", hide_env_values = true, value_name = "URL")]
    pub(crate) objects: Option<String>,
    /// How logs are written to standard error: text or json.
    #[arg(long, default_value = "text", value_parser = ["text", "json"])]
    pub(crate) log_format: String,
}

/// Runs the server until it is asked to stop.
pub(crate) async fn up(args: UpArgs, home: PathBuf) -> Result<ExitCode> {
    environment::start_logging(&args.log_format);
    let running = start(&args, home).await?;
    announce(&running.url);
    asked_to_stop().await;
    info!("stopping");
    running.stop().await;
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::print_stdout, reason = "scripts wait for this line")]
fn announce(url: &str) {
    println!("listening on {url}");
}

/// A server that answers.
pub(crate) struct Running {
    pub(crate) url: String,
    home: Home,
    tasks: Tasks,
    server: Server,
}

impl Running {
    /// Answers what is under way, ends what runs, leaves everything on disk.
    pub(crate) async fn stop(self) {
        self.tasks.stop(STOP_PATIENCE).await;
        self.server.close().await;
        self.home.withdraw();
    }
}

/// Starts a server and returns once it answers.
pub(crate) async fn start(args: &UpArgs, home: PathBuf) -> Result<Running> {
    let address = listen_address(&args.listen)?;
    let mode = if args.auth == "token" { Mode::Token } else { Mode::None };
    if mode == Mode::None && !address.ip().is_loopback() {
        return Err(Error::precondition("AUTH_REQUIRED", format!("refusing to listen on {address} without authentication"))
            .hint("make a token with `pitcrew token create admin --access admin`, then start with `--auth token`; or listen on 127.0.0.1"));
    }
    let home = Home::open(&home)?;
    let listener = TcpListener::bind(address).await.map_err(|error| bind_error(address, &error))?;
    let bound = listener.local_addr().map_err(|source| Error::internal("the socket has no address", source))?;
    let url = format!("http://{}", reachable(bound));
    let tasks = Tasks::new();
    let wiring = Wiring {
        home: home.path(),
        database: args.database.as_deref(),
        objects: args.objects.as_deref(),
        mode,
        hosts: &args.allow_host,
        url: &url,
        // Without a login every caller is on this machine, and reaches what is on it without our help.
        outbound: &Policy { loopback: mode == Mode::None, exceptions: args.allow_webhook_host.clone() },
        tasks: &tasks,
    };
    let mut server = wire::build(&home, wiring).await?;
    if mode == Mode::Token && !server.has_admin() {
        return Err(Error::precondition(
            "AUTH_REQUIRED",
            "authentication is on, but there is no valid admin token yet",
        )
        .hint("make one while the server is down: `pitcrew token create admin --access admin`, with the same `--home` or `--database`"));
    }
    server.start(&tasks).await?;
    serve(listener, &tasks, &mut server);
    home.announce(&url)?;
    Ok(Running { url, home, tasks, server })
}

fn serve(listener: TcpListener, tasks: &Tasks, server: &mut Server) {
    let router = std::mem::take(&mut server.router);
    tasks.spawn("http", listen::answer(listener, router, tasks.clone(), Arc::new(SystemClock)));
}

fn listen_address(text: &str) -> Result<SocketAddr> {
    let resolved =
        if let Some(port) = text.strip_prefix("localhost:") { format!("127.0.0.1:{port}") } else { text.to_owned() };
    resolved.parse().map_err(|_| {
        Error::invalid("LISTEN_INVALID", format!("`{text}` is not an address to listen on"))
            .hint("write an IP address and a port, like `127.0.0.1:7070`")
    })
}

/// Where programs of this machine reach a socket: one that listens on every address is asked on loopback.
fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bound.port())
}

fn bind_error(address: SocketAddr, error: &std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            Error::conflict("PORT_IN_USE", format!("{address} is in use by another program"))
                .hint("choose another port with `--listen 127.0.0.1:7071`, or `--listen 127.0.0.1:0` for any free one")
        }
        _ => Error::unavailable("LISTEN_FAILED", format!("{address} cannot be listened on: {error}"))
            .hint("choose another address with `--listen`"),
    }
}

/// Completes at Ctrl-C or SIGTERM.
pub(crate) async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = match signal(SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(error) => {
            tracing::warn!(error = ?error, "SIGTERM cannot be heard");
            return tokio::signal::ctrl_c().await.unwrap_or_default();
        }
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_every_address_is_reached_on_loopback() {
        let shown = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(shown("0.0.0.0:7070"), "127.0.0.1:7070");
        assert_eq!(shown("[::]:7070"), "[::1]:7070");
        assert_eq!(shown("192.0.2.7:7070"), "192.0.2.7:7070");
    }
}
