//! A measurement for criterion that a noisy machine does not blur: how long a case takes, in times of
//! another case that alternates with it.

use std::time::Duration;

use criterion::{
    Throughput,
    measurement::{Measurement, ValueFormatter},
};

use crate::case::Case;

/// Steps of a case, counted in steps of the case it is compared with.
pub(crate) struct Ratio;

/// What `steps` of `case` are in steps of `other`. Both run in short parts, which alternate; the fastest
/// of each count, as nothing disturbed them. So it takes the same time however many `steps` criterion
/// asks for.
pub(crate) fn compared(case: &mut Case, other: &mut Case, steps: u64) -> f64 {
    const PARTS: usize = 40;
    const PART: u64 = 500;

    let mut fastest = (Duration::MAX, Duration::MAX);
    for _ in 0..PARTS {
        fastest.0 = fastest.0.min((other.run)(PART));
        fastest.1 = fastest.1.min((case.run)(PART));
    }
    steps as f64 * fastest.1.div_duration_f64(fastest.0)
}

impl Measurement for Ratio {
    type Intermediate = ();
    type Value = f64;

    fn start(&self) {
        panic!("a ratio takes two cases: give `compared` to `iter_custom`");
    }

    fn end(&self, (): ()) -> f64 {
        panic!("a ratio takes two cases: give `compared` to `iter_custom`");
    }

    fn add(&self, first: &f64, second: &f64) -> f64 {
        first + second
    }

    fn zero(&self) -> f64 {
        0.0
    }

    fn to_f64(&self, value: &f64) -> f64 {
        *value
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        self
    }
}

impl ValueFormatter for Ratio {
    fn scale_values(&self, _: f64, _: &mut [f64]) -> &'static str {
        "of plain"
    }

    fn scale_throughputs(&self, _: f64, _: &Throughput, _: &mut [f64]) -> &'static str {
        "of plain"
    }

    fn scale_for_machines(&self, _: &mut [f64]) -> &'static str {
        "of plain"
    }
}
