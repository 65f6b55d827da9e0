//! Prints the simulated city as CSV: `cargo run -p pitcrew-demo --example city_csv -- SEED > city.csv`.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    let seed = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(7);
    let hours = pitcrew_demo::city::simulate(seed);
    std::io::stdout().write_all(pitcrew_demo::hour::to_csv(&hours).as_bytes())
}
