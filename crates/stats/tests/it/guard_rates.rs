//! Guardrails: false alarms with a look after every request, power and delay under harm.

use pitcrew_stats::latency::LatencyHistogram;
use pitcrew_stats::sequential::{
    ArmFailures, GuardVerdict, failure_rate_evidence, failure_ratio_evidence, guard, quantile_guard,
    sample_ratio_evidence,
};

use crate::support::{Rng, median};

/// How many requests until the failure-rate guardrail breaks, if it does.
fn until_rate_breach(rng: &mut Rng, true_rate: f64, stated: f64, requests: u64) -> Option<usize> {
    let mut failures = 0;
    (1..=requests)
        .find(|n| {
            failures += u64::from(rng.chance(true_rate));
            guard(failure_rate_evidence(failures, *n, stated), *n, 0.05) == GuardVerdict::Breached
        })
        .map(|n| n as usize)
}

#[test]
fn a_kept_failure_rate_is_rarely_called_broken() {
    let mut rng = Rng::new(41);
    for rate in [0.01, 0.1] {
        let alarms = (0..800).filter(|_| until_rate_breach(&mut rng, rate, rate, 3000).is_some()).count();
        println!("failure rate at its bound {rate}: false alarms {:.4}", alarms as f64 / 800.0);
        assert!(alarms <= 40, "{alarms}");
    }
}

#[test]
fn a_broken_failure_rate_is_found_soon() {
    let mut rng = Rng::new(43);
    for (true_rate, ceiling) in [(0.03, 600), (0.1, 60), (0.5, 10)] {
        let delays: Vec<usize> = (0..500).filter_map(|_| until_rate_breach(&mut rng, true_rate, 0.01, 5000)).collect();
        println!(
            "failures {true_rate} against 0.01: found {} of 500, median {} requests",
            delays.len(),
            median(delays.clone())
        );
        assert!(delays.len() >= 495);
        assert!(median(delays) <= ceiling);
    }
}

/// Requests until the ratio guardrail breaks, over steps of 10 % and 50 % with bad minutes that hit both arms.
fn until_ratio_breach(rng: &mut Rng, candidate_rate: f64, champion_rate: f64, requests: usize) -> Option<usize> {
    let mut steps = [0.1, 0.5].map(|share| ArmFailures { candidate_share: share, champion: 0, candidate: 0 });
    (1..=requests).find(|n| {
        let step = usize::from(*n > requests / 2);
        let trouble = if (n / 50) % 10 == 3 { 10.0 } else { 1.0 };
        if rng.chance(steps[step].candidate_share) {
            steps[step].candidate += u64::from(rng.chance(candidate_rate * trouble));
        } else {
            steps[step].champion += u64::from(rng.chance(champion_rate * trouble));
        }
        let seen = &steps[..=step];
        guard(failure_ratio_evidence(seen, 1.0), *n as u64, 0.05) == GuardVerdict::Breached
    })
}

#[test]
fn arms_that_fail_alike_are_rarely_told_apart_even_in_bad_minutes() {
    let mut rng = Rng::new(47);
    let alarms = (0..800).filter(|_| until_ratio_breach(&mut rng, 0.01, 0.01, 4000).is_some()).count();
    println!("equal failures with shared trouble: false alarms {:.4}", alarms as f64 / 800.0);
    assert!(alarms <= 40, "{alarms}");
    let delays: Vec<usize> = (0..500).filter_map(|_| until_ratio_breach(&mut rng, 0.05, 0.01, 4000)).collect();
    println!("five times the failures: found {} of 500, median {} requests", delays.len(), median(delays.clone()));
    assert!(delays.len() >= 490);
    assert!(median(delays) <= 1500);
}

/// Requests until the p99 guardrail breaks, with a look every ten requests and half the traffic on each arm.
fn until_latency_breach(rng: &mut Rng, slowdown: f64, max_ratio: f64, requests: usize) -> Option<usize> {
    let (mut champion, mut candidate) = (LatencyHistogram::new(), LatencyHistogram::new());
    (1..=requests).find(|n| {
        let latency = 200.0 * (0.4 * rng.normal()).exp();
        if rng.chance(0.5) {
            candidate.record((latency * slowdown) as u64);
        } else {
            champion.record(latency as u64);
        }
        n % 10 == 0 && quantile_guard(&champion, &candidate, 0.99, max_ratio, 0.05) == GuardVerdict::Breached
    })
}

#[test]
fn latency_tails_are_judged_fairly() {
    let mut rng = Rng::new(53);
    let alarms = (0..300).filter(|_| until_latency_breach(&mut rng, 1.5, 1.5, 4000).is_some()).count();
    println!("p99 at its allowed ratio: false alarms {:.4}", alarms as f64 / 300.0);
    assert!(alarms <= 15, "{alarms}");
    let delays: Vec<usize> = (0..100).filter_map(|_| until_latency_breach(&mut rng, 4.0, 1.5, 6000)).collect();
    println!("p99 four times, 1.5 allowed: found {} of 100, median {} requests", delays.len(), median(delays.clone()));
    assert!(delays.len() >= 98);
    assert!(median(delays) <= 2500);
}

#[test]
fn traffic_split_as_told_is_rarely_called_skewed() {
    let mut rng = Rng::new(59);
    let run = |rng: &mut Rng, share: f64| {
        let mut counts = [0u64; 2];
        (1..=5000usize).find(|n| {
            counts[usize::from(rng.chance(share))] += 1;
            let log = sample_ratio_evidence(&[0.9, 0.1], &counts).unwrap();
            guard(log, *n as u64, 0.01) == GuardVerdict::Breached
        })
    };
    let alarms = (0..2000).filter(|_| run(&mut rng, 0.1).is_some()).count();
    println!("split 0.9 / 0.1 kept: false alarms {:.4} at 0.01", alarms as f64 / 2000.0);
    assert!(alarms <= 20, "{alarms}");
    let delays: Vec<usize> = (0..200).filter_map(|_| run(&mut rng, 0.15)).collect();
    println!("0.15 instead of 0.1: found {} of 200, median {} requests", delays.len(), median(delays.clone()));
    assert!(delays.len() >= 199);
    assert!(median(delays) <= 1200);
}
