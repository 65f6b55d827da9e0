//! Drift with nothing drifting: how often is an alarm raised?

use pitcrew_stats::drift::{DriftBaseline, DriftOptions, Verdict};
use pitcrew_stats::multiple::benjamini_hochberg;
use pitcrew_stats::reference::Feature;

use crate::support::{Remembering, Rng};

/// The share of `windows` fresh windows that raise an alarm on a numeric feature.
fn alarms(baseline: &DriftBaseline, windows: usize, mut window: impl FnMut(usize) -> Vec<f64>) -> f64 {
    let drifted = |i: &usize| {
        let report = baseline.evaluate(Feature::Numeric(&window(*i))).unwrap();
        report.verdict == Verdict::Drifted
    };
    (0..windows).filter(drifted).count() as f64 / windows as f64
}

#[test]
fn independent_rows_of_any_law_and_size_stay_quiet() {
    type Law = fn(&mut Rng) -> f64;
    let laws: [(&str, Law); 5] = [
        ("normal", Rng::normal),
        ("student t(3)", Rng::heavy),
        ("exponential", Rng::skewed),
        ("rare flag", |rng| f64::from(rng.chance(0.03))),
        ("four levels", |rng| rng.below(4) as f64),
    ];
    for (name, law) in laws {
        for (reference, rows) in [(1000, 200), (1000, 1000), (5000, 500)] {
            let mut rng = Rng::new(61);
            let mut total = 0.0;
            for _ in 0..10 {
                let values: Vec<f64> = (0..reference).map(|_| law(&mut rng)).collect();
                let options = DriftOptions { window_rows: rows, false_alarm_rate: 0.05, ..DriftOptions::default() };
                let baseline = DriftBaseline::calibrate(Feature::Numeric(&values), &options).unwrap();
                total += alarms(&baseline, 100, |_| (0..rows).map(|_| law(&mut rng)).collect());
            }
            let rate = total / 10.0;
            println!("no drift, {name}, {reference}/{rows}: alarms {rate:.4} at 0.05");
            assert!(rate <= 0.05, "{name} {reference}/{rows}: {rate}");
        }
    }
}

#[test]
fn many_categories_stay_quiet_where_others_cry_wolf() {
    for (categories, reference, rows) in
        [(5, 1000, 1000), (50, 1000, 1000), (50, 5000, 500), (200, 5000, 5000), (5000, 5000, 1000)]
    {
        let mut rng = Rng::new(67);
        let names: Vec<String> = (0..categories).map(|i| format!("c{i}")).collect();
        let mut drifted = 0;
        for _ in 0..10 {
            let mut draw = |n: usize| -> Vec<Option<&str>> {
                (0..n).map(|_| Some(names[rng.below(categories)].as_str())).collect()
            };
            let options = DriftOptions { window_rows: rows, false_alarm_rate: 0.05, ..DriftOptions::default() };
            let baseline = DriftBaseline::calibrate(Feature::Categorical(&draw(reference)), &options).unwrap();
            drifted += (0..50)
                .filter(|_| baseline.evaluate(Feature::Categorical(&draw(rows))).unwrap().verdict == Verdict::Drifted)
                .count();
        }
        let rate = drifted as f64 / 500.0;
        println!("no drift, {categories} categories, {reference}/{rows}: alarms {rate:.4} at 0.05");
        assert!(rate <= 0.07, "{categories}: {rate}");
    }
}

/// Two years of an hourly temperature: season, day, weather with a memory of days.
fn temperature(rng: &mut Rng, hours: usize) -> Vec<f64> {
    let mut weather = Remembering::new(0.985, rng);
    (0..hours)
        .map(|hour| {
            let season = -(hour as f64 / 8760.0 * std::f64::consts::TAU).cos();
            let day = (hour as f64 / 24.0 * std::f64::consts::TAU).sin();
            15.0 + 10.0 * season + 3.0 * day + 3.0 * weather.next(rng)
        })
        .collect()
}

#[test]
fn a_week_of_next_year_is_not_drift_when_weeks_of_this_year_are_the_measure() {
    let options = DriftOptions { window_rows: 168, min_rows: 72, ..DriftOptions::default() };
    let (mut calibrated, mut naive) = (0.0, 0.0);
    for seed in 0..10 {
        let mut rng = Rng::new(71 + seed);
        let years = temperature(&mut rng, 2 * 8760);
        let (reference, next) = years.split_at(8760);
        let weeks: Vec<Vec<f64>> = next.chunks_exact(168).map(<[f64]>::to_vec).collect();
        let by_weeks = DriftBaseline::calibrate(Feature::Numeric(reference), &options).unwrap();
        calibrated += alarms(&by_weeks, weeks.len(), |i| weeks[i].clone());
        let shuffled = DriftOptions { ordered: false, ..options.clone() };
        let by_rows = DriftBaseline::calibrate(Feature::Numeric(reference), &shuffled).unwrap();
        naive += alarms(&by_rows, weeks.len(), |i| weeks[i].clone());
    }
    println!(
        "weeks of next year: alarms {:.4} at 0.01 (calibrated as if rows were independent: {:.4})",
        calibrated / 10.0,
        naive / 10.0
    );
    assert!(calibrated / 10.0 <= 0.03, "{calibrated}");
    assert!(naive / 10.0 >= 0.9, "the test would prove nothing: {naive}");
}

#[test]
fn fifty_features_raise_no_more_alarms_than_one() {
    let (features, windows) = (50, 200);
    let options = DriftOptions { window_rows: 200, false_alarm_rate: 0.05, features, ..DriftOptions::default() };
    let single = DriftOptions { features: 1, ..options.clone() };
    let mut rng = Rng::new(73);
    let baselines: Vec<[DriftBaseline; 2]> = (0..features)
        .map(|_| {
            let values: Vec<f64> = (0..2000).map(|_| rng.normal()).collect();
            [&options, &single].map(|o| DriftBaseline::calibrate(Feature::Numeric(&values), o).unwrap())
        })
        .collect();
    let (mut family, mut uncorrected, mut discovered) = (0, 0, 0);
    for _ in 0..windows {
        let mut p_values = Vec::new();
        let (mut any, mut any_single) = (false, false);
        for [shared, alone] in &baselines {
            let window: Vec<f64> = (0..200).map(|_| rng.normal()).collect();
            let report = shared.evaluate(Feature::Numeric(&window)).unwrap();
            any |= report.verdict == Verdict::Drifted;
            any_single |= alone.evaluate(Feature::Numeric(&window)).unwrap().verdict == Verdict::Drifted;
            p_values.extend([report.psi.p_value, report.wasserstein.unwrap().p_value]);
        }
        family += usize::from(any);
        uncorrected += usize::from(any_single);
        discovered += usize::from(benjamini_hochberg(&p_values).iter().any(|p| *p <= 0.05));
    }
    println!(
        "50 still features, 200 windows with an alarm: shared rate {family}, BH over p-values {discovered}, uncorrected {uncorrected}"
    );
    assert!(family as f64 / windows as f64 <= 0.05, "{family}");
    assert!(discovered as f64 / windows as f64 <= 0.07, "{discovered}");
    assert!(uncorrected > 20, "the test would prove nothing: {uncorrected}");
}
