//! Many of everything at once, and exact after: the state is plain memory, and nothing may get lost.

use std::{
    cell::{Cell, RefCell},
    sync::{Arc, Barrier},
    thread,
};

use request_context::{RequestContext, context, context_async, scheduler};
use request_context_tests::{stress_on_pool, suspend};

#[test]
fn ten_thousand_posts_of_each_of_eight_threads_run_once_and_in_their_order() {
    const POSTERS: usize = 8;
    const POSTS: usize = 10_000;
    type Orders = RefCell<[Vec<usize>; POSTERS]>;

    stress_on_pool!(2, async {
        let context = RequestContext::new(Orders::default());
        let together = Arc::new(Barrier::new(POSTERS));
        let posters: Vec<_> = (0..POSTERS)
            .map(|poster| {
                let (scheduler, together) = (context.scheduler(), together.clone());
                thread::spawn(move || {
                    together.wait();
                    for i in 0..POSTS {
                        drop(scheduler.post(move |orders: &Orders| {
                            orders.borrow_mut()[poster].push(i);
                        }));
                    }
                })
            })
            .collect();
        for poster in posters {
            poster.join().unwrap();
        }
        context.idle().await.unwrap();
        let orders = context.scheduler().post(RefCell::take).await.unwrap();
        for order in orders {
            assert_eq!(order, (0..POSTS).collect::<Vec<_>>());
        }
    });
}

#[test]
fn a_million_plain_increments_are_exact_however_they_come() {
    const WAYS: usize = 4;
    const EACH: usize = 250_000;
    /// Increments of one turn.
    const STRETCH: usize = 100;

    struct Counter(Cell<usize>);

    impl Counter {
        fn stretch(&self) {
            for _ in 0..STRETCH {
                self.0.set(self.0.get() + 1);
            }
        }
    }

    #[context_async(Counter)]
    async fn stretches(times: usize) {
        for _ in 0..times {
            context!().stretch();
            suspend().await;
        }
    }

    #[context_async(Counter)]
    async fn stretches_by_siblings(times: usize) {
        let siblings: Vec<_> = (0..times)
            .map(|_| scheduler!().spawn(stretches(1)))
            .collect();
        for sibling in siblings {
            sibling.await.unwrap();
        }
    }

    stress_on_pool!(4, async {
        const TIMES: usize = EACH / STRETCH;

        let context = RequestContext::new(Counter(Cell::new(0)));
        let scheduler = context.scheduler();
        let sender = thread::spawn({
            let scheduler = scheduler.clone();
            move || {
                for _ in 0..TIMES {
                    scheduler.blocking_send(Counter::stretch).unwrap();
                }
            }
        });
        let run = tokio::spawn(context.run(stretches(TIMES)));
        let siblings = tokio::spawn(context.run(stretches_by_siblings(TIMES)));
        for _ in 0..TIMES {
            drop(scheduler.post(Counter::stretch));
        }
        run.await.unwrap();
        siblings.await.unwrap();
        tokio::task::spawn_blocking(|| sender.join())
            .await
            .unwrap()
            .unwrap();
        context.idle().await.unwrap();
        let total = scheduler.post(|counter| counter.0.get()).await.unwrap();
        assert_eq!(total, WAYS * EACH);
    });
}
