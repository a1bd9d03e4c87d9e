//! What one poll of an uncontended context costs, and one look at it.

use criterion::{Criterion, criterion_group, criterion_main};

#[path = "cases/case.rs"]
mod case;
#[path = "cases/poll.rs"]
mod cases;
#[path = "cases/complete.rs"]
mod complete;

fn poll(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("poll");
    for mut case in cases::polls() {
        group.bench_function(case.name, |bencher| bencher.iter_custom(&mut case.run));
    }
    group.finish();
}

fn access(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("access");
    for mut case in cases::accesses() {
        group.bench_function(case.name, |bencher| bencher.iter_custom(&mut case.run));
    }
    group.finish();
}

criterion_group!(benches, poll, access);
criterion_main!(benches);
