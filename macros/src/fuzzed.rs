//! The claims that the fuzz targets hold every expansion to, on inputs that are the same each time.

#[path = "../fuzz/src/claims.rs"]
#[expect(unreachable_pub, reason = "the fuzz targets use it from outside")]
mod claims;
#[path = "../fuzz/src/grammar.rs"]
// Lists of words stay lists of words.
#[rustfmt::skip]
mod grammar;

use claims::{Macro, check};

const INPUTS: usize = 1000;

fn seeds_and_generated_inputs(which: Macro) {
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds");
    let mut found = 0;
    for seed in std::fs::read_dir(seeds).expect("the seeds of the fuzz targets") {
        let seed = seed.expect("a seed").path();
        println!("{}", seed.display());
        check(which, &std::fs::read(seed).expect("a seed"));
        found += 1;
    }
    assert!(found > 0, "no seeds");

    let mut random = XorShift(0x9e37_79b9_7f4a_7c15);
    for number in 0..INPUTS {
        println!("generated input {number}");
        let length = 1 + random.next() as usize % 256;
        let bytes: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
        check(which, &bytes);
    }
}

struct XorShift(u64);

impl XorShift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 32
    }
}

#[test]
fn whatever_context_async_is_given_it_expands_to_tokens_that_read_as_well() {
    seeds_and_generated_inputs(Macro::ContextAsync);
}

#[test]
fn whatever_detached_is_given_it_expands_to_tokens_that_read_as_well() {
    seeds_and_generated_inputs(Macro::Detached);
}

#[test]
fn whatever_context_block_is_given_it_expands_to_tokens_that_read_as_well() {
    seeds_and_generated_inputs(Macro::ContextBlock);
}

#[test]
fn the_fuzz_targets_are_made_of_the_same_modules() {
    let modules = |lib: &str| -> Vec<String> {
        let lines = lib.lines().filter(|line| line.starts_with("mod "));
        lines.map(str::to_owned).collect()
    };
    let fuzzed = modules(include_str!("../fuzz/src/lib.rs"));
    for module in modules(include_str!("lib.rs")) {
        let is_there = fuzzed.contains(&module) || module == "mod fuzzed;";
        assert!(is_there, "`{module}` is not in `fuzz/src/lib.rs`");
    }
}
