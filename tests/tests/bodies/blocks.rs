//! `context_block!` in every place where an `async` block can stand.

use std::{future::Future, marker::PhantomData, pin::Pin, sync::Arc};

use request_context::{
    NeedsContext, RequestContext, attach, context, context_async, context_block, detached,
    run_on_context, scheduler,
};
use request_context_tests::{Log, Request, on_pool, seen, sees_on_drop, suspend};

use super::{fails, step};

struct Job<F: Future> {
    name: &'static str,
    work: NeedsContext<Request, F>,
}

fn returned(value: u32) -> NeedsContext<Request, impl Future<Output = u32> + Send> {
    context_block!(Request, async move { step(value).await * 2 })
}

struct Maker(u32);

impl Maker {
    const STEP: u32 = 1;

    fn make(&self) -> NeedsContext<Request, impl Future<Output = u32> + Send> {
        context_block!(Request, async { step(self.0).await + Self::STEP })
    }
}

trait Makes {
    fn make(self) -> NeedsContext<Request, impl Future<Output = u32> + Send>;
}

impl Makes for u32 {
    fn make(self) -> NeedsContext<Request, impl Future<Output = u32> + Send> {
        context_block!(Request, async move { step(self).await })
    }
}

#[test]
fn blocks_stand_in_plain_code_wherever_an_async_block_can() {
    on_pool!(2, async {
        let context = RequestContext::new(Request::of("ada"));
        let job = Job {
            name: "job",
            work: context_block!(Request, async { step("field").await }),
        };
        assert_eq!((job.name, context.run(job.work).await), ("job", "field"));
        assert_eq!(context.run(returned(3)).await, 6);
        assert_eq!(context.run(4.make()).await, 4);
        let closure = |value: u32| context_block!(Request, async move { step(value).await });
        assert_eq!(context.run(closure(1)).await, 1);
        let tuple = (context_block!(Request, async { step(2).await }), 5);
        assert_eq!(context.run(tuple.0).await + tuple.1, 7);
        let chosen = match seen().as_str() {
            "never" => context_block!(Request, async { context!().user.clone() }),
            _ => unreachable!(),
        };
        assert_eq!(run_on_context(&context, chosen).await, "ada");
        let spawned = context
            .scheduler()
            .spawn(context_block!(Request, async move {
                let inner = scheduler!().spawn(context_block!(Request, async { step(4).await }));
                inner.await.unwrap()
            }));
        assert_eq!(spawned.await.unwrap(), 4);
        let (a, b) = tokio::join!(
            context.run(context_block!(Request, async { step(5).await })),
            context.run(context_block!(Request, async { step(6).await },)),
        );
        assert_eq!(a + b, 11);
        let others = [1, 2]
            .map(|value| context.run(context_block!(Request, async move { step(value).await })));
        assert_eq!(futures::future::join_all(others).await, [1, 2]);
        context.run(context_block!(Request, async {})).await;
        assert_eq!(context.run(super::steps_of()).await, 10);
    });
}

#[test]
fn blocks_stand_in_bodies_and_are_of_the_context_that_awaits_them() {
    #[context_async(Request)]
    async fn body() -> Vec<u32> {
        let mut local = 1;
        let borrowed = vec![10, 20];
        let shared = context_block!(Request, async { step(borrowed[0]).await });
        let mut said = vec![shared.await];
        context_block!(Request, async {
            local += step(1).await;
            suspend().await;
            local += attach!(step(1)).await;
        })
        .await;
        said.push(local);
        let moved = context_block!(Request, async move { step(borrowed).await.len() });
        said.push(u32::try_from(moved.await).unwrap());
        let (joined, selected) = tokio::join!(
            context_block!(Request, async {
                context_block!(Request, async { step(2).await }).await
            }),
            async {
                tokio::select! {
                    value = attach!(context_block!(Request, async { step(3).await })) => value,
                }
            },
        );
        said.extend([joined, selected]);
        said.push(Maker(4).make().await);
        let boxed: Pin<Box<dyn Future<Output = u32> + Send + '_>> =
            Box::pin(attach!(context_block!(Request, async {
                step(local).await
            })));
        said.push(boxed.await);
        for value in 0..2 {
            let block = context_block!(Request, async move {
                if value == 0 {
                    return 0;
                }
                'once: loop {
                    break 'once step(value).await;
                }
            });
            said.push(block.await);
        }
        let all =
            (0..2).map(|value| attach!(context_block!(Request, async move { step(value).await })));
        said.extend(futures::future::join_all(all).await);
        said
    }

    let said = vec![10, 3, 2, 2, 3, 5, 3, 0, 1, 0, 1];
    assert_eq!(steps!(body()), (said, 1 + 2 + 1 + 1 + 1 + 1 + 1 + 1 + 2));
}

#[test]
fn questions_returns_and_parts_of_a_block_are_its_own() {
    #[context_async(Request)]
    async fn body() -> Result<u32, u8> {
        let asked: Result<u32, String> = context_block!(Request, async {
            let value = fails(1).await?;
            Ok(value)
        })
        .await;
        assert_eq!(asked, Err("1 for ada".to_owned()));
        let off = context_block!(Request, async {
            #[detached]
            let seen = {
                suspend().await;
                seen()
            };
            #[detached]
            if seen == "detached" {
                return (seen, 1);
            }
            (seen, 2)
        });
        assert_eq!(off.await, ("detached".to_owned(), 1));
        assert_eq!(seen(), "ada");
        #[detached]
        let plain = async {
            suspend().await;
            seen()
        }
        .await;
        assert_eq!(plain, "detached");
        Ok(step(2).await)
    }

    assert_eq!(steps!(body()), (Ok(2), 2));
}

#[test]
fn blocks_of_generic_states_of_none_and_in_macros() {
    fn length_of<S: AsRef<str> + Send + 'static>()
    -> NeedsContext<S, impl Future<Output = usize> + Send> {
        context_block!(S, async {
            suspend().await;
            context!().as_ref().len()
        })
    }

    macro_rules! block {
        ($state:ty, $($body:tt)*) => {
            context_block!($state, async move { $($body)* })
        };
        (value $value:expr) => {
            context_block!(Request, async move { step($value).await })
        };
    }

    #[context_async(Request)]
    async fn body() -> u64 {
        let any = context_block!(async {
            suspend().await;
            let _ = context!().id();
            1
        });
        any.await
            + block!(value 2).await
            + block!(Request, step(u64::from(context!().count.get())).await).await
    }

    on_pool!(2, async {
        let text = RequestContext::new(String::from("text"));
        assert_eq!(text.run(length_of()).await, 4);
        let vector = RequestContext::new(vec![PhantomData::<Request>]);
        let length = vector
            .run(block!(Vec<PhantomData<Request>>, context!().len()))
            .await;
        assert_eq!(length, 1);
    });
    assert_eq!(steps!(body()), (1 + 2 + 1, 2));
}

#[test]
fn a_block_that_is_dropped_is_dropped_where_an_async_block_would_be() {
    on_pool!(2, async {
        let log = Log::new();
        let context = RequestContext::new(Request::of("ada"));
        let (never_run, captured) = (log.clone(), sees_on_drop(&log));
        drop(context_block!(Request, async move {
            let _captured = captured;
            never_run.push("has run");
        }));
        assert_eq!(log.take(), ["never"]);
        let captured = Arc::new(sees_on_drop(&log));
        let spawned = context
            .scheduler()
            .spawn(context_block!(Request, async move {
                let _captured = captured;
                step(()).await;
            }));
        spawned.await.unwrap();
        assert_eq!(log.take(), ["ada"]);
    });
}
