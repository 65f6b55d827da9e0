//! Drift that is there: is it found, and are harmless oddities left alone?

use pitcrew_stats::drift::{DriftBaseline, DriftOptions, DriftReport, Verdict};
use pitcrew_stats::reference::Feature;

use crate::support::Rng;

fn normal(rng: &mut Rng, rows: usize) -> Vec<f64> {
    (0..rows).map(|_| rng.normal()).collect()
}

fn baseline(rng: &mut Rng, rows: usize, window: usize) -> DriftBaseline {
    let options = DriftOptions { window_rows: window, features: 12, ..DriftOptions::default() };
    DriftBaseline::calibrate(Feature::Numeric(&normal(rng, rows)), &options).unwrap()
}

fn evaluate(baseline: &DriftBaseline, window: &[f64]) -> DriftReport {
    baseline.evaluate(Feature::Numeric(window)).unwrap()
}

#[test]
fn shifts_and_spreads_are_found() {
    let mut rng = Rng::new(79);
    for (name, rows, shift, spread, floor) in [
        ("half sd in 200", 200, 0.5, 1.0, 0.95),
        ("0.2 sd in 2000", 2000, 0.2, 1.0, 0.95),
        ("spread 1.5 in 500", 500, 0.0, 1.5, 0.95),
    ] {
        let mut found = 0;
        for _ in 0..20 {
            let baseline = baseline(&mut rng, 8760, rows);
            for _ in 0..20 {
                let window: Vec<f64> = normal(&mut rng, rows).iter().map(|v| v * spread + shift).collect();
                found += usize::from(evaluate(&baseline, &window).verdict == Verdict::Drifted);
            }
        }
        println!("{name}: found {found} of 400 at 0.01 over 12 features");
        assert!(found as f64 / 400.0 >= floor, "{name}: {found}");
    }
}

#[test]
fn one_outlier_neither_trips_nor_blinds() {
    let mut rng = Rng::new(83);
    let baseline = baseline(&mut rng, 8760, 2500);
    let mut still = normal(&mut rng, 2500);
    still[100] = 1e6;
    let report = evaluate(&baseline, &still);
    assert_eq!(report.verdict, Verdict::Stable, "{report:?}");
    assert!(report.outside > 0.0);
    let mut moved: Vec<f64> = normal(&mut rng, 2500).iter().map(|v| v + 0.3).collect();
    moved[100] = 1e6;
    let report = evaluate(&baseline, &moved);
    assert_eq!(report.psi.verdict, Verdict::Drifted);
    assert_eq!(report.wasserstein.unwrap().verdict, Verdict::Drifted);
    // Nor does one in the reference stretch its bins until nothing moves.
    let mut odd = normal(&mut rng, 2500);
    odd[7] = 1e6;
    let baseline = DriftBaseline::calibrate(Feature::Numeric(&odd), &DriftOptions::default()).unwrap();
    assert_eq!(evaluate(&baseline, &moved).verdict, Verdict::Drifted);
    assert_eq!(evaluate(&baseline, &normal(&mut rng, 1000)).verdict, Verdict::Stable);
}

#[test]
fn rising_missingness_is_drift_and_steady_missingness_is_not() {
    let mut rng = Rng::new(89);
    let mut holes = |rows: usize, share: f64| -> Vec<f64> {
        (0..rows).map(|_| if rng.chance(share) { f64::NAN } else { rng.normal() }).collect()
    };
    let options = DriftOptions { window_rows: 1000, ..DriftOptions::default() };
    let baseline = DriftBaseline::calibrate(Feature::Numeric(&holes(8760, 0.01)), &options).unwrap();
    for (share, verdict) in
        [(0.01, Verdict::Stable), (0.05, Verdict::Drifted), (0.3, Verdict::Drifted), (1.0, Verdict::Drifted)]
    {
        let report = evaluate(&baseline, &holes(1000, share));
        println!("missing 1 % -> {share}: {:?}", report.missing);
        assert_eq!(report.missing.verdict, verdict, "{share}");
        assert_eq!(report.verdict, verdict, "{share}");
    }
    assert_eq!(evaluate(&baseline, &holes(1000, 1.0)).psi.verdict, Verdict::NoData);
}

#[test]
fn unseen_categories_are_drift_when_the_reference_had_settled() {
    let mut rng = Rng::new(97);
    let options = DriftOptions { window_rows: 1000, ..DriftOptions::default() };
    let reference: Vec<Option<&str>> = (0..5000).map(|_| Some(["a", "b", "c"][rng.below(3)])).collect();
    let settled = DriftBaseline::calibrate(Feature::Categorical(&reference), &options).unwrap();
    let window: Vec<Option<&str>> =
        (0..1000).map(|_| Some(if rng.chance(0.02) { "new" } else { ["a", "b", "c"][rng.below(3)] })).collect();
    let report = settled.evaluate(Feature::Categorical(&window)).unwrap();
    assert_eq!(report.unseen.verdict, Verdict::Drifted, "{:?}", report.unseen);

    // Ids are new every day; that is what they do.
    let ids: Vec<String> = (0..20_000).map(|i| format!("id{i}")).collect();
    let draw = |range: std::ops::Range<usize>| -> Vec<Option<&str>> {
        ids[range].iter().map(|id| Some(id.as_str())).collect()
    };
    let unsettled = DriftBaseline::calibrate(Feature::Categorical(&draw(0..5000)), &options).unwrap();
    let report = unsettled.evaluate(Feature::Categorical(&draw(10_000..11_000))).unwrap();
    assert_eq!(report.unseen.verdict, Verdict::Stable, "{:?}", report.unseen);
}

#[test]
fn the_verdict_does_not_turn_on_size_alone() {
    // Evidently calls 60/40 -> 50/50 drift at 800 rows and none at 3,000.
    let mut rng = Rng::new(101);
    for rows in [800, 3000, 20_000] {
        let mut flags = |share: f64| -> Vec<f64> { (0..rows).map(|_| f64::from(rng.chance(share))).collect() };
        let options = DriftOptions { window_rows: rows, ordered: false, ..DriftOptions::default() };
        let baseline = DriftBaseline::calibrate(Feature::Numeric(&flags(0.4)), &options).unwrap();
        assert_eq!(evaluate(&baseline, &flags(0.5)).verdict, Verdict::Drifted, "{rows}");
        assert_eq!(evaluate(&baseline, &flags(0.4)).verdict, Verdict::Stable, "{rows}");
    }
}

#[test]
fn large_samples_do_not_make_trifles_matter() {
    let mut rng = Rng::new(103);
    let baseline = baseline(&mut rng, 200_000, 200_000);
    let trifle: Vec<f64> = normal(&mut rng, 200_000).iter().map(|v| v + 0.02).collect();
    assert_eq!(evaluate(&baseline, &trifle).verdict, Verdict::Stable);
    let real: Vec<f64> = normal(&mut rng, 200_000).iter().map(|v| v + 0.15).collect();
    assert_eq!(evaluate(&baseline, &real).verdict, Verdict::Drifted);
}

#[test]
fn too_little_is_no_data_in_windows_and_in_references() {
    let mut rng = Rng::new(107);
    let options = DriftOptions { window_rows: 168, min_rows: 72, ..DriftOptions::default() };
    let good = DriftBaseline::calibrate(Feature::Numeric(&normal(&mut rng, 1000)), &options).unwrap();
    let eight = [50.0; 8];
    let report = evaluate(&good, &eight);
    assert_eq!(
        (report.verdict, report.psi.verdict, report.missing.verdict),
        (Verdict::NoData, Verdict::NoData, Verdict::NoData)
    );
    assert_eq!(evaluate(&good, &[]).verdict, Verdict::NoData);
    // A reference of nothing, or of next to nothing, still answers.
    for poor in [vec![f64::NAN; 500], normal(&mut rng, 20)] {
        let baseline = DriftBaseline::calibrate(Feature::Numeric(&poor), &options).unwrap();
        let report = evaluate(&baseline, &normal(&mut rng, 168));
        assert_eq!(report.psi.verdict, Verdict::NoData, "{report:?}");
    }
    assert!(DriftBaseline::calibrate(Feature::Numeric(&[]), &options).is_err());
    assert!(good.evaluate(Feature::Categorical(&[None])).is_err());
}

#[test]
fn a_constant_feature_that_moves_is_found() {
    let options = DriftOptions { window_rows: 168, min_rows: 72, ..DriftOptions::default() };
    let baseline = DriftBaseline::calibrate(Feature::Numeric(&[5.0; 2000]), &options).unwrap();
    assert_eq!(evaluate(&baseline, &[5.0; 168]).verdict, Verdict::Stable);
    assert_eq!(evaluate(&baseline, &[6.0; 168]).verdict, Verdict::Drifted);
}

#[test]
fn baselines_survive_storage_and_are_the_same_for_a_seed() {
    let values = normal(&mut Rng::new(109), 3000);
    let options = DriftOptions::default();
    let one = DriftBaseline::calibrate(Feature::Numeric(&values), &options).unwrap();
    let two = DriftBaseline::calibrate(Feature::Numeric(&values), &options).unwrap();
    assert_eq!(one, two);
    let stored = serde_json::to_string(&one).unwrap();
    println!("a stored numeric baseline takes {} bytes", stored.len());
    assert!(stored.len() < 25_000);
    let back: DriftBaseline = serde_json::from_str(&stored).unwrap();
    let window = normal(&mut Rng::new(113), 1000);
    // JSON may cost the last bit of a number, and no more.
    let (before, after) = (evaluate(&one, &window), evaluate(&back, &window));
    assert!((before.psi.threshold - after.psi.threshold).abs() < 1e-9);
    assert!((before.psi.value - after.psi.value).abs() < 1e-12);
    assert_eq!((before.verdict, before.missing), (after.verdict, after.missing));
}
