//! What nested calls cost under one root, each of plain `async fn`s measured beside it.

use criterion::{Criterion, criterion_group, criterion_main};

#[path = "cases/case.rs"]
mod case;
#[path = "cases/nesting.rs"]
mod cases;
#[path = "cases/complete.rs"]
mod complete;
#[path = "cases/ratio.rs"]
mod ratio;

use ratio::{Ratio, compared};

fn nesting(criterion: &mut Criterion<Ratio>) {
    let mut group = criterion.benchmark_group("nesting");
    let mut cases = cases::cases();
    let mut plain = cases.remove(0);
    for mut case in cases {
        group.bench_function(case.name, |bencher| {
            bencher.iter_custom(|steps| compared(&mut case, &mut plain, steps));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(Ratio);
    targets = nesting
}
criterion_main!(benches);
