//! Prints the JSON Schema of `pitcrew.yaml`: `cargo run -p pitcrew-project --example schema > docs/pitcrew.schema.json`.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

fn main() {
    println!("{:#}", pitcrew_project::schema());
}
