//! `pitcrew demo bikes`: a server of its own in a folder of its own, and a lap driven through its public address.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use pitcrew_client::Client;
use pitcrew_demo::{FOLDER, Options, Show, choose_folder};
use pitcrew_kernel::Result;
use pitcrew_work::SystemClock;

use super::{UpArgs, asked_to_stop, environment, start};
use crate::cli::{Bikes, Out};

/// Columns of the report: fits a terminal of usual width.
const REPORT_WIDTH: usize = 100;

/// Where the demo's server listens when nothing else is asked for and nobody else is there.
const LISTEN: &str = "127.0.0.1:7070";
/// Any free port.
const LISTEN_ANYWHERE: &str = "127.0.0.1:0";

/// Starts the demo's server, drives the lap, and leaves the server up until it is asked to stop (or ends it with `--exit`).
pub(crate) async fn demo_bikes(bikes: Bikes, out: Out) -> Result<ExitCode> {
    // The lap tells its own story; the server's log would talk over it.
    environment::start_logging_quietly();
    let folder = folder(bikes.folder.as_deref(), out)?;
    let args = UpArgs {
        listen: bikes.listen.unwrap_or_else(|| free_address(out).to_owned()),
        auth: "none".to_owned(),
        allow_host: Vec::new(),
        allow_webhook_host: Vec::new(),
        database: None,
        objects: None,
        log_format: "text".to_owned(),
    };
    let running = start(&args, folder.join("home")).await?;
    out.note(&format!("pitcrew is up at {}", running.url));
    let lap = Options {
        client: Client::new(&running.url, None)?,
        folder,
        data: bikes.data,
        seed: bikes.seed,
        days: bikes.days,
        show: if out.is_json() { Show::Nothing } else { Show::Auto },
        clock: Arc::new(SystemClock),
    };
    let driven = tokio::select! {
        report = pitcrew_demo::bikes(lap) => Some(report),
        () = asked_to_stop() => None,
    };
    let code = match driven {
        None => ExitCode::FAILURE,
        Some(Err(error)) => {
            running.stop().await;
            return Err(error);
        }
        Some(Ok(report)) => {
            out.result(&serde_json::json!(report), |_| report.text(REPORT_WIDTH));
            if !bikes.exit {
                out.note(&format!("\nlook around at {} (Ctrl-C ends it)", running.url));
                asked_to_stop().await;
            }
            if report.missing().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
    };
    running.stop().await;
    Ok(code)
}

/// The folder of this lap. What was not asked for is said.
fn folder(asked: Option<&Path>, out: Out) -> Result<PathBuf> {
    let chosen = choose_folder(asked, Path::new(""))?;
    if asked.is_none() && chosen != Path::new(FOLDER) {
        out.note(&format!("`{FOLDER}` holds an earlier lap; this one goes to `{}`", chosen.display()));
    }
    Ok(chosen)
}

/// The address people expect, or any free port where somebody else listens there.
fn free_address(out: Out) -> &'static str {
    match TcpListener::bind(LISTEN) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            out.note(&format!("{LISTEN} is in use; taking a free port"));
            LISTEN_ANYWHERE
        }
        _ => LISTEN,
    }
}
