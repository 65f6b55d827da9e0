//! Projects good and bad, as their authors meet the errors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")]

use std::path::Path;

use pitcrew_contracts::spec::Notify;

const GOOD: &str = "\
project: bikes
datasets:
  bikes: { source: 'data/*.csv' }
environments:
  python: { requirements: requirements.txt }
models:
  bikes:
    gate: { floors: [{ metric: wape, max: 0.3 }] }
pipelines:
  train:
    dataset: bikes
    environment: python
    steps:
      prepare: { run: python steps/prepare.py, inputs: { data: dataset }, outputs: [train.parquet] }
      train: { run: python steps/train.py, inputs: { train: prepare/train.parquet }, outputs: [model.onnx] }
deployments:
  bikes: { model: bikes }
monitors:
  bikes: { deployment: bikes, every: 1d, window: 7d, objectives: [{ metric: wape, max: 0.3 }] }
alerts:
  bikes-error:
    monitor: bikes
    metric: wape
    notify: [{ webhook: '${HOOK}' }]
    action: { run: train }
";

fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("steps")).unwrap();
    for (name, text) in [("requirements.txt", ""), ("steps/prepare.py", ""), ("steps/train.py", "")].iter().chain(files)
    {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn refusal(text: &str) -> String {
    let folder = project(&[("pitcrew.yaml", text)]);
    let error = pitcrew_project::load(folder.path()).unwrap_err();
    format!("{}\n{}", error.code(), error.detail())
}

#[test]
fn a_good_project_loads_and_its_data_is_not_code() {
    let folder = project(&[("pitcrew.yaml", GOOD)]);
    let project = pitcrew_project::load(folder.path()).unwrap();
    assert_eq!(project.pipelines["train"].steps.len(), 2);
    assert!(project.alerts["bikes-error"].notify.is_empty(), "a target with an unknown name is left out");
    let data = pitcrew_project::data_globs(&project).unwrap();
    assert!(data.matches("data/2011.csv") && !data.matches("steps/train.py") && !data.matches("data/deep/2011.csv"));
}

#[test]
fn words_that_older_yaml_took_for_truth_values_are_words() {
    let text = GOOD.replace(
        "source: 'data/*.csv' }",
        "source: data/*.csv, checks: [{ column: y, not_null: true }, { column: [n, on, yes], not_null: true }] }",
    );
    let folder = project(&[("pitcrew.yaml", &text)]);
    let checks = pitcrew_project::load(folder.path()).unwrap().datasets.remove("bikes").unwrap().checks;
    let columns: Vec<&[String]> = checks.iter().map(|check| check.column.as_ref().unwrap().as_slice()).collect();
    assert_eq!(columns, [&["y"][..], &["n", "on", "yes"]]);
    let number = refusal(&text.replace("column: y", "column: 7"));
    assert!(number.contains("a name or a list of names"), "{number}");
}

#[test]
fn names_in_webhooks_come_from_the_environment() {
    let folder = project(&[("pitcrew.yaml", GOOD)]);
    let project = pitcrew_project::load_with(folder.path(), &|name| {
        (name == "HOOK").then(|| "http://127.0.0.1:9/hook".to_owned())
    })
    .unwrap();
    assert_eq!(project.alerts["bikes-error"].notify, [Notify::Webhook("http://127.0.0.1:9/hook".to_owned())]);
}

#[test]
fn the_demo_template_is_a_valid_project() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../templates/bikes");
    pitcrew_project::load(&root).unwrap();
}

#[test]
fn a_folder_without_a_project_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let error = pitcrew_project::load(folder.path()).unwrap_err();
    assert_eq!(error.code(), "PROJECT_MISSING");
    assert!(error.hint_text().unwrap().contains("pitcrew init"));
}

#[test]
fn a_release_has_an_end() {
    let judge = "judge: { metric: absolute_error, alpha: 0.05, min_samples: 24 }";
    let of = |more: &str| {
        let release =
            format!("bikes: {{ model: bikes, release: {{ candidate: challenger, steps: [100], {judge}{more} }} }}");
        GOOD.replace("bikes: { model: bikes }", &release)
    };
    let folder = project(&[("pitcrew.yaml", &of(""))]);
    let declared = pitcrew_project::load(folder.path()).unwrap().deployments.remove("bikes").unwrap();
    assert_eq!(declared.release.unwrap().max_duration.to_string(), "30d");
    let wrong = refusal(&of(", max_duration: 0d"));
    assert!(wrong.contains("max_duration") && wrong.contains("longer than nothing"), "{wrong}");
}

#[test]
fn fragments_merge_and_may_not_repeat_a_name() {
    let more = "models:\n  trucks: {}\n";
    let folder = project(&[("pitcrew.yaml", GOOD), ("trucks.pitcrew.yaml", more)]);
    assert_eq!(pitcrew_project::load(folder.path()).unwrap().models.len(), 2);
    std::fs::write(folder.path().join("trucks.pitcrew.yaml"), "models:\n  bikes: {}\n").unwrap();
    let error = pitcrew_project::load(folder.path()).unwrap_err();
    insta::assert_snapshot!(error.detail());
}

#[test]
fn every_problem_names_file_line_and_field() {
    insta::assert_snapshot!("unknown_field", refusal(&GOOD.replace("dataset: bikes\n", "dataste: bikes\n")));
    insta::assert_snapshot!(
        "wrong_type",
        refusal(&GOOD.replace("max: 0.3 }] }\npipelines", "max: lots }] }\npipelines"))
    );
    insta::assert_snapshot!("not_yaml", refusal("project: bikes\ndatasets: [unclosed\n"));
    insta::assert_snapshot!("missing_step", refusal(&GOOD.replace("prepare/train.parquet", "prepar/train.parquet")));
    insta::assert_snapshot!("missing_output", refusal(&GOOD.replace("prepare/train.parquet", "prepare/tain.parquet")));
    insta::assert_snapshot!("missing_file", refusal(&GOOD.replace("python steps/train.py", "python steps/trian.py")));
    insta::assert_snapshot!("cycle", refusal(&GOOD.replace("inputs: { data: dataset }", "needs: [train]")));
    insta::assert_snapshot!("outside", refusal(&GOOD.replace("'data/*.csv'", "'../secret/*.csv'")));
    insta::assert_snapshot!("bad_duration", refusal(&GOOD.replace("window: 7d", "window: 7 days")));
    insta::assert_snapshot!(
        "several",
        refusal(
            &GOOD
                .replace("model: bikes }", "model: bike }")
                .replace("action: { run: train }", "action: { run: trane }")
        )
    );
}

#[test]
fn rules_about_runs_are_about_one_thing() {
    let with = |rule: &str| format!("{GOOD}run_alerts:\n  watch: {rule}\n");
    for good in
        ["{ metric: loss, above: 10 }", "{ metric: loss, below: 0, above: 1, experiment: deep }", "{ no_progress: 1m }"]
    {
        let folder = project(&[("pitcrew.yaml", &with(good))]);
        assert_eq!(pitcrew_project::load(folder.path()).unwrap().run_alerts.len(), 1, "{good}");
    }
    let wrong = [
        ("{}", "say what must hold"),
        ("{ metric: loss }", "it needs `above` or `below`"),
        ("{ metric: loss, no_progress: 5m }", "not both"),
        ("{ no_progress: 5m, above: 1 }", "it bounds a `metric`"),
        ("{ no_progress: 30s }", "at least 1 minute"),
        ("{ no_progress: 5m, experiment: '' }", "it is empty"),
        ("{ metric: loss, over: 1 }", "over"),
    ];
    for (rule, why) in wrong {
        let told = refusal(&with(rule));
        assert!(told.contains(why) && told.contains("pitcrew.yaml:"), "{rule}: {told}");
    }
}
