//! What it costs to queue work on a context: posts, turns, spawns, small requests.

use criterion::{Criterion, criterion_group, criterion_main};

#[path = "cases/case.rs"]
mod case;
#[path = "cases/queue.rs"]
mod cases;

use case::Case;

fn queue(criterion: &mut Criterion) {
    group(criterion, "post to 1", cases::posts(1));
    group(criterion, "post to 100", cases::posts(100));
    group(criterion, "post to 1000", cases::posts(1000));
    group(criterion, "call", cases::calls(1));
    group(criterion, "100 calls", cases::calls(100));
    group(criterion, "turns", cases::turns());
    group(criterion, "spawn", cases::spawns());
    group(criterion, "request", cases::requests());
}

fn group(criterion: &mut Criterion, name: &str, cases: Vec<Case>) {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(20);
    for mut case in cases {
        group.bench_function(case.name, |bencher| bencher.iter_custom(&mut case.run));
    }
    group.finish();
}

criterion_group!(benches, queue);
criterion_main!(benches);
