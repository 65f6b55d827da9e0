//! `pitcrew demo bikes`: a server of its own in a folder of its own, and a lap driven through its public address.

use std::process::ExitCode;
use std::sync::Arc;

use pitcrew_client::Client;
use pitcrew_demo::{Options, Show};
use pitcrew_kernel::Result;
use pitcrew_work::SystemClock;

use super::{UpArgs, asked_to_stop, environment, start};
use crate::cli::{Bikes, Out};

/// Columns of the report: fits a terminal of usual width.
const REPORT_WIDTH: usize = 100;

/// Starts the demo's server, drives the lap, and leaves the server up until it is asked to stop (or ends it with `--exit`).
pub(crate) async fn demo_bikes(bikes: Bikes, out: Out) -> Result<ExitCode> {
    // The lap tells its own story; the server's log would talk over it.
    environment::start_logging_quietly();
    let args = UpArgs {
        listen: bikes.listen,
        auth: "none".to_owned(),
        allow_host: Vec::new(),
        database: None,
        objects: None,
        log_format: "text".to_owned(),
    };
    let running = start(&args, bikes.folder.join("home")).await?;
    out.note(&format!("pitcrew is up at {}", running.url));
    let lap = Options {
        client: Client::new(&running.url, None)?,
        folder: bikes.folder,
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
