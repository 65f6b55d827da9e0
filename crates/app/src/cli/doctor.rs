//! `pitcrew doctor`: looks for what is wrong with a set-up, and says what to do.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use pitcrew_kernel::Result;
use serde_json::{Value, json};

use super::args::Reach;
use super::out::Out;

struct Finding {
    what: &'static str,
    fine: bool,
    detail: String,
    hint: &'static str,
}

pub(crate) async fn doctor(reach: &Reach, out: Out) -> Result<ExitCode> {
    let home = reach.home();
    let findings = [python(), uv(), home_folder(&home), engine(&home), server(reach).await];
    let all_fine = findings.iter().all(|finding| finding.fine);
    let value: Vec<Value> = findings
        .iter()
        .map(|finding| json!({ "what": finding.what, "fine": finding.fine, "detail": finding.detail, "hint": (!finding.fine).then_some(finding.hint) }))
        .collect();
    out.result(&Value::Array(value), |_| {
        let line = |finding: &Finding| {
            let mark = if finding.fine { "ok  " } else { "look" };
            let hint = if finding.fine { String::new() } else { format!("\n      hint: {}", finding.hint) };
            format!("{mark}  {}: {}{hint}", finding.what, finding.detail)
        };
        findings.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    Ok(if all_fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn version(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

fn python() -> Finding {
    let found = version("python3");
    Finding {
        what: "Python",
        fine: found.is_some(),
        detail: found.unwrap_or_else(|| "`python3` is not on the PATH".to_owned()),
        hint: "install Python 3.10 or newer; pipelines with Python steps need it",
    }
}

fn uv() -> Finding {
    let found = version("uv");
    // Without it environments are built with venv and pip: slower, not wrong.
    let detail =
        found.unwrap_or_else(|| "not found; environments are built with venv and pip, which is slower".to_owned());
    Finding { what: "uv", fine: true, detail, hint: "" }
}

fn home_folder(home: &Path) -> Finding {
    let writable = match std::fs::metadata(home) {
        Ok(meta) => meta.is_dir() && tempfile::tempfile_in(home).is_ok(),
        Err(_) => true,
    };
    Finding {
        what: "home folder",
        fine: writable,
        detail: if writable { home.display().to_string() } else { format!("`{}` cannot be written", home.display()) },
        hint: "make it writable, or choose another with `--home`",
    }
}

fn engine(home: &Path) -> Finding {
    let result = crate::server::engine(home).open();
    Finding {
        what: "ONNX Runtime",
        fine: result.is_ok(),
        detail: match &result {
            Ok(info) => format!("{} {}", info.name, info.version),
            Err(error) => error.detail().to_owned(),
        },
        hint: "run `scripts/onnxruntime.sh`, or put libonnxruntime.so beside the binary",
    }
}

async fn server(reach: &Reach) -> Finding {
    let status = match reach.client() {
        Ok(client) => client.get("/api/v1/status").await,
        Err(error) => Err(error),
    };
    Finding {
        what: "server",
        fine: status.is_ok(),
        detail: match &status {
            Ok(_) => format!("answers at {}", reach.address()),
            Err(error) => error.detail().to_owned(),
        },
        hint: "start it with `pitcrew up`",
    }
}
