//! Release tests: false verdicts under no difference with a look after every observation, power and delay under harm.

use pitcrew_stats::sequential::{Arm, PairedSequence, Rule, SequenceOptions, TwoArmSequence, Verdict};

use crate::support::{Remembering, Rng, median};

const REPETITIONS: usize = 1000;
const RULE: Rule = Rule { margin: 0.0, min_samples: 24 };

/// Runs one paired comparison with a look after every pair; the first verdict and when it fell.
fn paired(options: SequenceOptions, pairs: usize, mut next: impl FnMut() -> f64) -> Option<(Verdict, usize)> {
    let mut sequence = PairedSequence::new(options);
    for pair in 1..=pairs {
        sequence.push(next());
        let verdict = sequence.verdict(&RULE);
        if matches!(verdict, Verdict::Better | Verdict::Worse) {
            return Some((verdict, pair));
        }
    }
    None
}

/// The shares of runs that ended in `Worse` and in either verdict.
fn rates(runs: &[Option<(Verdict, usize)>]) -> (f64, f64) {
    let worse = runs.iter().flatten().filter(|(verdict, _)| *verdict == Verdict::Worse).count();
    let any = runs.iter().flatten().count();
    (worse as f64 / runs.len() as f64, any as f64 / runs.len() as f64)
}

#[test]
fn no_difference_is_rarely_called_one_however_often_one_looks() {
    type Law = fn(&mut Rng) -> f64;
    let laws: [(&str, Law); 5] = [
        ("normal", Rng::normal),
        ("student t(3)", Rng::heavy),
        ("exponential", Rng::skewed),
        ("log-normal", |rng| rng.normal().exp() - 0.5f64.exp()),
        (
            "usually better, rarely much worse",
            |rng| if rng.chance(0.05) { 8.0 + rng.normal() } else { rng.normal() } - 0.4,
        ),
    ];
    for (name, law) in laws {
        for block in [1, 4] {
            let mut rng = Rng::new(11);
            let before: Vec<f64> = (0..1000).map(|_| law(&mut rng)).collect();
            let options = SequenceOptions { block, ..SequenceOptions::from_reference(&before, 0.05, 24, 24) };
            let runs: Vec<_> = (0..REPETITIONS).map(|_| paired(options, 1000, || law(&mut rng))).collect();
            let (worse, any) = rates(&runs);
            println!("paired null, {name}, block {block}: false rollback {worse:.4}, any false verdict {any:.4}");
            assert!(any <= 0.05, "{name}: {any}");
        }
    }
}

#[test]
fn memory_breaks_single_observations_and_blocks_mend_them() {
    let run = |options: SequenceOptions| {
        let mut rng = Rng::new(5);
        let runs: Vec<_> = (0..REPETITIONS)
            .map(|_| {
                let mut series = Remembering::new(0.6, &mut rng);
                paired(options, 1000, || series.next(&mut rng))
            })
            .collect();
        rates(&runs)
    };
    let mut rng = Rng::new(9);
    let mut series = Remembering::new(0.6, &mut rng);
    let before: Vec<f64> = (0..2000).map(|_| series.next(&mut rng)).collect();
    let options = SequenceOptions::from_reference(&before, 0.05, 24, 24);
    let block = options.block;
    let (naive, mended) = (run(SequenceOptions { block: 1, ..options }), run(options));
    println!(
        "paired null, AR(1) 0.6: block 1 {:.4} any {:.4}; block {block} {:.4} any {:.4}",
        naive.0, naive.1, mended.0, mended.1
    );
    assert!((8..=14).contains(&block), "{block}");
    assert!(naive.1 > 0.10, "the test would prove nothing: {}", naive.1);
    // A thousand runs know this rate to about 0.007.
    assert!(mended.1 <= 0.06, "{}", mended.1);
}

#[test]
fn a_daily_rhythm_does_not_fool_blocks() {
    // The difference swings over the day and is zero on average; the day's worst hours come first.
    let mut rng = Rng::new(21);
    let options = SequenceOptions { block: 6, ..SequenceOptions::default() };
    let runs: Vec<_> = (0..REPETITIONS)
        .map(|_| {
            let mut hour = 0u32;
            paired(options, 24 * 40, || {
                hour += 1;
                let rhythm = (f64::from(hour) / 24.0 * std::f64::consts::TAU).sin();
                0.7 * rhythm + rng.normal()
            })
        })
        .collect();
    let (worse, any) = rates(&runs);
    println!("paired null, daily rhythm, block 6: false rollback {worse:.4}, any {any:.4}");
    assert!(any <= 0.05, "{any}");
}

#[test]
fn harm_is_found_and_soon() {
    for (effect, block, within, power_floor, delay_ceiling) in
        [(1.0, 1, 200, 0.999, 30), (0.5, 1, 400, 0.99, 90), (0.3, 1, 1000, 0.97, 240), (0.8, 6, 400, 0.99, 80)]
    {
        let mut rng = Rng::new(17);
        let before: Vec<f64> = (0..1000).map(|_| rng.normal()).collect();
        let options = SequenceOptions { block, ..SequenceOptions::from_reference(&before, 0.05, 24, 24) };
        let runs: Vec<_> = (0..500).map(|_| paired(options, within, || effect + rng.normal())).collect();
        let (worse, _) = rates(&runs);
        let delay = median(runs.iter().flatten().map(|(_, at)| *at).collect());
        println!("paired harm {effect} sd, block {block}: found {worse:.3} within {within}, median {delay} pairs");
        assert!(worse >= power_floor, "{effect}: {worse}");
        assert!(delay <= delay_ceiling, "{effect}: {delay}");
    }
}

#[test]
fn an_equal_candidate_is_shown_to_be_no_worse() {
    let mut rng = Rng::new(29);
    let rule = Rule { margin: 0.5, min_samples: 24 };
    let mut at = Vec::new();
    let mut wrong = 0;
    for _ in 0..500 {
        let mut sequence = PairedSequence::new(SequenceOptions::default());
        for pair in 1..=600 {
            sequence.push(rng.normal());
            match sequence.verdict(&rule) {
                Verdict::NoWorse | Verdict::Better => {
                    at.push(pair);
                    break;
                }
                Verdict::Worse => {
                    wrong += 1;
                    break;
                }
                _ => {}
            }
        }
    }
    println!(
        "equal candidate, margin 0.5 sd: accepted {} of 500, median {} pairs, refused {wrong}",
        at.len(),
        median(at.clone())
    );
    assert!(at.len() >= 480);
    assert!(median(at) <= 120);
    // And one that is worse by exactly the margin is hardly ever accepted.
    let accepted = (0..REPETITIONS)
        .filter(|_| {
            let mut sequence = PairedSequence::new(SequenceOptions::default());
            (0..600).any(|_| {
                sequence.push(0.5 + rng.normal());
                matches!(sequence.verdict(&rule), Verdict::NoWorse | Verdict::Better)
            })
        })
        .count();
    println!("candidate worse by the margin: accepted {accepted} of {REPETITIONS}");
    assert!(accepted as f64 / REPETITIONS as f64 <= 0.05);
}

/// Runs one unpaired comparison with a tenth of the traffic on the candidate.
fn two_arms(block: usize, requests: usize, rng: &mut Rng, harm: f64, memory: f64) -> Option<(Verdict, usize)> {
    let options = SequenceOptions { block, ..SequenceOptions::default() };
    let mut sequence = TwoArmSequence::new(options);
    let mut shared = Remembering::new(memory, rng);
    for request in 1..=requests {
        // Both arms live through the same weather; the candidate's errors are also more spread.
        let weather = shared.next(rng);
        if rng.chance(0.1) {
            let loss = 5.0 + weather + harm + 1.5 * rng.normal();
            sequence.push(Arm::Candidate, loss);
        } else {
            let loss = 5.0 + weather + rng.normal();
            sequence.push(Arm::Champion, loss);
        }
        let verdict = sequence.verdict(&RULE);
        if matches!(verdict, Verdict::Better | Verdict::Worse) {
            return Some((verdict, request));
        }
    }
    None
}

#[test]
fn two_arms_keep_their_word_too() {
    for memory in [0.0, 0.8] {
        let block = if memory > 0.0 { 4 } else { 1 };
        let mut rng = Rng::new(31);
        let runs: Vec<_> = (0..1000).map(|_| two_arms(block, 4000, &mut rng, 0.0, memory)).collect();
        let (worse, any) = rates(&runs);
        println!("two arms null, memory {memory}, block {block}: false rollback {worse:.4}, any {any:.4}");
        assert!(any <= 0.05, "{any}");
        let runs: Vec<_> = (0..300).map(|_| two_arms(block, 4000, &mut rng, 1.0, memory)).collect();
        let (found, _) = rates(&runs);
        let delay = median(runs.iter().flatten().map(|(_, at)| *at).collect());
        println!("two arms harm 1.0: found {found:.3}, median {delay} requests (a tenth on the candidate)");
        assert!(found >= 0.98 && delay <= 1500, "{found} {delay}");
    }
}
