//! Environments, with an interpreter that only plays one: it knows its version, makes venvs of itself and installs by saying so.

use std::os::unix::fs::PermissionsExt as _;

use pitcrew_pipelines::RunState;
use serde_json::{Value, json};

use crate::yard::{Yard, step};

const INTERPRETER: &str = r#"#!/bin/sh
case "$1 $2 $3" in
    "-I -c "*) echo "fake $(cat "$(dirname "$0")/version" 2>/dev/null || echo 1)" ;;
    "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; echo build >> BUILDS; echo "$HOME" > HOMES ;;
    "-m pip install")
        for last; do :; done
        echo "installing $(cat "$last")"
        if grep -q missing== "$last"; then echo "no such package" >&2; exit 1; fi ;;
    *) echo "running $0 $*" ;;
esac
"#;

/// A yard with the interpreter as `python3` on its path. Several runs share the home, so builds are counted there.
async fn yards() -> Vec<Yard> {
    let yards = Yard::each_with(|options| {
        let bin = options.home.join("bin");
        std::fs::create_dir_all(&bin).unwrap();
        let builds = options.home.join("builds").display().to_string();
        let text =
            INTERPRETER.replace("BUILDS", &builds).replace("HOMES", &options.home.join("homes").display().to_string());
        std::fs::write(bin.join("python3"), text).unwrap();
        std::fs::set_permissions(bin.join("python3"), std::fs::Permissions::from_mode(0o755)).unwrap();
        options.path.insert(0, bin);
        options.uv = None;
        options.build_env = vec![("HOME".to_owned(), "/somewhere".to_owned())];
    });
    yards.await
}

fn project(steps: Value) -> Value {
    json!({
        "environments": {"python": {"requirements": "requirements.txt"}},
        "pipelines": {"train": {"environment": "python", "steps": steps}},
    })
}

fn builds(yard: &Yard) -> usize {
    std::fs::read_to_string(yard.home.path().join("builds")).unwrap_or_default().lines().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_is_built_once_and_shared() {
    for yard in yards().await {
        yard.file("requirements.txt", "numpy==2.3.1\n");
        yard.file("a.py", "");
        yard.apply(project(
            json!({"a": {"run": "python a.py x"}, "b": {"run": "python a.py y"}, "c": {"run": "python a.py z"}}),
        ))
        .await;
        let run = yard.start().await;
        let lines = yard.lines(run.id, |_| {}).await;
        let run = yard.finish(run.id).await;
        assert_eq!((run.state, builds(&yard)), (RunState::Succeeded, 1), "{}: {:?}", yard.name, run.error);
        assert_eq!(std::fs::read_to_string(yard.home.path().join("homes")).unwrap(), "/somewhere\n");
        assert!(lines.iter().any(|line| line.line == "installing numpy==2.3.1"));
        assert!(lines.iter().any(|line| line.line.starts_with("running") && line.line.ends_with("bin/python a.py x")));
        let first = step(&run, "a").cache.as_ref().unwrap().key;

        let cached = yard.run().await;
        assert_eq!(step(&cached, "a").cache.as_ref().unwrap().key, first);
        // Another version of the interpreter is another environment.
        std::fs::write(yard.home.path().join("bin/version"), "2").unwrap();
        let python = yard.home.path().join("bin/python3");
        let script = std::fs::read_to_string(&python).unwrap();
        std::fs::write(&python, script + "# upgraded\n").unwrap();
        std::fs::File::options()
            .write(true)
            .open(&python)
            .unwrap()
            .set_modified(std::time::SystemTime::UNIX_EPOCH)
            .unwrap();
        let upgraded = yard.run().await;
        assert_eq!(step(&upgraded, "a").cache.as_ref().unwrap().why, "environment changed");
        assert_eq!(builds(&yard), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_fails_says_why_and_is_tried_anew() {
    for yard in yards().await {
        yard.file("requirements.txt", "missing==1.0\n");
        yard.file("a.py", "");
        yard.apply(project(json!({"a": {"run": "python a.py"}}))).await;
        let run = yard.run().await;
        let error = run.steps[0].error.as_deref().unwrap();
        assert!(
            error.starts_with(
                "ENVIRONMENT_FAILED: the Python environment cannot be built: the installer failed; its last lines:"
            ),
            "{error}"
        );
        assert!(error.contains("no such package"), "{error}");
        yard.run().await;
        assert_eq!(builds(&yard), 2, "an interrupted build is no environment on {}", yard.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interpreter_that_is_not_there_fails_the_run() {
    for yard in yards().await {
        yard.file("requirements.txt", "numpy==2.3.1\n");
        let mut project = project(json!({"a": {"run": "python -V"}}));
        project["environments"]["python"]["python"] = json!("python9");
        yard.apply(project).await;
        let run = yard.run().await;
        assert_eq!(run.state, RunState::Failed, "{}", yard.name);
        assert!(run.error.unwrap().starts_with(
            "ENVIRONMENT_FAILED: the Python environment cannot be built: the interpreter `python9` is not there"
        ));
    }
}
