//! The numbers we quote: the fastest of many rounds, each of which runs every case once, so that
//! what slows the machine down slows all of them. Ratios are to the first case of a table.
//!
//! `cargo bench --bench ratios -- nesting poll` prints the tables with these words in their titles.

use std::{env, time::Duration};

#[path = "cases/case.rs"]
mod case;
#[path = "cases/complete.rs"]
mod complete;
#[path = "cases/nesting.rs"]
mod nesting;
#[path = "cases/poll.rs"]
mod poll;
#[path = "cases/queue.rs"]
mod queue;

use case::Case;

/// Short rounds, and many, for what one thread does alone: some of them are not disturbed.
const ALONE: usize = 401;
const ROUNDS: usize = 41;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    // `cargo test` runs this without `--bench`: once, to see that it works.
    let measured = arguments.iter().any(|argument| argument == "--bench");
    let words: Vec<_> = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .collect();

    type Table = (&'static str, usize, u64, fn() -> Vec<Case>);
    let tables: [Table; 11] = [
        (
            "nesting: 8 nested calls, 5 suspensions",
            ALONE,
            1_000,
            nesting::cases,
        ),
        ("poll: one poll, uncontended", ALONE, 10_000, poll::polls),
        ("access: one look", ALONE, 10_000, poll::accesses),
        ("post: one post from outside, to 1", ROUNDS, 20_000, || {
            queue::posts(1)
        }),
        (
            "post: one post from outside, to 100",
            ROUNDS,
            20_000,
            || queue::posts(100),
        ),
        (
            "post: one post from outside, to 1,000",
            ROUNDS,
            20_000,
            || queue::posts(1_000),
        ),
        (
            "call: one post whose result is awaited, by itself",
            ROUNDS,
            5_000,
            || queue::calls(1),
        ),
        (
            "call: one post whose result is awaited, of 100 at once",
            ROUNDS,
            20_000,
            || queue::calls(100),
        ),
        (
            "turns: one of 200,000 turns of 8 tasks on one state",
            ROUNDS,
            200_000,
            queue::turns,
        ),
        ("spawn: spawn and join", ROUNDS, 5_000, queue::spawns),
        (
            "request: 3 yields, 3 updates",
            ROUNDS,
            2_000,
            queue::requests,
        ),
    ];
    for (title, rounds, steps, cases) in tables {
        if words.is_empty() || words.iter().any(|word| title.contains(word.as_str())) {
            let (rounds, steps) = if measured { (rounds, steps) } else { (1, 1) };
            print(title, &fastest(cases(), rounds, steps));
        }
    }
}

/// The nanoseconds of one step of each case, in its fastest round.
fn fastest(mut cases: Vec<Case>, rounds: usize, steps: u64) -> Vec<(&'static str, f64)> {
    let mut best = vec![Duration::MAX; cases.len()];
    for _ in 0..rounds {
        for (case, best) in cases.iter_mut().zip(&mut best) {
            *best = (*best).min((case.run)(steps));
        }
    }
    cases
        .iter()
        .zip(best)
        .map(|(case, best)| (case.name, best.as_nanos() as f64 / steps as f64))
        .collect()
}

fn print(title: &str, results: &[(&str, f64)]) {
    let (first, floor) = results[0];
    println!("{title}");
    println!("{:<50} | {:>9} | ratio to {first}", "work", "ns");
    for (name, nanoseconds) in results {
        println!(
            "{name:<50} | {nanoseconds:>9.1} | {:.2}",
            nanoseconds / floor
        );
    }
    println!();
}
