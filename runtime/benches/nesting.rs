//! What nested calls cost under one root.

use criterion::{Criterion, criterion_group, criterion_main};

#[path = "cases/case.rs"]
mod case;
#[path = "cases/nesting.rs"]
mod cases;
#[path = "cases/complete.rs"]
mod complete;

fn nesting(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("nesting");
    for mut case in cases::cases() {
        group.bench_function(case.name, |bencher| bencher.iter_custom(&mut case.run));
    }
    group.finish();
}

criterion_group!(benches, nesting);
criterion_main!(benches);
