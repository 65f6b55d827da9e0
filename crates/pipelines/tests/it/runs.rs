//! Order, parallelism, data, environment variables, queueing, logs.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::Ordering;

use pitcrew_kernel::Access;
use pitcrew_pipelines::{RunState, StepState};
use serde_json::json;

use crate::yard::{Yard, step};

#[tokio::test(flavor = "multi_thread")]
async fn steps_run_after_what_they_need_and_hand_files_on() {
    for yard in Yard::each().await {
        yard.file("steps/count.sh", "wc -c < \"$PITCREW_INPUT_WORDS\" > \"$PITCREW_OUTPUT_DIR/size.txt\"\n");
        yard.apply(json!({"pipelines": {"train": {"dataset": "bikes", "refresh": true, "params": {"word": "ab"}, "steps": {
            "count": {"run": "sh steps/count.sh", "inputs": {"words": "write/deep/words.txt"}, "outputs": ["size.txt"]},
            "write": {
                "run": "sh -c 'mkdir $PITCREW_OUTPUT_DIR/deep; cat $PITCREW_PARAMS $PITCREW_INPUT_DATA/rows.csv > $PITCREW_OUTPUT_DIR/deep/words.txt'",
                "inputs": {"data": "dataset"}, "outputs": ["deep/words.txt"],
            },
            "evaluate": {"uses": "evaluate", "inputs": {"model": "count/size.txt"}, "with": {"target": "cnt"}},
            "register": {"uses": "register", "inputs": {"report": "evaluate/report.json"}},
        }}}}))
        .await;
        let run = yard.run().await;
        assert_eq!(run.state, RunState::Succeeded, "{}: {:?}", yard.name, run.error);
        assert_eq!(run.dataset_version.as_ref().unwrap().to_string(), "bikes@1");
        assert_eq!(yard.datasets.refreshed.load(Ordering::SeqCst), 1);
        let size = yard.blobs.get(&step(&run, "count").outputs[0].digest).await.unwrap();
        assert_eq!(size.trim_ascii(), "{\n  \"word\": \"ab\"\n}bikes@1\n".len().to_string().as_bytes());
        let calls = yard.acts.calls.lock().unwrap();
        assert_eq!(calls[0].with["target"], "cnt");
        assert_eq!(calls[0].inputs["model"].tracking_run_id.as_deref(), Some("count#1"));
        assert_eq!(calls[0].lineage.dataset, run.dataset_version);
        assert_eq!(calls[1].inputs["report"].tracking_run_id, None);
        assert_eq!(
            *yard.tracker.0.lock().unwrap(),
            [("count#1".to_owned(), Some(true)), ("write#1".to_owned(), Some(true))].into()
        );
        let made = step(&run, "write");
        assert!(made.cpu_seconds.is_some() && made.peak_memory_bytes.is_some_and(|bytes| bytes > 100_000));
        assert_eq!((made.exit_code, made.attempt), (Some(0), 1));
        let folders: Vec<_> = std::fs::read_dir(yard.home.path().join("work")).unwrap().collect();
        assert!(folders.is_empty(), "work folders of successes are removed: {folders:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_without_needs_run_at_once() {
    for yard in Yard::each().await {
        let pipe = |name: &str| yard.home.path().join(name).display().to_string();
        let (one, two) = (pipe("one"), pipe("two"));
        for path in [&one, &two] {
            nix::unistd::mkfifo(path.as_str(), nix::sys::stat::Mode::S_IRWXU).unwrap();
        }
        // Each opens a pipe that only the other's opening unblocks: one after the other they would wait for ever.
        yard.steps(json!({
            "a": {"run": format!("sh -c 'echo from a > {one}; read x < {two}; echo got $x'")},
            "b": {"run": format!("sh -c 'read x < {one}; echo got $x; echo from b > {two}'")},
        }))
        .await;
        let run = yard.run().await;
        assert_eq!(run.state, RunState::Succeeded, "{}", yard.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_inherits_nothing_and_knows_its_run() {
    let yard = Yard::sqlite().await;
    yard.steps(json!({"look": {"run": "sh -c 'env | sort; pwd; ls -A; echo oops >&2'"}})).await;
    yard.file("pitcrew.yaml", "project: bikes");
    yard.file("notes.txt", "hello");
    yard.steps(json!({"look": {"run": "sh -c 'env | sort; pwd; ls -A; echo oops >&2'"}})).await;
    let run = yard.start().await;
    let lines = yard.lines(run.id, |_| {}).await;
    let owner = |line: &str| line.starts_with("PITCREW_OWNER=");
    let text: Vec<String> = lines
        .iter()
        .map(|line| if owner(&line.line) { "PITCREW_OWNER=[owner]".to_owned() } else { line.line.clone() })
        .map(|line| {
            line.replace(&yard.home.path().display().to_string(), "[home]").replace(&run.id.to_string(), "[run]")
        })
        .zip(&lines)
        .map(|(text, line)| format!("{} {text}", serde_json::to_value(line.stream).unwrap().as_str().unwrap()))
        .collect();
    let (mut out, err): (Vec<_>, Vec<_>) = text.into_iter().partition(|line| !line.starts_with("stderr"));
    out.extend(err);
    insta::assert_snapshot!(out.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_run_of_a_pipeline_at_a_time_the_others_queue() {
    for yard in Yard::each().await {
        let gate = yard.home.path().join("gate").display().to_string();
        nix::unistd::mkfifo(gate.as_str(), nix::sys::stat::Mode::S_IRWXU).unwrap();
        yard.steps(json!({"wait": {"run": format!("sh -c 'echo here; read x < {gate}'"), "cache": false}})).await;
        let first = yard.start().await;
        yard.heard(first.id, "here").await;
        let second = yard.start().await;
        assert_eq!((first.number, second.number), (1, 2));
        for _ in 3..22 {
            yard.start().await;
        }
        let full = yard.start_with(json!({}), false).await.unwrap_err();
        assert_eq!(full.code(), "PIPELINE_QUEUE_FULL");
        assert_eq!(yard.service.active_runs().await.unwrap(), 21);
        let waits = yard.service.run(&yard.world.ctx, second.id).await.unwrap();
        assert_eq!(waits.state, RunState::Queued, "{}", yard.name);
        let second = yard.service.cancel(&yard.world.ctx, second.id).await.unwrap();
        assert_eq!((second.state, second.steps[0].state), (RunState::Cancelled, StepState::Cancelled));
        let by_ana = [
            "pipelines.run_created",
            "pipelines.cancel_requested",
            "pipelines.step_finished",
            "pipelines.run_finished",
        ];
        assert_eq!(yard.stated_by("ana", second.id).await, by_ana, "{}", yard.name);
        std::fs::write(&gate, "go\n").unwrap();
        assert_eq!(yard.finish(first.id).await.state, RunState::Succeeded);
        let list = yard.service.runs(&yard.world.ctx, Default::default(), Default::default()).await.unwrap();
        let third = list.items.iter().find(|run| run.number == 3).unwrap();
        yard.heard(third.id, "here").await;
        assert_eq!(list.items[0].number, 21);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_keeps_the_graph_and_code_it_was_asked_for_with() {
    for yard in Yard::each().await {
        let gate = yard.home.path().join("gate").display().to_string();
        nix::unistd::mkfifo(gate.as_str(), nix::sys::stat::Mode::S_IRWXU).unwrap();
        yard.file("say.sh", "echo old\n");
        let steps = |command: &str| json!({"wait": {"run": format!("sh -c 'echo here; read x < {gate}'")}, "say": {"run": command, "needs": ["wait"]}});
        yard.steps(steps("sh say.sh")).await;
        let run = yard.start().await;
        yard.heard(run.id, "here").await;
        yard.file("say.sh", "echo new\n");
        yard.steps(steps("sh -c 'echo newer'")).await;
        std::fs::write(&gate, "go\n").unwrap();
        let lines = yard.lines(run.id, |_| {}).await;
        assert_eq!(lines.last().unwrap().line, "old", "{}", yard.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_gets_a_pass_that_ends_with_it_and_never_shows() {
    let yard = Yard::guarded().await;
    let (held, gate) = (yard.home.path().join("held"), yard.home.path().join("gate"));
    nix::unistd::mkfifo(&gate, nix::sys::stat::Mode::S_IRWXU).unwrap();
    yard.steps(json!({"look": {"run": format!(
        "sh -c 'echo it is $PITCREW_TOKEN; echo $MLFLOW_TRACKING_TOKEN > {}; echo here; read x < {}'",
        held.display(),
        gate.display(),
    )}}))
    .await;
    let run = yard.start().await;
    yard.heard(run.id, "here").await;
    let secret = std::fs::read_to_string(&held).unwrap().trim().to_owned();
    let caller = yard.auth.authenticate(Some(&secret), "req-1".to_owned()).unwrap();
    assert_eq!((caller.actor, caller.access), (format!("step:{}/look", run.id), Access::Write));
    std::fs::write(&gate, "go\n").unwrap();
    let lines = yard.lines(run.id, |_| {}).await;
    let said: Vec<&str> = lines.iter().map(|line| line.line.as_str()).collect();
    assert!(said.contains(&"it is ........"), "{said:?}");
    assert!(!said.iter().any(|line| line.contains(&secret)), "{said:?}");
    assert_eq!(yard.auth.authenticate(Some(&secret), "req-2".to_owned()).unwrap_err().code(), "TOKEN_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_step_uses_is_kept_while_it_runs() {
    let tools = tempfile::tempdir().unwrap();
    let cards = tools.path().join("nvidia-smi");
    std::fs::write(&cards, "#!/bin/sh\necho 0, 50, 1000, 2000, 70.5\n").unwrap();
    std::fs::set_permissions(&cards, std::fs::Permissions::from_mode(0o755)).unwrap();
    for yard in Yard::each_with(|options| options.path.insert(0, tools.path().to_owned())).await {
        let gate = yard.home.path().join("gate").display().to_string();
        nix::unistd::mkfifo(gate.as_str(), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let command = format!("sh -c 'echo up; read x < {gate}'");
        yard.steps(json!({"train": {"run": command}})).await;
        let run = yard.start().await;
        yard.heard(run.id, "up").await;
        // A look that cannot be kept costs the step nothing.
        yard.tracker.1.store(true, Ordering::SeqCst);
        let looks = yard.observed(2).await;
        yard.tracker.1.store(false, Ordering::SeqCst);
        std::fs::write(&gate, "go\n").unwrap();
        assert_eq!(yard.finish(run.id).await.state, RunState::Succeeded, "{}", yard.name);
        let told: Vec<(&str, i64)> = looks.iter().take(2).map(|(run, count, _)| (run.as_str(), *count)).collect();
        assert_eq!(told, [("train#1", 0), ("train#1", 1)]);
        for name in ["process_memory_megabytes", "system_memory_usage_percentage", "gpu_0_utilization_percentage"] {
            assert!(looks[0].2.iter().any(|told| told == name), "no {name} in {:?}", looks[0].2);
        }
    }
}
